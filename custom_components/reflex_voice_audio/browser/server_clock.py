"""How far the server's clock is from the page's, by exchange of times over the socket.

Delay only ever adds to a round trip, so of the last exchanges the quickest one is believed.
"""

from __future__ import annotations

from typing import Any

from .jsapi import Array, performance

SAMPLES = 8


class ClockSample:
    """One exchange."""

    def __init__(self, round_trip_ms: float, offset_ms: float) -> None:
        self.round_trip_ms = round_trip_ms
        self.offset_ms = offset_ms


class ServerClock:
    """`offset_ms` is server minus client; None until the first answer."""

    def __init__(self) -> None:
        self.samples: Any = Array()
        self.offset_ms: Any = None
        self.round_trip_ms: Any = None

    def observe(self, pong: Any) -> None:
        """Take one `clock.pong`, received now."""
        now = performance.now()
        held = pong.server_sent_ms - pong.server_received_ms
        middle = (pong.server_received_ms + pong.server_sent_ms) / 2
        offset = middle - (pong.client_sent_ms + now) / 2
        self.samples.push(ClockSample(now - pong.client_sent_ms - held, offset))
        if len(self.samples) > SAMPLES:
            self.samples.shift()
        best = self.samples[0]
        for i in range(len(self.samples)):
            if self.samples[i].round_trip_ms < best.round_trip_ms:
                best = self.samples[i]
        self.offset_ms = best.offset_ms
        self.round_trip_ms = max(0, best.round_trip_ms)

"""What the relay does: message received → handed on, and how much audio, told in batches.

Fifty chunks a second would flood the bus one by one. Audio that pacing holds back has no delay of
the relay's; its bytes count.
"""

from __future__ import annotations

from typing import Final, Literal

from voice_loop.event_bus import EventBus
from voice_loop.latency.clock import Clock
from voice_loop.protocol.frames import HEADER
from voice_loop.session.facts import Fact, Mark, RelayDelays
from voice_loop.session.outbox import Outgoing

BATCH: Final = 25

Direction = Literal["up", "down"]


class RelayMeter:
    """Collects delays and bytes and publishes them, `BATCH` messages at a time."""

    def __init__(self, bus: EventBus[Fact], clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._first_sent_turn = 0
        self._delays: dict[Direction, list[float]] = {"up": [], "down": []}
        self._messages: dict[Direction, int] = {"up": 0, "down": 0}
        self._audio_bytes: dict[Direction, int] = {"up": 0, "down": 0}

    def add(self, direction: Direction, delay_ms: float | None, audio_bytes: int = 0) -> None:
        """One message handed on; without a delay when it was held back on purpose."""
        if delay_ms is not None:
            self._delays[direction].append(delay_ms)
        self._audio_bytes[direction] += audio_bytes
        self._messages[direction] += 1
        if self._messages[direction] >= BATCH:
            self._publish(direction)

    def frame_sent(self, frame: Outgoing) -> None:
        """A frame went to the page's socket; the first audio of an answer is a mark."""
        if not frame.is_chunk:
            if frame.audio_turn is not None:
                # An item's last frame: a short answer's delays belong to its turn, too.
                self._publish("down")
            return
        now_ms, came_ms = self._clock.now_ms(), frame.received_ms
        delay_ms = None if came_ms is None else now_ms - came_ms
        self.add("down", delay_ms, len(frame.data) - HEADER.size)
        turn = frame.audio_turn
        if turn is not None and turn > self._first_sent_turn:
            self._first_sent_turn = turn
            self._bus.publish(Mark("first_chunk_sent", now_ms, "server", turn))

    def flush(self) -> None:
        """Publish what is left."""
        for direction in self._delays:
            self._publish(direction)

    def _publish(self, direction: Direction) -> None:
        if not self._messages[direction]:
            return
        delays, audio_bytes = tuple(self._delays[direction]), self._audio_bytes[direction]
        self._delays[direction].clear()
        self._messages[direction] = self._audio_bytes[direction] = 0
        self._bus.publish(RelayDelays(direction, delays, audio_bytes))

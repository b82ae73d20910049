"""AudioContext time ↔ `performance.now()`, as far as the browser lets it be known.

The graph renders ahead of the sound card in small batches, so the page's clock minus the context's
is smallest right after a batch: the smallest of the last second is the offset (a glitch of the
device moves it for good). What is not known stays None.
"""

from __future__ import annotations

import math
from typing import Any

from .jsapi import navigator, performance

WINDOW = 25
LARGEST_JUMP_MS = 500
LARGEST_DIFFERENCE_MS = 100

# What Firefox itself answers on Linux when it hides the device.
LATENCY_UNASKED_MS = 25


class ContextClock:
    """Maps the times the worklets report onto the page's clock."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.offset_ms: Any = None
        self.before_ms: float = 0
        self.smallest_ms: float = 0
        self.count = 0
        # Firefox on Linux holds its graph's lock while it asks PulseAudio, which may be waiting for
        # that graph: the tab then stands still for good. Not asked is not known to a millisecond.
        # Only Firefox has `oscpu`.
        system = navigator.oscpu
        self.can_ask = system is None or system.split(" ")[0] != "Linux"

    def observe(self) -> None:
        """Look at both clocks; called with each message of a worklet."""
        offset = performance.now() - self.context.currentTime * 1000
        if self.offset_ms is None or offset > self.offset_ms + LARGEST_JUMP_MS:
            self.before_ms = offset
            self.smallest_ms = offset
            self.count = 0
        elif self.count == WINDOW:
            self.before_ms = self.smallest_ms
            self.smallest_ms = offset
            self.count = 0
        self.count += 1
        self.smallest_ms = min(self.smallest_ms, offset)
        self.offset_ms = min(self.before_ms, self.smallest_ms)

    def page_ms(self, time: float) -> Any:
        """When the graph handled the context time `time` (seconds), in page milliseconds."""
        if self.offset_ms is None:
            self.observe()
        return time * 1000 + self.offset_ms

    def latency_ms(self) -> Any:
        """From rendered to audible; None where the browser does not say.

        25 in Firefox on Linux, whatever the device (see above).
        """
        if not self.can_ask:
            return LATENCY_UNASKED_MS
        output = self.context.outputLatency
        base = self.context.baseLatency
        # WebKit on Linux answers 0, which no device keeps.
        if output is None or base is None or output == 0:
            return None
        return (base + output) * 1000

    def audible_ms(self, time: Any) -> Any:
        """When what was rendered at `time` could be heard; None where that is not known."""
        if time is None:
            return None
        latency = self.latency_ms()
        if latency is None:
            return None
        expected = self.page_ms(time) + latency
        if self.can_ask and self.context.getOutputTimestamp is not None:
            # Sharper where it is right; in some browsers it is seconds off for a while.
            stamp = self.context.getOutputTimestamp()
            heard = stamp.performanceTime + (time - stamp.contextTime) * 1000
            if math.fabs(heard - expected) < LARGEST_DIFFERENCE_MS:
                return heard
        return expected

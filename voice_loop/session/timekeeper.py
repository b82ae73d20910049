"""The session's alarm clock: calls when the next deadline has come, whichever it is by then.

Every chunk moves some deadline, nearly always further away; that is noticed when the clock looks by
itself. Only an earlier one wakes it, because waking a task for each chunk costs more than the rest
of the chunk's rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import anyio

from voice_loop.latency.clock import Clock
from voice_loop.session.signal import Signal

MIN_TICK_MS: Final = 10


class Timekeeper:
    """`deadline_ms()` says when; `on_time(now_ms)` is called then, and must move the deadline."""

    def __init__(
        self,
        clock: Clock,
        deadline_ms: Callable[[], float],
        on_time: Callable[[float], None],
    ) -> None:
        self._clock = clock
        self._deadline_ms = deadline_ms
        self._on_time = on_time
        self._look = Signal()
        self._wakes_ms = -math.inf
        """When it looks by itself."""

    async def run(self) -> None:
        """Keep time, for ever."""
        while True:
            now_ms = self._clock.now_ms()
            if now_ms >= self._deadline_ms():
                self._on_time(now_ms)
            self._wakes_ms = self._deadline_ms()
            wait_ms = max(MIN_TICK_MS, self._wakes_ms - self._clock.now_ms())
            with anyio.move_on_after(wait_ms / 1000):
                await self._look.wait()

    def deadline_may_have_moved(self) -> None:
        """After anything that decides about deadlines."""
        deadline_ms = self._deadline_ms()
        if deadline_ms < self._wakes_ms or deadline_ms <= self._clock.now_ms():
            self._look.set()

    def look(self) -> None:
        """Look now."""
        self._look.set()

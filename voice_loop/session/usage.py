"""Talking time by client address, a day at a time.

A day is 24 hours of the server's monotonic clock from its start: a cap on what an open page can
spend, not a calendar. Bounded: the addresses longest unseen are forgotten first.
"""

from __future__ import annotations

from typing import Final

from voice_loop.latency.clock import Clock

DAY_MS: Final = 24 * 3_600_000
MAX_ADDRESSES: Final = 10_000


class DailyUsage:
    """Milliseconds used by each address in the present day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_ms = clock.now_ms()
        self._day = 0
        self._used: dict[str, float] = {}
        self._elsewhere: dict[str, float] = {}

    def used_ms(self, address: str) -> float:
        self._turn_page()
        return self._used.get(address, 0.0) + self._elsewhere.get(address, 0.0)

    def learn(self, address: str, elsewhere_ms: float) -> None:
        """What the address used on other workers, as they told it last."""
        self._turn_page()
        _put(self._elsewhere, address, elsewhere_ms)

    def add(self, address: str, ms: float) -> None:
        self._turn_page()
        _put(self._used, address, self._used.get(address, 0.0) + ms)

    def _turn_page(self) -> None:
        day = int((self._clock.now_ms() - self._began_ms) // DAY_MS)
        if day != self._day:
            self._day = day
            self._used.clear()
            self._elsewhere.clear()


def _put(figures: dict[str, float], address: str, ms: float) -> None:
    figures.pop(address, None)
    figures[address] = ms
    while len(figures) > MAX_ADDRESSES:
        del figures[next(iter(figures))]

"""The one place that reads a clock. Everything else is given a `Clock`.

Monotonic milliseconds: durations and deadlines come from here; wall time is only for display.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock."""

    def now_ms(self) -> float:
        """Milliseconds since an arbitrary start, never going back."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now_ms(self) -> float:
        return time.monotonic_ns() / 1_000_000


class ManualClock:
    """A clock that stands still until it is moved: for tests and simulations."""

    def __init__(self, start_ms: float = 1_000.0) -> None:
        self._now_ms = start_ms

    def now_ms(self) -> float:
        return self._now_ms

    def advance_ms(self, by_ms: float) -> None:
        """Move on. Raises ValueError for a negative step: a monotonic clock never goes back."""
        if by_ms < 0:
            raise ValueError("a monotonic clock does not go back")
        self._now_ms += by_ms

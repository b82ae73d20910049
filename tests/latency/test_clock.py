"""Clocks: one real, one that stands still until it is moved."""

from __future__ import annotations

import pytest

from voice_loop.latency.clock import ManualClock, MonotonicClock


def test_the_monotonic_clock_does_not_go_back() -> None:
    clock = MonotonicClock()
    marks = [clock.now_ms() for _ in range(100)]
    assert marks == sorted(marks)


def test_the_manual_clock_moves_only_when_told_and_never_back() -> None:
    clock = ManualClock(10)
    clock.advance_ms(5)
    assert clock.now_ms() == 15
    with pytest.raises(ValueError):
        clock.advance_ms(-1)

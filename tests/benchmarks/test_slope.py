"""The line through a memory curve, and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.slope import slope
from benchmarks.tables import table


def test_a_straight_line_has_its_slope_and_no_doubt() -> None:
    line = slope([0, 60, 120, 180, 240], [10, 11, 12, 13, 14])
    assert line is not None
    assert line.per_hour == pytest.approx(60)
    assert line.margin == pytest.approx(0, abs=1e-6)
    assert line.grows


def test_a_level_with_noise_does_not_grow() -> None:
    rng = np.random.default_rng(3)
    grown = 0
    for _ in range(100):
        times = list(range(0, 600, 5))
        line = slope(times, list(100 + rng.normal(0, 1, len(times))))
        assert line is not None
        grown += line.grows
    # One side of a 95 % interval: 2.5 of 100, give or take.
    assert grown <= 8


def test_a_leak_in_noise_is_found() -> None:
    rng = np.random.default_rng(4)
    times = list(range(0, 600, 5))
    values = [100 + 0.02 * t + noise for t, noise in zip(times, rng.normal(0, 1, 120), strict=True)]
    line = slope(times, values)
    assert line is not None
    assert line.grows
    assert line.per_hour == pytest.approx(72, abs=3 * line.margin)


def test_a_falling_figure_does_not_grow() -> None:
    line = slope([0, 1, 2, 3, 4], [5.0, 4.1, 3.0, 1.9, 1.0])
    assert line is not None
    assert not line.grows


@pytest.mark.parametrize("times", [[], [1.0], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0]])
def test_too_little_says_nothing(times: list[float]) -> None:
    assert slope(times, times) is None


def test_a_table_has_a_line_a_figure() -> None:
    text = table("T", [{"a": 1, "b": 2.5}, {"a": 10, "b": None}])
    assert text.splitlines() == ["", "T", "a     1  10", "-----------", "b  2.50   -"]


def test_an_empty_table_says_so() -> None:
    assert table("T", []) == "\nT\n(nothing measured)"

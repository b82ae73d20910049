"""Percentiles are values that occurred, or within 1 % of one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.latency.percentiles import (
    HIGHEST_MS,
    LOWEST_MS,
    Histogram,
    Summary,
    Window,
    nearest_rank,
)

VALUES = st.lists(st.floats(0, 1e9), min_size=1, max_size=200)
IN_RANGE = st.lists(st.floats(0.06, 100_000), min_size=1, max_size=200)


@given(values=VALUES, percent=st.sampled_from([1, 7, 50, 90, 95, 99, 99.9, 100]))
def test_the_nearest_rank_is_the_textbooks(values: list[float], percent: float) -> None:
    expected = float(np.percentile(values, percent, method="inverted_cdf"))
    assert nearest_rank(sorted(values), percent) == expected


def test_a_rank_is_not_rounded_one_too_far() -> None:
    assert nearest_rank([float(n) for n in range(1, 101)], 7) == 7


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_a_percentile_of_nothing_is_an_error(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        nearest_rank(values, percent)


def test_an_empty_window_or_histogram_knows_nothing() -> None:
    assert Window().summary() is None
    assert Histogram().summary() is None
    assert Histogram().percentile(50) is None


@given(values=VALUES, capacity=st.integers(1, 12))
def test_a_window_keeps_the_newest(values: list[float], capacity: int) -> None:
    window = Window(capacity)
    for value in values:
        window.add(value)
    ordered = sorted(values[-capacity:])
    p50, p95, p99 = (nearest_rank(ordered, percent) for percent in (50, 95, 99))
    assert window.summary() == Summary(len(ordered), p50, p95, p99, ordered[-1])
    assert len(window) == len(ordered)


def test_values_that_are_still_open_count_beside_those_held() -> None:
    window = Window()
    window.add(1)
    assert window.summary([5.0, math.nan]) == Summary(2, 1, 5, 5, 5)
    assert window.summary() == Summary(1, 1, 1, 1, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_what_is_no_latency_is_not_taken(value: float) -> None:
    window, histogram = Window(), Histogram()
    window.add(value)
    histogram.add(value)
    assert len(window) == histogram.count == 0


@given(values=IN_RANGE, percent=st.sampled_from([50, 95, 99]))
def test_the_histogram_is_right_to_within_one_percent(values: list[float], percent: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    measured = histogram.percentile(percent)
    assert measured == pytest.approx(nearest_rank(sorted(values), percent), rel=0.0101)
    assert histogram.total == pytest.approx(sum(values))
    assert histogram.highest == max(values)


def test_values_beyond_the_edges_count_as_the_edges() -> None:
    histogram = Histogram()
    histogram.add(0)
    histogram.add(1e308)
    assert histogram.percentile(50) == LOWEST_MS
    assert histogram.percentile(100) == pytest.approx(HIGHEST_MS, rel=0.03)


@given(one=IN_RANGE, other=IN_RANGE)
def test_two_histograms_merged_are_one(one: list[float], other: list[float]) -> None:
    merged, second, whole = Histogram(), Histogram(), Histogram()
    for value in one:
        merged.add(value)
        whole.add(value)
    for value in other:
        second.add(value)
        whole.add(value)
    merged.merge(second)
    for percent in (50, 95, 100):
        assert merged.percentile(percent) == whole.percentile(percent)
    assert (merged.count, merged.highest) == (whole.count, whole.highest)


@given(values=IN_RANGE)
def test_counts_up_to_a_limit_rise_and_end_with_all(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    counts = [count for _, count in histogram.at_most([1, 10, 100, 1_000, HIGHEST_MS])]
    assert counts == sorted(counts)
    assert counts[-1] == len(values)
    assert counts[2] >= sum(value <= 100 for value in values)
    assert counts[2] <= sum(value <= 103 for value in values)


def test_a_summary_shows_its_figures() -> None:
    assert Summary(2, 1.234, 5, 5, 5.5).as_dict() == {
        "count": 2,
        "p50": 1.23,
        "p95": 5,
        "p99": 5,
        "max": 5.5,
    }

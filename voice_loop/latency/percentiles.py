"""Percentiles: exact over one session, in fixed memory over the life of the process.

`Window` keeps the newest values and sorts them: nearest rank, so that a percentile is a value that
really occurred. `Histogram` counts in logarithmic buckets 2 % wide and answers with the middle of
one, which is right to within 1 %. Nothing is interpolated; nothing is known of an empty one.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

DEFAULT_CAPACITY: Final = 1_024
LOWEST_MS: Final = 0.05
HIGHEST_MS: Final = 120_000.0
_GROWTH: Final = 1.02
_LOG_GROWTH: Final = math.log(_GROWTH)
_BUCKETS: Final = math.ceil(math.log(HIGHEST_MS / LOWEST_MS) / _LOG_GROWTH) + 1


@dataclass(frozen=True, slots=True)
class Summary:
    """What is shown of a figure."""

    count: int
    p50: float
    p95: float
    p99: float
    highest: float

    def as_dict(self) -> Mapping[str, float]:
        return {
            "count": self.count,
            "p50": round(self.p50, 2),
            "p95": round(self.p95, 2),
            "p99": round(self.p99, 2),
            "max": round(self.highest, 2),
        }


def nearest_rank(ordered: list[float], percent: float) -> float:
    """The smallest of the sorted values that at least `percent` of them do not exceed.
    Raises ValueError for no values or a percentage outside (0, 100]."""
    if not ordered or not 0 < percent <= 100:
        raise ValueError("a percentile needs values and a percentage above 0 up to 100")
    # Multiplied first: 7 / 100 * 100 is 7.000000000000001, which rounds up to one rank too far.
    return ordered[max(0, math.ceil(percent * len(ordered) / 100) - 1)]


def _usable(value: float) -> bool:
    return math.isfinite(value) and value >= 0


class Window:
    """The newest values, exactly. What is not a finite, non-negative number is not taken.
    Eight bytes a value: a queue of Python's numbers would hold four times that."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self._values = array("d")
        self._oldest = 0

    def add(self, value: float) -> None:
        if not _usable(value):
            return
        if len(self._values) < self._capacity:
            self._values.append(value)
        else:
            self._values[self._oldest] = value
            self._oldest = (self._oldest + 1) % self._capacity

    def __len__(self) -> int:
        return len(self._values)

    def summary(self, more: Iterable[float] = ()) -> Summary | None:
        """Of the values held and `more`; None when there are none."""
        ordered = sorted([*self._values, *(value for value in more if _usable(value))])
        if not ordered:
            return None
        return Summary(
            len(ordered),
            nearest_rank(ordered, 50),
            nearest_rank(ordered, 95),
            nearest_rank(ordered, 99),
            ordered[-1],
        )


class Histogram:
    """Counts in logarithmic buckets from `LOWEST_MS` to `HIGHEST_MS`; beyond, the edge counts."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0
        self.total = 0.0
        self.highest = 0.0

    def add(self, value: float) -> None:
        if not _usable(value):
            return
        self._counts[_bucket_of(value)] += 1
        self.count += 1
        self.total += value
        self.highest = max(self.highest, value)

    def merge(self, other: Histogram) -> None:
        """Count everything `other` has counted, too."""
        self._counts = [a + b for a, b in zip(self._counts, other._counts, strict=True)]
        self.count += other.count
        self.total += other.total
        self.highest = max(self.highest, other.highest)

    def percentile(self, percent: float) -> float | None:
        """Right to within 1 % (values under `LOWEST_MS` count as that); None when empty."""
        if not self.count:
            return None
        wanted = max(1, math.ceil(percent * self.count / 100))
        for bucket, seen in enumerate(self._cumulative()):
            if seen >= wanted:
                return min(_middle_of(bucket), self.highest)
        return self.highest  # pragma: no cover - the last bucket has seen everything

    def summary(self) -> Summary | None:
        p50, p95, p99 = (self.percentile(percent) for percent in (50, 95, 99))
        if p50 is None or p95 is None or p99 is None:
            return None
        return Summary(self.count, p50, p95, p99, self.highest)

    def at_most(self, limits: Iterable[float]) -> Iterator[tuple[float, int]]:
        """For each limit how many values did not exceed it, to within a bucket: what Prometheus
        asks of a histogram."""
        cumulative = list(self._cumulative())
        for limit in limits:
            yield limit, cumulative[_bucket_of(limit)]

    def _cumulative(self) -> Iterator[int]:
        seen = 0
        for count in self._counts:
            seen += count
            yield seen


def _bucket_of(value: float) -> int:
    if value <= LOWEST_MS:
        return 0
    return math.ceil(math.log(min(value, HIGHEST_MS) / LOWEST_MS) / _LOG_GROWTH)


def _middle_of(bucket: int) -> float:
    upper = LOWEST_MS * math.exp(bucket * _LOG_GROWTH)
    return LOWEST_MS if bucket == 0 else upper / math.sqrt(_GROWTH)

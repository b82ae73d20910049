"""Counters and histograms of the whole process; `watcher` fills them from every session.

Bounded: label values come from closed sets (wire codes, provider names, token kinds), and what is
not in one counts as `other`. Not thread safe: one event loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from voice_loop.latency.session_metrics import ProcessMetrics

MAX_SERIES: Final = 200
"""Of one counter; a label that makes more counts as `other`."""

Labels = tuple[tuple[str, str], ...]


class ProcessTelemetry:
    """One for the process."""

    def __init__(self) -> None:
        self.latency = ProcessMetrics()
        self.live_sessions = 0
        self._counters: dict[str, dict[Labels, int]] = {}

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter; `by` below 1 adds nothing."""
        if by < 1:
            return
        series = self._counters.setdefault(name, {})
        key: Labels = tuple(sorted(labels.items()))
        if key not in series and len(series) >= MAX_SERIES:
            key = tuple((label, "other") for label, _ in key)
        series[key] = series.get(key, 0) + by

    def counters(self) -> Iterator[tuple[str, Labels, int]]:
        """Name, labels, value, in a stable order."""
        for name in sorted(self._counters):
            for labels in sorted(self._counters[name]):
                yield name, labels, self._counters[name][labels]

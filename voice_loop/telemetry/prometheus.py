"""The process' telemetry in Prometheus' text format (version 0.0.4), written without a client
library: a dozen counters and six histograms need none.

Who may read it, and over which URL, is the server's matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from voice_loop.latency.budget import BUDGET
from voice_loop.telemetry.process import Labels, ProcessTelemetry

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "voice_loop_"
_STEPS_MS: Final = (1, 2, 5, 10, 25, 50, 100, 150, 250, 400, 600, 900, 1_200, 2_000, 5_000)
# The budget's own limits are among the buckets, so that a rate against them can be computed.
BUCKETS_MS: Final = tuple(sorted({*map(float, _STEPS_MS), *(t.limit_ms for t in BUDGET)}))


def render(telemetry: ProcessTelemetry) -> str:
    """All metrics; durations in seconds, as Prometheus wants them."""
    return "\n".join([*_gauge(telemetry), *_counters(telemetry), *_histograms(telemetry), ""])


def _gauge(telemetry: ProcessTelemetry) -> Iterator[str]:
    yield f"# TYPE {PREFIX}sessions gauge"
    yield f"{PREFIX}sessions {telemetry.live_sessions}"


def _counters(telemetry: ProcessTelemetry) -> Iterator[str]:
    told = None
    for name, labels, value in telemetry.counters():
        full = f"{PREFIX}{name}_total"
        if full != told:
            yield f"# TYPE {full} counter"
            told = full
        yield f"{full}{_labels(labels)} {value}"


def _histograms(telemetry: ProcessTelemetry) -> Iterator[str]:
    for figure, histogram in telemetry.latency.histograms.items():
        full = f"{PREFIX}{figure.removesuffix('_ms')}_seconds"
        yield f"# TYPE {full} histogram"
        for limit_ms, count in histogram.at_most(BUCKETS_MS):
            yield f"{full}_bucket{_labels([('le', f'{limit_ms / 1000:g}')])} {count}"
        yield f'{full}_bucket{{le="+Inf"}} {histogram.count}'
        yield f"{full}_sum {histogram.total / 1000:.6f}"
        yield f"{full}_count {histogram.count}"


def _labels(labels: Labels | Iterable[tuple[str, str]]) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""The latency budget as data: what is wanted of which figure, and the verdict on a value.

A target is a percentile and a limit. One turn is judged by its figure's outermost target; a value
whose uncertainty reaches across the limit is `unclear`, never a guess. A session is judged by its
percentiles, target by target. Where a figure comes from is `turn_record`'s matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from voice_loop.latency.percentiles import Summary

FigureName = Literal[
    "ttfb_ms",
    "turn_latency_ms",
    "voice_to_voice_ms",
    "barge_in_stop_ms",
    "relay_up_ms",
    "relay_down_ms",
]
FIGURES: Final[tuple[FigureName, ...]] = (
    "ttfb_ms",
    "turn_latency_ms",
    "voice_to_voice_ms",
    "barge_in_stop_ms",
    "relay_up_ms",
    "relay_down_ms",
)
Verdict = Literal["met", "missed", "unclear"]


@dataclass(frozen=True, slots=True)
class Target:
    """The figure's percentile stays below the limit."""

    figure: FigureName
    percent: Literal[50, 95]
    limit_ms: float


BUDGET: Final[tuple[Target, ...]] = (
    Target("ttfb_ms", 50, 400),
    Target("ttfb_ms", 95, 900),
    Target("turn_latency_ms", 95, 1_200),
    Target("barge_in_stop_ms", 95, 250),
    Target("relay_up_ms", 95, 5),
    Target("relay_down_ms", 95, 5),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A published measurement, to be shown beside ours."""

    figure: FigureName
    value_ms: float
    what: str


REFERENCES: Final[tuple[Reference, ...]] = (
    Reference("voice_to_voice_ms", 1_152, "gpt-realtime-1.5, median (aiewf-eval, 2026-08)"),
    Reference("voice_to_voice_ms", 1_536, "gpt-realtime, median (aiewf-eval, 2026-08)"),
    Reference("barge_in_stop_ms", 410, "gpt-realtime 1.0, own detection, mean (tau2-bench)"),
    Reference("barge_in_stop_ms", 620, "gpt-realtime-2, own detection, mean (tau2-bench)"),
)


def verdict_of_turn(
    figure: FigureName,
    value_ms: float,
    uncertainty_ms: float = 0.0,
    budget: Sequence[Target] = BUDGET,
) -> Verdict | None:
    """One turn against the loosest target of its figure; None when it has no target."""
    limits = [target.limit_ms for target in budget if target.figure == figure]
    if not limits:
        return None
    limit_ms = max(limits)
    if value_ms + uncertainty_ms < limit_ms:
        return "met"
    return "missed" if value_ms - uncertainty_ms >= limit_ms else "unclear"


def verdicts_of_session(
    summaries: Mapping[FigureName, Summary], budget: Sequence[Target] = BUDGET
) -> list[Mapping[str, object]]:
    """Every target with its percentile; without a value there is no verdict."""
    return [_judge(target, summaries.get(target.figure)) for target in budget]


def _judge(target: Target, summary: Summary | None) -> Mapping[str, object]:
    row: dict[str, object] = {
        "figure": target.figure,
        "percentile": target.percent,
        "limit_ms": target.limit_ms,
        "value_ms": None,
        "count": 0,
        "verdict": None,
    }
    if summary is not None:
        value_ms = summary.p50 if target.percent == 50 else summary.p95
        row |= {
            "value_ms": round(value_ms, 2),
            "count": summary.count,
            "verdict": "met" if value_ms < target.limit_ms else "missed",
        }
    return row

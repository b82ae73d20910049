"""Verdicts: met, missed, or honestly open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.latency.budget import (
    BUDGET,
    FIGURES,
    REFERENCES,
    FigureName,
    Target,
    verdict_of_turn,
    verdicts_of_session,
)
from voice_loop.latency.percentiles import Summary


def test_the_budget_is_the_published_one() -> None:
    assert [(target.figure, target.percent, target.limit_ms) for target in BUDGET] == [
        ("ttfb_ms", 50, 400),
        ("ttfb_ms", 95, 900),
        ("turn_latency_ms", 95, 1_200),
        ("barge_in_stop_ms", 95, 250),
        ("relay_up_ms", 95, 5),
        ("relay_down_ms", 95, 5),
    ]


@pytest.mark.parametrize(
    ("figure", "value_ms", "uncertainty_ms", "verdict"),
    [
        ("ttfb_ms", 899.9, 0, "met"),
        ("ttfb_ms", 900, 0, "missed"),
        ("turn_latency_ms", 1_190, 5, "met"),
        ("turn_latency_ms", 1_190, 20, "unclear"),
        ("turn_latency_ms", 1_210, 20, "unclear"),
        ("turn_latency_ms", 1_220, 20, "missed"),
        ("voice_to_voice_ms", 9_000, 0, None),
    ],
)
def test_one_turn_is_judged_by_its_outermost_target(
    figure: FigureName, value_ms: float, uncertainty_ms: float, verdict: str | None
) -> None:
    assert verdict_of_turn(figure, value_ms, uncertainty_ms) == verdict


@given(
    figure=st.sampled_from(FIGURES),
    value_ms=st.floats(0, 1e5),
    uncertainty_ms=st.floats(0, 1e3),
)
def test_certainty_never_turns_a_verdict_round(
    figure: FigureName, value_ms: float, uncertainty_ms: float
) -> None:
    certain = verdict_of_turn(figure, value_ms)
    assert verdict_of_turn(figure, value_ms, uncertainty_ms) in (certain, "unclear", None)


def test_a_session_is_judged_target_by_target() -> None:
    summaries: dict[FigureName, Summary] = {"ttfb_ms": Summary(20, 450.0, 899.0, 900.0, 900.0)}
    budget = (Target("ttfb_ms", 50, 400), Target("ttfb_ms", 95, 900), BUDGET[3])
    rows = verdicts_of_session(summaries, budget)
    assert [(row["value_ms"], row["count"], row["verdict"]) for row in rows] == [
        (450.0, 20, "missed"),
        (899.0, 20, "met"),
        (None, 0, None),
    ]


def test_references_name_what_they_measured() -> None:
    assert all(one.figure in FIGURES and one.value_ms > 0 and one.what for one in REFERENCES)

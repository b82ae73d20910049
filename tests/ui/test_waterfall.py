"""The last turn step by step: every step is there, and an unknown one says why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.tree import find, one
from voice_loop.latency.session_metrics import SessionMetrics
from voice_loop.ui.figures import OWNERS
from voice_loop.ui.state import VoiceState
from voice_loop.ui.waterfall import CHAIN, Step, caption, steps
from voice_loop.ui.waterfall_view import owner_fills, waterfall_view

STEPS = [name for _, name in CHAIN]


def session(**without: bool) -> SessionMetrics:
    """One whole turn, with marks left out on demand; the clocks agree."""
    metrics = SessionMetrics("local")
    metrics.clock_sample(0.0, 4.0, 900.0)
    metrics.mark(1, "speech_ended", 600.0)
    times = {
        "speech_stopped": 1_000.0,
        "response_asked": 1_005.0,
        "first_delta": 1_205.0,
        "first_chunk_sent": 1_206.0,
        "first_chunk_received": 1_216.0,
        "first_chunk_queued": 1_220.0,
        "first_sound": 1_300.0,
    }
    for name, at_ms in times.items():
        if name not in without:
            metrics.mark(1, name, at_ms)
    return metrics


def shown(metrics: SessionMetrics) -> dict[str, Step]:
    found = steps(metrics.payload(1, 1_400.0))
    assert [step["name"] for step in found if step["name"] != "Tools ran"] == STEPS
    return {step["name"]: step for step in found}


def test_a_whole_turn_is_seven_known_steps_one_after_the_other() -> None:
    found = steps(session().payload(1, 1_400.0))
    assert [(step["owner"], step["value"]) for step in found] == [
        ("provider", "400 ms"),
        ("relay", "5.0 ms"),
        ("provider", "200 ms"),
        ("relay", "1.0 ms"),
        ("network", "10 ms"),
        ("device", "4.0 ms"),
        ("device", "80 ms"),
    ]
    at = 0.0
    for step in found:
        assert step["unknown"] == ""
        assert step["offset"] == pytest.approx(at, abs=0.05)
        at += step["share"]
    assert at == pytest.approx(100, abs=0.1)


def test_what_no_mark_parts_is_said_to_be_within_the_next_step_and_estimates_are_marked() -> None:
    turn = shown(session(first_chunk_received=True, first_chunk_queued=True))
    assert turn["Received by the page"]["value"] == "≈ 2.0 ms"
    assert turn["Queued for playback"]["unknown"] == "Unknown: no mark parts it from the next step"
    assert turn["Queued for playback"]["share"] == 0
    assert turn["Audible"]["value"].startswith("≈ 92")


def test_a_typed_turn_has_no_end_of_speech_and_says_so() -> None:
    metrics = SessionMetrics("local")
    metrics.clock_sample(0.0, 4.0, 900.0)
    for name, at_ms in (("text_received", 1_000.0), ("first_delta", 1_100.0)):
        metrics.mark(1, name, at_ms)
    metrics.mark(1, "first_sound", 1_200.0)
    turn = shown(metrics)
    assert turn["Turn end known"]["unknown"].startswith("Unknown: a mark that the figure needs")
    assert turn["Answer asked for"]["unknown"] == "Unknown: no mark parts it from the next step"
    assert turn["First audio at the server"]["value"] == "100 ms"
    assert "from the end of your turn" in caption(metrics.payload(1, 1_400.0))


def test_an_answer_that_is_not_heard_yet_is_known_up_to_the_server() -> None:
    turn = shown(session(first_sound=True))
    assert turn["First audio at the server"]["value"] == "200 ms"
    for name in STEPS[3:]:
        assert "first sound" in turn[name]["unknown"], turn[name]


def test_a_turn_that_does_not_count_says_why_at_every_step() -> None:
    metrics = session()
    metrics.spoil(1, "resumed")
    for step in shown(metrics).values():
        assert "socket broke" in step["unknown"]


def test_tools_have_a_step_of_their_own() -> None:
    metrics = session()
    metrics.record(1).tool_ms = 150.0
    found = steps(metrics.payload(1, 1_400.0))
    place = [step["name"] for step in found].index("Tools ran")
    assert found[place]["value"] == "150 ms"
    assert found[place]["owner"] == "tools"
    assert found[place + 1]["value"] == "50 ms"
    assert found[place + 1]["offset"] == pytest.approx(
        found[place]["offset"] + found[place]["share"]
    )


def test_before_the_first_turn_there_is_nothing() -> None:
    assert steps({}) == []
    assert caption({}) == ""


def test_the_caption_tells_which_turn_and_how_long() -> None:
    metrics = session().payload(1, 1_400.0)
    assert caption(metrics) == "Turn 1: 700 ms from your last sound to the first sound heard"
    assert caption({"turn": 4}) == "Turn 4"
    silent = session(first_sound=True).payload(1, 1_400.0)
    assert caption(silent).endswith("205 ms from the end of your turn to the last known step")


MARKS = st.sampled_from(["speech_stopped", "nonsense", *(mark for mark, _ in CHAIN), 3, None])
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "begins": MARKS,
        "ends": MARKS,
        "owner": st.sampled_from([*OWNERS, "somebody", None]),
        "ms": st.none() | st.floats(allow_nan=True) | st.text(max_size=2),
        "estimated": st.booleans(),
    },
)


@given(st.lists(ROWS | st.none(), max_size=8) | st.text(max_size=3), st.booleans())
def test_whatever_comes_every_step_is_told_once_and_inside_the_line(
    rows: Any, absent: bool
) -> None:
    found = steps({"figures": {"x": 1}, "stages": rows, "absent": {"ttfb_ms": 1} if absent else 2})
    assert len(found) >= len(STEPS)
    for step in found:
        assert bool(step["unknown"]) != bool(step["value"])
        assert 0 <= step["offset"] <= 100.01
        assert 0 <= step["share"] <= 100.01


def test_every_owner_has_a_look_of_its_own_and_a_name() -> None:
    looks = {owner: owner_fills()[f"& [data-owner='{owner}']"] for owner in OWNERS.values()}
    assert len({str(look) for look in looks.values()}) == len(OWNERS)
    view = waterfall_view(VoiceState)
    assert find(view, "ol", aria_label="Steps of the last turn")
    assert one(view, "h3").text == "Last turn"


def test_lengths_are_an_elements_own_style_so_that_no_sheet_grows_with_them() -> None:
    bars = [bar for bar in find(waterfall_view(VoiceState), "i") if "style" in bar.props]
    assert len(bars) == 2
    assert all("css" not in bar.props for bar in bars)
    assert "offset" in bars[1].props["style"]

"""The overlay's words: values to read, dashes for what is missing, never an exception."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.latency.budget import FIGURES, REFERENCES
from voice_loop.latency.definitions import REASONS
from voice_loop.latency.session_metrics import SessionMetrics
from voice_loop.latency.turn_record import Owner
from voice_loop.ui.figures import (
    COUNTERS,
    MEANINGS,
    NAMES,
    NONE,
    OWNERS,
    VALUES,
    fact_rows,
    figure_rows,
    ms,
    reference_rows,
    shares,
    why_absent,
)

TURN: dict[str, Any] = {
    "turn": 3,
    "provider": "local",
    "figures": {
        "ttfb_ms": {"value_ms": 182.4, "verdict": "met"},
        "turn_latency_ms": {
            "value_ms": 250.0,
            "verdict": "met",
            "shares": {"provider": 180.0, "relay": 5.0, "network": 15.0, "device": 50.0},
        },
        "relay_up_ms": {"value_ms": 0.42, "verdict": "unclear"},
    },
    "absent": {"barge_in_stop_ms": "nobody interrupted"},
    "session": {"ttfb_ms": {"p50": 190.2, "p95": 1234.5}},
    "verdicts": [
        {"figure": "ttfb_ms", "percentile": 50, "verdict": "met"},
        {"figure": "ttfb_ms", "percentile": 95, "verdict": "missed"},
        {"figure": "turn_latency_ms", "percentile": 95, "verdict": None},
    ],
    "values": {"round_trip_ms": 12.3, "output_latency_ms": None},
    "counters": {"underruns": 0, "dropped_chunks": 2, "false_onsets": 1},
    "clock": {"offset_ms": -1234.0, "uncertainty_ms": 3.2, "round_trip_ms": 6.4},
    "references": [{"figure": "barge_in_stop_ms", "value_ms": 410, "what": "somebody else's"}],
}


def row(name: str, metrics: dict[str, Any]) -> dict[str, Any]:
    return next(dict(one) for one in figure_rows(metrics) if one["name"] == NAMES[name])


def fact(name: str, metrics: Mapping[str, Any]) -> str:
    return next(one["value"] for one in fact_rows(metrics) if one["name"] == name)


def test_every_figure_of_the_budget_has_a_name_and_a_meaning() -> None:
    assert set(NAMES) == set(MEANINGS) == set(FIGURES)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0.0"), (0.04, "0.0"), (9.94, "9.9"), (10, "10"), (1234.5, "1,234"), (-3.25, "-3.2")],
)
def test_milliseconds_are_as_long_as_they_are_meant(value: float, words: str) -> None:
    assert ms(value) == words
    assert ms(value, unit=True) == f"{words} ms"


@pytest.mark.parametrize("value", [None, True, "12", [], {}])
def test_what_is_no_number_is_a_dash(value: Any) -> None:
    assert ms(value, unit=True) == NONE


def test_a_row_shows_the_last_turn_the_percentiles_and_the_target() -> None:
    shown = row("ttfb_ms", TURN)
    assert (shown["last"], shown["p50"], shown["p95"]) == ("182", "190", "1,234")
    assert shown["target"] == "p50 < 400, p95 < 900"


def test_a_figure_is_missed_as_soon_as_one_of_its_targets_is() -> None:
    assert row("ttfb_ms", TURN)["verdict"] == "missed"


def test_without_a_verdict_on_the_session_the_turns_counts() -> None:
    assert row("turn_latency_ms", TURN)["verdict"] == "met"
    assert row("relay_up_ms", TURN)["verdict"] == "unclear"


def test_a_missing_figure_is_a_dash_with_its_reason_and_never_a_zero() -> None:
    shown = row("barge_in_stop_ms", TURN)
    assert (shown["last"], shown["p50"], shown["p95"], shown["verdict"]) == (NONE, NONE, NONE, "")
    assert shown["meaning"].startswith(MEANINGS["barge_in_stop_ms"])
    assert "Not in this turn: nobody interrupted." in shown["meaning"]
    assert (shown["path"], shown["words"]) == ("", "")
    assert row("voice_to_voice_ms", TURN)["target"] == NONE


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("missing: first_sound", "a mark that the figure needs never came (first sound)"),
        ("implausible: longer than two minutes", REASONS["implausible"]),
        ("resumed", REASONS["resumed"]),
        ("something new", "something new"),
        ("", "no figure yet"),
        (7, "no figure yet"),
    ],
)
def test_why_a_figure_is_absent_is_told_in_words(reason: object, words: str) -> None:
    assert why_absent({"absent": {"ttfb_ms": reason}}, "ttfb_ms") == words


def test_every_reason_of_the_code_has_words() -> None:
    for kind, words in REASONS.items():
        assert why_absent({"absent": {"ttfb_ms": kind}}, "ttfb_ms") == words


def test_what_is_there_says_its_definition_and_its_clock_and_nothing_of_absence() -> None:
    meaning = row("ttfb_ms", TURN)["meaning"]
    assert meaning == f"{MEANINGS['ttfb_ms']}. Clock: server."


def test_the_newest_values_of_a_figure_are_drawn_and_told() -> None:
    shown = next(one for one in figure_rows(TURN, {"ttfb_ms": [200.0, 182.4]}) if one["words"])
    assert shown["key"] == "ttfb_ms"
    assert shown["words"] == "Newest 2 values, from 182 to 200 ms, last 182 ms"


def test_the_shares_of_a_turn_add_up_to_the_whole() -> None:
    parts = shares(TURN)
    assert [part["owner"] for part in parts] == ["provider", "relay", "network", "device"]
    assert sum(part["percent"] for part in parts) == pytest.approx(100, abs=0.05)
    assert parts[0] == {"owner": "provider", "value": "180 ms", "percent": 72.0}


def test_no_owner_is_forgotten_and_one_that_took_nothing_is_left_out() -> None:
    every = dict.fromkeys(get_args(Owner), 10.0)
    assert set(OWNERS) == set(every)
    told = shares({"figures": {"turn_latency_ms": {"shares": every}}})
    assert [part["owner"] for part in told] == list(OWNERS.values())
    assert sum(part["percent"] for part in told) == pytest.approx(100, abs=0.05)
    lonely = shares({"figures": {"turn_latency_ms": {"shares": {"unsplit": 480, "relay": 0}}}})
    assert lonely == [{"owner": "not split", "value": "480 ms", "percent": 100.0}]


def test_without_a_latency_there_are_no_shares() -> None:
    assert shares({}) == []
    assert shares({"figures": {"turn_latency_ms": {"shares": {"provider": 0}}}}) == []


def test_facts_tell_connection_device_and_counters() -> None:
    assert fact("Round trip", TURN) == "12 ms, clocks ± 3.2 ms"
    assert fact("Round trip", {**TURN, "clock": None}) == "12 ms"
    assert fact("Output latency", TURN) == NONE
    assert fact("Underruns", TURN) == "0"
    assert fact("Dropped chunks", TURN) == "2"
    assert fact("Clock jumps", TURN) == NONE
    assert len(fact_rows(TURN)) == len(VALUES) + len(COUNTERS)


def test_every_fact_explains_itself_in_a_sentence() -> None:
    for shown in fact_rows(TURN):
        assert shown["meaning"][0].isupper(), shown
        assert shown["meaning"].endswith("."), shown


def test_figures_published_elsewhere_are_named_with_their_source() -> None:
    assert len(reference_rows()) == len(REFERENCES)
    assert reference_rows()[0] == (f"Voice to voice, {REFERENCES[0].what}", "1,152 ms")


def test_the_payload_of_a_session_that_has_just_begun_is_all_dashes() -> None:
    metrics = SessionMetrics("local").payload(1, 0.0)
    assert {one["last"] for one in figure_rows(metrics)} == {NONE}
    assert shares(metrics) == []
    assert fact("Underruns", metrics) == "0"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("figures", "session", "ttfb_ms", "shares", "value_ms", "figure", "relay")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
PAYLOADS = st.dictionaries(
    st.sampled_from(tuple(TURN)), ANYTHING | st.sampled_from(list(TURN.values())), max_size=9
)


@given(PAYLOADS)
def test_whatever_comes_gives_rows(metrics: dict[str, Any]) -> None:
    assert len(figure_rows(metrics)) == len(FIGURES)
    assert len(fact_rows(metrics)) == len(VALUES) + len(COUNTERS)
    assert all(0 <= part["percent"] <= 100 for part in shares(metrics))

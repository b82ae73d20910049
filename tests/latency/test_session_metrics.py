"""What a session reports becomes one payload that any JSON reader takes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.latency.test_turn_record import MARKS, OFFSET_MS, SPEECH_ENDED_MS
from voice_loop.latency.budget import FIGURES
from voice_loop.latency.marks import RULES
from voice_loop.latency.session_metrics import (
    MAX_OPEN_TURNS,
    ProcessMetrics,
    SessionMetrics,
)
from voice_loop.protocol.codec import decode_server, encode_server
from voice_loop.protocol.events import MetricsUpdate, PlaybackPhase, PlaybackReport

NOW_MS = 101_000.0


def report(
    turn: int = 1, phase: PlaybackPhase = "started", item: int = 0, **more: Any
) -> PlaybackReport:
    fields = {"played_ms": 0.0, "buffered_ms": 90.0, "underruns": 0, "dropped_chunks": 0}
    fields["output_latency_ms"] = 24.0
    return PlaybackReport(
        turn=turn,
        item=item,
        phase=phase,
        client_at_ms=50_500,
        **{**fields, **more},
    )


def session(process: ProcessMetrics | None = None) -> SessionMetrics:
    metrics = SessionMetrics("openai", process)
    metrics.clock_sample(OFFSET_MS, 8, 99_000)
    return metrics


def whole_turn(metrics: SessionMetrics, turn: int = 1, later_ms: float = 0) -> None:
    metrics.mark(0, "speech_ended", SPEECH_ENDED_MS + later_ms)
    for name, at_ms in MARKS.items():
        metrics.mark(turn, name, at_ms + later_ms)


def values(payload: Any) -> dict[str, float]:
    return {name: figure["value_ms"] for name, figure in payload["figures"].items()}


def test_a_turn_shows_its_figures_with_verdict_and_owner() -> None:
    metrics = session()
    whole_turn(metrics)
    metrics.relay(1, "up", [0.5, 0.7])
    metrics.relay(1, "down", [0.4])
    payload = metrics.payload(1, NOW_MS)
    assert payload["turn"] == 1
    assert payload["provider"] == "openai"
    assert values(payload) == {
        "ttfb_ms": 350,
        "turn_latency_ms": 480,
        "voice_to_voice_ms": 930,
        "barge_in_stop_ms": 85,
        "relay_up_ms": 0.7,
        "relay_down_ms": 0.4,
    }
    latency = payload["figures"]["turn_latency_ms"]
    assert latency["verdict"] == "met"
    assert latency["owner"] == "provider"
    assert sum(latency["shares"].values()) == pytest.approx(480, abs=0.1)
    assert payload["absent"] == {}
    assert payload["stages"][0]["begins"] == "speech_stopped"
    assert payload["clock"]["round_trip_ms"] == 8


def test_the_payload_travels_in_its_frame() -> None:
    metrics = session()
    whole_turn(metrics)
    update = MetricsUpdate(metrics.payload(1, NOW_MS))
    assert decode_server(encode_server(update)) == update


def test_a_turn_of_which_nothing_is_known_says_what_is_missing() -> None:
    payload = SessionMetrics("local").payload(7, NOW_MS)
    assert payload["figures"] == {}
    assert set(payload["absent"]) == set(FIGURES)
    assert payload["stages"] == []
    assert payload["clock"] is None
    assert payload["session"] == payload["process"] == {}
    assert {row["verdict"] for row in payload["verdicts"]} == {None}


def test_the_end_of_speech_belongs_to_the_turn_it_came_before() -> None:
    metrics = session()
    whole_turn(metrics, 1)
    whole_turn(metrics, 2, later_ms=6_000)
    assert values(metrics.payload(1, NOW_MS))["voice_to_voice_ms"] == 930
    assert values(metrics.payload(2, NOW_MS))["voice_to_voice_ms"] == 930


def test_an_end_of_speech_long_ago_belongs_to_something_else() -> None:
    metrics = session()
    for name, at_ms in MARKS.items():
        metrics.mark(1, name, at_ms)
    metrics.mark(1, "speech_ended", SPEECH_ENDED_MS - 20_000)
    assert metrics.payload(1, NOW_MS)["absent"]["voice_to_voice_ms"] == "missing: speech_ended"


def test_a_typed_turn_has_no_voice_to_voice() -> None:
    metrics = session()
    whole_turn(metrics)
    metrics.mark(1, "text_received", MARKS["speech_stopped"] + 1)
    assert "voice_to_voice_ms" in metrics.payload(1, NOW_MS)["absent"]


def test_without_an_offset_no_end_of_speech_is_chosen() -> None:
    metrics = SessionMetrics("openai")
    whole_turn(metrics)
    assert set(values(metrics.payload(1, NOW_MS))) == {"ttfb_ms", "barge_in_stop_ms"}


def test_a_turn_counts_at_once_and_only_once() -> None:
    process = ProcessMetrics()
    metrics = session(process)
    whole_turn(metrics)
    assert metrics.payload(1, NOW_MS)["session"]["ttfb_ms"]["count"] == 1
    assert metrics.payload(1, NOW_MS)["process"] == {}
    metrics.settle(1)
    metrics.settle(1)
    payload = metrics.payload(2, NOW_MS)
    assert payload["session"]["ttfb_ms"] == {
        "count": 1,
        "p50": 350,
        "p95": 350,
        "p99": 350,
        "max": 350,
    }
    assert payload["process"]["ttfb_ms"]["count"] == 1
    assert payload["process"]["ttfb_ms"]["p50"] == pytest.approx(350, rel=0.01)


def test_sessions_share_the_process_and_not_each_other() -> None:
    process = ProcessMetrics()
    for _ in range(3):
        metrics = session(process)
        whole_turn(metrics)
        metrics.settle_all()
    payload = metrics.payload(1, NOW_MS)
    assert payload["session"]["ttfb_ms"]["count"] == 1
    assert payload["process"]["ttfb_ms"]["count"] == 3
    (ttfb_p50, *_rest) = payload["verdicts"]
    assert (ttfb_p50["verdict"], ttfb_p50["value_ms"]) == ("met", 350)


def test_open_turns_are_bounded_and_the_oldest_is_settled() -> None:
    metrics = session()
    for turn in range(MAX_OPEN_TURNS + 5):
        metrics.mark(turn, "speech_stopped", turn * 1_000)
        metrics.mark(turn, "first_delta", turn * 1_000 + 100)
    payload = metrics.payload(MAX_OPEN_TURNS + 4, NOW_MS)
    assert payload["session"]["ttfb_ms"]["count"] == MAX_OPEN_TURNS + 5
    assert metrics.payload(0, NOW_MS)["figures"] == {}


def test_relay_delays_count_one_by_one() -> None:
    metrics = session()
    metrics.relay(1, "down", [1.0, math.nan, -1.0, 9.0])
    payload = metrics.payload(1, NOW_MS)
    assert payload["session"]["relay_down_ms"]["count"] == 2
    assert payload["figures"]["relay_down_ms"]["verdict"] == "missed"
    metrics.settle_all()
    assert metrics.payload(1, NOW_MS)["session"]["relay_down_ms"]["count"] == 2


def test_a_latency_that_the_browser_does_not_tell_is_absent_and_not_zero() -> None:
    metrics = session()
    metrics.playback(report(output_latency_ms=0.0))
    assert metrics.payload(1, NOW_MS)["values"]["output_latency_ms"] is None


def test_playback_fills_the_values_and_counters() -> None:
    metrics = session()
    metrics.playback(report(underruns=2))
    metrics.playback(report(phase="playing", buffered_ms=700.0, underruns=3, dropped_chunks=1))
    metrics.playback(report(item=1, buffered_ms=500.0))
    metrics.false_onset()
    metrics.record(1).leading_silence_ms = 75.123
    payload = metrics.payload(1, NOW_MS)
    assert payload["values"] == {
        "round_trip_ms": 8,
        "jitter_buffer_ms": 90,
        "output_latency_ms": 24,
        "leading_silence_ms": 75.12,
    }
    assert payload["counters"] == {
        "underruns": 3,
        "dropped_chunks": 1,
        "false_onsets": 1,
        "clock_jumps": 0,
    }


def test_a_resumed_turn_is_not_counted_and_says_so() -> None:
    metrics = session()
    whole_turn(metrics)
    metrics.spoil(1, "resumed")
    metrics.spoil(1, "later")
    payload = metrics.payload(1, NOW_MS)
    assert set(payload["absent"].values()) == {"resumed"}
    assert "ttfb_ms" not in payload["session"]


def test_a_clock_that_jumps_spoils_the_turn_under_way_and_no_earlier_one() -> None:
    metrics = session()
    whole_turn(metrics, 1)
    metrics.clock_sample(OFFSET_MS, 8, 103_000)
    metrics.mark(2, "speech_stopped", 104_000)
    metrics.clock_sample(OFFSET_MS - 60_000, 8, 105_000)
    payload = metrics.payload(2, NOW_MS)
    assert set(payload["absent"].values()) == {"clock jumped"}
    assert payload["session"]["turn_latency_ms"]["p50"] == 480
    assert payload["counters"]["clock_jumps"] == 1


def test_a_jump_before_any_agreement_spoils_what_is_open() -> None:
    metrics = SessionMetrics("openai")
    whole_turn(metrics)
    metrics.clock.add(OFFSET_MS, 8, 99_000)
    metrics.clock_sample(OFFSET_MS + 60_000, 8, 99_001)
    assert set(metrics.payload(1, NOW_MS)["absent"].values()) == {"clock jumped"}


def test_a_ping_that_knows_nothing_yet_is_no_sample() -> None:
    metrics = SessionMetrics("openai")
    metrics.clock_sample(None, None, 5)
    metrics.clock_sample(1.0, None, 5)
    assert metrics.payload(1, NOW_MS)["clock"] is None


NUMBERS = st.floats() | st.floats(0, 200_000)
STEPS = st.one_of(
    st.tuples(
        st.just("mark"), st.integers(0, 12), st.sampled_from([*sorted(RULES), "odd"]), NUMBERS
    ),
    st.tuples(st.just("clock_sample"), NUMBERS, NUMBERS, NUMBERS),
    st.tuples(
        st.just("relay"),
        st.integers(0, 12),
        st.sampled_from(["up", "down"]),
        st.lists(NUMBERS, max_size=3),
    ),
    st.tuples(st.just("settle"), st.integers(0, 12)),
    st.tuples(st.just("spoil"), st.integers(0, 12), st.just("resumed")),
)


@given(steps=st.lists(STEPS, max_size=40), turn=st.integers(0, 12))
def test_whatever_is_reported_the_payload_is_plain_json(
    steps: list[tuple[Any, ...]], turn: int
) -> None:
    metrics = SessionMetrics("local")
    for name, *arguments in steps:
        getattr(metrics, name)(*arguments)
    payload = metrics.payload(turn, 1_000)
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload

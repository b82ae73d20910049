"""A turn becomes a span with the times it had, judged by OpenTelemetry's own exporter."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer

from tests.telemetry.test_telemetry import TURN, observed
from voice_loop.latency.clock import ManualClock
from voice_loop.session.facts import Fact, Mark
from voice_loop.telemetry.exporter import Exporter
from voice_loop.telemetry.observer import SessionObserver
from voice_loop.telemetry.process import ProcessTelemetry
from voice_loop.telemetry.tracing import STAGE_SPAN, TURN_SPAN, SpanWriter, open_tracer

WALL_NS = 1_700_000_000_000_000_000
CLOCK_MS = 6_000.0


def spans_of(*facts: Fact) -> list[ReadableSpan]:
    """The spans of one session, with the wall clock at `WALL_NS` when the server's is at 6 s."""
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    telemetry = ProcessTelemetry()
    telemetry.turns = SpanWriter(
        provider.get_tracer("test"), ManualClock(CLOCK_MS), wall_time_ns=lambda: WALL_NS
    )
    observer = SessionObserver(telemetry, ManualClock(CLOCK_MS))
    for fact in facts:
        observer.take(fact)
    observer.close()
    return list(memory.get_finished_spans())


def turn_of(spans: list[ReadableSpan]) -> ReadableSpan:
    (turn,) = [span for span in spans if span.name == TURN_SPAN]
    return turn


def at_ms(wall_ns: int | None) -> float:
    assert wall_ns is not None
    return (wall_ns - WALL_NS) / 1_000_000 + CLOCK_MS


def test_a_turn_is_a_span_from_its_end_of_speech_to_the_first_sound() -> None:
    turn = turn_of(spans_of(*TURN))
    assert at_ms(turn.start_time) == pytest.approx(6_200)
    assert at_ms(turn.end_time) == pytest.approx(6_600)
    attributes = dict(turn.attributes or {})
    assert attributes == {
        "voice_loop.session": "s1",
        "voice_loop.turn": 1,
        "voice_loop.provider": "local",
        "voice_loop.began_by": "speech_stopped",
        "voice_loop.interrupted": False,
        "voice_loop.ttfb_ms": 300,
        "voice_loop.turn_latency_ms": 400,
        "voice_loop.voice_to_voice_ms": 900,
        "voice_loop.relay_down_ms": 0.6,
    }


def test_its_stages_are_children_without_a_gap_between_them() -> None:
    spans = spans_of(*TURN)
    turn = turn_of(spans)
    stages = [span for span in spans if span.name == STAGE_SPAN]
    assert [(span.attributes or {})["voice_loop.stage.owner"] for span in stages] == [
        "relay",
        "provider",
        "relay",
        "network",
        "device",
    ]
    assert stages[0].start_time == turn.start_time
    assert stages[-1].end_time == turn.end_time
    for before, after in zip(stages, stages[1:], strict=False):
        assert before.end_time == after.start_time
    for span in stages:
        assert span.parent is not None and turn.context is not None
        assert span.parent.span_id == turn.context.span_id


def test_an_interrupted_turn_says_how_fast_it_stopped() -> None:
    turn = turn_of(
        spans_of(
            *TURN,
            Mark("barge_in_onset", 7_000, "client", 1),
            Mark("barge_in_stopped", 7_050, "client", 1),
        )
    )
    attributes = turn.attributes or {}
    assert attributes["voice_loop.interrupted"] is True
    assert attributes["voice_loop.barge_in_stop_ms"] == 50


def test_a_turn_that_does_not_count_says_why_and_has_no_stages() -> None:
    spans = spans_of(*TURN, Mark("resumed", 6_600, "server", 1))
    turn = turn_of(spans)
    assert (turn.attributes or {})["voice_loop.not_counted"] == "resumed"
    assert at_ms(turn.end_time) == pytest.approx(6_501)
    assert len(spans) == 1


def test_a_turn_without_an_answer_lasts_as_long_as_anything_happened() -> None:
    spans = spans_of(
        TURN[0],
        Mark("speech_stopped", 6_200, "server", 1),
        Mark("response_asked", 6_250, "server", 1),
    )
    assert at_ms(turn_of(spans).end_time) == pytest.approx(6_250)


def test_a_turn_that_nobody_ended_is_no_span() -> None:
    assert spans_of(TURN[0], Mark("barge_in_onset", 1, "client", 1)) == []


def test_where_nobody_records_nothing_is_written() -> None:
    writer = SpanWriter(NoOpTracer(), ManualClock())
    telemetry = ProcessTelemetry()
    telemetry.turns = writer
    observer, _, _ = observed(*TURN)
    observer.close()


def test_the_tracer_is_the_hosts_and_the_exporter_takes_it() -> None:
    assert open_tracer() is not None
    telemetry = ProcessTelemetry()
    with Exporter(telemetry, ManualClock()).running():
        assert isinstance(telemetry.turns, SpanWriter)


def test_without_opentelemetry_there_is_no_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice_loop.telemetry.tracing.find_spec", lambda name: None)
    assert open_tracer() is None
    telemetry = ProcessTelemetry()
    with Exporter(telemetry, ManualClock()).running():
        assert telemetry.turns is None

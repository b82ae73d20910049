"""The facts of sessions become figures on the page and numbers for operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from tests.session.fakes import MemoryChannel
from voice_loop.config import Limits
from voice_loop.event_bus import EventBus
from voice_loop.latency.clock import ManualClock, MonotonicClock
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.providers.scripted import Command, CreateResponse, ScriptedProvider
from voice_loop.session.facts import (
    AudibleFrom,
    ClockSample,
    Fact,
    Mark,
    RelayDelays,
    SessionEnded,
    SessionStarted,
    Usage,
)
from voice_loop.session.manager import Plan, SessionManager
from voice_loop.telemetry.observer import SessionObserver
from voice_loop.telemetry.process import MAX_SERIES, ProcessTelemetry
from voice_loop.telemetry.watcher import session_watcher

pytestmark = pytest.mark.anyio

STARTED = SessionStarted("s1", "local", "m", "v", reconnected=False, at_ms=0)
OFFSET_MS = 1_000.0


def playback(phase: wire.PlaybackPhase, turn: int = 1, **more: Any) -> wire.PlaybackReport:
    fields = {"underruns": 0, "dropped_chunks": 0, "client_at_ms": 5_000.0, **more}
    return wire.PlaybackReport(
        turn=turn,
        item=0,
        phase=phase,
        played_ms=0,
        buffered_ms=60,
        output_latency_ms=20,
        **fields,
    )


def speech(phase: wire.SpeechPhase, during_playback: bool) -> wire.UserSpeech:
    return wire.UserSpeech(phase, 1, 0, 0, during_playback, 0)


TURN: tuple[Fact, ...] = (
    STARTED,
    ClockSample(1, 4_000, 5_004, 5_004, OFFSET_MS, 8),
    Mark("speech_ended", 4_700, "client", 0),
    Mark("speech_stopped", 6_200, "server", 1),
    Mark("response_asked", 6_201, "server", 1),
    Mark("first_delta", 6_500, "server", 1),
    Mark("first_chunk_sent", 6_501, "server", 1),
    RelayDelays("down", (0.4, 0.6)),
    playback("started", client_first_sound_ms=5_600.0),
    Mark("first_sound", 5_600, "client", 1),
)


def observed(*facts: Fact) -> tuple[SessionObserver, ProcessTelemetry, list[int]]:
    telemetry = ProcessTelemetry()
    observer = SessionObserver(telemetry, ManualClock(7_000))
    shown = [turn for fact in facts if (turn := observer.take(fact)) is not None]
    return observer, telemetry, shown


def counters(telemetry: ProcessTelemetry) -> dict[str, int]:
    return {
        name if label is None else f"{name} {label}": count
        for name, label, count in telemetry.counters()
    }


def test_a_turn_is_shown_when_it_is_heard_with_all_its_figures() -> None:
    observer, _, shown = observed(*TURN)
    assert shown == [1]
    payload = observer.payload(1)
    assert payload["provider"] == "local"
    assert {name: one["value_ms"] for name, one in payload["figures"].items()} == {
        "ttfb_ms": 300,
        "turn_latency_ms": 400,
        "voice_to_voice_ms": 900,
        "relay_down_ms": 0.6,
    }
    assert payload["values"]["jitter_buffer_ms"] == 60
    assert payload["values"]["output_latency_ms"] == 20


def test_an_interruption_and_the_end_of_an_answer_are_shown_too() -> None:
    observer, telemetry, shown = observed(
        Mark("barge_in_onset", 9_000, "client", 1),
        Mark("barge_in_stopped", 9_070, "client", 1),
        Mark("barge_in_received", 10_100, "server", 1),
        Mark("interrupted", 10_100, "server", 1),
        Mark("response_done", 10_200, "server", 1),
        playback("finished"),
    )
    assert shown == [1, 1, 1]
    assert observer.payload(1)["figures"]["barge_in_stop_ms"]["value_ms"] == 70
    assert counters(telemetry) == {"interruptions": 1}


def test_a_resumed_turn_is_spoiled() -> None:
    observer, telemetry, shown = observed(*TURN, Mark("resumed", 6_600, "server", 1))
    assert shown == [1, 1]
    assert observer.payload(1)["absent"]["ttfb_ms"] == "resumed"
    assert counters(telemetry)["resumes"] == 1


def test_tools_own_the_time_they_ran_before_the_first_sound() -> None:
    telemetry, clock = ProcessTelemetry(), ManualClock(0)
    observer = SessionObserver(telemetry, clock)
    observer.take(wire.ToolUpdate("a", "one", "running", 1))
    clock.advance_ms(100)
    observer.take(wire.ToolUpdate("b", "two", "running", 1))
    observer.take(wire.ToolUpdate("a", "one", "done", 1))
    clock.advance_ms(50)
    observer.take(wire.ToolUpdate("b", "two", "failed", 1))
    observer.take(wire.ToolUpdate("b", "two", "failed", 1))
    assert observer.metrics.record(1).tool_ms == 150
    observer.take(Mark("first_delta", 1, "server", 1))
    observer.take(wire.ToolUpdate("c", "three", "running", 1))
    clock.advance_ms(500)
    observer.take(wire.ToolUpdate("c", "three", "done", 1))
    assert observer.metrics.record(1).tool_ms == 150
    assert counters(telemetry) == {"answers": 1, "tool_calls done": 2, "tool_calls failed": 2}


def test_what_happens_is_counted_by_its_code() -> None:
    observer, telemetry, _ = observed(
        STARTED,
        SessionStarted("s1", "local", "m", "v", reconnected=True, at_ms=5),
        Usage(1, {"input_tokens": 10, "output_tokens": 0}),
        wire.ErrorEvent("provider_lost", "words", True),
        speech("rejected", during_playback=True),
        speech("rejected", during_playback=False),
        speech("confirmed", during_playback=True),
        playback("playing", underruns=2, dropped_chunks=1),
        playback("playing", underruns=3, dropped_chunks=1),
        wire.TurnState("listening", 1),
        RelayDelays("up", (0.1,), 960),
        RelayDelays("up", (), 960),
        wire.ErrorEvent("made_up", "words", True),
        SessionEnded("s1", "user", 9_000),
    )
    assert counters(telemetry) == {
        "audio_bytes up": 1_920,
        "dropped_chunks": 1,
        "errors other": 1,
        "errors provider_lost": 1,
        "false_onsets": 1,
        "provider_reconnects local": 1,
        "sessions_ended user": 1,
        "sessions_started local": 1,
        "tokens input_tokens": 10,
        "underruns": 3,
    }
    assert telemetry.live_sessions == 1
    observer.close()
    observer.close()
    assert telemetry.live_sessions == 0


def test_a_session_that_is_over_counts_in_the_process() -> None:
    observer, telemetry, _ = observed(*TURN)
    observer.close()
    assert telemetry.latency.summaries()["turn_latency_ms"].count == 1


def test_the_silence_an_answer_begins_with_is_shown_once_known() -> None:
    observer, _, _ = observed(*TURN)
    assert observer.payload(1)["values"]["leading_silence_ms"] is None
    for silence_ms in (120.0, 700.0):
        observer.take(AudibleFrom(1, silence_ms))
    assert observer.payload(1)["values"]["leading_silence_ms"] == 120


def test_a_counter_with_endless_labels_is_bounded() -> None:
    telemetry = ProcessTelemetry()
    for number in range(MAX_SERIES + 50):
        telemetry.count("errors", 1, f"code_{number}")
    series = counters(telemetry)
    assert len(series) == MAX_SERIES + 1
    assert series["errors other"] == 50


class Shown:
    """The part of a session that a watcher sees."""

    def __init__(self) -> None:
        self.bus: EventBus[Fact] = EventBus()
        self.shown: list[Mapping[str, Any]] = []

    def send_metrics(self, metrics: Mapping[str, Any]) -> None:
        self.shown.append(metrics)


async def test_the_watcher_reads_to_the_end_and_settles() -> None:
    telemetry, session = ProcessTelemetry(), Shown()
    watch = session_watcher(telemetry, ManualClock(7_000))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(watch, session)
            await anyio.lowlevel.checkpoint()
            for fact in TURN:
                session.bus.publish(fact)
            session.bus.close()
    assert [payload["turn"] for payload in session.shown] == [1]
    assert telemetry.latency.summaries()["ttfb_ms"].count == 1
    assert "facts_lost" not in counters(telemetry)


async def test_a_cancelled_watcher_leaves_no_live_session_behind() -> None:
    telemetry, session = ProcessTelemetry(), Shown()
    async with anyio.create_task_group() as group:
        group.start_soon(session_watcher(telemetry, ManualClock()), session)
        await anyio.lowlevel.checkpoint()
        session.bus.publish(STARTED)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        assert telemetry.live_sessions == 1
        group.cancel_scope.cancel()
    assert telemetry.live_sessions == 0


def answer(command: Command) -> list[base.ProviderEvent]:
    if not isinstance(command, CreateResponse):
        return []
    return [
        base.ResponseStarted("r1"),
        base.OutputStarted("r1", "item_1"),
        base.OutputAudio("r1", "item_1", bytes(4_800) + bytes([0, 64]) * 2_400),
        base.OutputAudioDone("r1", "item_1"),
        base.ResponseDone("r1", "completed", usage={"total_tokens": 7}),
    ]


async def test_a_real_session_shows_its_latency_on_the_page() -> None:
    telemetry, clock, page = ProcessTelemetry(), MonotonicClock(), MemoryChannel()
    plan = Plan(
        lambda: ScriptedProvider(react=answer),
        clock,
        Limits(),
        watchers=[session_watcher(telemetry, clock)],
    )
    manager = SessionManager(plan)
    settings = base.SessionSettings(instructions="", voice="marin")
    with anyio.fail_after(30):
        async with manager.running(), anyio.create_task_group() as group:
            session = manager.open("token", "127.0.0.1", settings, wire.StartOptions())
            group.start_soon(session.serve, page)
            await page.expect(wire.SessionReady)
            page.send_event(wire.InputText("Hello"))
            chunk = await page.expect(wire.AudioChunk)
            update = await page.expect(
                wire.MetricsUpdate, lambda event: "ttfb_ms" in event.metrics["figures"]
            )
            session.end()
    page.close_streams()
    assert update.metrics["turn"] == chunk.turn
    assert update.metrics["figures"]["ttfb_ms"]["value_ms"] >= 0
    assert update.metrics["values"]["leading_silence_ms"] == 100
    assert counters(telemetry)["tokens total_tokens"] == 7
    assert counters(telemetry)["audio_bytes down"] == 9_600
    assert telemetry.live_sessions == 0

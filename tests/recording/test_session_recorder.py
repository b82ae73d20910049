"""A session is recorded while the person wants it, and what was recorded goes with it."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from tests.recording.test_wav import read
from voice_loop.event_bus import EventBus, Subscription
from voice_loop.latency.clock import ManualClock
from voice_loop.protocol import events as wire
from voice_loop.recording import Recordings, SessionRecorder
from voice_loop.recording.store import FILES, owner_of
from voice_loop.session.audio_tap import AudioTap
from voice_loop.session.facts import (
    AudibleFrom,
    ClockSample,
    Fact,
    Mark,
    RecordingOrder,
    RecordingState,
    SessionStarted,
    Usage,
)

pytestmark = pytest.mark.anyio

TOKEN = "anna's tab"
OFFSET_MS = 1_000_000.0


class Talk:
    """What the recorder needs of a session, and a hand to lead it."""

    id = "session-1"
    client_token = TOKEN

    def __init__(self, facts: Subscription[Fact], bus: EventBus[Fact], clock: ManualClock) -> None:
        self.bus = bus
        self.clock = clock
        self.audio_tap: AudioTap | None = None
        self._facts = facts

    async def state(self) -> RecordingState:
        """The next word of the recorder."""
        with anyio.fail_after(30):
            async for fact in self._facts:
                if isinstance(fact, RecordingState):
                    return fact
        raise AssertionError("the session ended")

    async def order(self, *, on: bool, keep: bool = False) -> RecordingState:
        self.bus.publish(RecordingOrder(on, keep))
        return await self.state()

    async def told(self, *facts: Fact) -> None:
        """Publish, and let the recorder take note."""
        for fact in facts:
            self.bus.publish(fact)
        for _ in range(20):
            await anyio.lowlevel.checkpoint()

    def hear_user(self, position: int, value: int = 7, samples: int = 2_400) -> None:
        assert self.audio_tap is not None
        self.audio_tap.user_audio(wire.AudioChunk(0, 0, position, pcm(value, samples)))

    def answer(self, value: int, samples: int = 24_000, turn: int = 1) -> None:
        assert self.audio_tap is not None
        self.audio_tap.assistant_audio(wire.AudioChunk(turn, 0, 0, pcm(value, samples)))


def pcm(value: int, samples: int) -> bytes:
    return np.full(samples, value, dtype="<i2").tobytes()


def report(
    phase: wire.PlaybackPhase, played_ms: float, at_ms: float, stopped_ms: float | None = None
) -> wire.PlaybackReport:
    return wire.PlaybackReport(
        1, 0, phase, played_ms, 0, 0, 0, 50, at_ms, client_stopped_ms=stopped_ms
    )


def onset(position: int, at_ms: float) -> wire.UserSpeech:
    return wire.UserSpeech("candidate", 1, at_ms, at_ms + 60, False, position)


@pytest.fixture
def store(tmp_path: Path) -> Recordings:
    return Recordings(ManualClock(), parent=tmp_path, max_bytes=1_000_000)


@asynccontextmanager
async def talk(store: Recordings) -> AsyncIterator[Talk]:
    """A session that is watched, and ends with the block."""
    clock = ManualClock(OFFSET_MS)
    bus: EventBus[Fact] = EventBus()
    with anyio.fail_after(60), bus.subscribe(10_000) as facts:
        session = Talk(facts, bus, clock)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(SessionRecorder(store, clock).watch, session)
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
            yield session
            bus.close()


def fetch(store: Recordings, name: str, file: str = "conversation.wav") -> Path:
    found = store.find(name, file, owner_of(TOKEN))
    assert found is not None
    assert found[1] == "ready"
    return found[0]


def lines(store: Recordings, name: str) -> list[dict[str, object]]:
    text = fetch(store, name, "timeline.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


async def test_both_sides_lie_where_they_sounded(store: Recordings) -> None:
    async with talk(store) as session:
        started = await session.order(on=True)
        assert started.phase == "running"
        session.hear_user(48_000)
        session.answer(5)
        await session.told(
            onset(48_000, 2_000.0),
            report("playing", 100, 2_300.0),
            report("stopped", 150, 2_350.0, 2_400.0),
        )
        stopped = await session.order(on=False)
        assert (stopped.phase, stopped.code, stopped.name) == ("ready", "", started.name)
        assert stopped.length_ms == pytest.approx(400)
        frames = read(fetch(store, started.name))
    assert set(frames[:2_400, 0]) == {7}
    assert not frames[2_400:, 0].any()
    heard = np.flatnonzero(frames[:, 1])
    assert heard.tolist() == list(range(200 * 24, 400 * 24)), "200 ms, the last of them at 400 ms"


async def test_it_goes_with_the_session_unless_it_is_kept(
    store: Recordings, tmp_path: Path
) -> None:
    for keep in (False, True):
        async with talk(store) as session:
            name = (await session.order(on=True, keep=keep)).name
            session.hear_user(0)
        found = [store.find(name, file, owner_of(TOKEN)) for file in FILES]
        assert [entry is not None for entry in found] == [keep, keep]
        assert session.audio_tap is None
    store.close()
    assert os.listdir(tmp_path) == []


async def test_whether_to_keep_it_can_be_changed_after_it_stopped(store: Recordings) -> None:
    async with talk(store) as session:
        name = (await session.order(on=True)).name
        await session.order(on=False)
        await session.told(RecordingOrder(False, True))
    assert store.find(name, FILES[0], owner_of(TOKEN)) is not None


async def test_the_end_of_the_session_says_what_is_left(store: Recordings) -> None:
    for keep, phase in ((False, "gone"), (True, "ready")):
        async with talk(store) as session:
            await session.order(on=True, keep=keep)
        assert (await session.state()).phase == phase


async def test_nothing_is_taken_before_it_is_wanted_and_after(store: Recordings) -> None:
    async with talk(store) as session:
        await session.told(RecordingOrder(False, False), onset(0, 0.0))
        before = session.audio_tap
        await session.order(on=True)
        tap = session.audio_tap
        await session.order(on=False)
        assert (before, session.audio_tap) == (None, None)
        assert tap is not None
        tap.user_audio(wire.AudioChunk(0, 0, 0, pcm(1, 480)))
        tap.assistant_audio(wire.AudioChunk(1, 0, 0, pcm(1, 480)))


async def test_a_second_recording_takes_the_place_of_the_first(store: Recordings) -> None:
    async with talk(store) as session:
        first = (await session.order(on=True)).name
        await session.told(RecordingOrder(True, False))
        await session.order(on=False)
        second = (await session.order(on=True)).name
        assert first != second
        assert store.find(first, FILES[0], owner_of(TOKEN)) is None
        session.hear_user(96_000)
        await session.order(on=False)
        assert len(read(fetch(store, second))) == 2_400, "it begins with its own first sample"


async def test_one_that_is_full_stops_and_says_so(store: Recordings) -> None:
    async with talk(store) as session:
        await session.order(on=True)
        session.hear_user(0)
        session.hear_user(2_000_000)
        full = await session.state()
        assert (full.phase, full.code) == ("ready", "recording_full")
        assert session.audio_tap is None
        assert len(read(fetch(store, full.name))) == 2_400
        assert (await session.order(on=True)).phase == "running", "another one may be made"


async def test_where_no_file_can_be_made_that_is_said(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path / "is not there")
    async with talk(store) as session:
        refused = await session.order(on=True)
        assert (refused.phase, refused.code) == ("gone", "recording_failed")
        assert session.audio_tap is None


async def test_without_a_microphone_the_answer_is_recorded_all_the_same(
    store: Recordings,
) -> None:
    async with talk(store) as session:
        name = (await session.order(on=True)).name
        session.answer(5)
        await session.told(report("playing", 100, 9_100.0), report("playing", 200, 9_200.0))
        await session.order(on=False)
        assert set(read(fetch(store, name))[:, 1]) == {5}
        assert len(read(fetch(store, name))) == 4_800


async def test_the_time_line_holds_what_happened_and_no_secrets(store: Recordings) -> None:
    async with talk(store) as session:
        name = (await session.order(on=True)).name
        session.hear_user(0)
        await session.told(
            ClockSample(1, 0, 0, 0, OFFSET_MS, 4.0),
            onset(0, 100.0),
            SessionStarted("session-1", "local", "m", "v", False, OFFSET_MS + 150),
            Mark("response_asked", OFFSET_MS + 200, "server", 1),
            Mark("first_sound", 300.0, "client", 1),
            wire.TurnState("speaking", 1),
            wire.TranscriptUpdate("u1", "user", 1, "Good mor", False),
            wire.TranscriptUpdate("u1", "user", 1, "Good morning", True),
            wire.ToolUpdate("c1", "lights", "done", 1),
            wire.ErrorEvent("provider_failed", "…", True),
            wire.MetricsUpdate({"turn": 1, "figures": {"ttfb_ms": {"value_ms": 321.0}, "x": 1}}),
            AudibleFrom(1, 12.0),
            Usage(1, {"total": 3}),
            report("playing", 10, 350.0),
            report("started", 0, 340.0),
            wire.UserBargeIn(1, 0, 10.0, client_stopped_ms=400.0),
        )
        await session.order(on=False)
        told = lines(store, name)
    by_name = {str(line["event"]): line for line in told}
    assert by_name["recording"]["left"] == "user"
    assert by_name["response_asked"]["at_ms"] == pytest.approx(100)
    assert by_name["first_sound"]["at_ms"] == pytest.approx(200)
    assert by_name["barge_in"]["at_ms"] == pytest.approx(300)
    assert by_name["metrics"]["figures"] == {"ttfb_ms": 321.0}
    assert [line["text"] for line in told if line["event"] == "transcript"] == ["Good morning"]
    assert [line["phase"] for line in told if line["event"] == "playback"] == ["started"]
    assert set(by_name["tool"]) == {"at_ms", "event", "name", "state", "turn"}
    assert TOKEN not in str(told)

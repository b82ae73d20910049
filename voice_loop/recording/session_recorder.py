"""Records a session while the person wants it: a watcher of the session, and its audio tap.

It follows clocks and positions from the start, so that a tape can begin at any time, and touches
the disk only in threads. When the session ends, what was recorded goes, unless it is kept.
"""

from __future__ import annotations

import math
from typing import Final, Literal, Protocol

import anyio
import anyio.abc
import anyio.to_thread

from voice_loop.errors import VoiceLoopError
from voice_loop.event_bus import EventBus
from voice_loop.latency.clock import Clock
from voice_loop.protocol.events import AudioChunk, PlaybackReport, UserSpeech
from voice_loop.recording.entries import entry_of
from voice_loop.recording.hearing import Hearing
from voice_loop.recording.placement import Anchor, Placement
from voice_loop.recording.recorder import Recorder
from voice_loop.recording.store import Recordings, owner_of
from voice_loop.recording.tape import Tape
from voice_loop.session.audio_tap import AudioTap
from voice_loop.session.facts import ClockSample, Fact, RecordingOrder, RecordingState

FACTS_CAPACITY: Final = 1_024
CLEANUP_S: Final = 5.0


class Recordable(Protocol):
    """What is needed of a session."""

    bus: EventBus[Fact]
    audio_tap: AudioTap | None

    @property
    def id(self) -> str: ...
    @property
    def client_token(self) -> str: ...


class SessionRecorder:
    """Made once a server; `watch` is called for each session."""

    def __init__(self, recordings: Recordings, clock: Clock) -> None:
        self._recordings = recordings
        self._clock = clock

    async def watch(self, session: Recordable) -> None:
        """Until the session ends."""
        recording = _Recording(self._recordings, self._clock, session)
        with session.bus.subscribe(FACTS_CAPACITY) as facts:
            try:
                async with anyio.create_task_group() as tasks:
                    async for fact in facts:
                        if isinstance(fact, RecordingOrder):
                            await recording.obey(fact, tasks)
                        elif not isinstance(fact, RecordingState):
                            recording.take(fact)
                    await recording.close()
            finally:
                with anyio.move_on_after(CLEANUP_S, shield=True):
                    await recording.leave()


class _Recording:
    """The recording of one session: one at a time, and the last one until the session ends."""

    def __init__(self, recordings: Recordings, clock: Clock, session: Recordable) -> None:
        self._recordings = recordings
        self._clock = clock
        self._session = session
        self._owner = owner_of(session.client_token)
        self._placement = Placement()
        self._hearing = Hearing()
        self._anchor: Anchor | None = None
        self._name = ""
        self._keep = False
        self._closing = False
        self._tape: Tape | None = None
        self._over = anyio.Event()
        self._over.set()

    # Audio, on the way of every chunk.

    def user_audio(self, chunk: AudioChunk) -> None:
        """As `AudioTap` says."""
        if self._tape is not None:
            position = self._placement.chunk(chunk, self._clock.now_ms())
            self._tape.user(position, chunk.pcm)

    def assistant_audio(self, chunk: AudioChunk) -> None:
        """As `AudioTap` says."""
        if self._tape is not None:
            self._tape.assistant(chunk.turn, chunk.item, chunk.position_samples, chunk.pcm)

    # Facts.

    def take(self, fact: Fact) -> None:
        """What the session told."""
        if isinstance(fact, ClockSample):
            self._placement.clock(fact)
        elif isinstance(fact, UserSpeech):
            self._placement.speech(fact)
        heard = self._hearing.take(fact) if isinstance(fact, PlaybackReport) else []
        tape = self._tape
        if tape is None:
            return
        if heard:
            first = heard[0]
            self._placement.without_microphone(first.at_ms - (first.to - first.first) / 24)
        self._tell_anchor(tape)
        for piece in heard:
            tape.heard(piece.turn, piece.item, piece.first, piece.to, piece.at_ms)
        self._note(tape, fact)

    def _tell_anchor(self, tape: Tape) -> None:
        anchor = self._placement.anchor()
        if anchor is not None and anchor != self._anchor and math.isfinite(anchor.at_ms):
            self._anchor = anchor
            tape.anchor(anchor.position, anchor.at_ms)

    def _note(self, tape: Tape, fact: Fact) -> None:
        entry = entry_of(fact)
        if entry is None:
            return
        at_ms = entry.at_ms
        if entry.clock == "server":
            at_ms = self._placement.client_ms(self._clock.now_ms() if at_ms is None else at_ms)
        tape.event(entry.event, at_ms, **entry.fields)

    # What the person wants.

    async def obey(self, order: RecordingOrder, tasks: anyio.abc.TaskGroup) -> None:
        """Begin or end; whether to keep it can be changed at any time."""
        self._keep = order.keep
        if order.on and self._tape is None:
            await self._begin(tasks)
        elif not order.on:
            await self.stop()

    async def _begin(self, tasks: anyio.abc.TaskGroup) -> None:
        await self._over.wait()
        await self._leave_former()
        try:
            name, recorder = await anyio.to_thread.run_sync(self._recordings.begin, self._owner)
        except (OSError, VoiceLoopError) as error:
            code = error.code if isinstance(error, VoiceLoopError) else "recording_failed"
            self._session.bus.publish(RecordingState("gone", code=code))
            return
        self._name = name
        self._placement.begin()
        self._anchor = None
        self._over = anyio.Event()
        self._tape = Tape(recorder)
        started_ms = self._placement.client_ms(self._clock.now_ms())
        self._tape.event(
            "recording", started_ms, session=self._session.id, left="user", right="assistant"
        )
        tasks.start_soon(self._write, self._tape, name, recorder)
        self._session.audio_tap = self
        self._session.bus.publish(RecordingState("running", name))

    async def _write(self, tape: Tape, name: str, recorder: Recorder) -> None:
        """The task of one tape, to its end."""
        code = "recording_failed"
        try:
            code = await tape.run()
        finally:
            self._session.audio_tap = self._tape = None
            with anyio.move_on_after(CLEANUP_S, shield=True):
                try:
                    await anyio.to_thread.run_sync(self._finish, name, recorder)
                except OSError:
                    code = "recording_failed"
            lost = self._closing and not self._keep
            phase: Literal["gone", "ready"] = "gone" if lost else "ready"
            self._session.bus.publish(RecordingState(phase, name, recorder.length_ms, code))
            self._over.set()

    def _finish(self, name: str, recorder: Recorder) -> None:
        """In a thread."""
        recorder.close()
        self._recordings.finish(name)

    async def stop(self) -> None:
        """Write what waits and make the files whole."""
        if self._tape is not None:
            self._tape.stop()
            await self._over.wait()

    async def close(self) -> None:
        """Nothing more comes: the session ended."""
        self._closing = True
        await self.stop()

    async def leave(self) -> None:
        """The session is over."""
        self._session.audio_tap = None
        await self._leave_former()

    async def _leave_former(self) -> None:
        name, self._name = self._name, ""
        if name:
            await anyio.to_thread.run_sync(self._leave, name, self._keep)

    def _leave(self, name: str, keep: bool) -> None:
        """In a thread."""
        if not (keep and self._recordings.keep(name)):
            self._recordings.delete(name)

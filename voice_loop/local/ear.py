"""One session's ear: appended audio in, turn events out, and what was said, recognised ahead.

Appending runs the detector frame by frame, in a worker thread when there is much. When the user
pauses, recognition starts on what there is; if the pause becomes the end of the turn, its text is
there already. At most one such guess is under way. It keeps the buffer, but decides no responses.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

import anyio
import numpy as np
from anyio.abc import TaskGroup

from voice_loop.audio.pcm import (
    SAMPLE_RATE_HZ,
    ms_to_samples,
    to_float,
)
from voice_loop.local.detector import (
    DETECTOR_RATE_HZ,
    FRAME_MS,
    FRAME_SAMPLES,
    Detector,
    DetectorStream,
)
from voice_loop.local.engines import EngineRoom, Engines
from voice_loop.local.input_buffer import InputBuffer
from voice_loop.local.recogniser import RECOGNISER_RATE_HZ, Samples
from voice_loop.local.resample import Resampler, resample
from voice_loop.local.turn_detection import (
    FRAME_24K_SAMPLES,
    Paused,
    Resumed,
    Started,
    TurnDetector,
    TurnEvent,
    TurnSettings,
    sounds_finished,
)

_log = logging.getLogger(__name__)
_INLINE_BYTES: Final = 4 * FRAME_24K_SAMPLES * 2
_SLICE_BYTES: Final = SAMPLE_RATE_HZ * 2
_IDLE_KEEP_MS: Final = 10_000.0
_MAX_HEARD_BYTES: Final = 60 * SAMPLE_RATE_HZ * 2
"""Of a turn without end, the last minute is recognised: others wait for the recogniser too."""
_VOICED: Final = 0.5


class Hearing:
    """Text that is being recognised."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.scope = anyio.CancelScope()
        """Cancelled when nobody wants the text any more."""
        self.text = ""
        self.failure: str | None = None
        """Code of what went wrong."""


class Ear:
    """Bound to the session's task group, which owns the recognitions."""

    def __init__(
        self,
        room: EngineRoom,
        engines: Engines,
        tasks: TaskGroup,
        on_guess: Callable[[str | None, float], None] = lambda text, within_s: None,
    ) -> None:
        """`on_guess` hears what the turn will have been if it ends now, and in how many seconds
        that is at the earliest; None when it goes on."""
        self._room = room
        self._on_guess = on_guess
        self._recogniser = engines.recogniser
        self._tasks = tasks
        self._detector = engines.detector
        self._stream: DetectorStream = engines.detector.stream()
        self._resampler = Resampler(SAMPLE_RATE_HZ, DETECTOR_RATE_HZ)
        self._frames = np.zeros(0, np.float32)
        self._next_frame_sample = 0
        self._settings: TurnSettings | None = None
        self._turns = TurnDetector(TurnSettings())
        self._guess: Hearing | None = None
        self._guessing = 0
        self._voiced_ms = 0.0
        self.buffer = InputBuffer()
        self.turn_start_sample: int | None = None
        """Where the item of the open turn begins; None when nobody speaks."""

    @property
    def speaking(self) -> bool:
        return self._settings is not None and self._turns.speaking

    def set_turn_detection(self, settings: TurnSettings | None) -> None:
        """None: turns are committed by the client. A turn that is open stays open, unless there
        was no detection or is none any more."""
        former, self._settings = self._settings, settings
        if settings == former:
            return
        if settings is not None and former is not None:
            self._turns.adopt(settings)
            return
        self._turns = TurnDetector(settings or TurnSettings())
        self._drop_guess()
        self.turn_start_sample = None

    async def append(self, pcm: bytes) -> AsyncIterator[TurnEvent]:
        """Take in audio; yields what the detector found, in order."""
        for start in range(0, len(pcm), _SLICE_BYTES):
            part = pcm[start : start + _SLICE_BYTES]
            self.buffer.append(part)
            for sample, likelihood in await self._listen(part):
                if likelihood > _VOICED:
                    self._voiced_ms += FRAME_MS
                event = self._turns.feed(likelihood, sample)
                if event is not None and self._settings is not None:
                    self._note(event)
                    yield event
            self._trim()

    async def _listen(self, pcm: bytes) -> list[tuple[int, float]]:
        if len(pcm) <= _INLINE_BYTES:
            return self._likelihoods(pcm)
        return await self._room.work(lambda: self._likelihoods(pcm))

    def _likelihoods(self, pcm: bytes) -> list[tuple[int, float]]:
        line = np.concatenate([self._frames, self._resampler(to_float(pcm))])
        found = []
        while len(line) >= FRAME_SAMPLES:
            found.append((self._next_frame_sample, self._stream(line[:FRAME_SAMPLES])))
            self._next_frame_sample += FRAME_24K_SAMPLES
            line = line[FRAME_SAMPLES:]
        self._frames = line
        return found

    def _note(self, event: TurnEvent) -> None:
        if isinstance(event, Started):
            prefix = ms_to_samples(self._settings.prefix_padding_ms if self._settings else 0)
            self.turn_start_sample = max(self.buffer.start_sample, event.onset_sample - prefix)
        elif isinstance(event, Paused):
            self._guess = self._start_guess(event.at_sample)
        elif isinstance(event, Resumed):
            self._drop_guess()

    def _drop_guess(self) -> None:
        """What was recognised ahead is out of date: others need not wait for it."""
        if self._guess is not None:
            self._guess.scope.cancel()
            self._guess = None
            self._on_guess(None, 0.0)

    def _start_guess(self, end_sample: int) -> Hearing | None:
        # A voice that stumbles would queue recognitions that nobody wants.
        if self._guessing or self.turn_start_sample is None:
            return None
        pcm = self.buffer.peek(self.turn_start_sample, end_sample)
        due = anyio.current_time() + self._turns.silence_left_ms / 1000
        return self._recognise(pcm, self._turn_voiced_ms, due)

    def take_turn(self, start_sample: int, end_sample: int) -> tuple[bytes, Hearing]:
        """The audio of a turn, out of the buffer, and its text to come."""
        pcm = self.buffer.take(start_sample, end_sample)
        hearing = self._guess or self._recognise(pcm, self._turn_voiced_ms)
        self._guess = None
        self.turn_start_sample = None
        self._turns.reset()
        self._turns.voiced_ms = 0.0
        self._voiced_ms = 0.0
        return pcm, hearing

    def clear(self) -> None:
        """Throw away what was not committed."""
        self.buffer.clear()
        self._drop_guess()
        self.turn_start_sample = None
        self._turns.reset()
        self._turns.voiced_ms = 0.0
        self._voiced_ms = 0.0

    def _recognise(self, pcm: bytes, voiced_ms: float | None, due: float | None = None) -> Hearing:
        hearing = Hearing()
        if self._recogniser is None:
            hearing.failure = "local_recogniser_missing"
            hearing.done.set()
            return hearing
        self._guessing += 1
        pcm = pcm[-_MAX_HEARD_BYTES:]
        self._tasks.start_soon(self._hear, hearing, pcm, voiced_ms, due, name="recognise a turn")
        return hearing

    def recognise_clip(self, pcm: bytes) -> Hearing:
        """Audio that did not come through the buffer: the detector has yet to listen to it."""
        return self._recognise(pcm, None)

    @property
    def _turn_voiced_ms(self) -> float:
        return self._turns.voiced_ms if self._settings else self._voiced_ms

    async def _hear(
        self, hearing: Hearing, pcm: bytes, voiced_ms: float | None, due: float | None
    ) -> None:
        recogniser = self._recogniser
        assert recogniser is not None

        def job() -> str:
            speech = resample(to_float(pcm), SAMPLE_RATE_HZ, RECOGNISER_RATE_HZ)
            voiced = voice_in(speech, self._detector) if voiced_ms is None else voiced_ms
            return recogniser.recognise(speech, voiced)

        try:
            with hearing.scope:
                hearing.text = await self._room.hear(job, due)
        except RuntimeError:
            _log.warning("recognition of a turn failed")
            hearing.failure = "local_recogniser_failed"
        finally:
            self._guessing -= 1
            hearing.done.set()
        if hearing is self._guess:
            self._turns.sounds_complete = sounds_finished(hearing.text)
            self._on_guess(hearing.text, self._turns.silence_left_ms / 1000)

    def _trim(self) -> None:
        """Nobody speaks and nobody commits by hand: keep only what a prefix may need."""
        if self._settings is not None and self.turn_start_sample is None:
            self.buffer.keep_from(self.buffer.end_sample - ms_to_samples(_IDLE_KEEP_MS))


def voice_in(speech: Samples, detector: Detector) -> float:
    """Milliseconds of voice in 16 kHz audio. Blocking, 7 ms a second of it."""
    stream = detector.stream()
    starts = range(0, len(speech) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    return FRAME_MS * sum(stream(speech[at : at + FRAME_SAMPLES]) > _VOICED for at in starts)

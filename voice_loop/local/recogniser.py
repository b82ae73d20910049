"""Recognition: a whole turn of speech in, its text out.

`MoonshineRecogniser` wraps the moonshine-voice package, whose version 0.1.0 carries its model. What
is known about it is handled here: it is not thread safe, it needs silence around the speech, it
hears words in noise, and long audio costs much memory, so turns are cut into pieces of 20 s. Steady
noise is lowered before it listens.
`ScriptedRecogniser` returns prepared texts, for tests. Blocking: run it in a worker thread.
"""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections import deque
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from voice_loop.local.evidence import is_imagined, may_hold_words
from voice_loop.local.loading import open_library
from voice_loop.local.noise import without_noise

RECOGNISER_RATE_HZ: Final = 16_000
MAX_PIECE_SAMPLES: Final = 20 * RECOGNISER_RATE_HZ
_LEAD: Final = np.zeros(RECOGNISER_RATE_HZ // 10, np.float32)
_TAIL: Final = np.zeros(RECOGNISER_RATE_HZ * 8 // 10, np.float32)
_MODERN: Final = {"to-morrow": "tomorrow", "to-day": "today", "to-night": "tonight"}
_OLD_SPELLING: Final = re.compile(r"\bto-(?:morrow|day|night)\b|\bgood-by\b", re.IGNORECASE)

Samples = npt.NDArray[np.float32]


class Recogniser(Protocol):
    """Turns speech into text. Safe to use from several threads."""

    def recognise(self, speech: Samples, voiced_ms: float) -> str:
        """Text of 16 kHz speech, empty when there is none. `voiced_ms` is how much of it the
        detector took for a voice. Blocking. Raises RuntimeError when the model fails."""
        ...


class ScriptedRecogniser:
    """Hands out texts in turn, then the last one again and again."""

    def __init__(self, texts: Iterable[str] = ("Hello.",)) -> None:
        self._texts = deque(texts)
        self._last = ""
        self._lock = threading.Lock()

    def recognise(self, speech: Samples, voiced_ms: float) -> str:
        with self._lock:
            if self._texts:
                self._last = self._texts.popleft()
            return self._last


def moonshine_available() -> bool:
    """The package is there, with its model; it has no wheel for some platforms."""
    return find_spec("moonshine_voice") is not None


class MoonshineRecogniser:
    """English recognition, about 0.05 s of work for a second of speech."""

    def __init__(self) -> None:
        # Its threads wait by spinning: two of them take three times the processor's time of one,
        # and twice the real time on a machine that has something else to do as well.
        os.environ.setdefault("MOONSHINE_ORT_SINGLE_THREAD", "1")
        open_library("moonshine_voice", "libmoonshine.*")
        from moonshine_voice import ModelArch, Transcriber, get_model_path
        from moonshine_voice.moonshine_api import TranscriptC

        self._transcript_type: Any = TranscriptC
        # Its own segmenter clips the start of speech and invents words; turns are cut by us.
        self._model: Any = Transcriber(
            str(get_model_path("tiny-en")), ModelArch.TINY, options={"vad_threshold": "0"}
        )
        # Two threads on one handle read each other's freed memory: the lock covers the reading.
        self._lock = threading.Lock()

    def recognise(self, speech: Samples, voiced_ms: float) -> str:
        speech = without_noise(speech)
        if not may_hold_words(speech, voiced_ms):
            return ""
        pieces = [self._piece(piece) for piece in cut_pieces(speech)]
        return tidy(" ".join(piece for piece in pieces if piece), voiced_ms)

    def _piece(self, speech: Samples) -> str:
        padded = np.ascontiguousarray(np.concatenate([_LEAD, speech, _TAIL]), np.float32)
        result = ctypes.POINTER(self._transcript_type)()
        with self._lock:
            failed = self._model._lib.moonshine_transcribe_without_streaming(
                self._model._handle,
                padded.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
                len(padded),
                RECOGNISER_RATE_HZ,
                0,
                ctypes.byref(result),
            )
            if failed:
                raise RuntimeError(f"recognition failed with code {failed}")
            found: Any = result.contents
            lines = [found.lines[index].text for index in range(found.line_count)]
            texts = [ctypes.string_at(line).decode("utf-8", "ignore") for line in lines if line]
        return " ".join(text.strip() for text in texts)


def cut_pieces(speech: Samples) -> list[Samples]:
    """Pieces of at most 20 s, cut where the last quarter of each is quietest."""
    pieces = []
    while len(speech) > MAX_PIECE_SAMPLES:
        window = RECOGNISER_RATE_HZ // 10
        first = MAX_PIECE_SAMPLES * 3 // 4
        tail = speech[first : first + (MAX_PIECE_SAMPLES - first) // window * window]
        quietest = int(np.argmin(np.square(tail.reshape(-1, window)).sum(axis=1)))
        at = first + quietest * window + window // 2
        pieces.append(speech[:at])
        speech = speech[at:]
    return [*pieces, speech]


def tidy(text: str, voiced_ms: float) -> str:
    """Today's spelling, and nothing where the model only imagined a word."""
    text = " ".join(text.split())
    if is_imagined(text, voiced_ms):
        return ""

    def modern(match: re.Match[str]) -> str:
        new = _MODERN.get(match[0].lower(), "goodbye")
        return new.capitalize() if match[0][0].isupper() else new

    return _OLD_SPELLING.sub(modern, text)

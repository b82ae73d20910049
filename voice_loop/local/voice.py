"""The assistant's voice: one sentence of text in, 24 kHz audio with the time of every word out.

`HibariVoice` is the real one: it trims the silence the model puts around a sentence, raises its
level and is warmed up when loaded. `ToneVoice` hums at a fixed speed, for tests that must be quick.
Both are blocking: the caller runs them in a worker thread. No sockets, no event loop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from voice_loop.audio.pcm import SAMPLE_RATE_HZ, from_float, ms_to_samples
from voice_loop.local.loading import parsed_in_steps

_GAIN: Final = 1.7
_AUDIBLE: Final = 0.012
_LEAD_MS: Final = 30
_TAIL_MS: Final = 100
_PAUSE_WEIGHT: Final = {",": 2.5, ";": 3.0, ":": 3.0, ".": 3.5, "!": 3.5, "?": 3.5}
_LONG_NUMBER: Final = re.compile(r"\d{16,}")
_UNSPEAKABLE: Final = re.compile(r"https?://\S+|[*_`#|~<>{}\[\]\\^]+")
_STRESS: Final = "ˈˌ ˑː"


@dataclass(frozen=True, slots=True)
class SpokenWord:
    text: str
    """With the space before it, so that joining gives the sentence back."""
    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken sentence."""

    pcm: bytes
    """24 kHz mono s16le."""
    words: tuple[SpokenWord, ...]


class Voice(Protocol):
    """Makes speech. Safe to use from several threads."""

    def speak(self, sentence: str, speed: float = 1.0) -> Speech:
        """Blocking. A sentence with nothing to pronounce gives words without audio."""
        ...


def split_words(sentence: str) -> list[str]:
    """Words, each with the white space before it."""
    return re.findall(r"\s*\S+", sentence)


def time_words(words: list[str], weights: list[float], total_samples: int) -> Speech:
    """Spread words over the audio by weight; a `Speech` without audio yet."""
    whole = sum(weights) or 1.0
    timed, done = [], 0.0
    for text, weight in zip(words, weights, strict=True):
        start = round(total_samples * done / whole)
        done += weight
        timed.append(SpokenWord(text, start, round(total_samples * done / whole)))
    return Speech(b"", tuple(timed))


class ToneVoice:
    """A hum of `ms_per_word` for each word: nothing to load, the same every time."""

    def __init__(self, ms_per_word: float = 200.0, pitch_hz: float = 220.0) -> None:
        self._ms_per_word = ms_per_word
        self._pitch_hz = pitch_hz

    def speak(self, sentence: str, speed: float = 1.0) -> Speech:
        words = split_words(sentence)
        samples = ms_to_samples(self._ms_per_word * len(words) / speed)
        wave = 0.3 * np.sin(
            2 * np.pi * self._pitch_hz * np.arange(samples) / SAMPLE_RATE_HZ, dtype=np.float64
        )
        timed = time_words(words, [1.0] * len(words), samples)
        return Speech(from_float(wave), timed.words)


def speakable(text: str) -> str:
    """What the model can say of a text: a number of more than fifteen digits digit by digit, since
    it knows no words for it."""
    digits = _LONG_NUMBER.sub(lambda number: " ".join(number[0]), text)
    return _UNSPEAKABLE.sub(" ", digits).strip()


class HibariVoice:
    """English speech from the hibari package, whose model is inside the wheel."""

    def __init__(self) -> None:
        from hibari import Hibari, g2p

        self._model: Any = Hibari(threads=1)
        # The first use loads the pronunciation rules, which takes half a second.
        with parsed_in_steps(g2p):
            self.speak("Ready.")

    def speak(self, sentence: str, speed: float = 1.0) -> Speech:
        words = split_words(sentence)
        spoken = speakable(sentence)
        wave = self._model(spoken, speed=speed) if spoken else np.zeros(0, np.float32)
        trimmed = trim(wave)
        lead = min(len(trimmed), ms_to_samples(_LEAD_MS))
        active = max(0, len(trimmed) - lead - ms_to_samples(_TAIL_MS))
        timed = time_words(words, [self._weight(word) for word in words], active)
        shifted = tuple(
            SpokenWord(word.text, word.start_sample + lead, word.end_sample + lead)
            for word in timed.words
        )
        return Speech(from_float(trimmed * _GAIN), shifted)

    def _weight(self, word: str) -> float:
        """How long a word takes, in phonemes; the pause after it counts as its own."""
        sounds = str(self._model.g2p(speakable(word) or "a"))
        spoken = sum(1 for sound in sounds if sound.isalpha() and sound not in _STRESS)
        return max(1.0, float(spoken)) + _PAUSE_WEIGHT.get(word[-1], 0.0)


def trim(wave: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Without the silence around it, but for 30 ms before and 100 ms after."""
    audible = np.flatnonzero(np.abs(wave) > _AUDIBLE)
    if not len(audible):
        return wave[:0]
    start = max(0, int(audible[0]) - ms_to_samples(_LEAD_MS))
    return wave[start : int(audible[-1]) + ms_to_samples(_TAIL_MS)]

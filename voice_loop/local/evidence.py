"""What a recogniser should not be asked about: sounds in which nobody said a word.

A recogniser makes words of anything. A detector of voices stops coughs, doors and keys, but a hum
("mm-hmm") is a voice; it lacks what makes words, energy above its closed lips. A lone "You" or "Oh"
is what is imagined into a short noise, and so are notes ("♪") and credits ("©"). Pure; it decides
nothing about what a word means.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import numpy.typing as npt

MIN_VOICED_MS: Final = 190.0
"""Less voice than the shortest word."""
MIN_OPEN_MS: Final = 96.0
_MIN_VOICED_FOR_FILLER_MS: Final = 400.0
_MIN_VOICED_FOR_SYMBOLS_MS: Final = 1_000.0
_FOREIGN: Final = re.compile(r"[^\x20-\x7eÀ-ÿ\u2010-\u2027£€°½¼¾]")
_FILLERS: Final = frozenset(("you", "oh", "ah", "uh", "um", "er", "mm", "hmm", "the", "a"))
_FRAME_SAMPLES: Final = 512
_RATE_HZ: Final = 16_000
_OPEN_HZ: Final = 700.0
_LOUD: Final = 10**-2.5
"""A frame this far below the loudest one, in power, still belongs to the sound."""
_OPEN_SHARE: Final = 10**-2.0
_ABOVE_FLOOR: Final = 3.0

Samples = npt.NDArray[np.float32]


def open_ms(speech: Samples) -> float:
    """How much of 16 kHz audio has what an open mouth adds: energy above 700 Hz that is neither
    a hum's overtones nor the background's hiss."""
    count = len(speech) // _FRAME_SAMPLES
    if not count:
        return 0.0
    frames = speech[: count * _FRAME_SAMPLES].reshape(count, _FRAME_SAMPLES)
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME_SAMPLES), axis=1)) ** 2
    whole = power.sum(axis=1)
    high = power[:, np.fft.rfftfreq(_FRAME_SAMPLES, 1 / _RATE_HZ) > _OPEN_HZ].sum(axis=1)
    # A turn brings some of what was before it: its quietest parts are the background.
    floor = float(np.percentile(high, 10)) if count >= 10 else 0.0
    is_open = (
        (whole > whole.max() * _LOUD) & (high > whole * _OPEN_SHARE) & (high > floor * _ABOVE_FLOOR)
    )
    return float(np.count_nonzero(is_open)) * _FRAME_SAMPLES * 1000 / _RATE_HZ


def may_hold_words(speech: Samples, voiced_ms: float) -> bool:
    """Whether recognition pays. `voiced_ms`: how much of it the detector took for a voice."""
    return voiced_ms >= MIN_VOICED_MS and open_ms(speech) >= MIN_OPEN_MS


def is_imagined(text: str, voiced_ms: float) -> bool:
    """A lone filler in hardly any voice, or what no English sentence is written with: notes, the
    credits of a film, another script."""
    if text.strip(" .!?,").lower() in _FILLERS:
        return voiced_ms < _MIN_VOICED_FOR_FILLER_MS
    if not any(map(str.isalnum, text)):
        return True
    return voiced_ms < _MIN_VOICED_FOR_SYMBOLS_MS and _FOREIGN.search(text) is not None

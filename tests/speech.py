"""Spoken sentences for tests: said by the voice of the `[local]` extra, laid out on a time line.

    conversation(("Hello there.", 1.0), ("What time is it?", 9.0), length_s=20)

gives 48 kHz mono samples with each sentence starting at its second: what Chromium's fake
microphone plays. Nothing is downloaded and no sound file lies in the repository.
"""

from __future__ import annotations

import functools
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

VOICE_RATE_HZ = 24_000
MICROPHONE_RATE_HZ = 48_000
SPEECH_THRESHOLD = 0.02
"""Peak of 10 ms above which a recording counts as sound: -34 dBFS."""


@functools.cache
def _voice() -> Any:
    from hibari import Hibari

    return Hibari(threads=1)


@functools.cache
def _spoken(text: str) -> Samples:
    samples = np.asarray(_voice()(text), dtype=np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    trimmed = samples[loud[0] : loud[-1] + 1]
    return np.asarray(trimmed / np.max(np.abs(trimmed)) * 0.5, dtype=np.float32)


def say(text: str) -> Samples:
    """`text` spoken at 24 kHz, trimmed to its first and last sound, peak 0.5."""
    return _spoken(text).copy()


def resample_double(samples: Samples) -> Samples:
    """24 to 48 kHz by the spectrum: exact for what a test needs."""
    spectrum = np.fft.rfft(samples)
    padded = np.zeros(len(samples) + 1, dtype=np.complex128)
    padded[: len(spectrum)] = spectrum
    return np.asarray(np.fft.irfft(padded, 2 * len(samples)) * 2, dtype=np.float32)


def conversation(*lines: tuple[str, float], length_s: float) -> Samples:
    """Each `(text, starts_at_s)` on a 48 kHz line of `length_s`, over a bed of quiet room noise."""
    rng = np.random.default_rng(7)
    line = rng.normal(0, 0.0005, int(length_s * MICROPHONE_RATE_HZ)).astype(np.float32)
    for text, at_s in lines:
        spoken = resample_double(say(text))
        start = int(at_s * MICROPHONE_RATE_HZ)
        line[start : start + len(spoken)] += spoken[: max(0, len(line) - start)]
    return line


def write_wav(path: Path, samples: Samples, rate_hz: int = MICROPHONE_RATE_HZ) -> Path:
    """16-bit mono WAV."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def sounding(samples: Samples, rate_hz: int) -> npt.NDArray[np.bool_]:
    """For each 10 ms whether there is sound in it."""
    frame = rate_hz // 100
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return np.asarray(np.max(np.abs(whole), axis=1) > SPEECH_THRESHOLD)


def sounding_s(samples: Samples, rate_hz: int) -> float:
    """Seconds of sound."""
    return float(np.count_nonzero(sounding(samples, rate_hz))) / 100

"""Samples, bytes and milliseconds of the project's one format: 24 kHz mono s16le."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ: Final = 24_000
BYTES_PER_SAMPLE: Final = 2
SILENCE_DBFS: Final = -100.0


def ms_to_samples(ms: float) -> int:
    """Whole samples in `ms`, rounded down."""
    return int(ms * SAMPLE_RATE_HZ / 1000)


def samples_to_ms(samples: int) -> float:
    """Duration of `samples`."""
    return samples * 1000 / SAMPLE_RATE_HZ


def ms_to_bytes(ms: float) -> int:
    """Whole samples in `ms`, in bytes."""
    return ms_to_samples(ms) * BYTES_PER_SAMPLE


def bytes_to_ms(count: int) -> float:
    """Duration of `count` bytes."""
    return samples_to_ms(count // BYTES_PER_SAMPLE)


def to_float(pcm: bytes) -> npt.NDArray[np.float32]:
    """s16le bytes as float32 in [-1, 1); an odd last byte is dropped."""
    whole = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
    return np.frombuffer(pcm[:whole], dtype="<i2").astype(np.float32) / np.float32(32768)


def from_float(samples: npt.ArrayLike) -> bytes:
    """Float samples as s16le bytes, clipped at full scale."""
    scaled = np.round(np.asarray(samples, dtype=np.float64) * 32768)
    return np.clip(scaled, -32768, 32767).astype("<i2").tobytes()


def level_dbfs(pcm: bytes) -> float:
    """RMS level; `SILENCE_DBFS` for silence and for nothing."""
    samples = to_float(pcm)
    if not len(samples):
        return SILENCE_DBFS
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return max(SILENCE_DBFS, 20 * float(np.log10(rms))) if rms > 0 else SILENCE_DBFS

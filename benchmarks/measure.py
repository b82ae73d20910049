"""Figures from a recording: where the speaker fell silent, how far the answer had been heard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.lab import AUDIBLE, Samples
from tests.listening import correlation, find, resample


@dataclass(frozen=True)
class Silence:
    """A stretch without a sample that sounds."""

    start: int
    """First silent sample: one after the last that sounded."""
    end: int
    """First sample that sounds again, or the end of the recording."""


def silences(speaker: Samples, least: int) -> list[Silence]:
    """All silences of at least `least` samples, in order."""
    loud = np.concatenate(([False], np.abs(speaker) > AUDIBLE, [False]))
    silent = np.concatenate(([0], (~loud[1:-1]).astype(np.int8), [0]))
    edges = np.flatnonzero(np.diff(silent))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [Silence(int(a), int(b)) for a, b in pairs if b - a >= least]


def stop_at(speaker: Samples, onset: int, decided: int, rate_hz: int) -> Silence | None:
    """The silence in which the interruption was decided (sample `decided`), begun after `onset`.

    A pause that was taken back in between does not count: the person heard the answer go on.
    """
    reach = decided + rate_hz * 60 // 1000
    within = [
        silence
        for silence in silences(speaker, rate_hz // 50)
        if onset <= silence.start <= reach and silence.end > decided
    ]
    return within[0] if within else None


@dataclass(frozen=True)
class Place:
    """Where in an answer a recording is."""

    end_ms: float
    """Of the answer, at the end of the piece."""
    correlation: float


def place_in_answer(
    speaker: Samples, end: int, rate_hz: int, answer: Samples, *, piece_ms: float = 300.0
) -> Place | None:
    """Which place of `answer` (24 kHz) was sounding just before sample `end`.

    The last 10 ms hold the fade and are left out. None when it cannot be told.
    """
    last = end - rate_hz // 100
    first = max(0, last - int(piece_ms * rate_hz / 1000))
    # What was paused within the piece would tear it: only what came after is compared.
    first = max([first, *(first + s.end for s in silences(speaker[first:last], rate_hz // 50))])
    piece = speaker[first:last]
    if len(piece) < rate_hz // 20 or float(np.max(np.abs(piece))) < 0.003 or not len(answer):
        return None
    whole: Samples = resample(answer, 24_000, rate_hz)
    if len(whole) < len(piece):
        return None
    match = find(piece, whole)
    score = correlation(piece, whole[match.lag : match.lag + len(piece)])
    at = (match.lag + len(piece) + (end - last)) * 1000 / rate_hz
    return Place(at, score)


def level_db(samples: npt.ArrayLike) -> float:
    """RMS in dB of full scale."""
    array = np.asarray(samples, dtype=np.float64)
    rms = float(np.sqrt(np.mean(array**2))) if array.size else 0.0
    return 20 * float(np.log10(rms)) if rms > 0 else -200.0


def active_level_db(samples: Samples, rate_hz: int) -> float:
    """RMS of the 10 ms frames within 15 dB of the loudest."""
    frame = rate_hz // 100
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(np.float64)
    power = np.mean(whole**2, axis=1)
    return 10 * float(np.log10(np.mean(power[power >= power.max() * 10**-1.5])))


def sounding_end(samples: Samples, rate_hz: int) -> int:
    """Sample after the last 10 ms within 20 dB of the loudest."""
    frame = rate_hz // 100
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(np.float64)
    power = np.mean(whole**2, axis=1)
    return int(np.flatnonzero(power >= power.max() * 10**-2)[-1] + 1) * frame


def sharp(samples: Samples, rate_hz: int) -> Samples:
    """Cut off behind the last 10 ms within 6 dB of the loudest, with a fade of 3 ms: a voice whose
    end is no matter of definition."""
    frame = rate_hz // 100
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(np.float64)
    power = np.mean(whole**2, axis=1)
    end = int(np.flatnonzero(power >= power.max() * 10**-0.6)[-1] + 1) * frame
    fade = rate_hz * 3 // 1000
    cut = samples[:end].copy()
    cut[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return cut


def audible_end(samples: Samples, rate_hz: int, level_dbfs: float) -> int:
    """Sample after the last 10 ms of at least `level_dbfs` (RMS); 0 when there is none."""
    frame = rate_hz // 100
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(np.float64)
    loud = np.flatnonzero(np.mean(whole**2, axis=1) >= 10 ** (level_dbfs / 10))
    return int(loud[-1] + 1) * frame if len(loud) else 0


def percentile(values: list[float], share: float) -> float | None:
    """Nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(np.ceil(share * len(ordered))) - 1))]

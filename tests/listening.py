"""Hearing with numbers: was what was sent really what was played, sample for sample?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Match:
    """Where a piece of sound was found in a recording."""

    lag: int
    """Sample of the recording at which the piece begins."""
    correlation: float
    """1 is identical up to loudness."""


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """By the spectrum: exact below the lower of both limits."""
    count = round(len(samples) * to_hz / from_hz)
    spectrum = np.fft.rfft(samples)
    wanted = np.zeros(count // 2 + 1, dtype=np.complex128)
    shared = min(len(spectrum), len(wanted))
    wanted[:shared] = spectrum[:shared]
    return np.asarray(np.fft.irfft(wanted, count) * (count / len(samples)), dtype=np.float32)


def find(piece: Samples, recording: Samples) -> Match:
    """The best place of `piece` in `recording`."""
    size = 1 << (len(piece) + len(recording) - 1).bit_length()
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(piece, size))
    scores = np.fft.irfft(spectrum, size)[: max(1, len(recording) - len(piece) + 1)]
    lag = int(np.argmax(scores))
    return Match(lag, correlation(piece, recording[lag : lag + len(piece)]))


def find_all(piece: Samples, recording: Samples, least: float = 0.97) -> npt.NDArray[np.int64]:
    """Every lag at which `piece` lies in `recording`, by its correlation."""
    count = len(recording) - len(piece) + 1
    if count < 1:
        return np.zeros(0, np.int64)
    size = 1 << (len(piece) + len(recording) - 1).bit_length()
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(piece, size))
    scores = np.fft.irfft(spectrum, size)[:count]
    energy = np.concatenate([[0.0], np.cumsum(np.square(recording, dtype=np.float64))])
    strength = np.sqrt(np.maximum(energy[len(piece) :] - energy[:count], 0))
    # Where the recording is silent its strength is the noise of the arithmetic.
    strength = np.maximum(strength, 1e-3 * float(strength.max()) + 1e-12)
    return np.flatnonzero(scores > least * strength * float(np.linalg.norm(piece)))


def first_place(sent: Samples, recording: Samples, rate_hz: int, *, window_s: float = 0.5) -> int:
    """The sample at which `sent` begins where it is heard first. The best place of the whole will
    not do: an answer that is said twice is as good in both, and better where it did not pause."""
    spread = rate_hz // 1_000
    for at, piece in sounding(sent, rate_hz, window_s):
        found = find_all(piece, recording)
        if len(found):
            peak = found[found <= found[0] + spread]
            fits = [correlation(piece, recording[lag : lag + len(piece)]) for lag in peak]
            return int(peak[int(np.argmax(fits))]) - at
    return find(sent, recording).lag


def sounding(sent: Samples, rate_hz: int, window_s: float) -> list[tuple[int, Samples]]:
    """Windows of `sent` and where they begin in it, without those that are nearly silent: they say
    nothing."""
    window = int(window_s * rate_hz)
    loud = float(np.sqrt(np.mean(np.square(sent, dtype=np.float64)))) * 0.1
    pieces = [(at, sent[at : at + window]) for at in range(0, len(sent) - window + 1, window)]
    return [
        (at, piece)
        for at, piece in pieces
        if float(np.sqrt(np.mean(np.square(piece, dtype=np.float64)))) > loud
    ]


def correlation(one: Samples, other: Samples) -> float:
    """Normalised; 0 when either is silent or their lengths differ."""
    if len(one) != len(other):
        return 0.0
    strength = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / strength if strength > 0 else 0.0


def windows_in_place(
    sent: Samples, recording: Samples, start: int, rate_hz: int, *, window_s: float = 0.5
) -> list[float]:
    """Correlation of each window of `sent` with the recording at one constant lag `start`.

    A sample that is lost, repeated or late moves everything behind it: from there on the figures
    fall.
    """
    return [
        correlation(piece, recording[start + at : start + at + len(piece)])
        for at, piece in sounding(sent, rate_hz, window_s)
    ]


@dataclass(frozen=True)
class Places:
    """Where the windows of a sound lie in a recording of it."""

    lags: list[int]
    """Of each window that was found, in order."""
    torn: int
    """Windows that are nowhere in one piece."""
    spread: int
    """Samples by which a place may be found beside the true one."""

    def assert_whole(self, *, pauses: int) -> None:
        """All was heard, once and in order, with at most so many pauses in it."""
        assert self.torn <= 2 * pauses, f"{self.torn} places are torn by {pauses} pauses"
        steps = [b - a for a, b in zip(self.lags, self.lags[1:], strict=False)]
        assert min(steps, default=0) >= -self.spread, f"sound is missing: {steps}"
        later = sum(step > self.spread for step in steps)
        assert later <= pauses, f"{later} pauses, {pauses} are known"


def windows_in_order(
    sent: Samples, recording: Samples, rate_hz: int, *, window_s: float = 0.5
) -> Places:
    """Each window of `sent` that sounds, looked for by itself: for answers that paused. Of a word
    that was said twice the place nearest to what was found before it counts."""
    near = first_place(sent, recording, rate_hz, window_s=window_s)
    lags: list[int] = []
    torn = 0
    for at, piece in sounding(sent, rate_hz, window_s):
        found = find_all(piece, recording) - at
        if len(found):
            near = int(found[np.argmin(np.abs(found - near))])
            lags.append(near)
        else:
            torn += 1
    return Places(lags, torn, rate_hz // 1_000)

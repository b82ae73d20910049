"""Sample rate conversion: 24 kHz to the models' 16 kHz, and to and from telephony's 8 kHz.

A streaming polyphase filter in numpy: every chunk gives its share of output at once, and how the
input is cut into chunks does not change the result. Pure arithmetic.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
_HALF_TAPS: Final = 16


class Resampler:
    """One stream from `from_hz` to `to_hz`; about 1 ms of delay at 24 kHz."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        common = math.gcd(from_hz, to_hz)
        self._up, self._down = to_hz // common, from_hz // common
        widest = max(self._up, self._down)
        half = _HALF_TAPS * widest
        at = np.arange(-half, half + 1, dtype=np.float64)
        cutoff = 0.92 / widest
        lowpass = np.sinc(at * cutoff) * cutoff * np.kaiser(len(at), 8.0) * self._up
        self._taps = math.ceil(len(lowpass) / self._up)
        padded = np.zeros(self._taps * self._up, np.float32)
        padded[: len(lowpass)] = lowpass
        self._phases = np.ascontiguousarray(padded.reshape(self._taps, self._up).T[:, ::-1])
        self._held: Samples = np.zeros(self._taps - 1, np.float32)
        self._next = 0
        """Place of the next output, in steps of the upsampled rate, from the first new input."""

    def __call__(self, samples: Samples) -> Samples:
        """The output that `samples` completes."""
        line = np.concatenate([self._held, samples.astype(np.float32, copy=False)])
        fresh = len(line) - (self._taps - 1)
        places = np.arange(self._next, fresh * self._up, self._down)
        if len(places):
            # A view without numpy's helpers for one, which take half the time of a short chunk.
            windows: Samples = np.ndarray(
                (fresh, self._taps), np.float32, line, strides=(line.itemsize, line.itemsize)
            )
            chosen = windows[places // self._up]
            out: Samples = np.einsum("ij,ij->i", chosen, self._phases[places % self._up])
            self._next = int(places[-1]) + self._down - fresh * self._up
        else:
            out = np.zeros(0, np.float32)
            self._next -= fresh * self._up
        self._held = line[fresh:].copy()
        return out


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """A whole clip at once."""
    return samples if from_hz == to_hz else Resampler(from_hz, to_hz)(samples)

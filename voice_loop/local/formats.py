"""Audio on the wire (24 kHz s16le, or 8 kHz G.711) from and to the one format inside: 24 kHz s16le.

One object per direction and session, because a rate conversion remembers. Pure arithmetic.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from voice_loop.audio.pcm import SAMPLE_RATE_HZ, from_float, to_float
from voice_loop.local.resample import Resampler

TELEPHONE_RATE_HZ: Final = 8_000
_Table = npt.NDArray[np.int16]


def _mu_law() -> _Table:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return np.where(code & 0x80, 0x84 - size, size - 0x84).astype(np.int16)


def _a_law() -> _Table:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code & 0x70) >> 4
    small = ((code & 0x0F) << 4) + 8
    size = np.where(segment == 0, small, (small + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


def _encoder(table: _Table) -> npt.NDArray[np.uint8]:
    """For every 16 bit value the code whose sound is nearest."""
    order = np.argsort(table, kind="stable")
    levels = table[order].astype(np.int32)
    middles = (levels[1:] + levels[:-1]) / 2
    values = np.arange(-32768, 32768)
    return order[np.searchsorted(middles, values)].astype(np.uint8)


_TABLES: Final = {"audio/pcmu": _mu_law, "audio/pcma": _a_law}


_SLICE_BYTES: Final = 16_000


class InputFormat:
    """What a client appends, as 24 kHz s16le."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._odd = b""
        if kind in _TABLES:
            self._table = _TABLES[kind]()
            self._resampler = Resampler(TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ)

    def clear(self) -> None:
        """What came before belongs to nothing any more."""
        self._odd = b""

    def decode(self, audio: bytes) -> bytes:
        if self.kind not in _TABLES:
            # Half a sample is kept for the next append.
            audio = self._odd + audio
            whole = len(audio) - len(audio) % 2
            self._odd = audio[whole:]
            return audio[:whole]
        # Resampling takes some 900 bytes for each.
        return b"".join(
            self._decoded(audio[at : at + _SLICE_BYTES])
            for at in range(0, len(audio), _SLICE_BYTES)
        )

    def _decoded(self, audio: bytes) -> bytes:
        heard = self._table[np.frombuffer(audio, np.uint8)].astype(np.float32) / np.float32(32768)
        return from_float(self._resampler(heard))


class OutputFormat:
    """24 kHz s16le, as the client wants it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        if kind in _TABLES:
            self._codes = _encoder(_TABLES[kind]())
            self._resampler = Resampler(SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ)

    def encode(self, pcm: bytes) -> bytes:
        if self.kind not in _TABLES:
            return pcm
        low = np.frombuffer(from_float(self._resampler(to_float(pcm))), "<i2").astype(np.int32)
        return self._codes[low + 32768].tobytes()

"""A stereo WAV that is written at any place, in any order, one channel at a time.

24 kHz, 16 bit. What was never written is silence. It never grows beyond its bound: what lies behind
it is not written, and the caller is told. The header is right after `flush` and `close`.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final, Literal

import numpy as np

from voice_loop.audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

Channel = Literal["left", "right"]
CHANNELS: Final = 2
FRAME_BYTES: Final = CHANNELS * BYTES_PER_SAMPLE
HEADER_BYTES: Final = 44
_COLUMN: Final[dict[Channel, int]] = {"left": 0, "right": 1}


class StereoWav:
    """Not thread safe. Every method but `close` raises OSError when the disk does."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Makes the file, readable by its owner alone. Raises OSError, also when it is there."""
        self.path = path
        self._max_frames = max(0, max_bytes - HEADER_BYTES) // FRAME_BYTES
        self._frames = 0
        # Unbuffered: reading back between two writes would empty a buffer each time.
        self._file = open(  # noqa: SIM115
            os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b", buffering=0
        )
        self._write_header()

    @property
    def frames(self) -> int:
        """Samples a channel so far."""
        return self._frames

    def write(self, channel: Channel, position: int, pcm: bytes) -> bool:
        """`pcm` (mono s16le) at `position`, a sample; an odd last byte is dropped.

        False when something of it lay behind the bound.
        """
        wanted = len(pcm) // BYTES_PER_SAMPLE
        count = min(wanted, max(0, self._max_frames - position))
        if count and position >= 0:
            offset = HEADER_BYTES + position * FRAME_BYTES
            self._file.seek(offset)
            there = self._file.read(count * FRAME_BYTES) or b""
            frames = np.zeros((count, CHANNELS), dtype="<i2")
            frames.reshape(-1).view(np.uint8)[: len(there)] = np.frombuffer(there, dtype=np.uint8)
            frames[:, _COLUMN[channel]] = np.frombuffer(pcm, dtype="<i2", count=count)
            self._file.seek(offset)
            self._file.write(frames.tobytes())
            self._frames = max(self._frames, position + count)
        return count == wanted and position >= 0

    def flush(self) -> None:
        """Make the file whole as it is now."""
        self._write_header()

    def close(self) -> None:
        """Make the file whole and let go of it. Idempotent."""
        if not self._file.closed:
            try:
                self._write_header()
            finally:
                self._file.close()

    def _write_header(self) -> None:
        size = self._frames * FRAME_BYTES
        header = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF", HEADER_BYTES - 8 + size, b"WAVE", b"fmt ", 16, 1, CHANNELS, SAMPLE_RATE_HZ,
            SAMPLE_RATE_HZ * FRAME_BYTES, FRAME_BYTES, BYTES_PER_SAMPLE * 8, b"data", size,
        )  # fmt: skip
        self._file.seek(0)
        self._file.write(header)

"""The input audio buffer: what was appended and not yet committed, on one line of samples.

Positions count every sample appended to the connection and never go back; a commit or a clear only
moves where the buffer begins. Bounded: the oldest audio is dropped. Pure.
"""

from __future__ import annotations

from typing import Final

from voice_loop.audio.pcm import BYTES_PER_SAMPLE

MAX_BUFFER_BYTES: Final = 24 * 1024 * 1024


class InputBuffer:
    """24 kHz mono s16le."""

    def __init__(self) -> None:
        self._audio = bytearray()
        self.start_sample = 0
        """Position of the first sample that is held."""

    @property
    def end_sample(self) -> int:
        """Position after the last sample appended."""
        return self.start_sample + len(self._audio) // BYTES_PER_SAMPLE

    @property
    def samples(self) -> int:
        return len(self._audio) // BYTES_PER_SAMPLE

    def append(self, pcm: bytes) -> None:
        """More audio, in whole samples."""
        self._audio += pcm
        excess = len(self._audio) - MAX_BUFFER_BYTES
        if excess > 0:
            self._drop(excess // BYTES_PER_SAMPLE)

    def _drop(self, samples: int) -> None:
        del self._audio[: samples * BYTES_PER_SAMPLE]
        self.start_sample += samples

    def keep_from(self, sample: int) -> None:
        """Forget what lies before `sample`."""
        self._drop(max(0, min(sample, self.end_sample) - self.start_sample))

    def peek(self, from_sample: int, to_sample: int) -> bytes:
        """Audio between two positions, as far as it is held."""
        start = max(0, from_sample - self.start_sample) * BYTES_PER_SAMPLE
        end = max(0, to_sample - self.start_sample) * BYTES_PER_SAMPLE
        return bytes(self._audio[start:end])

    def take(self, from_sample: int, to_sample: int) -> bytes:
        """Like `peek`, and the buffer begins at `to_sample` afterwards."""
        audio = self.peek(from_sample, to_sample)
        self.keep_from(to_sample)
        return audio

    def clear(self) -> None:
        self.keep_from(self.end_sample)

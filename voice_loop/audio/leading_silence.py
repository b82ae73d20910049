"""How long an answer's audio begins with silence.

A voice that starts with 200 ms of nothing feels as slow as a network that takes them. Chunks are
looked at until the first sample above -50 dBFS and no longer, so that a long answer costs nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from voice_loop.audio.pcm import BYTES_PER_SAMPLE, samples_to_ms

AUDIBLE_DBFS: Final = -50.0
AUDIBLE_SAMPLE: Final = round(32_768 * 10 ** (AUDIBLE_DBFS / 20))


class LeadingSilence:
    """Fed with the s16le audio of one answer in order, in pieces of any size."""

    def __init__(self) -> None:
        self._silent_samples = 0
        self._odd = b""
        self.duration_ms: float | None = None
        """Known as soon as something is audible."""

    def feed(self, pcm: bytes) -> bool:
        """Look at the next piece. True when this piece ended the silence."""
        if self.duration_ms is not None:
            return False
        pcm = self._odd + pcm
        whole = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
        self._odd = pcm[whole:]
        samples = np.frombuffer(pcm[:whole], dtype="<i2")
        # Both sides: the absolute value of -32768 does not fit into 16 bits.
        audible = (samples > AUDIBLE_SAMPLE) | (samples < -AUDIBLE_SAMPLE)
        first = int(audible.argmax()) if audible.size else 0
        if not audible.size or not audible[first]:
            self._silent_samples += len(samples)
            return False
        self.duration_ms = samples_to_ms(self._silent_samples + first)
        return True

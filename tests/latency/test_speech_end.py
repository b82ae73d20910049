"""The page's detector tells the acoustic end of speech, not the moment it became sure of it.

Real speech through the browser's own capture code: what `voice_to_voice_ms` begins with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reflex_voice_audio.browser.capture import Capture
from reflex_voice_audio.browser.jsapi import Float32Array

from tests.speech import MICROPHONE_RATE_HZ, Samples, conversation

# Minutes of audio run sample by sample here; tracing each line would take minutes more, and the
# same lines are covered by the tests of their modules.
pytestmark = [pytest.mark.models, pytest.mark.no_cover]

QUANTUM = 128
FRAME = MICROPHONE_RATE_HZ // 100
TOLERANCE_MS = 60.0
AUDIBLE = 0.01
"""Peak of a 10 ms frame: the voice was trimmed to it, the room lies 20 dB below."""


def ends_of(samples: Samples) -> list[float]:
    """What the detector tells as ends of speech, in milliseconds of the recording."""
    told: list[float] = []

    def send(message: Any, _chunk: Any) -> None:
        if message["type"] == "speech" and message["phase"] == "ended":
            told.append(message["at_time"] * 1000)

    capture = Capture(MICROPHONE_RATE_HZ, send, lambda message: None)
    block = Float32Array(QUANTUM)
    for start in range(0, len(samples) - QUANTUM, QUANTUM):
        for i, sample in enumerate(samples[start : start + QUANTUM].tolist()):
            block[i] = sample
        capture.push(block, None, QUANTUM, start / MICROPHONE_RATE_HZ)
    return told


def acoustic_end_ms(samples: Samples) -> float:
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return float(np.flatnonzero(np.abs(frames).max(axis=1) > AUDIBLE)[-1] + 1) * 10


@pytest.mark.parametrize("text", ["Hello there.", "What is seventeen plus twenty five?"])
def test_the_end_that_is_told_is_the_end_of_the_sound(text: str) -> None:
    samples = conversation((text, 1.5), length_s=5.0)
    (told_ms,) = ends_of(samples)
    assert told_ms == pytest.approx(acoustic_end_ms(samples), abs=TOLERANCE_MS)

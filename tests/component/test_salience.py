"""What a single frame looks like: a vowel that hums, and a hum that is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from reflex_voice_audio.browser.detector import SpeechDetector
from reflex_voice_audio.browser.salience import HUM_BANDS, Salience
from reflex_voice_audio.browser.spectrum import BAND_COUNT


def frame(
    formants_db: float, *, bands_over: int = 6, pitch: float = 0.95, echo: float = 0.0, known: bool
) -> Salience:
    """A quiet room's frame whose energy above 600 Hz is `formants_db` over that below."""
    seen = SpeechDetector(lambda *_: None).salience
    above = 10 ** (formants_db / 10) / (BAND_COUNT - HUM_BANDS)
    for band in range(BAND_COUNT):
        seen.bands[band] = above if band >= HUM_BANDS else 1 / HUM_BANDS
        seen.noise.power[band] = 0.0
    seen.power = sum(seen.bands)
    seen.bands_over = bands_over
    parts: Any = seen
    parts.spectrum = SimpleNamespace(periodicity=lambda: pitch)
    parts.echo = SimpleNamespace(expected=[0.0] * BAND_COUNT, total=echo, is_known=lambda: known)
    return seen


@pytest.mark.parametrize(
    ("formants_db", "bands_over"), [(-12, 3), (-16, 3), (-19, 3), (-22, 5), (-25, 6)]
)
def test_a_vowel_is_a_voice_though_it_hums(formants_db: float, bands_over: int) -> None:
    assert frame(formants_db, bands_over=bands_over, known=True).is_voice()


@pytest.mark.parametrize(("formants_db", "bands_over"), [(-22, 4), (-27, 8), (-12, 2)])
def test_a_closed_mouth_is_none(formants_db: float, bands_over: int) -> None:
    assert not frame(formants_db, bands_over=bands_over, known=True).is_voice()


def test_what_hums_needs_a_clearer_pitch_than_what_does_not() -> None:
    assert frame(-12, pitch=0.6, known=True).is_voice()
    assert not frame(-18, pitch=0.6, known=True).is_voice()


def test_a_hum_over_an_echo_that_is_not_known_yet_may_be_that_echo() -> None:
    assert frame(-18, known=False).is_voice(), "nothing is being played"
    assert not frame(-18, echo=0.1, known=False).is_voice()
    assert frame(-18, echo=0.1, known=True).is_voice()
    assert frame(-12, echo=0.1, known=False).is_voice()

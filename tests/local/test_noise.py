"""Steady noise goes, speech stays, and clean speech is not touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local.test_audio_parts import sine
from voice_loop.local.noise import WINDOW_SAMPLES, Samples, without_noise

RATE_HZ = 16_000


def syllables(count: int = 6) -> Samples:
    """Tones that come and go, as voices do: 200 ms each, with 150 ms between them."""
    tone = sine(440, RATE_HZ, 0.2) + sine(1_900, RATE_HZ, 0.2) * np.float32(0.3)
    one = np.concatenate([tone * np.hanning(len(tone)), np.zeros(RATE_HZ * 15 // 100)])
    return np.asarray(np.tile(one, count) * 0.5, np.float32)


def hiss(count: int, level: float = 0.05, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).normal(0, level, count).astype(np.float32)


def level_db(samples: Samples) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64))))


def test_the_noise_between_the_words_goes_and_the_words_stay() -> None:
    speech = syllables()
    noisy = speech + hiss(len(speech))
    quieter = without_noise(noisy)
    assert len(quieter) == len(noisy)
    gaps = np.tile(np.arange(RATE_HZ * 35 // 100) > RATE_HZ * 22 // 100, 6)
    assert level_db(quieter[gaps]) < level_db(noisy[gaps]) - 8
    assert level_db(quieter - speech) < level_db(noisy - speech) - 3
    tones = np.tile(np.abs(np.arange(RATE_HZ * 35 // 100) - 1_600) < 600, 6)
    assert level_db(quieter[tones]) == pytest.approx(level_db(speech[tones]), abs=1)


def test_noise_of_a_colour_goes_too() -> None:
    speech = syllables()
    rumble = np.convolve(hiss(len(speech), 0.4), np.ones(32) / 32, mode="same").astype(np.float32)
    noisy = speech + rumble
    assert level_db(without_noise(noisy) - speech) < level_db(noisy - speech) - 2


def test_clean_speech_is_the_same_array() -> None:
    speech = syllables() + hiss(len(syllables()), 0.0005)
    assert without_noise(speech) is speech


def test_noise_alone_gets_quieter_everywhere() -> None:
    noise = hiss(RATE_HZ)
    assert level_db(without_noise(noise)) < level_db(noise) - 6


@pytest.mark.parametrize("count", [0, 1, 4 * WINDOW_SAMPLES - 1])
def test_what_is_too_short_to_know_its_noise_is_left_alone(count: int) -> None:
    short = hiss(count)
    assert without_noise(short) is short


@settings(max_examples=30, deadline=None)
@given(st.integers(4 * WINDOW_SAMPLES, 20_000), st.floats(0, 1, width=32), st.integers(0, 99))
def test_every_length_and_level_comes_back_whole_and_finite(
    count: int, level: float, seed: int
) -> None:
    sound = hiss(count, level, seed)
    out = without_noise(sound)
    assert out.dtype == np.float32
    assert len(out) == count
    assert np.isfinite(out).all()
    assert level_db(out + np.float32(1e-9)) <= level_db(sound + np.float32(1e-9)) + 0.5

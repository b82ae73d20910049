"""The resampler against the exact signal, and the same whatever the blocks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reflex_voice_audio.browser.dsp import (
    WIRE_RATE_HZ,
    Resampler,
    bessel_i0,
    common_divisor,
    to_int16,
)
from reflex_voice_audio.browser.jsapi import Float32Array

Samples = npt.NDArray[np.float64]
DEVICE_RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 192_000)
SPEECH_BAND_HZ = (120.0, 310.0, 700.0, 1300.0, 2200.0, 3400.0, 5000.0, 7000.0)


def tones(rate: float, seconds: float, frequencies: tuple[float, ...] = SPEECH_BAND_HZ) -> Samples:
    """A sum of tones at exact instants."""
    return tones_at(np.arange(int(rate * seconds)) / rate, frequencies)


def tones_at(times: Samples, frequencies: tuple[float, ...] = SPEECH_BAND_HZ) -> Samples:
    level = 0.8 / len(frequencies)
    parts = np.array([level * np.sin(2 * np.pi * f * times + f) for f in frequencies])
    return np.asarray(parts.sum(axis=0), dtype=np.float64)


def resampled(source: Samples, rate_in: float, rate_out: float, blocks: list[int]) -> Samples:
    """`source` through a resampler, in blocks of the given sizes, over and over."""
    resampler = Resampler(rate_in, rate_out, max(blocks))
    target = Float32Array(max(blocks) * (math.ceil(rate_out / rate_in) + 1) + 64)
    made: list[float] = []
    at = 0
    turn = 0
    while at < len(source):
        count = min(blocks[turn % len(blocks)], len(source) - at)
        turn += 1
        expected = resampler.outputs_of(count)
        resampler.feed(Float32Array(source[at : at + count].tolist()), count)
        got = resampler.produce(target, 0, len(target))
        assert got == expected
        made.extend(target[:got])
        at += count
    return np.array(made)


def signal_to_noise_db(exact: Samples, got: Samples) -> float:
    error = exact - got
    return float(10 * np.log10(np.mean(exact**2) / np.mean(error**2)))


@pytest.mark.parametrize(
    ("rate_in", "rate_out"),
    [
        (48_000, WIRE_RATE_HZ),
        (44_100, WIRE_RATE_HZ),
        (96_000, WIRE_RATE_HZ),
        (22_050, WIRE_RATE_HZ),
        (WIRE_RATE_HZ, 48_000),
        (WIRE_RATE_HZ, 44_100),
        (WIRE_RATE_HZ, 96_000),
    ],
)
def test_speech_passes_with_80_db_and_keeps_its_instants(rate_in: int, rate_out: int) -> None:
    got = resampled(tones(rate_in, 0.25), rate_in, rate_out, [128])
    exact = tones_at(np.arange(len(got)) / rate_out)
    inner = slice(200, -20)
    assert signal_to_noise_db(exact[inner], got[inner]) >= 80.0


def test_a_slow_microphone_passes_what_it_has() -> None:
    band = (200.0, 900.0, 2500.0, 5200.0)
    got = resampled(tones(16_000, 0.25, band), 16_000, WIRE_RATE_HZ, [128])
    exact = tones_at(np.arange(len(got)) / WIRE_RATE_HZ, band)
    assert signal_to_noise_db(exact[200:-40], got[200:-40]) >= 80.0


def test_the_wires_own_rate_passes_untouched() -> None:
    source = tones(WIRE_RATE_HZ, 0.05)
    got = resampled(source, WIRE_RATE_HZ, WIRE_RATE_HZ, [128])
    assert len(got) >= len(source) - 1
    np.testing.assert_allclose(got, source[: len(got)], atol=1e-7)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_what_lies_above_the_band_does_not_fold_into_it(rate: int) -> None:
    got = resampled(tones(rate, 0.2, (15_000.0,)), rate, WIRE_RATE_HZ, [128])
    assert 20 * np.log10(np.max(np.abs(got[200:-20])) / 0.8) < -80.0


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([(48_000, 24_000), (44_100, 24_000), (24_000, 44_100), (16_000, 24_000)]),
    st.lists(st.integers(1, 300), min_size=1, max_size=6),
)
def test_the_size_of_blocks_changes_nothing(rates: tuple[int, int], blocks: list[int]) -> None:
    source = tones(rates[0], 0.03)
    np.testing.assert_array_equal(
        resampled(source, *rates, blocks), resampled(source, *rates, [128])
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DEVICE_RATES), st.integers(1, 200))
def test_what_it_says_it_needs_is_just_enough(rate: int, outputs: int) -> None:
    resampler = Resampler(WIRE_RATE_HZ, rate, 2_000)
    need = resampler.needed(outputs)
    assert resampler.outputs_of(need) >= outputs
    assert need == 0 or resampler.outputs_of(need - 1) < outputs
    resampler.feed(Float32Array(need), need)
    assert resampler.available() >= outputs
    target = Float32Array(outputs)
    assert resampler.produce(target, 0, outputs) == outputs


def test_no_sample_is_lost_or_made_up_over_time() -> None:
    for rate_in, rate_out in ((44_100, 24_000), (24_000, 44_100)):
        resampler = Resampler(rate_in, rate_out, 128)
        target = Float32Array(512)
        made = 0
        for _ in range(400):
            resampler.feed(Float32Array(128), 128)
            made += resampler.produce(target, 0, 512)
        assert abs(made - 400 * 128 * rate_out / rate_in) <= 2 * resampler.taps


def test_a_reset_forgets_everything() -> None:
    resampler = Resampler(48_000, 24_000, 128)
    target = Float32Array(128)
    resampler.feed(Float32Array([0.9] * 128), 128)
    resampler.produce(target, 0, 128)
    resampler.reset()
    resampler.feed(Float32Array(128), 128)
    count = resampler.produce(target, 0, 128)
    assert list(target[:count]) == [0.0] * count


def test_sixteen_bits_are_rounded_and_clipped() -> None:
    assert [to_int16(v) for v in (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 1.5 / 32768)] == [
        0,
        32767,
        -32768,
        32767,
        -32768,
        16384,
        2,
    ]


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_common_divisor_is_the_greatest(a: int, b: int) -> None:
    assert common_divisor(a, b) == math.gcd(a, b)


@given(st.floats(0.0, 12.0))
def test_the_bessel_function_is_numpys(x: float) -> None:
    assert bessel_i0(x) == pytest.approx(float(np.i0(x)), rel=1e-9)

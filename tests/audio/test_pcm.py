"""Samples, bytes, milliseconds and levels agree with one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.audio import pcm


@given(samples=st.integers(0, 10**9))
def test_samples_to_milliseconds_and_back_lose_at_most_rounding(samples: int) -> None:
    assert abs(pcm.ms_to_samples(pcm.samples_to_ms(samples)) - samples) <= 1


def test_twenty_milliseconds_are_480_samples_and_960_bytes() -> None:
    assert pcm.ms_to_samples(20) == 480
    assert pcm.ms_to_bytes(20) == 960
    assert pcm.bytes_to_ms(960) == 20


@given(data=st.binary(max_size=200))
def test_samples_survive_the_way_through_float(data: bytes) -> None:
    whole = data[: len(data) // 2 * 2]
    assert pcm.from_float(pcm.to_float(data)) == whole


def test_what_is_too_loud_is_clipped_and_never_wraps() -> None:
    assert np.frombuffer(pcm.from_float([2.0, -2.0]), "<i2").tolist() == [32767, -32768]


def test_a_full_scale_square_wave_is_at_zero_decibel_and_silence_at_the_floor() -> None:
    assert pcm.level_dbfs(pcm.from_float([1.0, -1.0] * 100)) == pytest.approx(0, abs=0.01)
    assert pcm.level_dbfs(bytes(100)) == pcm.SILENCE_DBFS
    assert pcm.level_dbfs(b"") == pcm.SILENCE_DBFS

"""Figures are right where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.lab import Samples
from benchmarks.measure import (
    Silence,
    active_level_db,
    audible_end,
    level_db,
    percentile,
    place_in_answer,
    sharp,
    silences,
    sounding_end,
    stop_at,
)
from tests.listening import resample

RATE = 48_000


def noise(samples: int, level: float = 0.1) -> Samples:
    return np.random.default_rng(4).normal(0, level, samples).astype(np.float32)


def test_a_sharp_voice_ends_where_everybody_says_it_does() -> None:
    fading = noise(RATE) * np.exp(-np.arange(RATE, dtype=np.float32) / 4_800)
    cut = sharp(fading.astype(np.float32), RATE)
    assert RATE * 0.05 <= len(cut) <= RATE * 0.11
    assert np.array_equal(cut[: -RATE * 3 // 1000], fading[: len(cut)][: -RATE * 3 // 1000])
    assert abs(float(cut[-1])) < 1e-6
    for below_db in (10, 20, 30):
        end = audible_end(cut, RATE, active_level_db(fading, RATE) - below_db)
        assert len(cut) - end <= RATE // 100


def test_silences_are_found_with_their_edges() -> None:
    line = np.abs(noise(10_000)) + np.float32(0.01)
    line[1_000:3_000] = 0
    line[5_000:5_100] = 0
    line[9_000:] = 0
    assert silences(line, 480) == [Silence(1_000, 3_000), Silence(9_000, 10_000)]
    assert silences(line[:1_000], 480) == []


def test_a_pause_that_was_taken_back_is_not_the_stop() -> None:
    line = np.abs(noise(96_000)) + np.float32(0.01)
    line[20_000:24_000] = 0
    line[40_000:] = 0
    stop = stop_at(line, onset=19_000, decided=50_000, rate_hz=RATE)
    assert stop is not None
    assert stop.start == 40_000


def test_a_decision_while_it_sounds_finds_the_silence_that_follows_at_once() -> None:
    line = np.abs(noise(96_000)) + np.float32(0.01)
    line[40_000:] = 0
    stop = stop_at(line, onset=19_000, decided=39_000, rate_hz=RATE)
    assert stop is not None
    assert stop.start == 40_000
    assert stop_at(line, onset=19_000, decided=30_000, rate_hz=RATE) is None


def test_the_place_in_the_answer_is_found_to_the_millisecond() -> None:
    answer = np.convolve(noise(24_000 * 20), np.ones(6) / 6, mode="same").astype(np.float32)
    speaker = np.concatenate([np.zeros(5_000), resample(answer, 24_000, RATE)[: RATE * 7]])
    place = place_in_answer(speaker.astype(np.float32), len(speaker), RATE, answer)
    assert place is not None
    assert place.correlation > 0.99
    assert place.end_ms == pytest.approx(7_000, abs=1)


def test_silence_has_no_place() -> None:
    assert place_in_answer(np.zeros(RATE, np.float32), RATE, RATE, noise(RATE)) is None


def test_levels_are_those_of_the_sounding_part() -> None:
    line = np.concatenate([noise(RATE), np.zeros(RATE, np.float32)])
    assert active_level_db(line, RATE) == pytest.approx(-20, abs=0.2)
    assert level_db(line) == pytest.approx(-23, abs=0.2)
    assert sounding_end(line, RATE) == RATE
    assert level_db(np.zeros(5)) == -200


def test_percentiles_are_of_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.95) == 95
    assert percentile([7.0], 0.95) == 7
    assert percentile([], 0.5) is None


def test_the_audible_end_is_where_the_sound_sinks_into_the_room() -> None:
    line = np.concatenate([noise(4_800, 0.1), noise(2_400, 0.01), noise(9_600, 0.001)])
    assert audible_end(line, RATE, -30.0) == 4_800
    assert audible_end(line, RATE, -50.0) == 7_200
    assert audible_end(line, RATE, 0.0) == 0

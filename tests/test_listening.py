"""The instruments of the browser tests find what is there, and notice what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from tests.listening import find, first_place, resample, windows_in_order, windows_in_place

RATE_HZ = 48_000


def tone_of_noise(seconds: float, seed: int = 3) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(0, 0.1, int(seconds * RATE_HZ)), dtype=np.float32)


def test_a_piece_is_found_where_it_was_put() -> None:
    piece = tone_of_noise(1)
    recording = np.concatenate(
        [np.zeros(12_345, np.float32), piece * 0.5, np.zeros(999, np.float32)]
    )
    match = find(piece, recording)
    assert match.lag == 12_345
    assert match.correlation > 0.999


def test_a_few_lost_samples_in_the_middle_are_noticed() -> None:
    piece = tone_of_noise(3)
    whole = np.concatenate([piece, np.zeros(200, np.float32)])
    cut = np.concatenate([piece[:70_000], piece[70_100:], np.zeros(300, np.float32)])
    assert min(windows_in_place(piece, whole, 0, RATE_HZ)) > 0.999
    assert min(windows_in_place(piece, cut, 0, RATE_HZ)) < 0.5


def test_a_pause_is_told_from_a_loss_and_from_a_repetition() -> None:
    piece = tone_of_noise(4)
    pause = np.zeros(9_600, np.float32)
    paused = np.concatenate([piece[:70_000], pause, piece[70_000:]])
    windows_in_order(piece, paused, RATE_HZ).assert_whole(pauses=1)
    with pytest.raises(AssertionError, match="torn"):
        windows_in_order(piece, paused, RATE_HZ).assert_whole(pauses=0)
    lost = np.concatenate([piece[:48_000], piece[72_000:]])
    with pytest.raises(AssertionError, match="missing"):
        windows_in_order(piece, lost, RATE_HZ).assert_whole(pauses=1)


def test_what_is_said_twice_is_found_where_it_was_said() -> None:
    piece = tone_of_noise(3)
    pause = np.zeros(4_800, np.float32)
    louder = piece * np.float32(1.01)
    first_whole = np.concatenate([louder, pause, piece[:70_000], pause, piece[70_000:], pause])
    windows_in_order(piece, first_whole, RATE_HZ).assert_whole(pauses=0)
    behind = first_whole[len(piece) // 2 :]
    assert windows_in_order(piece, behind, RATE_HZ).lags[-1] == len(piece) // 2 + 19_200 - 9_600
    windows_in_order(piece, behind, RATE_HZ).assert_whole(pauses=1)
    with pytest.raises(AssertionError, match="torn"):
        windows_in_order(piece, behind, RATE_HZ).assert_whole(pauses=0)


def test_the_first_of_two_places_counts_though_the_second_is_as_good_or_better() -> None:
    piece = tone_of_noise(2)
    pause = np.zeros(4_800, np.float32)
    twice = np.concatenate([pause, piece, pause, piece * np.float32(1.01), pause])
    assert first_place(piece, twice, RATE_HZ) == 4_800
    paused = np.concatenate([pause, piece[:60_000], pause, piece[60_000:], piece, pause])
    assert first_place(piece, paused, RATE_HZ) == 4_800
    assert first_place(piece, paused[4_801:], RATE_HZ) == len(piece) + 4_800 - 1
    faint = np.concatenate([pause, piece + tone_of_noise(2, seed=4) * np.float32(3), pause])
    assert first_place(piece, faint, RATE_HZ) == 4_800, "torn everywhere: the best of the whole"


def test_resampling_keeps_a_tone() -> None:
    time_s = np.arange(24_000) / 24_000
    tone = np.sin(2 * np.pi * 440 * time_s).astype(np.float32)
    wanted = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    assert np.max(np.abs(resample(tone, 24_000, 48_000) - wanted)) < 1e-3

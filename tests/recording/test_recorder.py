"""What is on the tape is what was said and what was heard, where it sounded."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recording.test_wav import read
from voice_loop.recording import Recorder
from voice_loop.recording.recorder import MAX_HELD_BYTES

RATE = 24


def pcm(value: int, samples: int) -> bytes:
    return np.full(samples, value, dtype="<i2").tobytes()


def ramp(first: int, samples: int) -> bytes:
    return np.arange(first, first + samples).astype("<i2").tobytes()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with Recorder(tmp_path, max_bytes=10_000_000) as made:
        yield made


def finish(recorder: Recorder) -> npt.NDArray[np.int16]:
    recorder.close()
    return read(recorder.folder / "conversation.wav")


def lines(recorder: Recorder) -> list[dict[str, Any]]:
    recorder.flush()
    text = (recorder.folder / "timeline.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_the_user_is_left_where_the_samples_were_captured(recorder: Recorder) -> None:
    recorder.user_audio(0, pcm(7, 480))
    recorder.user_audio(960, pcm(9, 480))
    frames = finish(recorder)
    assert set(frames[:480, 0]) == {7}
    assert set(frames[480:960, 0]) == {0}, "muted: positions go on, nothing is recorded"
    assert set(frames[960:, 0]) == {9}
    assert not frames[:, 1].any()


def test_the_assistant_is_right_when_it_was_heard(recorder: Recorder) -> None:
    recorder.user_audio(0, pcm(1, 24_000 * 2))
    recorder.anchor(24_000, 51_000.0)
    recorder.assistant_audio(1, 0, 0, ramp(1, 4_800))
    recorder.heard(1, 0, 0, 2_400, 51_600.0)
    recorder.heard(1, 0, 2_400, 4_800, 51_700.0)
    frames = finish(recorder)
    start = 24_000 + 500 * RATE
    assert frames[start : start + 4_800, 1].tolist() == list(range(1, 4_801))
    assert np.count_nonzero(frames[:, 1]) == 4_800


def test_what_was_interrupted_is_not_on_the_tape(recorder: Recorder) -> None:
    recorder.anchor(0, 0.0)
    recorder.assistant_audio(1, 0, 0, pcm(5, 24_000))
    recorder.heard(1, 0, 0, 2_400, 200.0)
    recorder.dropped(1)
    recorder.heard(1, 0, 2_400, 4_800, 300.0)
    recorder.assistant_audio(2, 0, 0, pcm(6, 2_400))
    recorder.heard(2, 0, 0, 2_400, 1_000.0)
    frames = finish(recorder)
    assert np.count_nonzero(frames[:, 1] == 5) == 2_400
    assert np.count_nonzero(frames[:, 1] == 6) == 2_400
    assert len(frames) == 1_000 * RATE


def test_a_newer_turn_makes_the_older_one_silent(recorder: Recorder) -> None:
    recorder.anchor(0, 0.0)
    recorder.assistant_audio(1, 0, 0, pcm(5, 2_400))
    recorder.assistant_audio(2, 0, 0, pcm(6, 2_400))
    recorder.heard(2, 0, 0, 2_400, 500.0)
    recorder.heard(1, 0, 0, 2_400, 700.0)
    assert 5 not in finish(recorder)[:, 1]


def test_a_pause_is_a_hole_and_jitter_is_not(recorder: Recorder) -> None:
    recorder.anchor(0, 0.0)
    recorder.assistant_audio(1, 0, 0, ramp(1, 7_200))
    recorder.heard(1, 0, 0, 2_400, 100.0)
    recorder.heard(1, 0, 2_400, 4_800, 211.0)
    recorder.heard(1, 0, 4_800, 7_200, 900.0)
    frames = finish(recorder)[:, 1]
    assert frames[:4_800].tolist() == list(range(1, 4_801)), "11 ms of jitter leave no hole"
    assert not frames[4_800 : 800 * RATE].any()
    assert frames[800 * RATE :].tolist() == list(range(4_801, 7_201))


def test_drift_is_followed_and_does_not_add_up(recorder: Recorder) -> None:
    recorder.anchor(0, 0.0)
    recorder.assistant_audio(1, 0, 0, pcm(3, 240_000))
    for number in range(1, 101):
        recorder.heard(1, 0, 2_400 * (number - 1), 2_400 * number, number * 101.0)
    frames = finish(recorder)
    assert abs(len(frames) - 100 * 101 * RATE) < 41 * RATE


def test_audio_of_several_items_follows_each_other(recorder: Recorder) -> None:
    recorder.anchor(0, 0.0)
    recorder.assistant_audio(1, 0, 0, pcm(3, 2_400))
    recorder.assistant_audio(1, 1, 0, pcm(4, 1_200))
    recorder.assistant_audio(1, 1, 1_200, pcm(4, 1_200))
    recorder.heard(1, 0, 0, 2_400, 100.0)
    recorder.heard(1, 1, 0, 2_400, 200.0)
    assert finish(recorder)[:, 1].tolist() == [3] * 2_400 + [4] * 2_400


def test_what_was_heard_before_the_clock_was_known_is_placed_then(recorder: Recorder) -> None:
    recorder.assistant_audio(1, 0, 0, pcm(3, 2_400))
    recorder.heard(1, 0, 0, 2_400, 10_100.0)
    recorder.anchor(0, 10_000.0)
    assert finish(recorder)[:, 1].tolist() == [3] * 2_400


def test_reports_that_cannot_be_change_nothing(recorder: Recorder) -> None:
    recorder.anchor(0, 0.0)
    recorder.assistant_audio(1, 0, 0, pcm(3, 240))
    recorder.heard(1, 0, 240, 0, 10.0)
    recorder.heard(1, 7, 0, 240, 10.0)
    recorder.heard(1, 0, 240, 480, 20.0)
    assert not finish(recorder).any()


def test_a_report_beyond_what_came_is_clipped_and_stays_in_place(recorder: Recorder) -> None:
    recorder.anchor(0, 0.0)
    recorder.assistant_audio(1, 0, 0, pcm(3, 2_400))
    recorder.heard(1, 0, 0, 4_800, 1_000.0)
    frames = finish(recorder)[:, 1]
    assert np.count_nonzero(frames) == 2_400
    assert np.flatnonzero(frames)[0] == 800 * RATE


def test_a_missing_chunk_is_silence_and_a_repeated_one_is_nothing(recorder: Recorder) -> None:
    recorder.anchor(0, 0.0)
    recorder.assistant_audio(1, 0, 0, pcm(3, 480))
    recorder.assistant_audio(1, 0, 0, pcm(9, 480))
    recorder.assistant_audio(1, 0, 960, pcm(4, 480))
    recorder.heard(1, 0, 0, 1_440, 60.0)
    assert finish(recorder)[:, 1].tolist() == [3] * 480 + [0] * 480 + [4] * 480


def test_memory_is_bounded_whatever_comes(recorder: Recorder) -> None:
    tracemalloc.start()
    try:
        for turn in range(8):
            for _ in range(80):
                recorder.assistant_audio(turn, 0, 0, b"")
                recorder.assistant_audio(turn, turn, 24_000 * 60, bytes(96_000))
                recorder.assistant_audio(turn, 1, 0, bytes(960_000))
                recorder.assistant_audio(turn, 2, 4_000_000_000, bytes(960))
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_HELD_BYTES
    finally:
        tracemalloc.stop()


def test_a_full_disk_share_is_said_and_stops_growing(tmp_path: Path) -> None:
    with Recorder(tmp_path, max_bytes=10_000) as recorder:
        full = []
        for position, samples in ((0, 480), (480, 24_000)):
            recorder.user_audio(position, pcm(1, samples))
            full.append(recorder.full)
        assert full == [False, True]
        assert recorder.length_ms < 105
    assert (tmp_path / "conversation.wav").stat().st_size <= 10_000


def test_the_time_line_names_what_happened_and_where(recorder: Recorder) -> None:
    recorder.event("session", 900.0, provider="local")
    recorder.anchor(0, 1_000.0)
    recorder.event("barge_in", 1_250.5, turn=1, played_ms=300.0)
    recorder.event("transcript", 1_300.0, text="größer")
    assert lines(recorder) == [
        {"at_ms": None, "event": "session", "provider": "local"},
        {"at_ms": 250.5, "event": "barge_in", "turn": 1, "played_ms": 300.0},
        {"at_ms": 300.0, "event": "transcript", "text": "größer"},
    ]


def test_the_time_line_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice_loop.recording.recorder.TIMELINE_MAX_BYTES", 100)
    with Recorder(tmp_path) as recorder:
        for _ in range(10):
            recorder.event("tick", 0.0)
        assert recorder.full
        assert 0 < len(lines(recorder)) < 4
    assert (tmp_path / "timeline.jsonl").stat().st_size <= 100


def test_a_field_that_json_cannot_carry_is_the_callers_error(recorder: Recorder) -> None:
    with pytest.raises((TypeError, ValueError)):
        recorder.event("bad", 0.0, value=float("nan"))
    assert lines(recorder) == []


def test_closing_twice_is_fine(recorder: Recorder) -> None:
    recorder.close()
    recorder.close()


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(cuts=st.lists(st.integers(0, 4_800), max_size=8), chunk=st.integers(1, 1_500))
def test_however_it_is_cut_every_heard_sample_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], chunk: int
) -> None:
    whole = np.arange(1, 4_801).astype("<i2")
    with Recorder(tmp_path_factory.mktemp("cut"), max_bytes=1_000_000) as recorder:
        recorder.anchor(0, 0.0)
        for at in range(0, 4_800, chunk):
            recorder.assistant_audio(1, 0, at, whole[at : at + chunk].tobytes())
        heard = 0
        for cut in sorted(cuts):
            recorder.heard(1, 0, heard, cut, cut / RATE)
            heard = cut
    assert finish(recorder)[:, 1].tolist() == whole[:heard].tolist()

"""A real WAV, written out of order and read back by another reader."""

from __future__ import annotations

import stat
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voice_loop.recording.wav import FRAME_BYTES, HEADER_BYTES, Channel, StereoWav


def tone(samples: int, start: int = 1) -> bytes:
    return (np.arange(start, start + samples) % 30_000).astype("<i2").tobytes()


def read(path: Path) -> npt.NDArray[np.int16]:
    with wave.open(str(path)) as source:
        assert source.getnchannels() == 2
        assert source.getsampwidth() == 2
        assert source.getframerate() == 24_000
        data = source.readframes(source.getnframes())
    assert len(data) == source.getnframes() * FRAME_BYTES
    return np.frombuffer(data, dtype="<i2").reshape(-1, 2)


def test_both_channels_come_back_where_they_were_written(tmp_path: Path) -> None:
    wav = StereoWav(tmp_path / "a.wav", 100_000)
    assert wav.write("left", 0, tone(480))
    assert wav.write("right", 240, tone(480, 5_000))
    assert wav.write("left", 480, tone(480, 481))
    wav.close()
    frames = read(wav.path)
    assert frames[:, 0].tolist() == list(range(1, 961))
    assert frames[:240, 1].tolist() == [0] * 240
    assert frames[240:720, 1].tolist() == list(range(5_000, 5_480))
    assert not frames[720:, 1].any()


def test_what_was_never_written_is_silence(tmp_path: Path) -> None:
    wav = StereoWav(tmp_path / "a.wav", 100_000)
    wav.write("right", 1_000, tone(10))
    wav.close()
    frames = read(wav.path)
    assert len(frames) == 1_010
    assert not frames[:1_000].any()


def test_an_empty_recording_is_a_valid_file(tmp_path: Path) -> None:
    wav = StereoWav(tmp_path / "a.wav", 100_000)
    wav.close()
    wav.close()
    assert len(read(wav.path)) == 0


def test_a_flushed_file_can_be_read_while_it_grows(tmp_path: Path) -> None:
    wav = StereoWav(tmp_path / "a.wav", 100_000)
    wav.write("left", 0, tone(480))
    wav.flush()
    assert len(read(wav.path)) == 480
    wav.write("left", 480, tone(480))
    wav.close()
    assert len(read(wav.path)) == 960


@pytest.mark.parametrize("position", [0, 90, 100, 4_294_967_295])
def test_it_never_grows_beyond_its_bound(tmp_path: Path, position: int) -> None:
    bound = HEADER_BYTES + 100 * FRAME_BYTES
    wav = StereoWav(tmp_path / "a.wav", bound)
    assert not wav.write("left", position, tone(480))
    wav.close()
    assert wav.path.stat().st_size <= bound
    assert len(read(wav.path)) == (100 if position < 100 else 0)


def test_a_place_before_the_beginning_is_refused(tmp_path: Path) -> None:
    wav = StereoWav(tmp_path / "a.wav", 100_000)
    assert not wav.write("right", -1, tone(480))
    wav.close()
    assert len(read(wav.path)) == 0


def test_only_its_owner_may_read_it_and_no_file_is_overwritten(tmp_path: Path) -> None:
    wav = StereoWav(tmp_path / "a.wav", 100_000)
    wav.close()
    assert stat.S_IMODE(wav.path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        StereoWav(tmp_path / "a.wav", 100_000)


WRITES = st.lists(
    st.tuples(st.sampled_from(["left", "right"]), st.integers(0, 400), st.integers(0, 200)),
    max_size=12,
)


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(writes=WRITES)
def test_any_order_of_writes_gives_what_an_array_would(
    tmp_path: Path, writes: list[tuple[Channel, int, int]]
) -> None:
    path = tmp_path / "any.wav"
    path.unlink(missing_ok=True)
    wav = StereoWav(path, 100_000)
    expected = np.zeros((600, 2), dtype="<i2")
    length = 0
    for number, (channel, position, count) in enumerate(writes, 1):
        pcm = np.full(count, number, dtype="<i2")
        wav.write(channel, position, pcm.tobytes() + b"\x01" * (number % 2))
        expected[position : position + count, 0 if channel == "left" else 1] = pcm
        length = max(length, position + count) if count else length
    wav.close()
    assert np.array_equal(read(path), expected[:length])

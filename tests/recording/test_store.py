"""Recordings lie in the temporary folder, and go."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from voice_loop.latency.clock import ManualClock
from voice_loop.recording import Recordings
from voice_loop.recording.store import MAX_KEPT


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_nothing_is_made_before_the_first_recording(tmp_path: Path) -> None:
    Recordings(ManualClock(), parent=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_can_be_found_while_it_runs_and_goes_with_its_session(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    with store.record() as (name, recorder):
        recorder.user_audio(0, bytes(960))
        recorder.flush()
        path = store.find(name, "conversation.wav")
        assert path is not None
        assert path.stat().st_size == 44 + 480 * 4
    assert store.find(name, "conversation.wav") is None
    assert files_in(tmp_path) == []


def test_it_goes_when_the_session_fails_too(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    with pytest.raises(RuntimeError, match="broken"), store.record():
        raise RuntimeError("broken")
    assert files_in(tmp_path) == []


def test_a_kept_recording_stays_for_its_time(tmp_path: Path) -> None:
    clock = ManualClock()
    store = Recordings(clock, parent=tmp_path, keep_ms=1_000)
    with store.record(keep=True) as (name, _):
        pass
    clock.advance_ms(999)
    assert store.find(name, "timeline.jsonl") is not None
    clock.advance_ms(1)
    assert store.find(name, "timeline.jsonl") is None
    assert files_in(tmp_path) == []


def test_only_so_many_are_kept_and_the_oldest_goes_first(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    names = []
    for _ in range(MAX_KEPT + 2):
        with store.record(keep=True) as (name, _):
            names.append(name)
    found = [store.find(name, "conversation.wav") is not None for name in names]
    assert found == [False, False] + [True] * MAX_KEPT


@pytest.mark.parametrize(
    "name", ["", "..", "../..", "a/../../b", "/etc", "x" * 100, "0123456789abcdef0123"]
)
@pytest.mark.parametrize("file", ["conversation.wav", "../conversation.wav", "/etc/passwd", ""])
def test_nothing_else_can_be_fetched(tmp_path: Path, name: str, file: str) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    with store.record():
        assert store.find(name, file) is None
        store.delete(name)
        assert len(files_in(tmp_path)) == 2


def test_nothing_is_found_where_nothing_was_recorded(tmp_path: Path) -> None:
    assert Recordings(ManualClock(), parent=tmp_path).find("a" * 22, "conversation.wav") is None


def test_only_the_owner_may_look_in(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    with store.record() as (name, recorder):
        assert stat.S_IMODE(recorder.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(recorder.folder.parent.stat().st_mode) == 0o700
        assert len(name) >= 20


def test_closing_takes_everything_and_may_be_repeated(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    with store.record(keep=True):
        pass
    store.close()
    store.close()
    assert os.listdir(tmp_path) == []


def test_it_lies_in_the_systems_temporary_folder_unless_told_otherwise() -> None:
    store = Recordings(ManualClock())
    try:
        with store.record() as (_, recorder):
            assert Path(tempfile.gettempdir()) in recorder.folder.parents
    finally:
        store.close()

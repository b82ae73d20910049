"""Recordings lie in the temporary folder, and go."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from voice_loop.errors import VoiceLoopError
from voice_loop.latency.clock import ManualClock
from voice_loop.recording import Recordings
from voice_loop.recording.store import MAX_RECORDINGS, PREFIX, owner_of

ANNA = owner_of("anna's tab")
WAV = "conversation.wav"


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "claim"]


def recorded(store: Recordings, owner: str = ANNA, *, keep: bool = False) -> str:
    name, recorder = store.begin(owner)
    recorder.close()
    store.finish(name)
    if keep:
        assert store.keep(name)
    return name


def test_nothing_is_made_before_the_first_recording(tmp_path: Path) -> None:
    Recordings(ManualClock(), parent=tmp_path).sweep_orphans()
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_fetched_when_it_is_whole_and_goes_with_its_session(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    name, recorder = store.begin(ANNA)
    recorder.user_audio(0, bytes(960))
    found = store.find(name, WAV, ANNA)
    assert found is not None
    assert found[1] == "running"
    recorder.close()
    store.finish(name)
    found = store.find(name, WAV, ANNA)
    assert found is not None
    assert found[1] == "ready"
    assert found[0].stat().st_size == 44 + 480 * 4
    store.delete(name)
    store.delete(name)
    assert store.find(name, WAV, ANNA) is None
    assert files_in(tmp_path) == []


def test_nobody_else_finds_it(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    name = recorded(store)
    assert store.find(name, WAV, owner_of("ben's tab")) is None
    assert store.find(name, WAV, "") is None


def test_a_kept_recording_stays_for_its_time(tmp_path: Path) -> None:
    clock = ManualClock()
    store = Recordings(clock, parent=tmp_path, keep_ms=1_000)
    name = recorded(store, keep=True)
    clock.advance_ms(999)
    assert store.find(name, "timeline.jsonl", ANNA) is not None
    clock.advance_ms(1)
    assert store.find(name, "timeline.jsonl", ANNA) is None
    assert files_in(tmp_path) == []


def test_where_nothing_may_be_kept_nothing_is(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path, keep_ms=0)
    assert not store.keep(recorded(store))
    assert not store.keep("x" * 22)


def test_only_so_many_are_held_and_the_oldest_kept_one_makes_room(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    names = [recorded(store, keep=True) for _ in range(MAX_RECORDINGS + 2)]
    found = [store.find(name, WAV, ANNA) is not None for name in names]
    assert found == [False, False] + [True] * MAX_RECORDINGS


def test_recordings_that_run_are_not_thrown_away_for_a_new_one(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    running = [store.begin(ANNA) for _ in range(MAX_RECORDINGS)]
    with pytest.raises(VoiceLoopError) as refused:
        store.begin(ANNA)
    assert refused.value.code == "recordings_full"
    for _, recorder in running:
        recorder.close()
    store.close()


@pytest.mark.parametrize(
    "name", ["", "..", "../..", "a/../../b", "/etc", "x" * 100, "0123456789abcdef0123"]
)
@pytest.mark.parametrize("file", [WAV, "../conversation.wav", "/etc/passwd", "", "note.json"])
def test_nothing_else_can_be_fetched(tmp_path: Path, name: str, file: str) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    kept = recorded(store)
    assert store.find(name, file, ANNA) is None
    assert store.find(kept, "note.json", ANNA) is None
    store.delete(name)
    assert len(files_in(tmp_path)) == 3


def test_only_the_owner_may_look_in(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    name, recorder = store.begin(ANNA)
    assert len(name) >= 20
    for folder in (recorder.folder, recorder.folder.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in recorder.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    recorder.close()


def test_the_note_does_not_say_who(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    name = recorded(store)
    (note,) = tmp_path.rglob("note.json")
    assert "anna" not in note.read_text() + name
    note.write_text("[]")
    assert store.find(name, WAV, ANNA) is None, "a note that is no note belongs to nobody"


def test_closing_takes_everything_and_may_be_repeated(tmp_path: Path) -> None:
    store = Recordings(ManualClock(), parent=tmp_path)
    recorded(store, keep=True)
    store.close()
    store.close()
    assert os.listdir(tmp_path) == []


def test_another_worker_of_the_machine_finds_it_and_leaves_it_alone(tmp_path: Path) -> None:
    one, other = (Recordings(ManualClock(), parent=tmp_path) for _ in range(2))
    name = recorded(one)
    assert other.sweep_orphans() == 0
    found = other.find(name, WAV, ANNA)
    assert found is not None
    assert found[1] == "ready"
    other.delete(name)
    other.close()
    assert one.find(name, WAV, ANNA) is not None, "only its own worker throws it away"


CRASHING = """
import os, sys
from pathlib import Path
from voice_loop.latency.clock import ManualClock
from voice_loop.recording import Recordings
store = Recordings(ManualClock(), parent=Path(sys.argv[1]))
store.begin("somebody")
os.kill(os.getpid(), 9)
"""


def test_what_a_crashed_worker_left_goes_when_the_next_one_starts(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CRASHING, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -9
    assert len(files_in(tmp_path)) == 3
    living = Recordings(ManualClock(), parent=tmp_path)
    mine = recorded(living)
    assert Recordings(ManualClock(), parent=tmp_path).sweep_orphans() == 1
    assert living.find(mine, WAV, ANNA) is not None
    assert len(list(tmp_path.iterdir())) == 1


def test_a_link_that_somebody_laid_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("precious")
    folder = tmp_path / "temporary"
    folder.mkdir()
    (folder / f"{PREFIX}trap").symlink_to(elsewhere)
    assert Recordings(ManualClock(), parent=folder).sweep_orphans() == 0
    assert (elsewhere / "file").read_text() == "precious"


def test_it_lies_in_the_systems_temporary_folder_unless_told_otherwise() -> None:
    store = Recordings(ManualClock())
    try:
        _, recorder = store.begin(ANNA)
        assert Path(tempfile.gettempdir()) in recorder.folder.parents
        recorder.close()
    finally:
        store.close()

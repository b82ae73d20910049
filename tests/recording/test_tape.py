"""The way to the disk: never in the way, never boundless, and what is missing is said."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import numpy as np
import pytest

from tests.recording.test_wav import read
from voice_loop.recording import Recorder
from voice_loop.recording.tape import MAX_WAITING, Tape

pytestmark = pytest.mark.anyio

PCM = b"\x07\x00" * 480


def events(folder: Path) -> list[dict[str, object]]:
    text = (folder / "timeline.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


async def to_the_end(tape: Tape) -> str:
    with anyio.fail_after(30):
        return await tape.run()


async def test_what_was_put_is_written_in_order_and_stopping_writes_the_rest(
    tmp_path: Path,
) -> None:
    with Recorder(tmp_path) as recorder:
        tape = Tape(recorder)
        codes: list[str] = []

        async def run() -> None:
            codes.append(await tape.run())

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
                for number in range(100):
                    tape.user(480 * number, PCM)
                    await anyio.lowlevel.checkpoint()
                tape.anchor(0, 1_000.0)
                tape.assistant(1, 0, 0, PCM)
                tape.heard(1, 0, 0, 480, 1_120.0)
                tape.event("over", 1_250.0, turn=1)
                tape.stop()
                tape.user(48_000, PCM)
        assert codes == [""]
        assert tape.dropped == 0
    frames = read(tmp_path / "conversation.wav")
    assert len(frames) == 48_000, "nothing after the stop"
    assert set(frames[:, 0]) == {7}
    assert np.flatnonzero(frames[:, 1]).tolist() == list(range(2_400, 2_880))
    assert events(tmp_path) == [{"at_ms": 250.0, "event": "over", "turn": 1}]


async def test_what_finds_no_room_is_dropped_counted_and_said(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        tape = Tape(recorder, max_waiting_bytes=3 * len(PCM))
        for number in range(5):
            tape.user(480 * number, PCM)
        tape.event("still told", None)
        tape.stop()
        assert await to_the_end(tape) == ""
        assert tape.dropped == 2
    assert len(read(tmp_path / "conversation.wav")) == 3 * 480
    assert [(e["event"], e.get("count")) for e in events(tmp_path)] == [
        ("still told", None),
        ("recording_dropped", 2),
    ]


async def test_lines_are_bounded_too(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        tape = Tape(recorder)
        for _ in range(MAX_WAITING + 10):
            tape.event("tick", None)
        assert tape.dropped == 10
        tape.stop()
        await to_the_end(tape)


async def test_a_recording_that_is_full_ends_by_itself_and_says_why(tmp_path: Path) -> None:
    with Recorder(tmp_path, max_bytes=4_000) as recorder:
        tape = Tape(recorder)
        for number in range(10):
            tape.user(480 * number, PCM)
        assert await to_the_end(tape) == "recording_full"
        tape.user(0, PCM)
        assert tape._take() == []


async def test_a_disk_that_fails_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.close()
    tape = Tape(recorder)
    tape.user(0, PCM)
    assert await to_the_end(tape) == "recording_failed"

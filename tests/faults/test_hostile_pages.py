"""A slice of the fuzz run and of the leak run; the long ones are benchmarks."""

from __future__ import annotations

import gc

import pytest

from benchmarks import fuzz, leaks

pytestmark = pytest.mark.anyio


async def test_hostile_frames_raise_nothing_leave_nothing_and_disturb_nobody() -> None:
    # A recogniser that an earlier test left is freed through ctypes. Left to chance, that happens
    # at the bottom of a deeply nested frame, where Python has no room for it.
    gc.collect()
    outcome = await fuzz.run(2_000, seed=7)
    assert outcome.frames >= 2_000
    assert outcome.complaints == []
    assert outcome.leaks == []
    assert len(outcome.beside) >= 1
    assert {"bad_frame", "bad_start", "frame_too_big"} <= set(outcome.codes)


async def test_sessions_cut_at_random_leave_nothing_behind() -> None:
    outcome = await leaks.run(60, seed=7)
    assert outcome.ended.total() == 60
    assert outcome.leaks == []

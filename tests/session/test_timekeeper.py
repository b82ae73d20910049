"""The session's alarm clock: it looks when it must, and not at every chunk."""

from __future__ import annotations

import math

import anyio
import anyio.lowlevel
import pytest

from voice_loop.latency.clock import ManualClock, MonotonicClock
from voice_loop.session.timekeeper import Timekeeper

pytestmark = pytest.mark.anyio


class Sleeper:
    """Has one deadline, and counts how often somebody asks for it."""

    def __init__(self, deadline_ms: float) -> None:
        self.deadline_ms = deadline_ms
        self.asked = 0
        self.called: list[float] = []
        self.rang = anyio.Event()

    def ask(self) -> float:
        self.asked += 1
        return self.deadline_ms

    def ring(self, now_ms: float) -> None:
        self.called.append(now_ms)
        self.deadline_ms = math.inf
        self.rang.set()


async def settle() -> None:
    for _ in range(5):
        await anyio.lowlevel.checkpoint()


async def test_it_rings_when_the_deadline_has_come() -> None:
    clock = MonotonicClock()
    sleeper = Sleeper(clock.now_ms() + 20)
    due_ms = sleeper.deadline_ms
    keeper = Timekeeper(clock, sleeper.ask, sleeper.ring)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(keeper.run)
            await sleeper.rang.wait()
            group.cancel_scope.cancel()
    assert sleeper.called[0] >= due_ms


async def test_an_earlier_deadline_wakes_it() -> None:
    clock = MonotonicClock()
    sleeper = Sleeper(clock.now_ms() + 1e9)
    keeper = Timekeeper(clock, sleeper.ask, sleeper.ring)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(keeper.run)
            await settle()
            sleeper.deadline_ms = clock.now_ms() + 15
            keeper.deadline_may_have_moved()
            await sleeper.rang.wait()
            group.cancel_scope.cancel()


async def test_a_deadline_that_moves_away_wakes_nobody() -> None:
    clock = ManualClock()
    sleeper = Sleeper(clock.now_ms() + 60_000)
    keeper = Timekeeper(clock, sleeper.ask, sleeper.ring)
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        await settle()
        before = sleeper.asked
        for _ in range(10):
            sleeper.deadline_ms += 20
            keeper.deadline_may_have_moved()
            await settle()
        assert sleeper.asked == before + 10
        group.cancel_scope.cancel()


async def test_a_clock_that_was_moved_rings_at_the_next_look() -> None:
    clock = ManualClock()
    sleeper = Sleeper(clock.now_ms() + 60_000)
    keeper = Timekeeper(clock, sleeper.ask, sleeper.ring)
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        await settle()
        clock.advance_ms(60_000)
        keeper.look()
        await settle()
        assert sleeper.called == [61_000]
        group.cancel_scope.cancel()


async def test_a_deadline_that_never_moves_lets_others_run() -> None:
    clock = ManualClock()
    stuck = Sleeper(clock.now_ms())
    keeper = Timekeeper(clock, stuck.ask, lambda now_ms: keeper.deadline_may_have_moved())
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(keeper.run)
            await settle()
            group.cancel_scope.cancel()

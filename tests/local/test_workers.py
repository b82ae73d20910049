"""Few threads for many: what is needed first is done first, and no more run than may."""

from __future__ import annotations

import threading
from functools import partial

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local.realtime_client import eventually
from voice_loop.local.brain.base import Context, Say
from voice_loop.local.brain.scripted import ScriptedResponder
from voice_loop.local.events import Event
from voice_loop.local.response import Response, ResponseSettings, Stage
from voice_loop.local.voice import Speech, ToneVoice
from voice_loop.local.workers import Workers

pytestmark = pytest.mark.anyio


class Gate:
    """A job that blocks until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._go = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self._go.wait(30)
        return "done"

    def open(self) -> None:
        self._go.set()


async def test_what_is_due_first_is_done_first_and_equals_keep_their_order() -> None:
    workers, gate = Workers(1), Gate()
    order: list[str] = []

    async def job(name: str, due: float) -> None:
        await workers.run(lambda: order.append(name), due)

    def waits(count: int) -> bool:
        return workers.waiting == count

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(workers.run, gate, 0.0)
            await eventually(gate.begun.is_set)
            for number, (name, due) in enumerate(
                [("late", 9.0), ("soon", 1.0), ("soon too", 1.0), ("now", 0.0)], start=1
            ):
                tasks.start_soon(job, name, due)
                await eventually(partial(waits, number))
            gate.open()
    assert order == ["now", "soon", "soon too", "late"]


async def test_never_more_run_than_may() -> None:
    workers, lock = Workers(2), threading.Lock()
    running, most = 0, 0

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.002)
        with lock:
            running -= 1

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(workers.run, job, 0.0)
    assert 1 <= most <= 2


async def test_an_abandoned_job_keeps_its_worker_until_its_thread_ends() -> None:
    workers, gate = Workers(1), Gate()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            async with anyio.create_task_group() as impatient:
                impatient.start_soon(workers.run, gate, 0.0)
                await eventually(gate.begun.is_set)
                impatient.cancel_scope.cancel()
            found: list[str] = []

            async def next_job() -> None:
                found.append(await workers.run(lambda: "next", 0.0))

            tasks.start_soon(next_job)
            await eventually(lambda: workers.waiting == 1)
            assert found == []
            gate.open()
    assert found == ["next"]


async def test_who_waits_may_leave_and_the_others_are_served() -> None:
    workers, gate = Workers(1), Gate()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(workers.run, gate, 0.0)
            await eventually(gate.begun.is_set)
            async with anyio.create_task_group() as leaving:
                leaving.start_soon(workers.run, Gate(), 0.0)
                await eventually(lambda: workers.waiting == 1)
                leaving.cancel_scope.cancel()
            assert workers.waiting == 0
            gate.open()
        assert await workers.run(lambda: 7, 0.0) == 7


async def test_a_job_that_raises_frees_its_worker() -> None:
    workers = Workers(1)

    def broken() -> None:
        raise ValueError("a bug")

    with anyio.fail_after(30):
        for _ in range(3):
            with pytest.raises(ValueError, match="a bug"):
                await workers.run(broken, 0.0)
        assert await workers.run(lambda: "well", 0.0) == "well"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 9), st.booleans()), max_size=12), st.integers(1, 3))
def test_every_worker_comes_back_whoever_gives_up(
    jobs: list[tuple[float, bool]], count: int
) -> None:
    async def scenario() -> None:
        workers = Workers(count)
        async with anyio.create_task_group() as tasks:
            for due, gives_up in jobs:
                async with anyio.create_task_group() as one:
                    one.start_soon(workers.run, lambda: None, due)
                    if gives_up:
                        one.cancel_scope.cancel()
            for _ in range(count):
                tasks.start_soon(workers.run, lambda: None, 0.0)
        await eventually(lambda: workers._free == count)

    anyio.run(scenario)


async def test_a_sentence_is_due_when_the_listener_has_heard_the_ones_before() -> None:
    due: list[float] = []
    voice = ToneVoice(ms_per_word=1_000)

    async def speak(sentence: str, needed_at: float) -> Speech:
        due.append(needed_at)
        return voice.speak(sentence)

    async def emit(event: Event) -> None:
        await anyio.lowlevel.checkpoint()

    async def context() -> Context:
        return Context([])

    responder = ScriptedResponder([[Say("One two three. Four five. Six.")]])
    stage = Stage(emit, context, responder, speak, set_pace=lambda factor: None)
    settings = ResponseSettings("audio", "marin", {"type": "audio/pcm"}, "inf", None, None)
    before = anyio.current_time()
    await Response(stage, settings).run()
    assert before <= due[0] <= anyio.current_time()
    assert due[1] - due[0] >= 3.0
    assert due[2] - due[1] == pytest.approx(2.0, abs=0.001)

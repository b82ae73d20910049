"""SIGTERM and SIGINT on a real granian process: told, graceful, bounded."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import pytest

from tests.server.app_under_signal import make_server
from tests.server.hosts import ORIGIN, free_port, listening
from tests.server.voice_client import VoiceClient
from voice_loop.protocol import events as wire
from voice_loop.server.drain import drain_on_signals

pytestmark = pytest.mark.anyio

SECRET = "a secret for tests only"


@asynccontextmanager
async def granian_process(
    monkeypatch: pytest.MonkeyPatch, drain_ms: int = 5_000
) -> AsyncIterator[tuple[anyio.abc.Process, str]]:
    """granian as Reflex starts it in production: its own supervisor and one worker."""
    monkeypatch.setenv("TEST_TICKET_SECRET", SECRET)
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--workers", "1",
        "--host", "127.0.0.1", "--port", str(port), "--no-access-log",
        "tests.server.app_under_signal:make_app",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": ".:custom_components",
        "TEST_DRAIN_MS": str(drain_ms),
    }
    process = await anyio.open_process(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        await started(process)
        await listening(port)
        yield process, f"ws://127.0.0.1:{port}/voice"
    finally:
        if process.returncode is None:
            process.kill()
        with anyio.move_on_after(5, shield=True):
            await process.wait()
            await process.aclose()


async def started(process: anyio.abc.Process) -> None:
    """Wait until its worker says that it begins to serve."""
    assert process.stdout is not None
    said = ""
    with anyio.fail_after(60):
        while "Started worker-1" not in said:
            said += (await process.stdout.receive()).decode()


@asynccontextmanager
async def talking(url: str) -> AsyncIterator[VoiceClient]:
    ticket = make_server().issue_ticket("page", ORIGIN, "203.0.113.7")
    async with VoiceClient.open(url, ticket=ticket, origin=ORIGIN) as client:
        yield client


async def output_of(process: anyio.abc.Process) -> str:
    """What it still says, to its end."""
    assert process.stdout is not None
    return b"".join([chunk async for chunk in process.stdout]).decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_silent_session_is_told_and_the_server_ends(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    async with granian_process(monkeypatch) as (process, url), talking(url) as client:
        process.send_signal(number)
        assert (await client.expect(wire.ErrorEvent)).code == "server_restarting"
        assert await client.closed() == 1012
        with anyio.fail_after(30):
            await process.wait()
            assert "Traceback" not in await output_of(process)


async def test_an_answer_may_be_heard_to_its_end_before_the_server_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with granian_process(monkeypatch, 20_000) as (process, url), talking(url) as client:
        await client.send(wire.InputText("Hello"))
        await client.expect(wire.AudioEnd)
        process.send_signal(signal.SIGTERM)
        # The session goes on: it answers, and takes reports.
        await client.ping()
        await client.report(1, 0, "playing", 500)
        await client.report(1, 0, "finished", 1_000)
        assert (await client.expect(wire.ErrorEvent)).code == "server_restarting"
        assert await client.closed() == 1012
        with anyio.fail_after(30):
            await process.wait()


async def test_a_second_signal_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async with granian_process(monkeypatch, 60_000) as (process, url), talking(url) as client:
        await client.send(wire.InputText("Hello"))
        await client.expect(wire.AudioEnd)
        worker = await child_of(process.pid)
        os.kill(worker, signal.SIGTERM)
        await client.ping()
        os.kill(worker, signal.SIGTERM)
        await client.closed()


async def child_of(pid: int) -> int:
    """The worker process of a granian supervisor."""
    listing = await anyio.run_process(["pgrep", "-P", str(pid)])
    return int(listing.stdout.split()[0])


async def test_the_former_handler_is_called_when_the_grace_is_over_and_restored_at_the_end() -> (
    None
):
    loop = asyncio.get_running_loop()
    calls: list[str] = []
    done = anyio.Event()

    async def drain() -> None:
        calls.append("drain")

    def former() -> None:
        calls.append("former")
        done.set()

    loop.add_signal_handler(signal.SIGTERM, former)
    try:
        async with drain_on_signals(drain):
            os.kill(os.getpid(), signal.SIGTERM)
            with anyio.fail_after(30):
                await done.wait()
            assert calls == ["drain", "former"]
        done = anyio.Event()
        os.kill(os.getpid(), signal.SIGTERM)
        with anyio.fail_after(30):
            await done.wait()
        assert calls == ["drain", "former", "former"]
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def test_a_python_handler_is_kept_too() -> None:
    calls: list[int] = []
    done = anyio.Event()
    loop = asyncio.get_running_loop()

    async def drain() -> None:
        calls.append(0)

    def former(number: int, frame: object) -> None:
        calls.append(number)
        loop.call_soon(done.set)

    before = signal.signal(signal.SIGTERM, former)
    try:
        async with drain_on_signals(drain):
            os.kill(os.getpid(), signal.SIGTERM)
            with anyio.fail_after(30):
                await done.wait()
        assert calls == [0, signal.SIGTERM]
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)


async def test_where_nothing_would_handle_the_signal_it_is_left_alone() -> None:
    async def drain() -> None:
        raise AssertionError("nobody signals")

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        async with drain_on_signals(drain):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_signals_are_left_alone() -> None:
    import threading

    outcome: list[str] = []

    async def main() -> None:
        async def drain() -> None:
            raise AssertionError("nobody signals")

        async with drain_on_signals(drain):
            outcome.append("ran")

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join(5)
    assert outcome == ["ran"]

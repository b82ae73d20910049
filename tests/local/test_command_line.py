"""The server alone refuses what it was told to refuse and ends sessions when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from websockets.asyncio.client import connect

from tests.local.realtime_client import RealtimeClient
from voice_loop.config import Settings
from voice_loop.local.__main__ import parse_arguments, run

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def command(
    capsys: pytest.CaptureFixture[str], *arguments: str
) -> AsyncIterator[RealtimeClient]:
    """A client of `python -m voice_loop.local`, started with these arguments."""
    out = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            run, parse_arguments(["--port", "0", "--scripted", *arguments]), Settings()
        )
        with anyio.fail_after(30):
            while "Ready." not in out:
                await anyio.lowlevel.checkpoint()
                out += capsys.readouterr().out
        address = next(word for word in out.split() if word.startswith("ws://"))
        async with connect(f"{address}?model=gpt-realtime") as socket:
            yield RealtimeClient(socket)
        tasks.cancel_scope.cancel()


async def closed(client: RealtimeClient) -> int | None:
    with anyio.fail_after(30):
        await client.socket.wait_closed()
    return client.socket.close_code


async def test_only_the_models_that_were_named_are_served(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with command(capsys, "--model", "local") as client:
        assert (await client.next())["error"]["code"] == "invalid_model"
        assert await closed(client) == 4000


async def test_a_session_ends_after_the_time_that_was_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with command(capsys, "--session-s", "0.2") as client:
        assert (await client.next())["type"] == "session.created"
        assert (await client.next())["error"]["code"] == "session_expired"
        assert await closed(client) == 1001

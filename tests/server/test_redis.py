"""Spent tickets in Redis: the real client, and a server that answers the commands it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import pytest
import redis.asyncio as redis
from anyio.streams.buffered import BufferedByteReceiveStream

from voice_loop.server.spent import RedisSpent

pytestmark = pytest.mark.anyio


class TinyRedis:
    """Speaks RESP2: SET with NX and EX; anything else is answered with OK."""

    def __init__(self) -> None:
        self.keys: dict[bytes, bytes] = {}
        self.expiries: dict[bytes, int] = {}

    async def serve(self, stream: anyio.abc.SocketStream) -> None:
        async with stream:
            reader = BufferedByteReceiveStream(stream)
            try:
                while True:
                    await stream.send(self.answer(await self._command(reader)))
            except (anyio.IncompleteRead, anyio.BrokenResourceError, anyio.EndOfStream):
                return

    @staticmethod
    async def _command(reader: BufferedByteReceiveStream) -> list[bytes]:
        count = int((await reader.receive_until(b"\r\n", 64))[1:])
        parts = []
        for _ in range(count):
            size = int((await reader.receive_until(b"\r\n", 64))[1:])
            parts.append((await reader.receive_exactly(size + 2))[:-2])
        return parts

    def answer(self, command: list[bytes]) -> bytes:
        if command[0].upper() == b"HELLO":
            return b"-ERR unknown command\r\n"
        if command[0].upper() != b"SET":
            return b"+OK\r\n"
        _, key, value, *options = command
        flags = [option.upper() for option in options]
        if b"NX" in flags and key in self.keys:
            return b"$-1\r\n"
        self.keys[key] = value
        self.expiries[key] = int(options[flags.index(b"EX") + 1])
        return b"+OK\r\n"


@asynccontextmanager
async def tiny_redis() -> AsyncIterator[tuple[TinyRedis, int]]:
    server = TinyRedis()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server.serve)
        yield server, port
        tasks.cancel_scope.cancel()


async def test_workers_that_share_a_redis_share_what_is_spent() -> None:
    async with tiny_redis() as (server, port):
        workers = [redis.Redis(port=port, protocol=2) for _ in range(2)]
        try:
            stores = [RedisSpent(worker) for worker in workers]
            with anyio.fail_after(30):
                answers = [await store.spend("ticket-1", 60) for store in stores]
                answers.append(await stores[1].spend("ticket-2", 60))
        finally:
            for worker in workers:
                await worker.aclose()
    assert answers == [True, False, True]
    assert server.expiries == {
        b"voice-loop:spent:ticket-1": 60,
        b"voice-loop:spent:ticket-2": 60,
    }
    assert RedisSpent.shared

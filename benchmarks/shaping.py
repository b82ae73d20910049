"""A network between two ends of this machine: a TCP relay that delays what passes, and jitters it.

Order is kept, as TCP keeps it: a late piece holds back those behind it. Nothing is lost.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import anyio
import anyio.from_thread
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.memory import MemoryObjectReceiveStream

CHUNK_BYTES = 65_536
MOST_UNDER_WAY = 4_096


@dataclass(frozen=True)
class Profile:
    """One way; a round trip takes it twice."""

    name: str
    delay_ms: float
    jitter_ms: float
    """Uniform, added to the delay."""


PROFILES = {
    "none": Profile("none", 0, 0),
    "fibre": Profile("fibre", 8, 2),
    "wifi": Profile("wifi", 20, 15),
    "mobile": Profile("mobile", 50, 30),
    "far": Profile("far", 90, 10),
}


class Relay:
    """Forwards connections to `port`."""

    def __init__(self, port: int, profile: Profile, seed: int) -> None:
        self._port = port
        self._profile = profile
        self._random = random.Random(seed)

    async def handle(self, client: SocketStream) -> None:
        """One connection, both ways, until either side ends it."""
        async with client:
            try:
                server = await anyio.connect_tcp("127.0.0.1", self._port)
            except OSError:
                return
            async with server, anyio.create_task_group() as group:
                group.start_soon(self._carry, client, server, group.cancel_scope)
                group.start_soon(self._carry, server, client, group.cancel_scope)

    async def _carry(
        self, source: SocketStream, target: SocketStream, over: anyio.CancelScope
    ) -> None:
        put, take = anyio.create_memory_object_stream[tuple[float, bytes]](MOST_UNDER_WAY)
        async with anyio.create_task_group() as group:
            group.start_soon(_deliver, take, target)
            async with put:
                with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                    while True:
                        data = await source.receive(CHUNK_BYTES)
                        late_ms = self._random.uniform(0, self._profile.jitter_ms)
                        late_ms += self._profile.delay_ms
                        await put.send((anyio.current_time() + late_ms / 1000, data))
        over.cancel()


async def _deliver(
    under_way: MemoryObjectReceiveStream[tuple[float, bytes]], target: SocketStream
) -> None:
    async with under_way:
        async for at, data in under_way:
            await anyio.sleep_until(at)
            try:
                await target.send(data)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return


@asynccontextmanager
async def relay(port: int, profile: Profile, seed: int = 1) -> AsyncIterator[int]:
    """A port that leads to `port` through the network of `profile`."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, Relay(port, profile, seed).handle)
        yield int(listener.extra(SocketAttribute.local_port))
        group.cancel_scope.cancel()


@contextmanager
def relay_in_thread(port: int, profile: Profile, seed: int = 1) -> Iterator[int]:
    """`relay` for a program without an event loop."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(relay(port, profile, seed)) as shaped,
    ):
        yield shaped

"""A network between two ends of this machine: a TCP relay that delays what passes, jitters and
stalls it.

Order is kept, as TCP keeps it: a late piece holds back those behind it. Nothing is lost.
"""

from __future__ import annotations

import contextlib
import math
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
    """Uniform, up to so much more or less than the delay."""
    stall_every_s: float = 0.0
    """On average, a moment at which nothing passes; 0 is never."""
    stall_ms: float = 0.0


PROFILES = {
    "none": Profile("none", 0, 0),
    "20": Profile("20", 20, 0),
    "80±20": Profile("80±20", 80, 20),
    "150±50": Profile("150±50", 150, 50, stall_every_s=5, stall_ms=400),
}


class Moments:
    """When a piece that comes now is delivered, in seconds of the loop's clock."""

    def __init__(self, profile: Profile, dice: random.Random, now: float) -> None:
        self._profile = profile
        self._dice = dice
        self._stall = now + self._until_next_stall()
        """When the next or present stall begins."""

    def _until_next_stall(self) -> float:
        mean_s = self._profile.stall_every_s
        return self._dice.expovariate(1 / mean_s) if mean_s else math.inf

    def delivery(self, now: float) -> float:
        """`now` plus what the network makes of it."""
        jitter_ms = self._profile.jitter_ms
        late_ms = self._profile.delay_ms + self._dice.uniform(-jitter_ms, jitter_ms)
        stall_s = self._profile.stall_ms / 1000
        while now >= self._stall + stall_s:
            self._stall += stall_s + self._until_next_stall()
        held_until = self._stall + stall_s if now >= self._stall else now
        return held_until + late_ms / 1000


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
                moments = Moments(self._profile, self._random, anyio.current_time())
                with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                    while True:
                        data = await source.receive(CHUNK_BYTES)
                        await put.send((moments.delivery(anyio.current_time()), data))
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

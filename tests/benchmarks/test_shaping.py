"""The relay delays, keeps order and loses nothing."""

from __future__ import annotations

import random

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from benchmarks.shaping import Moments, Profile, relay

pytestmark = pytest.mark.anyio


async def echo(client: SocketStream) -> None:
    async with client:
        async for data in client:
            await client.send(data)


async def exchange(profile: Profile, payload: bytes) -> tuple[bytes, float]:
    """What came back, and after how many ms."""
    got = b""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(listener.serve, echo)
                port = listener.extra(SocketAttribute.local_port)
                async with (
                    relay(port, profile) as shaped,
                    await anyio.connect_tcp("127.0.0.1", shaped) as client,
                ):
                    began = anyio.current_time()
                    group.start_soon(client.send, payload)
                    while len(got) < len(payload):
                        got += await client.receive()
                    took_ms = (anyio.current_time() - began) * 1000
                group.cancel_scope.cancel()
    return got, took_ms


async def test_everything_arrives_in_order_through_jitter() -> None:
    payload = bytes(range(256)) * 2_000
    got, _ = await exchange(Profile("jittery", 0, 5), payload)
    assert got == payload


async def test_a_round_trip_takes_the_delay_twice() -> None:
    _, took_ms = await exchange(Profile("slow", 40, 0), b"hello")
    assert took_ms >= 79


async def test_a_connection_to_nobody_is_closed() -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as gone:
        port = gone.extra(SocketAttribute.local_port)
    with anyio.fail_after(30):
        async with (
            relay(port, Profile("none", 0, 0)) as shaped,
            await anyio.connect_tcp("127.0.0.1", shaped) as client,
        ):
            with pytest.raises(anyio.EndOfStream):
                await client.receive()


async def test_jitter_lies_around_the_delay() -> None:
    moments = Moments(Profile("jittery", 80, 20), random.Random(1), now=0)
    late = [moments.delivery(5.0) - 5.0 for _ in range(500)]
    assert 0.060 <= min(late) < 0.065
    assert 0.095 < max(late) <= 0.100


async def test_what_comes_in_a_stall_is_held_to_its_end() -> None:
    profile = Profile("stalling", 10, 0, stall_every_s=5, stall_ms=400)
    moments = Moments(profile, random.Random(3), now=0)
    late = [moments.delivery(ms / 1000) - ms / 1000 for ms in range(0, 600_000, 10)]
    held = [one for one in late if one > 0.0101]
    assert max(held) == pytest.approx(0.410, abs=0.011)
    # 400 of 5,400 ms on average, for half of it on the mean.
    assert 0.04 < len(held) / len(late) < 0.12
    assert sum(held) / len(held) == pytest.approx(0.210, abs=0.02)

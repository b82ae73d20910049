"""What several workers must know of each other: spent tickets and the day's talking time.

A real Redis, the client that Reflex uses, and two servers as two workers have them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest
import redis.asyncio as redis

from tests.redis_support import running_redis
from tests.server.hosts import ORIGIN, Host, serve
from tests.server.voice_client import VoiceClient
from voice_loop.config import Limits, Settings
from voice_loop.errors import AdmissionError
from voice_loop.latency.clock import ManualClock
from voice_loop.protocol import events as wire
from voice_loop.providers.scripted import ScriptedProviders
from voice_loop.server.mount import VoiceServer
from voice_loop.server.shared_usage import DAY_S, RedisUsage
from voice_loop.server.spent import RedisSpent

pytestmark = pytest.mark.anyio
SECRET = "a secret of both workers"
ADDRESS = "203.0.113.7"
"""What `Host.ticket` writes into a ticket."""


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with running_redis() as url:
        yield url


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[redis.Redis]:
    async with redis.Redis.from_url(redis_url) as client:
        await client.flushdb()
        yield client


@asynccontextmanager
async def worker(store: redis.Redis, clock: ManualClock, minutes: float = 0) -> AsyncIterator[Host]:
    """One of several servers that share `store`."""
    server = VoiceServer(
        Settings(ticket_secret=SECRET, limits=Limits(max_minutes_per_day=minutes)),
        provider_factory=ScriptedProviders(),
        clock=clock,
        spent=RedisSpent(store),
        usage=RedisUsage(store, SECRET.encode(), every_s=0.05) if minutes else None,
    )
    async with serve(server) as host:
        yield host


async def test_a_ticket_is_spent_for_all_workers_at_once(store: redis.Redis) -> None:
    with anyio.fail_after(60):
        async with AsyncExitStack() as stack:
            one, other = [
                await stack.enter_async_context(worker(store, ManualClock())) for _ in range(2)
            ]
            ticket = one.ticket()
            async with VoiceClient.open(other.url, ticket=ticket, origin=ORIGIN) as client:
                assert client.ready is not None
                for host in (one, other):
                    assert await refusal(host, ticket) == "ticket_spent"
    (key,) = await store.keys("voice-loop:*")
    assert key.startswith(b"voice-loop:spent:")
    assert 0 < await store.ttl(key) <= 60


async def refusal(host: Host, ticket: str) -> str:
    """The code with which a ticket is refused there."""
    async with VoiceClient.open(host.url, ticket=ticket, origin=ORIGIN, wait_ready=False) as client:
        return (await client.expect(wire.ErrorEvent)).code


async def test_a_session_of_another_worker_is_not_here(store: redis.Redis) -> None:
    with anyio.fail_after(60):
        async with AsyncExitStack() as stack:
            one, other = [
                await stack.enter_async_context(worker(store, ManualClock())) for _ in range(2)
            ]
            async with VoiceClient.open(one.url, ticket=one.ticket(), origin=ORIGIN) as client:
                ready = client.ready
                assert ready is not None
                async with VoiceClient.open(other.url, origin=ORIGIN) as lost:
                    resume = wire.Resume(ready.session_id, ready.resume_key, 0)
                    await lost.send(wire.SessionStart(0.0, None, resume=resume))
                    assert (await lost.expect(wire.ErrorEvent)).code == "not_here"


async def test_what_another_worker_signed_is_carried_out_here(store: redis.Redis) -> None:
    with anyio.fail_after(60):
        async with AsyncExitStack() as stack:
            one, other = [
                await stack.enter_async_context(worker(store, ManualClock())) for _ in range(2)
            ]
            async with VoiceClient.open(one.url, ticket=one.ticket(), origin=ORIGIN) as client:
                assert client.ready is not None
                command = other.server.sign_command(client.ready.session_id, "end", {})
                await client.send(wire.AppCommand(command))
                await client.closed()
                assert client.close_code == 1000


async def test_the_day_of_an_address_is_used_up_on_all_workers(store: redis.Redis) -> None:
    clock = ManualClock()
    with anyio.fail_after(60):
        async with AsyncExitStack() as stack:
            one, other = [
                await stack.enter_async_context(worker(store, clock, minutes=1)) for _ in range(2)
            ]
            async with VoiceClient.open(one.url, ticket=one.ticket(), origin=ORIGIN) as client:
                clock.advance_ms(40_000)
                await told(store, 40_000)
                await client.send(wire.SessionEnd())
            async with VoiceClient.open(
                other.url, ticket=other.ticket("tab-2"), origin=ORIGIN
            ) as client:
                assert client.ready is not None
                assert client.ready.max_session_ms == pytest.approx(20_000, abs=1_000)
                clock.advance_ms(19_000)
                await told(store, 59_000)
                await client.send(wire.SessionEnd())
            # A third worker had the last second.
            await store.incrby((await store.keys("voice-loop:usage:*"))[0], 1_000)
            for host in (one, other):
                assert await refusal(host, host.ticket("tab-3")) == "daily_limit"


async def test_a_session_ends_when_other_workers_have_used_up_its_day(store: redis.Redis) -> None:
    clock = ManualClock()
    with anyio.fail_after(60):
        async with (
            worker(store, clock, minutes=1) as host,
            VoiceClient.open(host.url, ticket=host.ticket(), origin=ORIGIN) as client,
        ):
            clock.advance_ms(10_000)
            await told(store, 10_000)
            await store.incrby((await store.keys("voice-loop:usage:*"))[0], 45_000)
            [session] = host.server.manager.sessions
            while session.end_code is None:
                # The worker asks every 50 ms; 5 s are left then.
                await anyio.sleep(0.01)
                clock.advance_ms(100)
                session.look_at_clock()
            assert session.end_code == "daily_limit"
            assert session.age_ms < 40_000
            await client.closed()


async def told(store: redis.Redis, least_ms: int) -> None:
    """Until so much talking time stands in Redis."""
    with anyio.fail_after(30):
        while True:
            keys = await store.keys("voice-loop:usage:*")
            if keys and int(await store.get(keys[0]) or 0) >= least_ms:
                return
            await anyio.sleep(0.01)


async def test_an_address_stands_there_only_as_a_hash_and_for_a_day(store: redis.Redis) -> None:
    now_s = 10.0 * DAY_S
    usage = RedisUsage(store, SECRET.encode(), wall_time=lambda: now_s)
    elsewhere = RedisUsage(store, SECRET.encode(), wall_time=lambda: now_s)
    await elsewhere._add(ADDRESS, 500)
    assert await usage.elsewhere_ms(ADDRESS) == 500
    assert await elsewhere.elsewhere_ms(ADDRESS) == 0
    assert await usage.elsewhere_ms("203.0.113.8") == 0
    (key,) = await store.keys("voice-loop:usage:*")
    assert ADDRESS.encode() not in key
    assert DAY_S < await store.ttl(key) <= 2 * DAY_S
    now_s += DAY_S
    assert await usage.elsewhere_ms(ADDRESS) == 0


async def test_a_redis_that_is_away_lets_nobody_in() -> None:
    away = redis.Redis(port=9)
    try:
        with anyio.fail_after(30):
            for ask in (
                RedisSpent(away).spend("ticket", 60),
                RedisUsage(away, b"secret").elsewhere_ms(ADDRESS),
            ):
                with pytest.raises(AdmissionError) as caught:
                    await ask
                assert (caught.value.code, caught.value.recoverable) == ("internal", True)
    finally:
        await away.aclose()

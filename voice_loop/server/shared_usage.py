"""Talking time of an address over all workers, in the Redis they share: for the daily cap alone.

Each worker adds what its own sessions used, every few seconds, so that a worker that is killed has
told nearly all of it; and before it admits somebody it asks what the others told. A day is a
calendar day in UTC. Addresses stand there as keyed hashes, never as they are.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import anyio

from voice_loop.errors import AdmissionError
from voice_loop.server.signing import WallTime
from voice_loop.session.session import Session

DAY_S: Final = 86_400
EVERY_S: Final = 10.0
MAX_KEYS: Final = 10_000

Learn = Callable[[str, float], None]
"""(address, milliseconds it used on other workers)."""

logger = logging.getLogger(__name__)


class SharedUsage(Protocol):
    """Knows what an address used on other workers."""

    async def elsewhere_ms(self, address: str) -> float:
        """Raises AdmissionError when it cannot be told."""
        ...

    async def watch(self, session: Session, learn: Learn) -> None:
        """Tell what this session uses, while it lives, and learn what the others told."""
        ...


class RedisUsage:
    """`INCRBY` on one key for each address and day, on the host app's `redis.asyncio.Redis`."""

    def __init__(
        self,
        redis: Any,
        secret: bytes,
        *,
        prefix: str = "voice-loop:usage:",
        wall_time: WallTime = time.time,
        every_s: float = EVERY_S,
    ) -> None:
        self._redis = redis
        self._secret = secret
        self._prefix = prefix
        self._wall_time = wall_time
        self._every_s = every_s
        self._told_here: dict[str, int] = {}

    async def elsewhere_ms(self, address: str) -> float:
        try:
            return await self._others_ms(address)
        except Exception as error:
            # Foreign boundary: any Redis client may stand here. Not knowing means no.
            raise AdmissionError("internal", recoverable=True) from error

    async def _others_ms(self, address: str) -> float:
        key = self._key(address)
        total = int(await self._redis.get(key) or 0)
        return max(0, total - self._told_here.get(key, 0))

    async def watch(self, session: Session, learn: Learn) -> None:
        told_ms = 0

        async def tell() -> None:
            nonlocal told_ms
            more_ms = int(session.age_ms) - told_ms
            try:
                await self._add(session.address, more_ms)
                told_ms += more_ms
                learn(session.address, await self._others_ms(session.address))
            except Exception as error:
                # Foreign boundary, as above. What could not be told is told with the next.
                logger.warning("talking time was not told: %s", type(error).__name__)

        async def tell_now_and_then() -> None:
            while True:
                await anyio.sleep(self._every_s)
                await tell()

        with session.bus.subscribe(capacity=1) as facts:
            async with anyio.create_task_group() as group:
                group.start_soon(tell_now_and_then)
                async for _ in facts:
                    pass
                group.cancel_scope.cancel()
        await tell()

    async def _add(self, address: str, ms: int) -> None:
        key = self._key(address)
        await self._redis.incrby(key, ms)
        await self._redis.expire(key, 2 * DAY_S)
        self._told_here[key] = self._told_here.pop(key, 0) + ms
        while len(self._told_here) > MAX_KEYS:
            del self._told_here[next(iter(self._told_here))]

    def _key(self, address: str) -> str:
        day = int(self._wall_time() // DAY_S)
        hashed = hmac.digest(self._secret, f"address {address}".encode(), hashlib.sha256)
        return f"{self._prefix}{day}:{hashed.hex()[:32]}"

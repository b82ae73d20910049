"""Which tickets were used: in this process, or in the Redis that all workers share.

`spend` answers True once per id. Nothing needs to be remembered longer than a ticket lives.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from voice_loop.errors import AdmissionError
from voice_loop.latency.clock import Clock

MAX_IDS: Final = 100_000


class SpentStore(Protocol):
    """Remembers ticket ids."""

    @property
    def shared(self) -> bool:
        """Other workers see the same ids: then they must share the secret too."""
        ...

    async def spend(self, ticket_id: str, lifetime_s: float) -> bool:
        """True the first time. Raises AdmissionError when it cannot be told."""
        ...


class MemorySpent:
    """For one worker. Bounded; ids that are over go first."""

    shared = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_ms: dict[str, float] = {}

    async def spend(self, ticket_id: str, lifetime_s: float) -> bool:
        now_ms = self._clock.now_ms()
        while self._until_ms:
            oldest = next(iter(self._until_ms))
            if self._until_ms[oldest] > now_ms and len(self._until_ms) < MAX_IDS:
                break
            del self._until_ms[oldest]
        if ticket_id in self._until_ms:
            return False
        self._until_ms[ticket_id] = now_ms + lifetime_s * 1000
        return True


class RedisSpent:
    """For several workers: `SET key 1 NX EX seconds` on the host app's `redis.asyncio.Redis`."""

    shared = True

    def __init__(self, redis: Any, prefix: str = "voice-loop:spent:") -> None:
        self._redis = redis
        self._prefix = prefix

    async def spend(self, ticket_id: str, lifetime_s: float) -> bool:
        try:
            first = await self._redis.set(
                self._prefix + ticket_id, b"1", nx=True, ex=max(1, round(lifetime_s))
            )
        except Exception as error:
            # Foreign boundary: any Redis client may stand here. Not knowing means no.
            raise AdmissionError("internal", recoverable=True) from error
        return bool(first)

"""Connecting again: exponential backoff with jitter, bounded in tries and time.

Only where trying again can help (ProviderUnavailable, ProviderTimeout): a refused key is refused
again. A provider's Retry-After is honoured when it fits into the bound. Sleep and chance are
injected. Used while connecting only: what happens to a live conversation is the session's matter.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from voice_loop.errors import ProviderError, ProviderTimeout, ProviderUnavailable
from voice_loop.providers.base import Connected, Provider, ProviderFactory, SessionSettings


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to wait in between."""

    attempts: int = 4
    first_delay_ms: float = 250
    max_delay_ms: float = 4_000
    """Also the longest Retry-After that is waited for; a longer one is passed on as the error."""
    jitter: float = 0.5
    """Share of the delay that is left to chance, so that sessions do not return in step."""

    def delay_ms(self, attempt: int, chance: float) -> float:
        """Before the try after `attempt` (from 1); `chance` in [0, 1)."""
        full = min(self.first_delay_ms * 2.0 ** min(attempt - 1, 32), self.max_delay_ms)
        return full * (1 - self.jitter * chance)


async def _sleep_ms(delay_ms: float) -> None:
    await anyio.sleep(delay_ms / 1000)


async def connect_with_retry(
    make: ProviderFactory,
    settings: SessionSettings,
    *,
    policy: RetryPolicy | None = None,
    on_retry: Callable[[ProviderError, float], None] | None = None,
    sleep_ms: Callable[[float], Awaitable[None]] = _sleep_ms,
    chance: Callable[[], float] = random.random,
) -> tuple[Provider, Connected]:
    """A connected provider, a fresh one for each try. Raises the last ProviderError.

    `on_retry` is told the error and the milliseconds before the next try.
    """
    policy = policy or RetryPolicy()
    attempt = 1
    while True:
        provider = make()
        try:
            return provider, await provider.connect(settings)
        except (ProviderUnavailable, ProviderTimeout) as error:
            delay_ms = max(policy.delay_ms(attempt, chance()), error.retry_after_ms or 0)
            if attempt >= policy.attempts or delay_ms > policy.max_delay_ms:
                raise
            if on_retry is not None:
                on_retry(error, delay_ms)
        attempt += 1
        await sleep_ms(delay_ms)

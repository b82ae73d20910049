"""When to try again: exponential backoff with jitter, bounded in tries and time.

Only where trying again can help (ProviderUnavailable, ProviderTimeout): a refused key is refused
again. The provider's own Retry-After is honoured as long as a person would wait for it. Pure: who
waits, and what is told meanwhile, is the caller's matter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to wait in between."""

    retries: int = 5
    first_retries: int = 2
    """Before the first connection, when somebody waits for the button to answer."""
    first_delay_ms: float = 250
    max_delay_ms: float = 4_000
    jitter: float = 0.5
    """Share of the delay that is left to chance, so that sessions do not return in step."""
    max_retry_after_ms: float = 60_000
    """The longest Retry-After that is waited for; a longer one ends the session, and is told."""

    def delay_ms(self, attempt: int, chance: float) -> float:
        """Before the try after `attempt` (from 1); `chance` in [0, 1)."""
        full = min(self.first_delay_ms * 2.0 ** min(attempt - 1, 32), self.max_delay_ms)
        return full * (1 - self.jitter * chance)

    def next_delay_ms(
        self, attempt: int, chance: float, *, ever_up: bool, retry_after_ms: float | None
    ) -> float | None:
        """The wait before the next try; None when there is none."""
        allowed = self.retries if ever_up else min(self.retries, self.first_retries)
        asked_ms = retry_after_ms or 0.0
        if attempt > allowed or asked_ms > self.max_retry_after_ms:
            return None
        return max(self.delay_ms(attempt, chance), asked_ms)

"""Trying again: where it helps, as often as it may, and never in step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.errors import (
    ProviderError,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_loop.providers.base import SessionSettings
from voice_loop.providers.retry import RetryPolicy, connect_with_retry
from voice_loop.providers.scripted import Connect, ScriptedProvider, ScriptedProviders

pytestmark = pytest.mark.anyio

SETTINGS = SessionSettings(instructions="", voice="marin")
LOST = ProviderUnavailable("provider_unreachable")


def failing(*errors: ProviderError) -> ScriptedProviders:
    providers = [ScriptedProvider() for _ in errors]
    for provider, error in zip(providers, errors, strict=True):
        provider.fail(Connect, error)
    return ScriptedProviders(*providers)


async def attempt(factory: ScriptedProviders) -> tuple[list[float], ScriptedProvider | None]:
    """The waits, and the provider that connected in the end."""
    waits: list[float] = []

    async def sleep_ms(delay_ms: float) -> None:
        waits.append(delay_ms)

    try:
        provider, _ = await connect_with_retry(
            factory, SETTINGS, sleep_ms=sleep_ms, chance=lambda: 0.5
        )
    except ProviderError:
        return waits, None
    assert isinstance(provider, ScriptedProvider)
    return waits, provider


async def test_each_try_has_a_fresh_provider_and_a_longer_wait() -> None:
    factory = failing(LOST, ProviderTimeout("provider_timeout"), LOST)
    waits, provider = await attempt(factory)
    assert waits == [187.5, 375.0, 750.0]
    assert provider is factory.made[3]


async def test_the_last_error_is_raised_when_the_tries_are_used_up() -> None:
    factory = failing(*[LOST] * 4)
    waits, provider = await attempt(factory)
    assert provider is None
    assert (len(waits), len(factory.made)) == (3, 4)


async def test_a_refusal_for_good_is_not_tried_again() -> None:
    factory = failing(ProviderRejected("provider_key_refused"))
    assert await attempt(factory) == ([], None)


async def test_the_providers_own_wait_is_honoured() -> None:
    waits, _ = await attempt(
        failing(ProviderUnavailable("provider_rate_limited", retry_after_ms=3_000))
    )
    assert waits == [3_000]


async def test_a_wait_too_long_for_a_person_is_passed_on() -> None:
    limited = ProviderUnavailable("provider_rate_limited", retry_after_ms=60_000)
    assert await attempt(failing(limited)) == ([], None)


async def test_whoever_asks_is_told_of_each_retry() -> None:
    told: list[tuple[str, float]] = []
    await connect_with_retry(
        failing(LOST),
        SETTINGS,
        policy=RetryPolicy(first_delay_ms=0),
        on_retry=lambda error, delay_ms: told.append((error.code, delay_ms)),
    )
    assert told == [("provider_unreachable", 0)]


@given(attempts=st.integers(1, 2_000), chance=st.floats(0, 1, exclude_max=True))
def test_waits_stay_within_their_bounds(attempts: int, chance: float) -> None:
    policy = RetryPolicy()
    delay_ms = policy.delay_ms(attempts, chance)
    assert 125 <= delay_ms <= policy.max_delay_ms

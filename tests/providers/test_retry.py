"""Trying again: as often as it may, as long as it should, and never in step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_loop.providers.retry import RetryPolicy

STEADY = RetryPolicy(jitter=0)


def delay(
    attempt: int, *, ever_up: bool = True, retry_after_ms: float | None = None
) -> float | None:
    return STEADY.next_delay_ms(attempt, 0.0, ever_up=ever_up, retry_after_ms=retry_after_ms)


def test_the_waits_double_up_to_their_bound_and_come_to_an_end() -> None:
    assert [delay(n) for n in range(1, 7)] == [250, 500, 1_000, 2_000, 4_000, None]


def test_who_waits_for_the_button_to_answer_is_not_kept_long() -> None:
    assert [delay(n, ever_up=False) for n in range(1, 4)] == [250, 500, None]


def test_the_providers_own_wait_is_honoured_where_it_is_longer() -> None:
    assert delay(1, retry_after_ms=3_000) == 3_000
    assert delay(5, retry_after_ms=3_000) == 4_000


def test_a_wait_too_long_for_a_person_is_not_waited() -> None:
    assert delay(1, retry_after_ms=60_000) == 60_000
    assert delay(1, retry_after_ms=60_001) is None


def test_half_of_a_wait_is_left_to_chance() -> None:
    policy = RetryPolicy()
    assert policy.delay_ms(3, 0.0) == 1_000
    assert policy.delay_ms(3, 0.5) == 750


@given(attempts=st.integers(1, 2_000), chance=st.floats(0, 1, exclude_max=True))
def test_waits_stay_within_their_bounds(attempts: int, chance: float) -> None:
    policy = RetryPolicy()
    delay_ms = policy.delay_ms(attempts, chance)
    assert 125 <= delay_ms <= policy.max_delay_ms

"""The seconds of a wait pass, and a page cannot make them pass for ever."""

from __future__ import annotations

import math
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import reflex as rx
from hypothesis import given
from hypothesis import strategies as st
from reflex.event import Event

from voice_loop.ui import countdown
from voice_loop.ui.state import VoiceState

ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none())


@given(ANYTHING)
def test_whatever_a_page_calls_a_wait_is_an_hour_at_most(given: Any) -> None:
    assert 0.0 <= countdown.wait_s(given) <= countdown.LONGEST_S


def test_a_wait_is_milliseconds_on_the_wire() -> None:
    assert countdown.wait_s(4_600) == 4.6
    assert countdown.wait_s(10**400) == countdown.LONGEST_S
    assert countdown.wait_s("4600") == 0.0
    assert countdown.wait_s(math.nan) == 0.0


@given(wait_s=st.floats(0.001, 3_600), began_s=st.floats(0, 2e9))
def test_what_is_shown_falls_without_a_gap_until_nothing_is_left(
    wait_s: float, began_s: float
) -> None:
    until_s, now_s = began_s + wait_s, began_s
    shown = [countdown.left_s(until_s, now_s)]
    while shown[-1]:
        assert len(shown) < 200, "an hour takes no more than this"
        pause_s = countdown.pause_s(until_s, now_s)
        assert 0 < pause_s <= (1.001 if shown[-1] <= countdown.BY_THE_SECOND_S else 60.001)
        # A sleep ends a little late, never early.
        now_s += pause_s + 0.001
        shown.append(countdown.left_s(until_s, now_s))
        assert shown[-1] < shown[-2]
    assert math.ceil(wait_s) - 1 <= shown[0] <= math.ceil(wait_s) + 1


def test_the_last_two_minutes_are_counted_in_seconds() -> None:
    assert [countdown.words(n) for n in (1, 120, 121, 180, 181)] == [
        "1 s", "120 s", "3 min", "3 min", "4 min",
    ]  # fmt: skip


async def told(app: rx.App, retry_after_ms: Any) -> None:
    """The page says that it has to wait."""
    data = {"code": "at_capacity", "message": "Full.", "retry_after_ms": retry_after_ms}
    name = f"{VoiceState.get_full_name()}.failed"
    await app.event_processor.enqueue("tab", Event(name=name, payload={"data": data}))


async def seconds_shown(app: rx.App) -> int:
    async with app.modify_state(rx.BaseStateToken(ident="tab", cls=VoiceState)) as root:
        return (await root.get_state(VoiceState)).retry_in_s


async def shown_until_over(app: rx.App) -> list[int]:
    """The seconds that a tab shows, one after the other, down to none."""
    seen: list[int] = []
    with anyio.fail_after(30):
        while not seen or seen[-1]:
            shown = await seconds_shown(app)
            if shown != (seen[-1] if seen else 0):
                seen.append(shown)
            await anyio.lowlevel.checkpoint()
    return seen


@pytest.mark.anyio
async def test_the_seconds_of_a_tab_pass_by_themselves(running: rx.App) -> None:
    await told(running, 1_900)
    assert await shown_until_over(running) == [2, 1, 0]


@pytest.mark.anyio
async def test_a_new_wait_takes_the_place_of_the_one_before(running: rx.App) -> None:
    await told(running, 500_000)
    with anyio.fail_after(30):
        while await seconds_shown(running) < 400:
            await anyio.lowlevel.checkpoint()
    await told(running, 900)
    assert (await shown_until_over(running))[-2:] == [1, 0]

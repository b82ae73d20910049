"""Admission, finding, resuming, draining."""

from __future__ import annotations

import anyio
import pytest

from tests.session.houses import SETTINGS, answer, house
from voice_loop.config import Limits
from voice_loop.errors import AdmissionError
from voice_loop.latency.clock import ManualClock
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.providers import scripted as script
from voice_loop.session.usage import DAY_MS, MAX_ADDRESSES, DailyUsage

pytestmark = pytest.mark.anyio


async def test_a_session_is_found_by_its_page_while_it_lives() -> None:
    async with house() as home:
        session, page, _ = await home.enter("tab-1")
        assert home.manager.find("tab-1") is session
        assert home.manager.find("tab-2") is None
        page.send_event(wire.SessionEnd())
        await home.empty()
        assert home.manager.find("tab-1") is None


async def test_a_second_session_of_a_page_replaces_the_first_and_takes_its_place() -> None:
    async with house(limits=Limits(max_sessions=1)) as home:
        first, _, _ = await home.enter("tab")
        second = home.open("tab")
        assert await home.reason() == "replaced"
        assert first.end_code == "replaced"
        assert home.manager.find("tab") is second


@pytest.mark.parametrize("limits", [Limits(max_sessions=1), Limits(max_per_address=1)])
async def test_nobody_gets_in_beyond_the_capacity(limits: Limits) -> None:
    async with house(limits=limits) as home:
        home.open("tab-1")
        with pytest.raises(AdmissionError) as refusal:
            home.open("tab-2")
        assert refusal.value.code == "at_capacity"


async def test_another_address_has_room_of_its_own() -> None:
    async with house(limits=Limits(max_per_address=1)) as home:
        home.open("tab-1", "203.0.113.7")
        home.open("tab-2", "203.0.113.8")
        assert len(home.manager.sessions) == 2


async def test_talking_time_a_day_is_capped_by_address() -> None:
    clock = ManualClock()
    async with house(clock=clock, limits=Limits(max_minutes_per_day=1)) as home:
        session, page, _ = await home.enter("tab-1")
        clock.advance_ms(40_000)
        page.send_event(wire.SessionEnd())
        await home.empty()
        assert session.end_code == "user"
        home.manager.admit("203.0.113.7")
        home.open("tab-2")
        clock.advance_ms(20_000)
        with pytest.raises(AdmissionError) as refusal:
            home.manager.admit("203.0.113.7")
        assert refusal.value.code == "daily_limit"
        home.manager.admit("203.0.113.8")


async def test_a_running_session_ends_when_the_day_is_used_up() -> None:
    clock = ManualClock()
    async with house(clock=clock, limits=Limits(max_minutes_per_day=1)) as home:
        session, _, _ = await home.enter()
        clock.advance_ms(60_000)
        session.look_at_clock()
        assert await home.reason() == "daily_limit"


async def test_sessions_of_one_address_use_up_its_day_together() -> None:
    clock = ManualClock()
    async with house(clock=clock, limits=Limits(max_minutes_per_day=10)) as home:
        first, _, _ = await home.enter("tab-1")
        clock.advance_ms(120_000)
        second, page, _ = await home.enter("tab-2")
        neighbour = home.open("tab-3", "203.0.113.8")
        clock.advance_ms(60_000)
        page.send_event(wire.SessionEnd())
        assert await home.reason() == "user"
        third, _, _ = await home.enter("tab-4")
        # Two, one and one minute are used: six are left, for two.
        clock.advance_ms(179_000)
        for session in (first, third, neighbour):
            session.look_at_clock()
        await anyio.wait_all_tasks_blocked()
        assert (first.end_code, third.end_code) == (None, None)
        clock.advance_ms(1_000)
        for session in (first, third, neighbour):
            session.look_at_clock()
        await home.reason(3)
        assert (first.end_code, third.end_code) == ("daily_limit", "daily_limit")
        assert second.end_code == "user"
        assert neighbour.end_code != "daily_limit"


async def test_what_an_address_uses_elsewhere_shortens_what_runs_here() -> None:
    clock = ManualClock()
    async with house(clock=clock, limits=Limits(max_minutes_per_day=10)) as home:
        session, _, _ = await home.enter()
        clock.advance_ms(60_000)
        home.manager.learn_usage(session.address, 8 * 60_000)
        clock.advance_ms(60_000)
        session.look_at_clock()
        assert await home.reason() == "daily_limit"


async def test_the_longest_session_is_as_long_as_ever_where_the_day_is_longer() -> None:
    clock = ManualClock()
    limits = Limits(max_minutes_per_day=30, max_session_ms=5 * 60_000)
    async with house(clock=clock, limits=limits) as home:
        session, _, _ = await home.enter()
        clock.advance_ms(5 * 60_000)
        session.look_at_clock()
        assert await home.reason() == "session_limit"


async def test_a_new_day_begins_with_nothing_used() -> None:
    clock = ManualClock()
    usage = DailyUsage(clock)
    usage.add("a", 500)
    usage.add("a", 100)
    assert usage.used_ms("a") == 600
    clock.advance_ms(DAY_MS)
    assert usage.used_ms("a") == 0


async def test_the_addresses_longest_unseen_are_forgotten_first() -> None:
    usage = DailyUsage(ManualClock())
    for number in range(MAX_ADDRESSES + 1):
        usage.add(str(number), 1)
    assert (usage.used_ms("0"), usage.used_ms("1")) == (0, 1)


async def test_a_resume_needs_the_session_its_key_and_a_number_that_can_be() -> None:
    async with house() as home:
        session, page, _ = await home.enter()
        key = page.all_of(wire.SessionReady)[0].resume_key
        assert home.manager.resume(wire.Resume(session.id, key, 0)) is session
        for resume, code in (
            (wire.Resume("elsewhere", key, 0), "not_here"),
            (wire.Resume(session.id, "guess", 0), "resume_refused"),
            (wire.Resume(session.id, "", 0), "resume_refused"),
            (wire.Resume(session.id, "ä", 0), "resume_refused"),
            (wire.Resume(session.id, key, 999), "resume_refused"),
        ):
            with pytest.raises(AdmissionError) as refusal:
                home.manager.resume(resume)
            assert refusal.value.code == code


async def test_push_to_talk_turns_the_providers_detector_off() -> None:
    async with house() as home:
        home.open(options=wire.StartOptions(turn_detection="push_to_talk"))
        provider = await home.providers.wait_for(1)
        connect = await provider.expect(script.Connect)
        assert connect.settings.voice_activity is None


async def test_a_server_set_to_push_to_talk_says_so_to_the_page() -> None:
    async with house() as home:
        settings = base.SessionSettings("i", "v", voice_activity=None)
        session = home.manager.open("tab", "a", settings, wire.StartOptions())
        page = home.connect(session)
        ready = await page.expect(wire.SessionReady)
        assert ready.options.turn_detection == "push_to_talk"


async def test_draining_lets_nobody_in_and_tells_everybody() -> None:
    async with house() as home:
        _, page, _ = await home.enter()
        await home.manager.drain()
        assert (await page.expect(wire.ErrorEvent)).code == "server_restarting"
        assert await home.reason() == "server_restarting"
        assert not home.manager.accepting
        with pytest.raises(AdmissionError) as refusal:
            home.open("late")
        assert refusal.value.code == "server_restarting"


async def test_draining_lets_an_answer_be_heard_to_its_end() -> None:
    async with house(limits=Limits(drain_ms=10_000)) as home:
        session, page, provider = await home.enter()
        page.send_event(wire.InputText("Hello"))
        await provider.expect(script.CreateResponse, skip=True)
        provider.emit(*answer())
        end = await page.expect(wire.AudioEnd)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(home.manager.drain)
            await anyio.wait_all_tasks_blocked()
            assert session.end_code is None
            page.send_event(
                wire.PlaybackReport(1, 0, "finished", 1_000, 0, 0, 0, 1, 1, received_seq=end.seq)
            )
        assert session.end_code == "server_restarting"


async def test_draining_does_not_wait_beyond_its_grace() -> None:
    async with house(limits=Limits(drain_ms=0)) as home:
        session, page, provider = await home.enter()
        page.send_event(wire.InputText("Hello"))
        await provider.expect(script.CreateResponse, skip=True)
        await home.manager.drain()
        assert session.end_code == "server_restarting"


async def test_a_manager_that_does_not_run_admits_nobody() -> None:
    async with house() as home:
        manager = home.manager
    with pytest.raises(AdmissionError):
        manager.open("tab", "a", SETTINGS, wire.StartOptions())

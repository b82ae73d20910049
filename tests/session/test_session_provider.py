"""A session whose provider is late, gone, or says no: what is kept, what is said, when it ends."""

from __future__ import annotations

import pytest

from tests.session.houses import answer, house, report
from voice_loop.config import Limits
from voice_loop.errors import ProviderRejected, ProviderUnavailable
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.providers import scripted as script

pytestmark = pytest.mark.anyio


async def test_a_lost_provider_is_replaced_with_the_history_and_that_is_said() -> None:
    async with house() as home:
        session, page, first = await home.enter()
        page.send_event(wire.InputText("Hello"))
        await first.expect(script.CreateResponse, skip=True)
        first.emit(*answer())
        end = await page.expect(wire.AudioEnd)
        page.send_event(report(1, "finished", 1_000, end.seq))
        await page.expect(wire.TurnState, lambda event: event.state == "listening")
        first.hang_up()
        assert (await page.expect(wire.ErrorEvent)).code == "provider_lost"
        second = await home.providers.wait_for(2)
        page.send_event(wire.InputText("Still there?"))
        await second.expect(script.CreateResponse, skip=True)
        assert first.closed
        assert second.settings is not None
        assert [(h.role, h.text) for h in second.settings.history][:2] == [
            ("user", "Hello"),
            ("assistant", "Hello there"),
        ]
        assert session.provider is second


async def test_a_command_that_fails_replaces_the_link_and_the_question_is_asked_again() -> None:
    async with house() as home:
        _, page, first = await home.enter()
        first.fail(script.CreateResponse, ProviderUnavailable("provider_lost"))
        page.send_event(wire.InputText("Hello"))
        second = await home.providers.wait_for(2)
        await second.expect(script.CreateResponse, skip=True)


async def test_a_provider_that_cannot_be_reached_ends_the_session_with_a_reason() -> None:
    providers = [script.ScriptedProvider() for _ in range(3)]
    for provider in providers:
        provider.fail(script.Connect, ProviderUnavailable("provider_unreachable"))
    async with house(*providers) as home:
        page = home.connect(home.open())
        error = await page.expect(wire.ErrorEvent)
        assert (error.code, error.seq) == ("provider_unreachable", 0)
        assert await home.reason() == "provider_unreachable"
        assert len(home.providers.made) == 3


async def test_a_provider_that_says_no_is_not_asked_again() -> None:
    provider = script.ScriptedProvider()
    provider.fail(script.Connect, ProviderRejected("provider_key_refused"))
    async with house(provider) as home:
        home.connect(home.open())
        assert await home.reason() == "provider_key_refused"
        assert len(home.providers.made) == 1


async def test_a_provider_that_does_not_answer_is_given_up_in_time() -> None:
    providers = [script.ScriptedProvider() for _ in range(3)]
    for provider in providers:
        provider.stall(script.Connect)
    async with house(*providers, limits=Limits(connect_timeout_ms=20)) as home:
        home.connect(home.open())
        assert await home.reason() == "provider_timeout"


async def test_a_fault_that_ends_the_connection_for_good_ends_the_session() -> None:
    async with house() as home:
        _, _, provider = await home.enter()
        provider.emit(base.Fault("provider_quota", False, "insufficient_quota"))
        provider.hang_up()
        assert await home.reason() == "provider_quota"


async def test_a_provider_that_keeps_breaking_is_not_tried_for_ever() -> None:
    async with house() as home:
        _, _, provider = await home.enter()
        for number in range(2, 5):
            provider.hang_up()
            provider = await home.providers.wait_for(number)
            await provider.expect(script.Connect)
        provider.hang_up()
        assert await home.reason() == "provider_lost"


async def test_a_page_that_waits_for_the_provider_is_told_how_long() -> None:
    provider = script.ScriptedProvider()
    limited = ProviderUnavailable("provider_rate_limited", retry_after_ms=30_000)
    provider.fail(script.Connect, limited)
    async with house(provider) as home:
        page = home.connect(home.open())
        error = await page.expect(wire.ErrorEvent)
        assert (error.code, error.seq) == ("provider_rate_limited", 0)
        assert (error.recoverable, error.retry_after_ms) == (True, 30_000)
        page.hang_up()
        await home.empty()
        assert len(home.providers.made) == 1, "cancelling ends the wait"


async def test_a_provider_that_wants_to_be_left_alone_for_an_hour_is_left_alone() -> None:
    provider = script.ScriptedProvider()
    limited = ProviderUnavailable("provider_rate_limited", retry_after_ms=3_600_000)
    provider.fail(script.Connect, limited)
    async with house(provider) as home:
        page = home.connect(home.open())
        error = await page.expect(wire.ErrorEvent)
        assert (error.code, error.retry_after_ms) == ("provider_rate_limited", 3_600_000)
        assert await home.reason() == "provider_rate_limited"
        assert len(home.providers.made) == 1

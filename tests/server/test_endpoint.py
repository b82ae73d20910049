"""Who gets in: first frames, tickets, origins, room, and the app's own word, on real granian."""

from __future__ import annotations

import logging

import anyio
import anyio.abc
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.server.hosts import ORIGIN
from tests.server.served import gone, refused, served, start
from tests.server.voice_client import VoiceClient
from tests.session.houses import answer
from voice_loop.config import Limits
from voice_loop.errors import ProviderRejected
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.providers import scripted as script
from voice_loop.session.session import Session

pytestmark = pytest.mark.anyio


async def test_a_session_begins_talks_and_ends() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        provider = home.providers.made[0]
        assert client.ready is not None and client.ready.provider == "scripted"
        await client.speak(b"\x01\x02" * 4_800)
        await client.send(wire.InputText("Hello"))
        await provider.expect(script.CreateResponse, skip=True)
        assert bytes(provider.audio) == b"\x01\x02" * 4_800
        provider.emit(*answer())
        await client.expect(wire.AudioEnd)
        await client.report(1, 0, "finished", 1_000)
        await client.expect(wire.TurnState, lambda event: event.state == "listening")
        assert (await client.ping()).received_seq == client._sent_seq
        await client.send(wire.SessionEnd())
        assert await client.closed() == 1000


async def test_a_client_without_the_subprotocol_is_refused_in_the_handshake() -> None:
    async with served() as home:
        for protocols in (None, [Subprotocol("other.v1")]):
            with pytest.raises(InvalidStatus) as refusal:
                await connect(home.url, subprotocols=protocols, open_timeout=5)
            assert refusal.value.response.status_code == 403


@pytest.mark.parametrize(
    "first",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"type":"session.start"}',
        '{"type":"session.start","client_time_ms":0}',
        '{"type":"session.start","client_time_ms":"x","ticket":"t"}',
        '{"type":"input.text","text":"hi"}',
        b"",
        b"\x01\x01" + bytes(14),
        b"\xff" * 100,
    ],
)
async def test_a_socket_that_does_not_begin_as_agreed_is_closed(first: str | bytes) -> None:
    async with served() as home:
        assert await refused(home, first) == ("bad_start", 4000)
        assert home.providers.made == []


async def test_a_start_with_ticket_and_resume_is_not_as_agreed() -> None:
    async with served() as home:
        first = start(home.host.ticket(), wire.Resume("s", "k", 0))
        assert (await refused(home, first))[0] == "bad_start"


async def test_a_first_frame_beyond_16_kb_is_refused() -> None:
    async with served() as home:
        assert await refused(home, start("x" * 17_000)) == ("frame_too_big", 1009)


async def test_a_socket_that_says_nothing_is_closed_in_time() -> None:
    async with (
        served(limits=Limits(start_timeout_ms=50)) as home,
        VoiceClient.open(home.url, origin=ORIGIN) as client,
    ):
        assert (await client.expect(wire.ErrorEvent)).code == "start_timeout"
        assert await client.closed() == 4008


async def test_a_forged_ticket_is_refused() -> None:
    async with served() as home:
        ticket = home.host.ticket()
        for forged in ("nonsense", ticket[:-4] + "AAAA", "x" + ticket):
            assert await refused(home, start(forged)) == ("ticket_invalid", 4001)


async def test_a_ticket_that_is_too_old_is_refused() -> None:
    now = [1_700_000_000.0]
    async with served(wall_time=lambda: now[0]) as home:
        ticket = home.host.ticket()
        now[0] += 30
        assert await refused(home, start(ticket)) == ("ticket_expired", 4001)


async def test_a_ticket_opens_one_session_only() -> None:
    async with served() as home:
        ticket = home.host.ticket()
        async with VoiceClient.open(home.url, ticket=ticket, origin=ORIGIN):
            assert await refused(home, start(ticket)) == ("ticket_spent", 4001)


async def test_another_page_cannot_use_the_ticket() -> None:
    async with served() as home:
        for origin in ("http://evil.test", None, "null"):
            code = await refused(home, start(home.host.ticket()), origin)
            assert code == ("origin_refused", 4003)


async def test_a_page_that_is_not_allowed_is_refused_though_it_has_a_ticket() -> None:
    async with served(allowed_origins=["http://other.test"]) as home:
        assert (await refused(home, start(home.host.ticket())))[0] == "origin_refused"
        resume = start(resume=wire.Resume("s", "k", 0))
        assert (await refused(home, resume))[0] == "origin_refused"


async def test_what_is_no_origin_and_no_text_is_refused_like_any_other() -> None:
    """Each of these once ended in an exception, and so in `internal`."""
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        told = await refused(home, start(home.host.ticket("other")), "http://[")
        assert told == ("origin_refused", 4003)
        assert client.ready is not None
        resume = wire.Resume(client.ready.session_id, "KEY", 0)
        half_a_pair = str(start(resume=resume)).replace("KEY", r"\ud800")
        assert await refused(home, half_a_pair) == ("bad_start", 4000)
        await client.ping()


async def test_a_visitor_with_a_network_of_addresses_is_one_visitor() -> None:
    async with served(limits=Limits(max_per_address=1)) as home:
        tickets = [
            home.server.issue_ticket(f"tab-{n}", ORIGIN, address)
            for n, address in enumerate(("2001:db8:1:2::1", "2001:db8:1:2:a::1", "2001:db8::1"))
        ]
        async with (
            VoiceClient.open(home.url, ticket=tickets[0], origin=ORIGIN),
            VoiceClient.open(home.url, ticket=tickets[2], origin=ORIGIN) as neighbour,
        ):
            assert await refused(home, start(tickets[1])) == ("at_capacity", 4013)
            assert neighbour.ready is not None


async def test_beyond_the_capacity_a_page_is_told_so_and_can_come_again_with_its_ticket() -> None:
    async with served(limits=Limits(max_sessions=1)) as home:
        ticket = home.host.ticket("tab-2")
        async with VoiceClient.open(home.url, ticket=home.host.ticket("tab-1"), origin=ORIGIN) as c:
            assert await refused(home, start(ticket)) == ("at_capacity", 4013)
            await c.send(wire.SessionEnd())
            await c.closed()
        await gone(home)
        async with VoiceClient.open(home.url, ticket=ticket, origin=ORIGIN) as client:
            assert client.ready is not None


class Hooks:
    """An app that looks things up by the page's token."""

    def __init__(self) -> None:
        self.watched: list[str] = []

    async def settings_for(self, client_token: str) -> base.SessionSettings:
        return base.SessionSettings(f"You talk to {client_token}.", "marin")

    async def watch(self, session: Session) -> None:
        self.watched.append(session.client_token)

    async def authorize(self, client_token: str, address: str) -> bool:
        return client_token == "ada" and address == "203.0.113.7"


async def test_the_app_decides_who_may_talk_and_what_the_session_is() -> None:
    hooks = Hooks()
    async with served(hooks=hooks) as home:
        first = start(home.host.ticket("mallory"))
        assert await refused(home, first) == ("not_authorized", 4003)
        options = wire.StartOptions(voice="cedar")
        async with VoiceClient.open(
            home.url, ticket=home.host.ticket("ada"), origin=ORIGIN, options=options
        ):
            connected = await home.providers.made[0].expect(script.Connect)
            assert connected.settings.instructions == "You talk to ada."
            assert connected.settings.voice == "cedar"
            identifier = connected.settings.safety_identifier
            assert identifier is not None and "ada" not in identifier
            assert hooks.watched == ["ada"]


async def test_a_voice_that_is_no_name_is_not_passed_on() -> None:
    async with served() as home:
        options = wire.StartOptions(voice="x\r\nInjected: yes")
        async with VoiceClient.open(
            home.url, ticket=home.host.ticket(), origin=ORIGIN, options=options
        ):
            connected = await home.providers.made[0].expect(script.Connect)
            assert connected.settings.voice == "marin"


async def test_a_provider_that_says_no_closes_with_its_code() -> None:
    provider = script.ScriptedProvider()
    provider.fail(script.Connect, ProviderRejected("provider_key_refused"))
    async with (
        served(provider) as home,
        VoiceClient.open(
            home.url, ticket=home.host.ticket(), origin=ORIGIN, wait_ready=False
        ) as client,
    ):
        assert (await client.expect(wire.ErrorEvent)).code == "provider_key_refused"
        assert await client.closed() == 4021


async def test_hooks_that_fail_are_an_internal_error_that_quotes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Hooks):
        async def authorize(self, client_token: str, address: str) -> bool:
            raise RuntimeError("hunter2")

    with caplog.at_level(logging.DEBUG):
        async with served(hooks=Broken()) as home:
            assert await refused(home, start(home.host.ticket())) == ("internal", 1011)
    assert "hunter2" not in caplog.text


async def test_sockets_without_a_ticket_are_bounded() -> None:
    async with served() as home, anyio.create_task_group() as tasks:
        release = anyio.Event()

        async def idle(*, task_status: anyio.abc.TaskStatus[None]) -> None:
            async with VoiceClient.open(home.url, origin=ORIGIN):
                task_status.started()
                await release.wait()

        for _ in range(32):
            await tasks.start(idle)
        async with VoiceClient.open(home.url, origin=ORIGIN) as late:
            assert (await late.expect(wire.ErrorEvent)).code == "at_capacity"
            assert await late.closed() == 4013
        release.set()

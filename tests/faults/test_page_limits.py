"""Real sockets of pages that misbehave: never reading, never stopping, never speaking."""

from __future__ import annotations

import logging
import socket
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from tests.server.hosts import ORIGIN
from tests.server.served import served
from tests.server.voice_client import VoiceClient
from voice_loop.config import Limits
from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import encode_client
from voice_loop.providers import base
from voice_loop.providers import scripted as script

pytestmark = pytest.mark.anyio


async def test_a_page_that_never_reads_is_cut_off_and_its_memory_was_bounded() -> None:
    async with served(limits=Limits(unread_ms=200)) as home:
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        small.connect(("127.0.0.1", home.host.port))
        page = await connect(
            home.url,
            sock=small,
            origin=Origin(ORIGIN),
            subprotocols=[Subprotocol(wire.SUBPROTOCOL)],
            max_queue=1,
            ping_interval=None,
            close_timeout=0.1,
        )
        await page.send(encode_client(wire.SessionStart(0, home.host.ticket())))
        provider = await home.providers.wait_for(1)
        await provider.expect(script.Connect)
        await page.send(encode_client(wire.InputText("Tell me everything", seq=1)))
        await provider.expect(script.CreateResponse, skip=True)
        provider.emit(base.ResponseStarted("r1"), base.OutputStarted("r1", "a1"))
        for _ in range(60):
            provider.emit(base.OutputAudio("r1", "a1", bytes(48_000)))
        session = home.server.manager.find("page")
        assert session is not None
        with anyio.fail_after(30):
            while home.server.manager.sessions:
                assert session._page.outbox._bytes < 200_000, "the rest waits in the pacing"
                await anyio.lowlevel.checkpoint()
        assert session.end_code == "client_stalled"
        page.transport.abort()


async def test_a_page_that_reads_but_says_nothing_is_ended_for_idling() -> None:
    async with (
        served(limits=Limits(idle_ms=100)) as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        assert (await client.expect(wire.ErrorEvent)).code == "idle_limit"
        assert await client.closed() == 4012


async def test_a_page_that_talks_too_long_is_ended_with_a_word() -> None:
    async with (
        served(limits=Limits(max_session_ms=100)) as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        assert (await client.expect(wire.ErrorEvent)).code == "session_limit"
        assert await client.closed() == 4012


async def test_no_provider_is_asked_for_a_page_that_finds_no_room() -> None:
    async with (
        served(limits=Limits(max_per_address=1)) as home,
        VoiceClient.open(home.url, ticket=home.host.ticket("one"), origin=ORIGIN),
        VoiceClient.open(
            home.url, ticket=home.host.ticket("two"), origin=ORIGIN, wait_ready=False
        ) as second,
    ):
        assert (await second.expect(wire.ErrorEvent)).code == "at_capacity"
        assert await second.closed() == 4013
        assert len(home.providers.made) == 1


async def test_a_ticket_is_spent_for_all_workers_that_share_the_store() -> None:
    class Shared:
        """Stands for the Redis of two workers."""

        shared = True

        def __init__(self) -> None:
            self.ids: set[str] = set()

        async def spend(self, ticket_id: str, lifetime_s: float) -> bool:
            new = ticket_id not in self.ids
            self.ids.add(ticket_id)
            return new

    store = Shared()
    options: dict[str, Any] = {"spent": store, "secret": "s" * 32}
    async with served(**options) as one, served(**options) as two:
        ticket = one.host.ticket()
        async with VoiceClient.open(one.url, ticket=ticket, origin=ORIGIN):
            async with VoiceClient.open(
                two.url, ticket=ticket, origin=ORIGIN, wait_ready=False
            ) as thief:
                assert (await thief.expect(wire.ErrorEvent)).code == "ticket_spent"
                assert await thief.closed() == 4001
            assert two.providers.made == []


SECRET_WORDS = "the-secret-of-the-user"


async def test_no_word_no_audio_and_no_ticket_stands_in_any_log_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for noisy in ("websockets", "asyncio"):
        caplog.set_level(logging.INFO, logger=noisy)
    audio = b"\x13\x37" * 2_400
    async with served() as home:
        ticket = home.host.ticket("client-token-of-a-tab")
        async with VoiceClient.open(home.url, ticket=ticket, origin=ORIGIN) as client:
            assert client.ready is not None
            secrets = [SECRET_WORDS, ticket, client.ready.resume_key, "client-token-of-a-tab"]
            await client.speak(audio)
            await client.send(wire.InputText(SECRET_WORDS))
            provider = home.providers.made[0]
            await provider.expect(script.CreateResponse, skip=True)
            provider.emit(
                base.ResponseStarted("r1"),
                base.OutputStarted("r1", "a1"),
                base.OutputTranscript("r1", "a1", SECRET_WORDS),
                base.OutputAudio("r1", "a1", audio),
                base.ToolCall("r1", "f1", "c1", "lookup", f'{{"q": "{SECRET_WORDS}"}}'),
                base.ResponseDone("r1", "failed", error="provider_failed"),
            )
            await client.expect(wire.ErrorEvent)
            for bad in (f'{{"type": "{SECRET_WORDS}"}}', SECRET_WORDS.encode(), "{"):
                await client.send_raw(bad)
            command = home.server.sign_command("other", "say", {"text": SECRET_WORDS})
            await client.send(wire.AppCommand(command))
            await client.expect(wire.ErrorEvent, lambda e: e.code == "command_refused")
            provider.hang_up()
            await client.expect(wire.ErrorEvent, lambda e: e.code == "provider_lost")
            await client.send(wire.SessionEnd())
            await client.closed()
            said = "\n".join(error.message for error in client.all_of(wire.ErrorEvent))
    logged = "\n".join(
        f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records
    )
    assert "opened" in logged, "the log was watched"
    for secret in (*secrets, command, "\\x13\\x37"):
        assert secret not in logged
        assert secret not in said

"""Providers that fail, seen from the page: real sockets all the way.

Page (in Python) → granian → session → OpenAI adapter → a Realtime server that misbehaves on cue.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.abc
import anyio.lowlevel
import anyio.streams.tls
import pytest

from tests.server.hosts import ORIGIN, Host
from tests.server.hosts import serve as serve_host
from tests.server.voice_client import VoiceClient
from voice_loop.audio.pcm import bytes_to_ms
from voice_loop.config import Limits, Settings
from voice_loop.errors import ERRORS
from voice_loop.local import Faults, LocalOptions, LocalServer
from voice_loop.local import serve as serve_realtime
from voice_loop.local.brain.builtin import BuiltinResponder
from voice_loop.local.engines import scripted_engines
from voice_loop.protocol import events as wire
from voice_loop.providers.openai_realtime.adapter import OpenAIRealtimeProvider
from voice_loop.server.mount import VoiceServer
from voice_loop.session.facts import SessionStarted

pytestmark = pytest.mark.anyio

STORY = "Tell me a long story."
LIMITS = Limits(connect_timeout_ms=500, first_audio_timeout_ms=400)


@dataclass(frozen=True, slots=True)
class Chain:
    """All of it."""

    host: Host
    realtime: LocalServer


@asynccontextmanager
async def host_for(base_url: str, name: str = "openai") -> AsyncIterator[Host]:
    """A voice server whose provider lives at `base_url`."""

    def make() -> OpenAIRealtimeProvider:
        return OpenAIRealtimeProvider(
            api_key="sk-test", model="gpt-realtime", base_url=base_url, name=name
        )

    async with serve_host(VoiceServer(Settings(limits=LIMITS), provider_factory=make)) as host:
        yield host


@asynccontextmanager
async def chain(
    faults: Faults | None = None, *, options: LocalOptions | None = None, name: str = "openai"
) -> AsyncIterator[Chain]:
    """A page's way to a server that misbehaves."""
    engines = scripted_engines(BuiltinResponder())
    async with serve_realtime(options, engines) as realtime:
        realtime.faults = faults or Faults()
        async with host_for(f"http://127.0.0.1:{realtime.port}/v1", name) as host:
            yield Chain(host, realtime)


@asynccontextmanager
async def page(host: Host, *, ready: bool = True) -> AsyncIterator[VoiceClient]:
    ticket = host.ticket()
    async with VoiceClient.open(host.url, ticket=ticket, origin=ORIGIN, wait_ready=ready) as client:
        yield client


async def told_at_the_end(host: Host) -> tuple[str, int]:
    """The last error a page that wants to talk is told, and how its socket is closed."""
    async with page(host, ready=False) as client:
        close = await client.closed()
        return client.all_of(wire.ErrorEvent)[-1].code, close


async def test_a_port_where_nobody_listens_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with host_for(f"http://127.0.0.1:{taken.getsockname()[1]}/v1") as host:
            assert await told_at_the_end(host) == ("provider_unreachable", 4020)


async def test_a_name_that_does_not_exist_is_said() -> None:
    async with host_for("https://no-such-host.invalid/v1") as host:
        assert await told_at_the_end(host) == ("provider_unreachable", 4020)


async def test_a_certificate_that_nobody_trusts_is_said(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 "
        "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    await anyio.run_process(command.split(), check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    greeted = []

    async def greet(stream: anyio.abc.SocketStream) -> None:
        try:
            greeted.append(await anyio.streams.tls.TLSStream.wrap(stream, ssl_context=context))
        except (ssl.SSLError, anyio.EndOfStream, anyio.BrokenResourceError):
            await stream.aclose()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, greet)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with host_for(f"https://127.0.0.1:{port}/v1") as host:
            assert await told_at_the_end(host) == ("provider_unreachable", 4020)
        assert greeted == []
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "provider_key_refused"),
        (403, "provider_forbidden"),
        (404, "provider_model_unknown"),
        (500, "provider_unreachable"),
        (503, "provider_unreachable"),
    ],
)
async def test_a_refused_handshake_is_said_with_its_reason(status: int, code: str) -> None:
    async with chain(Faults(refuse_status=status)) as made:
        told, close = await told_at_the_end(made.host)
        assert (told, close) == (code, ERRORS[code].close_code)


@pytest.mark.parametrize(
    ("code", "close", "told"),
    [
        ("invalid_api_key", 3000, "provider_key_refused"),
        ("invalid_model", 4000, "provider_model_unknown"),
        ("insufficient_quota", 4000, "provider_quota"),
    ],
)
async def test_an_error_and_a_close_at_the_start_are_said(code: str, close: int, told: str) -> None:
    async with chain(Faults(error_at_start=code, close_code=close)) as made:
        assert await told_at_the_end(made.host) == (told, 4021)


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_waited_and_then_the_conversation_begins(status: int) -> None:
    faults = Faults(connections=1, refuse_status=status, retry_after_s=1.2)
    async with chain(faults) as made, page(made.host, ready=False) as client:
        error = await client.expect(wire.ErrorEvent)
        assert (error.recoverable, error.retry_after_ms) == (True, 1_200)
        await client.expect(wire.SessionReady)


async def test_a_server_that_refuses_without_a_word_is_tried_again_by_itself() -> None:
    async with (
        chain(Faults(connections=2, refuse_status=429)) as made,
        page(made.host) as client,
    ):
        assert client.all_of(wire.ErrorEvent) == [], "too short to speak of"


async def test_a_retry_after_of_an_hour_is_told_at_once_and_not_waited_for() -> None:
    async with (
        chain(Faults(refuse_status=429, retry_after_s=3_600)) as made,
        page(made.host, ready=False) as client,
    ):
        error = await client.expect(wire.ErrorEvent)
        assert (error.code, error.retry_after_ms) == ("provider_rate_limited", 3_600_000)
        assert await client.closed() == 4020


async def test_leaving_while_the_provider_is_waited_for_ends_it() -> None:
    faults = Faults(refuse_status=429, retry_after_s=50)
    async with chain(faults) as made:
        async with page(made.host, ready=False) as client:
            await client.expect(wire.ErrorEvent)
        with anyio.fail_after(30):
            while made.host.server.manager.sessions:
                await anyio.lowlevel.checkpoint()


async def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    async with chain(Faults(silent_at_start=True)) as made:
        assert await told_at_the_end(made.host) == ("provider_timeout", 4020)


async def test_an_answer_that_never_begins_is_given_up_and_the_conversation_goes_on() -> None:
    faults = Faults(connections=1, stall_after_frames=4)
    async with chain(faults) as made, page(made.host) as client:
        await client.send(wire.InputText(STORY))
        assert (await client.expect(wire.ErrorEvent)).code == "provider_timeout"
        assert (await client.expect(wire.ErrorEvent)).code == "provider_lost"
        await answered(client, "What is two plus three?")


async def answered(client: VoiceClient, text: str) -> str:
    """Ask, let it be heard to its end; what was said."""
    await client.send(wire.InputText(text))
    end = await client.expect(wire.AudioEnd, lambda event: event.reason == "completed")
    heard = [c.pcm for c in client.all_of(wire.AudioChunk) if c.turn == end.turn]
    await client.report(end.turn, end.item, "finished", bytes_to_ms(len(b"".join(heard))))
    line = await client.expect(
        wire.TranscriptUpdate, lambda event: event.role == "assistant" and event.final
    )
    return line.text


async def test_a_cut_in_mid_answer_drops_the_rest_and_the_next_connection_knows_the_history() -> (
    None
):
    faults = Faults(connections=1, slow_delta_ms=20, cut_after_audio_deltas=50)
    async with chain(faults) as made, page(made.host) as client:
        assert "5" in await answered(client, "What is two plus three?")
        await client.send(wire.InputText(STORY))
        chunk = await client.expect(wire.AudioChunk)
        await client.report(chunk.turn, 0, "playing", 100)
        end = await client.expect(wire.AudioEnd)
        assert (end.turn, end.reason) == (chunk.turn, "failed")
        assert (await client.expect(wire.ErrorEvent)).code == "provider_lost"
        await client.expect(wire.TurnState, lambda event: event.state == "listening")
        heard = client.all_of(wire.AudioChunk)
        assert "story" not in await answered(client, "What is nine times eight?")
        stale = [c for c in client.all_of(wire.AudioChunk)[len(heard) :] if c.turn == chunk.turn]
        assert stale == []
        assert "72" in await answered(client, "Say that again, please.")


async def test_the_longest_session_is_rolled_over_between_turns_and_nothing_is_forgotten() -> None:
    options = LocalOptions(expire_after_s=1.5)
    async with chain(options=options) as made, page(made.host) as client:
        assert "5" in await answered(client, "What is two plus three?")
        [session] = made.host.server.manager.sessions
        with session.bus.subscribe() as facts, anyio.fail_after(30):
            async for fact in facts:
                if isinstance(fact, SessionStarted):
                    break
        assert client.all_of(wire.ErrorEvent) == [], "before it expires, and without a word"
        assert "5" in await answered(client, "Say that again, please.")


async def test_an_answer_that_runs_dry_in_the_middle_is_cut_and_that_is_said() -> None:
    faults = Faults(connections=1, stall_after_frames=30)
    async with chain(faults) as made, page(made.host) as client:
        await client.send(wire.InputText(STORY))
        turn = (await client.expect(wire.AudioChunk)).turn
        with anyio.fail_after(30):
            while not client.all_of(wire.ErrorEvent):
                came = b"".join(chunk.pcm for chunk in client.all_of(wire.AudioChunk))
                await client.report(turn, 0, "playing", bytes_to_ms(len(came)))
                await client.ping()
        assert client.all_of(wire.ErrorEvent)[0].code == "provider_timeout"
        assert "5" in await answered(client, "What is two plus three?")


async def test_a_session_that_expires_in_mid_answer_is_said_and_the_conversation_goes_on() -> None:
    options = LocalOptions(expire_after_s=4)
    faults = Faults(connections=1, slow_delta_ms=50)
    async with chain(faults, options=options) as made, page(made.host) as client:
        await client.send(wire.InputText(STORY))
        chunk = await client.expect(wire.AudioChunk)
        await client.report(chunk.turn, 0, "playing", 100)
        assert (await client.expect(wire.ErrorEvent)).code == "provider_expired"
        await client.expect(wire.TurnState, lambda event: event.state == "listening")
        assert "72" in await answered(client, "What is nine times eight?")


@pytest.mark.parametrize(
    ("code", "told"),
    [("rate_limit_exceeded", "provider_rate_limited"), ("server_error", "provider_failed")],
)
async def test_an_answer_that_fails_is_said_and_the_conversation_goes_on(
    code: str, told: str
) -> None:
    async with chain(Faults(fail_response=code)) as made, page(made.host) as client:
        await client.send(wire.InputText(STORY))
        assert (await client.expect(wire.ErrorEvent)).code == told
        assert (await client.ping()).id == 1


async def test_frames_that_are_malformed_or_unknown_are_survived() -> None:
    faults = Faults(malformed_after_frames=3, unknown_event_after_frames=5)
    async with chain(faults) as made, page(made.host) as client:
        assert "5" in await answered(client, "What is two plus three?")
        assert client.all_of(wire.ErrorEvent) == []


async def test_what_was_heard_of_the_local_assistant_is_known_to_the_word() -> None:
    async with chain(name="local") as made, page(made.host) as client:
        await client.send(wire.InputText(STORY))
        while sum(len(chunk.pcm) for chunk in client.all_of(wire.AudioChunk)) < 96_000:
            await client.expect(wire.AudioChunk)
        await client.report(1, 0, "playing", 1_500)
        shown = await client.expect(wire.TranscriptUpdate, lambda event: event.role == "assistant")
        assert not shown.estimated
        await client.send(wire.UserBargeIn(1, 0, 1_500, "stop"))
        cut = await client.expect(wire.TranscriptUpdate, lambda event: event.interrupted)
        assert (cut.text, cut.estimated) == (shown.text, False)
        assert cut.text.startswith("Once there was")

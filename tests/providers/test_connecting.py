"""Connecting: ready only with our settings in force, and every way to fail has its code."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from tests.providers.realtime_peer import (
    Part,
    RealtimePeer,
    Stage,
    created,
    error,
    realtime_peer,
    stay,
    updated,
)
from tests.providers.server_frames import frame
from voice_loop.errors import (
    ProviderError,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_loop.latency.clock import ManualClock
from voice_loop.providers.base import Connected, HistoryItem, SessionSettings, ToolSpec
from voice_loop.providers.openai_realtime.adapter import (
    MAX_MALFORMED,
    OpenAIRealtimeProvider,
    Tuning,
)
from voice_loop.providers.openai_realtime.link import Bounds, websocket_base_url

pytestmark = pytest.mark.anyio

KEY = "sk-test-0123456789abcdef"
SETTINGS = SessionSettings(
    instructions="Be kind.",
    voice="marin",
    tools=[ToolSpec("get_time", "The time.", {"type": "object", "properties": {}})],
    safety_identifier="visitor-hash",
)
QUICK = Tuning(bounds=Bounds(connect_ms=150, send_ms=150))
"""For what ends by a time-out: everything else must not race with one."""
PATIENT = Tuning(bounds=Bounds(connect_ms=30_000, send_ms=30_000))


def provider_for(url: str, **more: Any) -> OpenAIRealtimeProvider:
    return OpenAIRealtimeProvider(api_key=KEY, model="gpt-rt", base_url=url, **more)


@asynccontextmanager
async def connected(
    part: Part = stay, settings: SessionSettings = SETTINGS, **more: Any
) -> AsyncIterator[tuple[OpenAIRealtimeProvider, RealtimePeer, Connected]]:
    async with realtime_peer(part) as peer:
        provider = provider_for(peer.url, **more)
        with anyio.fail_after(40):
            answer = await provider.connect(settings)
        try:
            yield provider, peer, answer
        finally:
            await provider.aclose()


async def refusal_of(part: Part = stay, *, tuning: Tuning = PATIENT, **more: Any) -> ProviderError:
    """Connect to a peer that refuses; what the provider raised."""
    async with realtime_peer(part, **more) as peer:
        with anyio.fail_after(40), pytest.raises(ProviderError) as caught:
            await provider_for(peer.url, tuning=tuning).connect(SETTINGS)
    assert KEY not in str(caught.value)
    return caught.value


async def test_ready_means_created_and_our_settings_acknowledged() -> None:
    steps: list[str] = []

    async def part(stage: Stage) -> None:
        await stage.send(frame("conversation.created"), created())
        update = await stage.receive("session.update")
        steps.append("update received")
        await stage.send(frame("rate_limits.updated"), updated(update))
        await stage.until_closed()

    async with connected(part) as (_, peer, answer):
        steps.append("connected")
        assert answer == Connected(model="gpt-rt-1", voice="marin", expires_in_ms=None)
    assert steps == ["update received", "connected"]
    session = peer.frames[0]["session"]
    assert session["audio"]["input"]["turn_detection"]["create_response"] is False
    assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is False
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    assert [tool["name"] for tool in session["tools"]] == ["get_time"]


async def test_the_handshake_carries_key_model_and_visitor_and_no_compression() -> None:
    async with connected() as (_, peer, _answer):
        request = peer.requests[0]
    assert request.path == "/v1/realtime?model=gpt-rt"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["OpenAI-Safety-Identifier"] == "visitor-hash"
    assert "Sec-WebSocket-Extensions" not in request.headers
    assert "OpenAI-Beta" not in request.headers


async def test_without_a_visitor_the_header_is_not_sent() -> None:
    settings = SessionSettings(instructions="", voice="marin")
    async with connected(settings=settings) as (_, peer, _answer):
        assert "OpenAI-Safety-Identifier" not in peer.requests[0].headers


async def test_the_history_goes_out_as_text_before_connect_returns() -> None:
    settings = SessionSettings(
        instructions="",
        voice="marin",
        history=[HistoryItem("user", "I am Ada."), HistoryItem("assistant", "Hello Ada.")],
    )

    async def part(stage: Stage) -> None:
        await stage.ready()
        await stage.receive("conversation.item.create")
        await stage.receive("conversation.item.create")
        await stage.receive("response.create")
        await stage.until_closed()

    async with connected(part, settings) as (provider, peer, _):
        await provider.create_response()
        await peer.frames_up_to(4)
    items = [sent["item"] for sent in peer.frames[1:3]]
    assert [(item["role"], item["content"][0]) for item in items] == [
        ("user", {"type": "input_text", "text": "I am Ada."}),
        ("assistant", {"type": "output_text", "text": "Hello Ada."}),
    ]


@pytest.mark.parametrize(
    ("expires_at", "left_ms"),
    [(1_003_600, 3_600_000.0), (999_999, None), (9_000_000, None), ("soon", None)],
)
async def test_the_time_left_is_given_only_when_it_can_be(
    expires_at: Any, left_ms: float | None
) -> None:
    async def part(stage: Stage) -> None:
        await stage.ready(expires_at=expires_at)
        await stage.until_closed()

    tuning = Tuning(wall_time_s=lambda: 1_000_000.0)
    async with connected(part, tuning=tuning) as (_, _peer, answer):
        assert answer.expires_in_ms == left_ms


async def test_the_server_names_model_and_voice_in_force() -> None:
    async def part(stage: Stage) -> None:
        await stage.send(created(model=""))
        update = await stage.receive("session.update")
        update["session"]["audio"]["output"]["voice"] = "cedar"
        await stage.send(updated(update))
        await stage.until_closed()

    async with connected(part, clock=ManualClock()) as (provider, _, answer):
        assert (answer.model, answer.voice) == ("gpt-rt", "cedar")
        assert provider.name == "openai"
        assert provider.counters.connect_ms == 0


async def test_an_unknown_transcription_model_is_replaced_then_left_out() -> None:
    asked: list[Any] = []

    async def part(stage: Stage) -> None:
        await stage.send(created())
        while True:
            update = await stage.receive("session.update")
            asked.append(update["session"]["audio"]["input"]["transcription"])
            if asked[-1] is None:
                break
            param = "session.audio.input.transcription.model"
            await stage.send(error("invalid_value", event_id=update["event_id"], param=param))
        await stage.send(updated(update))
        await stage.receive("session.update")
        await stage.until_closed()

    async with connected(part) as (provider, peer, _):
        await provider.update(SETTINGS)
        await peer.frames_up_to(4)
    assert asked == [{"model": "gpt-transcribe"}, {"model": "gpt-4o-mini-transcribe"}, None]
    assert peer.frames[3]["session"]["audio"]["input"]["transcription"] is None


async def test_transcription_can_be_off() -> None:
    settings = SessionSettings(instructions="", voice="marin", transcribe=False)
    async with connected(settings=settings) as (_, peer, _answer):
        assert peer.frames[0]["session"]["audio"]["input"]["transcription"] is None


@pytest.mark.parametrize(
    ("code", "param", "wire"),
    [
        ("unknown_parameter", "session.x", "provider_rejected"),
        ("invalid_value", None, "provider_rejected"),
        ("insufficient_quota", None, "provider_quota"),
    ],
)
async def test_an_error_to_our_settings_is_a_rejection(
    code: str, param: str | None, wire: str
) -> None:
    async def part(stage: Stage) -> None:
        await stage.send(created())
        update = await stage.receive("session.update")
        await stage.send(error(code, event_id=update["event_id"], param=param))
        await stage.until_closed()

    caught = await refusal_of(part)
    assert isinstance(caught, ProviderRejected)
    assert (caught.code, caught.detail_code) == (wire, code)


@pytest.mark.parametrize(
    ("code", "close", "wire"),
    [
        ("invalid_api_key", 3000, "provider_key_refused"),
        ("invalid_model", 4000, "provider_model_unknown"),
        ("missing_model", 4000, "provider_model_unknown"),
        ("insufficient_quota", 4000, "provider_quota"),
        ("beta_api_shape_disabled", 4000, "provider_rejected"),
    ],
)
@pytest.mark.parametrize("with_error", [True, False])
async def test_a_refusal_after_the_upgrade_has_its_code(
    code: str, close: int, wire: str, with_error: bool
) -> None:
    async def part(stage: Stage) -> None:
        if with_error:
            await stage.send(error(code))
        await stage.close(close, f"invalid_request_error.{code}")

    caught = await refusal_of(part)
    assert isinstance(caught, ProviderRejected)
    assert (caught.code, caught.detail_code) == (wire, code)


@pytest.mark.parametrize(("close", "detail"), [(1001, "close_1001"), (1011, "close_1011")])
async def test_a_connection_that_breaks_before_it_is_ready_may_be_tried_again(
    close: int, detail: str
) -> None:
    caught = await refusal_of(lambda stage: stage.close(close, "The server goes away. Bye."))
    assert isinstance(caught, ProviderUnavailable)
    assert (caught.code, caught.detail_code) == ("provider_lost", detail)


@pytest.mark.parametrize(
    ("status", "body", "wire", "kind"),
    [
        (HTTPStatus.UNAUTHORIZED, b"", "provider_key_refused", ProviderRejected),
        (HTTPStatus.FORBIDDEN, b"<html>", "provider_forbidden", ProviderRejected),
        (
            HTTPStatus.FORBIDDEN,
            b'{"error": {"code": "model_not_found"}}',
            "provider_model_unknown",
            ProviderRejected,
        ),
        (HTTPStatus.NOT_FOUND, b'{"error": {}}', "provider_model_unknown", ProviderRejected),
        (HTTPStatus.BAD_REQUEST, b"", "provider_rejected", ProviderRejected),
        (
            HTTPStatus.NOT_FOUND,
            b'{"error": {"code": "DeploymentNotFound"}}',
            "provider_model_unknown",
            ProviderRejected,
        ),
        (
            HTTPStatus.TOO_MANY_REQUESTS,
            b'{"error": {"code": "insufficient_quota"}}',
            "provider_quota",
            ProviderRejected,
        ),
        (HTTPStatus.TOO_MANY_REQUESTS, b"[", "provider_rate_limited", ProviderUnavailable),
        (HTTPStatus.INTERNAL_SERVER_ERROR, b"7", "provider_unreachable", ProviderUnavailable),
        (HTTPStatus.SERVICE_UNAVAILABLE, b"null", "provider_unreachable", ProviderUnavailable),
        (HTTPStatus.REQUEST_TIMEOUT, b"", "provider_unreachable", ProviderUnavailable),
        (HTTPStatus.OK, b'{"error": {"code": 3}}', "provider_rejected", ProviderRejected),
    ],
)
async def test_a_refused_upgrade_has_its_code(
    status: HTTPStatus, body: bytes, wire: str, kind: type[ProviderError]
) -> None:
    caught = await refusal_of(status=status, body=body)
    assert isinstance(caught, kind)
    assert caught.code == wire


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [("2.5", 2_500.0), ("-1", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("9e99", 3_600_000)],
)
async def test_the_time_to_wait_is_passed_on(value: str, milliseconds: float | None) -> None:
    caught = await refusal_of(status=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": value})
    assert caught.retry_after_ms == milliseconds


@pytest.mark.parametrize("silent_after", ["upgrade", "created", "update"])
async def test_a_server_that_falls_silent_is_a_timeout(silent_after: str) -> None:
    async def part(stage: Stage) -> None:
        if silent_after != "upgrade":
            await stage.send(created())
        if silent_after == "update":
            await stage.receive("session.update")
        await stage.until_closed()

    assert isinstance(await refusal_of(part, tuning=QUICK), ProviderTimeout)


async def test_a_port_that_never_answers_is_a_timeout() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        provider = provider_for(f"ws://127.0.0.1:{deaf.getsockname()[1]}/v1", tuning=QUICK)
        with anyio.fail_after(40), pytest.raises(ProviderTimeout):
            await provider.connect(SETTINGS)


async def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        provider = provider_for(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", tuning=PATIENT)
        with anyio.fail_after(40), pytest.raises(ProviderUnavailable) as caught:
            await provider.connect(SETTINGS)
    assert caught.value.code == "provider_unreachable"


async def test_a_server_without_websocket_is_refused_with_a_code() -> None:
    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"SMTP ready\r\n\r\n")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, answer)
        with anyio.fail_after(40), pytest.raises(ProviderUnavailable):
            await provider_for(f"http://127.0.0.1:{port}/v1", tuning=PATIENT).connect(SETTINGS)
        group.cancel_scope.cancel()
    await listener.aclose()


async def test_a_model_name_that_is_no_header_is_a_rejection_not_a_crash() -> None:
    async with realtime_peer() as peer:
        provider = OpenAIRealtimeProvider(api_key="bad\nkey", model="m", base_url=peer.url)
        with anyio.fail_after(40), pytest.raises(ProviderError):
            await provider.connect(SETTINGS)


async def test_an_address_that_is_none_is_a_rejection() -> None:
    with anyio.fail_after(40), pytest.raises(ProviderRejected):
        await provider_for("ftp://127.0.0.1/v1").connect(SETTINGS)


async def test_refusing_even_no_transcription_is_a_rejection() -> None:
    async def part(stage: Stage) -> None:
        await stage.send(created())
        while True:
            update = await stage.receive("session.update")
            param = "session.audio.input.transcription"
            await stage.send(error("invalid_value", event_id=update["event_id"], param=param))

    caught = await refusal_of(part)
    assert (caught.code, caught.detail_code) == ("provider_rejected", "transcription")


async def test_a_peer_that_speaks_something_else_is_given_up() -> None:
    async def part(stage: Stage) -> None:
        await stage.send(*["hello"] * (MAX_MALFORMED + 1))
        await stage.until_closed()

    caught = await refusal_of(part)
    assert (caught.code, caught.detail_code) == ("provider_rejected", "not_realtime")


async def test_cancelling_the_connect_leaves_nothing_open() -> None:
    closed = anyio.Event()

    async def part(stage: Stage) -> None:
        await stage.send(created())
        await stage.receive("session.update")
        await stage.until_closed()
        closed.set()

    async with realtime_peer(part) as peer:
        async with anyio.create_task_group() as group:
            group.start_soon(provider_for(peer.url).connect, SETTINGS)
            await peer.frames_up_to(1)  # our settings are out, their acknowledgement is awaited
            group.cancel_scope.cancel()
        with anyio.fail_after(40):
            await closed.wait()


async def test_a_provider_is_connected_once() -> None:
    async with connected() as (provider, _, _answer):
        with pytest.raises(RuntimeError, match="once"):
            await provider.connect(SETTINGS)


async def test_an_unconnected_provider_refuses_commands_and_has_no_events() -> None:
    provider = provider_for("http://127.0.0.1:1/v1")
    with pytest.raises(ProviderUnavailable, match="broke"):
        await provider.commit_audio()
    with pytest.raises(RuntimeError, match="connect first"):
        await anext(provider.events())
    await provider.aclose()


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "wss://api.openai.com/v1"),
        ("http://127.0.0.1:8791/v1", "ws://127.0.0.1:8791/v1"),
        ("https://host/openai/v1?x=1", "wss://host/openai/v1?x=1"),
        ("ws://localhost:1/v1", "ws://localhost:1/v1"),
    ],
)
async def test_the_scheme_becomes_the_websockets(given: str | None, used: str) -> None:
    assert websocket_base_url(given) == used


async def test_a_proxy_of_the_network_is_not_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with connected() as (_, _peer, answer):
        assert answer.model == "gpt-rt-1"


async def test_the_environment_does_not_redirect_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    async with connected() as (_, _peer, answer):
        assert answer.model == "gpt-rt-1"


async def test_the_key_reaches_neither_repr_nor_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="voice_loop"):
        async with connected() as (provider, _, _answer):
            assert KEY not in repr(vars(provider))
    assert KEY not in caplog.text

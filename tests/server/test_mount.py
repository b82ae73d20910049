"""What a host app does with a VoiceServer."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient

from voice_loop.config import Limits, Settings
from voice_loop.errors import ConfigError
from voice_loop.latency.clock import ManualClock
from voice_loop.providers.base import VoiceActivity
from voice_loop.providers.scripted import ScriptedProviders
from voice_loop.server.mount import DefaultHooks, VoiceServer, session_settings
from voice_loop.server.spent import MemorySpent


class SharedSpent(MemorySpent):
    shared = True


def server(settings: Settings | None = None, *, shared: bool = False) -> VoiceServer:
    spent = SharedSpent(ManualClock()) if shared else None
    return VoiceServer(settings or Settings(), provider_factory=ScriptedProviders(), spent=spent)


def test_making_one_opens_nothing_and_admits_nobody() -> None:
    assert not server().manager.accepting
    assert server().manager.find("tab") is None


def test_the_route_is_where_the_settings_say_or_where_the_host_wants_it() -> None:
    assert server(Settings(path="/_event/voice")).path == "/_event/voice"
    made = VoiceServer(Settings(), provider_factory=ScriptedProviders(), path="/back/voice")
    [route] = made.app.routes
    assert isinstance(route, WebSocketRoute)
    assert route.path == "/back/voice"


def test_the_host_app_can_be_mounted_beneath_as_reflex_does() -> None:
    async def ping(request: object) -> PlainTextResponse:
        return PlainTextResponse("pong")

    made = server()
    made.app.mount("", Starlette(routes=[Route("/ping", ping)]))
    client = TestClient(Starlette(routes=[Mount("", app=made.app)]))
    assert client.get("/ping").text == "pong"
    assert client.get("/voice").status_code == 404


@pytest.mark.anyio
async def test_sessions_can_live_only_within_the_lifespan() -> None:
    made = server()
    async with made.lifespan():
        assert made.manager.accepting
    assert not made.manager.accepting


@pytest.mark.anyio
async def test_workers_that_share_tickets_must_share_the_secret() -> None:
    with pytest.raises(ConfigError, match="VOICE_TICKET_SECRET"):
        async with server(shared=True).lifespan():
            raise AssertionError("it started")
    settings = Settings(ticket_secret="sixteen characters")
    async with server(settings, shared=True).lifespan():
        pass


def test_one_worker_can_verify_what_another_signed() -> None:
    settings = Settings(ticket_secret="sixteen characters")
    ticket = server(settings).issue_ticket("tab", "http://page.test", "a")
    assert server(settings)._tickets.read(ticket).client_token == "tab"


def test_without_a_secret_every_server_has_its_own() -> None:
    one, other = server(), server()
    ticket = one.issue_ticket("tab", "http://page.test", "a")
    with pytest.raises(Exception, match="not valid"):
        other._tickets.read(ticket)


@pytest.mark.anyio
async def test_without_wishes_of_the_app_the_settings_decide() -> None:
    settings = Settings(
        instructions="Be kind.",
        voice="cedar",
        voice_activity=VoiceActivity(0.7, 200, 350),
        limits=Limits(),
    )
    hooks = DefaultHooks(settings)
    opened = await hooks.settings_for("tab")
    assert (opened.instructions, opened.voice) == ("Be kind.", "cedar")
    assert opened.voice_activity == VoiceActivity(0.7, 200, 350)
    assert await hooks.authorize("tab", "a")


def test_the_default_of_the_page_decides_nothing_for_who_chose_otherwise() -> None:
    settings = Settings(turn_detection="push_to_talk")
    assert session_settings(settings).voice_activity == settings.voice_activity

"""A VoiceLoop opens nothing at import, says clearly what is wrong, and finds its way."""

from __future__ import annotations

import json

import pytest
import reflex as rx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from voice_loop.config import Settings
from voice_loop.embed import VoiceLoop
from voice_loop.errors import AdmissionError, ConfigError, ProviderRejected
from voice_loop.providers.openai_realtime.adapter import OpenAIRealtimeProvider
from voice_loop.session.tools import ToolFailed
from voice_loop.ui.loops import loop_of

pytestmark = pytest.mark.anyio


async def test_a_wrong_setting_stops_the_start_and_not_the_import() -> None:
    voice = VoiceLoop(environ={"PORT": "many"})
    with pytest.raises(ConfigError, match="PORT"):
        async with voice.lifespan():
            pass


async def test_a_server_whose_app_was_not_attached_does_not_start() -> None:
    with pytest.raises(SystemExit) as caught:
        VoiceLoop(Settings()).api(Starlette())
    assert "voice.attach(app)" in str(caught.value.code)


async def test_where_a_server_starts_a_wrong_setting_ends_it_with_its_sentence_alone() -> None:
    voice = VoiceLoop(environ={"VOICE_VAD_THRESHOLD": "many"})
    with pytest.raises(SystemExit) as caught:
        voice.api(Starlette())
    assert str(caught.value.code).startswith("VOICE_VAD_THRESHOLD must be a number from 0 to 1")


async def test_beside_the_socket_everything_is_still_the_apps(app: rx.App) -> None:
    def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    voice = VoiceLoop(Settings(path="/speak"))
    voice.attach(app)
    client = TestClient(voice.api(Starlette(routes=[Route("/hello", hello)])))
    assert client.get("/hello").text == "hello"
    with client.websocket_connect("/speak", subprotocols=["voice-loop.v1"]) as socket:
        socket.send_text("nonsense")
        assert socket.receive_json()["code"] in {"bad_start", "bad_frame"}


def test_the_component_begins_in_the_mode_that_the_page_shows() -> None:
    props = " ".join(VoiceLoop(Settings()).audio().children[0].render()["props"])
    assert "turnDetection" in props
    assert "push_to_talk_rx_state_" in props


async def test_a_key_leads_to_openai_and_stays_out_of_sight() -> None:
    voice = VoiceLoop(Settings(openai_api_key="sk-secret"))
    provider = voice._make_provider()
    assert isinstance(provider, OpenAIRealtimeProvider)
    assert provider.name == "openai"
    assert "gpt-realtime" in voice.greeting()
    assert "sk-secret" not in voice.greeting() + repr(voice.settings)


async def test_without_its_server_the_offline_assistant_is_refused_with_a_code() -> None:
    with pytest.raises(ProviderRejected) as caught:
        VoiceLoop(Settings())._make_provider()
    assert caught.value.code == "local_unavailable"


async def test_without_key_and_packages_the_start_says_which_of_the_two_to_add(
    app: rx.App,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise ConfigError("not there")

    monkeypatch.setattr("voice_loop.embed.check_installed", missing)
    voice = VoiceLoop(Settings())
    voice.attach(app)
    assert voice.unavailable() == "local_unavailable"
    assert "OPENAI_API_KEY" in voice.greeting()
    assert "voice-loop[local]" in voice.greeting()


async def test_the_newest_loop_of_a_name_is_the_one_that_handlers_find() -> None:
    VoiceLoop(Settings())
    newer = VoiceLoop(Settings())
    assert loop_of("voice") is newer
    assert loop_of("nobody") is None


async def test_a_ticket_of_the_loop_is_one_that_its_server_takes() -> None:
    voice = VoiceLoop(Settings())
    assert voice.issue_ticket("token", "http://localhost:3000", "127.0.0.1").count(".") >= 1
    assert voice.find("token") is None


async def test_attached_it_lives_and_is_served_with_the_app(app: rx.App) -> None:
    voice = VoiceLoop(Settings())
    assert voice.unavailable() == "not_attached"
    voice.attach(app)
    voice.attach(app)
    assert app.get_lifespan_tasks().count(voice.lifespan) == 1
    assert app.api_transformer == [voice.api]
    assert voice.unavailable() != "not_attached"


async def test_what_the_app_has_beside_it_stays(app: rx.App) -> None:
    voice, own = VoiceLoop(Settings()), Starlette()
    app.api_transformer = own
    voice.attach(app)
    composed: object = app.api_transformer
    assert composed == [own, voice.api]
    app.api_transformer = [voice.api, own]
    kitchen = VoiceLoop(Settings(), name="kitchen", path="/kitchen")
    kitchen.attach(app)
    assert app.api_transformer == [voice.api, own, kitchen.api]


async def test_two_loops_of_an_app_keep_to_themselves(app: rx.App) -> None:
    voice, kitchen = VoiceLoop(Settings()), VoiceLoop(Settings(), name="kitchen", path="/kitchen")
    for each in (voice, kitchen):
        each.attach(app)
    client = TestClient(
        kitchen.api(voice.api(Starlette())), base_url="http://localhost", client=("127.0.0.1", 1)
    )
    for path in ("/voice", "/kitchen"):
        with client.websocket_connect(path, subprotocols=["voice-loop.v1"]) as socket:
            socket.send_text("nonsense")
            assert socket.receive_json()["code"] in {"bad_start", "bad_frame"}
    assert client.get("/metrics").status_code != 404
    assert client.get("/metrics/kitchen").status_code != 404
    assert (voice.component_id, kitchen.component_id) == ("voice", "kitchen")
    assert "voice_state_kitchen" in str(kitchen.audio().render())
    assert "voice_state_kitchen" not in str(voice.audio().render())
    with pytest.raises(AdmissionError):
        voice.server._tickets.read(kitchen.issue_ticket("token", "http://a", "127.0.0.1"))


@pytest.mark.parametrize("path", ["kitchen", "/", "/kitchen/", "/a b", "/a?b"])
def test_a_path_that_no_route_can_have_is_refused_with_a_sentence(path: str) -> None:
    with pytest.raises(ConfigError, match="begins with a slash"):
        VoiceLoop(name="kitchen", path=path, environ={})


@pytest.mark.parametrize(
    ("name", "path", "sentence"),
    [("voice", "/other", "Two voice loops are named"), ("kitchen", None, "share the path /voice")],
)
async def test_a_second_loop_that_is_like_the_first_is_refused(
    app: rx.App, name: str, path: str | None, sentence: str
) -> None:
    VoiceLoop(Settings()).attach(app)
    with pytest.raises(ConfigError, match=sentence):
        VoiceLoop(Settings(), name=name, path=path).attach(app)


async def test_the_path_of_a_loop_is_its_own_and_the_rest_of_the_environments() -> None:
    voice = VoiceLoop(environ={"VOICE_VOICE": "cedar"}, name="kitchen", path="/kitchen")
    assert (voice.settings.voice, voice.settings.path) == ("cedar", "/kitchen")
    assert VoiceLoop(environ={}, instructions="Cook.").settings.instructions == "Cook."
    from_environment = {"VOICE_INSTRUCTIONS": "Be brief."}
    assert VoiceLoop(environ=from_environment).settings.instructions == "Be brief."


async def test_a_tool_that_cannot_be_described_is_said_when_the_loop_is_made() -> None:
    def untyped(text):  # type: ignore[no-untyped-def]  # what is tested
        """No type hint."""

    with pytest.raises(ConfigError, match='Tool "untyped".*has no type'):
        VoiceLoop(Settings(), tools=[untyped])


async def test_every_piece_of_the_page_can_be_used_alone() -> None:
    voice = VoiceLoop(Settings())
    for piece in (
        voice.audio,
        voice.talk_button,
        voice.transcript,
        voice.controls,
        voice.notices,
        voice.provider_badge,
        voice.debug_overlay,
        voice.settings_panel,
    ):
        assert isinstance(piece(), rx.Component)


async def test_a_tool_that_the_app_took_away_is_not_run(
    app: rx.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def lights() -> None:
        """Switch the lights."""
        ran.append("lights")

    def blinds() -> None:
        """Move the blinds."""
        ran.append("blinds")

    class Offering:
        tool_names = frozenset({"blinds"})

    voice = VoiceLoop(Settings(), tools=[lights, blinds])
    monkeypatch.setattr(voice.server.manager, "find", lambda client_token: Offering())
    assert await voice._run_tool("tab-1", "blinds", "{}") == "null"
    with pytest.raises(ToolFailed) as caught:
        await voice._run_tool("tab-1", "lights", "{}")
    assert json.loads(caught.value.output)["error"] == "unknown_tool"
    with pytest.raises(ToolFailed, match="failed"):
        await voice._run_tool("tab-1", "no such tool", "{}")
    assert ran == ["blinds"]

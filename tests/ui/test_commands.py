"""The app speaks up: from any handler, to the session of the tab, and from nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, cast

import anyio
import pytest
import reflex as rx
from reflex.event import Event, EventSpec
from reflex_base.utils.format import format_event_handler

from voice_loop.config import Settings
from voice_loop.embed import VoiceLoop
from voice_loop.errors import WireError
from voice_loop.event_bus import EventBus
from voice_loop.providers.base import ToolSpec
from voice_loop.session.facts import Fact
from voice_loop.session.operations import AppOperation, execute
from voice_loop.ui.state import VoiceState

pytestmark = pytest.mark.anyio


def lights(on: bool) -> None:
    """Switch the lights."""


def blinds(up: bool) -> None:
    """Move the blinds."""


class ShopState(rx.State):
    """A state of the host app that knows nothing of the voice's."""

    order: ClassVar[Any] = None

    @rx.event
    def returns_it(self) -> EventSpec:
        """As most handlers do."""
        return cast(EventSpec, self.order())

    @rx.event
    def yields_it(self) -> Iterator[EventSpec]:
        """In the middle of its work."""
        yield self.order()

    @rx.event(background=True)
    async def from_the_background(self) -> EventSpec:
        """Without the lock."""
        return cast(EventSpec, self.order())


class Taker:
    """Takes operations as a session does."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.bus: EventBus[Fact] = EventBus()

    def say(self, text: str) -> None:
        self.done.append(("say", text))

    def message(self, text: str) -> None:
        self.done.append(("message", text))

    def change(
        self,
        *,
        instructions: str | None = None,
        tools: Sequence[ToolSpec] | None = None,
        voice: str | None = None,
    ) -> None:
        if instructions is not None:
            self.done.append(("instructions", instructions))
        if tools is not None:
            self.done.append(("tools", [(tool.name, tool.description) for tool in tools]))
        if voice is not None:
            self.done.append(("voice", voice))

    def interrupt(self) -> None:
        self.done.append(("interrupt", None))

    def end(self, code: str = "user") -> None:
        self.done.append(("end", code))


class Stage:
    """An app with a voice, a tab that is in a conversation, and what its page is told."""

    def __init__(self, app: rx.App, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app = app
        self.voice = VoiceLoop(Settings(), tools=[lights, blinds])
        self.voice.attach(app)
        self.monkeypatch = monkeypatch
        self.told: list[tuple[str, dict[str, Any]]] = []
        namespace = app.event_namespace
        assert namespace is not None

        async def emit_update(update: Any, token: str) -> None:
            self.told += [(token, event.payload) for event in update.events]

        monkeypatch.setattr(namespace, "emit_update", emit_update)

    async def talk(self, client_token: str, session_id: str) -> None:
        async with self.app.modify_state(self.token(client_token)) as root:
            (await root.get_state(VoiceState)).session_id = session_id

    def token(self, client_token: str) -> rx.BaseStateToken:
        return rx.BaseStateToken(ident=client_token, cls=VoiceState)

    async def handle(
        self, order: Callable[[], EventSpec], handler: Any = ShopState.returns_it
    ) -> None:
        """Trigger the handler in `tab-1`, as its page would, and wait for all it leads to."""
        self.monkeypatch.setattr(ShopState, "order", staticmethod(order))
        event = Event(
            name=format_event_handler(handler),
            router_data={"token": "tab-1", "sid": "1", "headers": {}, "pathname": "/"},
        )
        with anyio.fail_after(30):
            future = await self.app.event_processor.enqueue("tab-1", event)
            await future.wait_all()

    def commands(self, session_id: str) -> list[AppOperation]:
        """What the page was given to carry, as the session's worker reads it."""
        carried = [payload["value"] for token, payload in self.told if "value" in payload]
        assert {order["op"] for order in carried} <= {"command"}
        return [
            self.voice.server._verify_command(session_id, order["command"]) for order in carried
        ]


@pytest.fixture
def stage(running: rx.App, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(running, monkeypatch)


@pytest.mark.parametrize(
    "handler", [ShopState.returns_it, ShopState.yields_it, ShopState.from_the_background]
)
async def test_any_handler_of_any_state_can_let_the_assistant_speak(
    stage: Stage, handler: Any
) -> None:
    await stage.talk("tab-1", "s1")
    await stage.handle(lambda: stage.voice.say("Your order has shipped."), handler)
    (command,) = stage.commands("s1")
    assert (command.operation, command.arguments) == ("say", {"text": "Your order has shipped."})
    assert {token for token, payload in stage.told if "value" in payload} == {"tab-1"}


async def test_every_operation_arrives_as_one_that_the_session_takes(stage: Stage) -> None:
    taker, voice = Taker(), stage.voice
    await stage.talk("tab-1", "s1")
    for order in (
        lambda: voice.say("Hello"),
        lambda: voice.message("What is new?"),
        lambda: voice.set_instructions("Be kind."),
        lambda: voice.set_tools([blinds]),
        voice.interrupt,
        voice.end,
    ):
        await stage.handle(order)
    commands = stage.commands("s1")
    assert [command.counter for command in commands] == sorted({c.counter for c in commands})
    for command in commands:
        execute(command, taker)
    assert taker.done == [
        ("say", "Hello"),
        ("message", "What is new?"),
        ("instructions", "Be kind."),
        ("tools", [("blinds", "Move the blinds.")]),
        ("interrupt", None),
        ("end", "user"),
    ]


async def test_what_is_set_before_a_conversation_holds_for_the_next(stage: Stage) -> None:
    await stage.handle(lambda: stage.voice.set_instructions("Her name is Ada."))
    await stage.handle(lambda: stage.voice.set_tools(["lights"]))
    await stage.handle(lambda: stage.voice.say("Nobody hears this."))
    assert stage.commands("s1") == []
    settings = await stage.voice._bridge.settings_for("tab-1")
    assert settings.instructions == "Her name is Ada."
    assert [spec.name for spec in settings.tools] == ["lights"]
    assert [spec.name for spec in (await stage.voice._bridge.settings_for("tab-2")).tools] == [
        "lights",
        "blinds",
    ]


async def test_outside_of_a_handler_it_says_where_it_works(running: rx.App) -> None:
    voice = VoiceLoop(Settings())
    with pytest.raises(RuntimeError, match=r"voice\.say\(\) works inside an event handler"):
        voice.say("Hello")
    with pytest.raises(RuntimeError, match=r"voice\.set_tools\(\)"):
        voice.set_tools([])


def test_nothing_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="empty"):
        VoiceLoop(Settings()).say("  ")


def test_an_order_is_for_one_tab_of_one_loop_and_no_command_on_a_session() -> None:
    voice, kitchen = VoiceLoop(Settings()), VoiceLoop(Settings(), name="kitchen", path="/kitchen")
    order = voice.server.seal_order("tab-1", "end", {})
    assert voice.open_order("tab-1", order).operation == "end"
    with pytest.raises(WireError):
        voice.open_order("tab-2", order)
    with pytest.raises(WireError):
        kitchen.open_order("tab-1", order)
    with pytest.raises(WireError):
        voice.open_order("tab-1", voice.sign_command("tab-1", "end", {}))
    with pytest.raises(WireError):
        voice.server._verify_command("tab-1", order)


def test_tools_that_are_not_the_loops_make_a_command_that_is_refused() -> None:
    voice = VoiceLoop(Settings(), tools=[lights])
    command = voice.sign_command("s1", "tools", {"tools": ["gone since"]})
    with pytest.raises(WireError):
        execute(voice.server._verify_command("s1", command), Taker())

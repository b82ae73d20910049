"""The bridge writes what a session learns into the state of its tab, in a real Reflex app."""

from __future__ import annotations

from typing import cast

import anyio
import pytest
import reflex as rx

from voice_loop.config import Settings
from voice_loop.event_bus import DEFAULT_CAPACITY, EventBus
from voice_loop.protocol.events import (
    MetricsUpdate,
    PlaybackReport,
    ToolUpdate,
    TranscriptUpdate,
    TurnState,
)
from voice_loop.providers.base import HistoryItem, ToolSpec
from voice_loop.session.facts import Fact, SessionStarted
from voice_loop.session.session import Session
from voice_loop.ui.board import Board
from voice_loop.ui.bridge import StateBridge
from voice_loop.ui.state import VoiceState, state_of

pytestmark = pytest.mark.anyio


class CountingBridge(StateBridge):
    """Counts what it writes."""

    writes = 0

    async def _write(self, client_token: str, board: Board) -> None:
        self.writes += 1
        await super()._write(client_token, board)


class Tab:
    """What the bridge reads of a session: whose tab it is, and its bus."""

    def __init__(self, client_token: str) -> None:
        self.client_token = client_token
        self.bus: EventBus[Fact] = EventBus()

    @property
    def session(self) -> Session:
        return cast(Session, self)


def said(line: str, text: str, final: bool = True) -> TranscriptUpdate:
    return TranscriptUpdate(line, "user", 1, text, final)


async def shown(app: rx.App, client_token: str) -> VoiceState:
    token = rx.BaseStateToken(ident=client_token, cls=VoiceState)
    async with app.modify_state(token) as root:
        return await root.get_state(VoiceState)


async def watch_to_the_end(bridge: StateBridge, tab: Tab, *facts: Fact) -> None:
    """Let the bridge read `facts` and the end of the session."""
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(bridge.watch, tab.session)
            await anyio.lowlevel.checkpoint()
            for fact in facts:
                tab.bus.publish(fact)
            tab.bus.close()


async def test_what_a_session_learns_stands_in_the_state_of_its_tab(app: rx.App) -> None:
    bridge = StateBridge(Settings())
    bridge.app = app
    await watch_to_the_end(
        bridge,
        Tab("tab-1"),
        SessionStarted("s1", "local", "stand-in", "marin", False, 1.0),
        said("u1", "Good morning"),
        said("u2", "and", final=False),
        ToolUpdate("c1", "lights", "running", 1),
        MetricsUpdate({"turn": 1}),
    )
    state = await shown(app, "tab-1")
    assert (state.session_id, state.provider, state.voice) == ("s1", "local", "marin")
    assert [line["text"] for line in state.lines] == ["Good morning"]
    assert [(line["role"], line["text"]) for line in state.live] == [("user", "and"), ("tool", "")]
    assert [tool["name"] for tool in state.tools] == ["lights"]
    assert state.metrics == {"turn": 1}
    assert (await shown(app, "tab-2")).lines == []


async def test_facts_that_come_together_cost_one_write(app: rx.App) -> None:
    bridge = CountingBridge(Settings())
    bridge.app = app
    words = [said("u1", "word " * count, final=count == 50) for count in range(1, 51)]
    await watch_to_the_end(bridge, Tab("tab-1"), *words)
    assert bridge.writes <= 2
    assert (await shown(app, "tab-1")).lines[0]["text"].count("word") == 50


async def test_what_is_not_shown_is_not_written(app: rx.App) -> None:
    bridge = CountingBridge(Settings())
    bridge.app = app
    await watch_to_the_end(bridge, Tab("tab-1"), TurnState("speaking", 1))
    assert bridge.writes == 0


async def test_a_new_session_is_told_what_the_page_shows_and_what_the_server_set(
    app: rx.App,
) -> None:
    lights = ToolSpec("lights", "Switch the lights", {"type": "object"})
    bridge = StateBridge(Settings(instructions="Be brief."), tools=(lights,))
    bridge.app = app
    await watch_to_the_end(bridge, Tab("tab-1"), said("u1", "Good morning"))
    settings = await bridge.settings_for("tab-1")
    assert settings.history == (HistoryItem("user", "Good morning"),)
    assert (settings.instructions, settings.tools) == ("Be brief.", (lights,))
    assert (await bridge.settings_for("tab-2")).history == ()


async def test_what_a_killed_worker_left_unfinished_is_told_to_the_next_session(
    app: rx.App,
) -> None:
    bridge = StateBridge(Settings())
    bridge.app = app
    half = TranscriptUpdate("a1", "assistant", 1, "Once there was", final=False)
    await watch_to_the_end(bridge, Tab("tab-1"), said("u1", "Tell me a story"), half)
    settings = await bridge.settings_for("tab-1")
    assert settings.history[-1] == HistoryItem("assistant", "Once there was")
    async with app.modify_state(rx.BaseStateToken(ident="tab-1", cls=VoiceState)) as root:
        state = await root.get_state(VoiceState)
        assert [line["interrupted"] for line in state.lines] == [False, True]
        assert state.live == []


async def test_what_the_app_chose_for_a_tab_goes_before_what_the_server_set(app: rx.App) -> None:
    specs = tuple(ToolSpec(name, name, {"type": "object"}) for name in ("lights", "blinds"))
    bridge = StateBridge(Settings(instructions="Be brief."), tools=specs)
    bridge.app = app
    async with app.modify_state(rx.BaseStateToken(ident="tab-1", cls=VoiceState)) as root:
        state = await root.get_state(VoiceState)
        state._instructions, state._offered = "Be kind.", ["blinds", "gone since"]
    settings = await bridge.settings_for("tab-1")
    assert settings.instructions == "Be kind."
    assert [spec.name for spec in settings.tools] == ["blinds"]
    assert (await bridge.settings_for("tab-2")).tools == specs


async def test_two_loops_write_into_states_of_their_own(app: rx.App) -> None:
    pantry = state_of("pantry")
    bridge = StateBridge(Settings(), state=pantry)
    bridge.app = app
    await watch_to_the_end(bridge, Tab("tab-1"), said("u1", "Good morning"))
    assert (await shown(app, "tab-1")).lines == []
    async with app.modify_state(rx.BaseStateToken(ident="tab-1", cls=pantry)) as root:
        assert [line["text"] for line in (await root.get_state(pantry)).lines] == ["Good morning"]


async def test_without_an_app_nothing_is_written_and_sessions_can_still_open() -> None:
    bridge = StateBridge(Settings(instructions="Be brief."))
    await watch_to_the_end(bridge, Tab("tab-1"), said("u1", "Good morning"))
    assert (await bridge.settings_for("tab-1")).instructions == "Be brief."


async def test_the_host_app_decides_who_may_talk() -> None:
    asked: list[tuple[str, str]] = []

    async def only_home(client_token: str, address: str) -> bool:
        asked.append((client_token, address))
        return address == "127.0.0.1"

    bridge = StateBridge(Settings(), authorize=only_home)
    assert await bridge.authorize("tab-1", "127.0.0.1")
    assert not await bridge.authorize("tab-1", "203.0.113.9")
    assert asked == [("tab-1", "127.0.0.1"), ("tab-1", "203.0.113.9")]
    assert await StateBridge(Settings()).authorize("tab-1", "203.0.113.9")


async def test_what_is_said_while_a_handler_holds_the_state_is_shown_afterwards(
    app: rx.App,
) -> None:
    bridge, tab = StateBridge(Settings()), Tab("slow")
    bridge.app = app
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(bridge.watch, tab.session)
            await anyio.wait_all_tasks_blocked()
            async with app.modify_state(rx.BaseStateToken(ident="slow", cls=VoiceState)):
                tab.bus.publish(said("u0", "first"))
                await anyio.wait_all_tasks_blocked()
                tab.bus.publish(said("u1", "my question"))
                for number in range(2 * DEFAULT_CAPACITY):
                    tab.bus.publish(PlaybackReport(1, 0, "playing", number, 0, 0, 0, 10, 1.0))
                    if number % 100 == 0:
                        await anyio.wait_all_tasks_blocked()
            tab.bus.close()
    lines = (await shown(app, "slow")).lines
    assert [line["text"] for line in lines] == ["first", "my question"]


class ShakyBridge(StateBridge):
    """A store that is away for the first writes; tells of every attempt."""

    away = 2

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.told, self.attempts = anyio.create_memory_object_stream[int](100)

    async def _write(self, client_token: str, board: Board) -> None:
        self.told.send_nowait(len(board.lines))
        if self.away:
            self.away -= 1
            raise ConnectionError
        await super()._write(client_token, board)


async def test_what_could_not_be_written_is_written_with_what_comes_next(app: rx.App) -> None:
    bridge, tab = ShakyBridge(Settings()), Tab("shaky")
    bridge.app = app
    waiting = []
    with anyio.fail_after(30), bridge.told, bridge.attempts:
        async with anyio.create_task_group() as group:
            group.start_soon(bridge.watch, tab.session)
            await anyio.wait_all_tasks_blocked()
            for number in range(4):
                tab.bus.publish(said(f"l{number}", f"sentence {number}"))
                waiting.append(await bridge.attempts.receive())
            tab.bus.close()
    assert waiting == [1, 2, 3, 1]
    assert [line["line"] for line in (await shown(app, "shaky")).lines] == ["l0", "l1", "l2", "l3"]


async def test_what_the_last_write_missed_is_written_at_the_end(app: rx.App) -> None:
    bridge, tab = ShakyBridge(Settings()), Tab("late")
    bridge.away = 1
    bridge.app = app
    with bridge.told, bridge.attempts:
        await watch_to_the_end(bridge, tab, said("l0", "the last sentence"))
    assert [line["line"] for line in (await shown(app, "late")).lines] == ["l0"]

"""Event handlers as tools: they run in the state of the tab, under Reflex's own rules."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import Any

import anyio
import pytest
import reflex as rx
from reflex.event import EventHandler

from tests.ui.todo_state import SECRET, TodoState
from voice_loop import ToolContext, tool, tool_result
from voice_loop.errors import ConfigError
from voice_loop.session.tools import run_tool
from voice_loop.tools import FunctionTool, Runner, ToolOutcome
from voice_loop.ui.tools import HandlerTool, attach, names_of, tool_set

pytestmark = pytest.mark.anyio


async def items(app: rx.App, client_token: str) -> list[str]:
    return list((await state_of_tab(app, client_token)).items)


async def state_of_tab(app: rx.App, client_token: str) -> TodoState:
    token = rx.BaseStateToken(ident=client_token, cls=TodoState)
    async with app.modify_state(token) as root:
        return await root.get_state(TodoState)


async def call(
    app: rx.App, handler: Any, arguments: dict[str, Any] | None = None, **options: Any
) -> ToolOutcome:
    tools = tool_set([handler])
    attach(tools, app)
    name = next(iter(tools)).name
    with anyio.fail_after(30):
        return await Runner(tools, **options).run("tab-1", name, json.dumps(arguments or {}))


def test_the_model_is_told_the_arguments_without_the_state() -> None:
    (spec,) = tool_set([TodoState.add_item]).specs
    assert (spec.name, spec.description) == ("add_item", "Add an item to the list.")
    assert spec.parameters["properties"] == {
        "text": {"type": "string", "description": "What to do."}
    }
    assert spec.parameters["required"] == ["text"]


async def test_a_handler_writes_into_the_state_of_the_tab_that_asked(running: rx.App) -> None:
    assert await call(running, TodoState.add_item, {"text": "milk"}) == ToolOutcome('"Done."')
    assert await items(running, "tab-1") == ["milk"]
    assert await items(running, "tab-2") == []


async def test_what_a_handler_says_is_the_result(running: rx.App) -> None:
    outcome = await call(running, TodoState.set_filter, {"show": "open"})
    assert json.loads(outcome.output) == {"shown": "open"}
    assert (await state_of_tab(running, "tab-1")).show == "open"


async def test_the_last_word_counts_and_returned_events_are_carried_out(running: rx.App) -> None:
    assert (await call(running, TodoState.count)).output == "0"
    with anyio.fail_after(30):
        while await items(running, "tab-1") != ["counted"]:
            await anyio.lowlevel.checkpoint()


async def test_a_generator_is_run_to_its_end(running: rx.App) -> None:
    await call(running, TodoState.add_twice, {"text": "eggs"})
    assert await items(running, "tab-1") == ["eggs", "eggs"]


async def test_wrong_arguments_never_reach_the_handler(running: rx.App) -> None:
    outcome = await call(running, TodoState.set_filter, {"show": "purple"})
    assert outcome.error == "invalid_arguments"
    assert "show" in outcome.output
    assert (await state_of_tab(running, "tab-1")).show == "all"


async def test_a_background_task_holds_up_neither_the_tab_nor_other_tools(
    running: rx.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TodoState, "gate", asyncio.Event())
    outcomes: list[ToolOutcome] = []

    async def research() -> None:
        outcomes.append(await call(running, TodoState.research, {"topic": "tea"}))

    async with anyio.create_task_group() as group:
        group.start_soon(research)
        await call(running, TodoState.add_item, {"text": "milk"})
        assert await items(running, "tab-1") == ["milk"]
        assert outcomes == []
        assert TodoState.gate is not None
        TodoState.gate.set()
    assert outcomes == [ToolOutcome('"found it"')]
    assert await items(running, "tab-1") == ["milk", "found tea"]


async def test_a_call_whose_time_is_up_is_told_so_and_its_handler_goes_on(
    running: rx.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TodoState, "gate", asyncio.Event())
    outcome = await call(running, TodoState.research, {"topic": "tea"}, timeout_ms=20)
    assert outcome.error == "timeout"
    assert TodoState.gate is not None
    TodoState.gate.set()
    with anyio.fail_after(30):
        while await items(running, "tab-1") != ["found tea"]:
            await anyio.lowlevel.checkpoint()


async def test_neither_the_model_nor_the_log_of_ours_is_told_what_an_error_says(
    running: rx.App, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = await call(running, TodoState.break_down)
    assert outcome.error == "failed"
    assert SECRET not in outcome.output
    ours = [record for record in caplog.records if record.name.startswith("voice_loop")]
    assert ours and SECRET not in " ".join(record.getMessage() for record in ours)


async def test_an_error_for_the_model_is_told_with_its_sentence(running: rx.App) -> None:
    outcome = await call(running, TodoState.refuse)
    assert json.loads(outcome.output) == {"error": "full", "message": "The list is full."}


async def test_a_failed_call_is_shown_as_failed_and_the_model_keeps_the_reason(
    running: rx.App,
) -> None:
    tools = tool_set([TodoState.refuse])
    attach(tools, running)
    with anyio.fail_after(30):
        output, failed = await run_tool(Runner(tools), "tab-1", "refuse", "{}")
    assert failed
    assert json.loads(output)["message"] == "The list is full."


async def test_before_it_is_attached_a_handler_cannot_be_called() -> None:
    outcome = await Runner(tool_set([TodoState.add_item])).run("tab-1", "add_item", '{"text": "x"}')
    assert outcome.error == "failed"


def test_where_no_tool_was_called_a_result_is_told_to_nobody() -> None:
    tool_result("nobody hears this")


def test_a_tool_can_have_another_name_and_other_words() -> None:
    def add(one: int) -> int:
        """Add one."""
        return one

    handler = tool(TodoState.add_item, name="remember", description="Remember something.")
    assert isinstance(handler, HandlerTool)
    assert (handler.name, handler.description) == ("remember", "Remember something.")
    function = tool(add, name="plus")
    assert isinstance(function, FunctionTool)
    assert (function.name, function.description) == ("plus", "Add one.")


filled_in: Any = TodoState.add_item


def with_context(self: TodoState, context: ToolContext) -> None:
    """Wants what it has."""


@pytest.mark.parametrize(
    ("tools", "sentence"),
    [
        ([TodoState.untyped], '"text" has no type'),
        ([TodoState.add_item, TodoState.add_item], 'Two tools are named "add_item"'),
        ([filled_in("milk")], "without brackets"),
        ([EventHandler(fn=functools.partial(print))], "of no state"),
        ([EventHandler(fn=with_context, state=TodoState)], "needs no ToolContext"),
        ([TodoState], "cannot be a tool"),
    ],
)
def test_a_mistake_in_the_tools_is_said_at_once(tools: list[Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        tool_set(tools)


def test_tools_are_chosen_by_themselves_or_by_name() -> None:
    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    renamed = tool(TodoState.count, name="how_many")
    tools = tool_set([TodoState.add_item, weather, renamed])
    assert names_of(tools, [TodoState.add_item, weather, renamed, "weather"]) == [
        "add_item", "weather", "how_many", "weather",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"VoiceLoop\(tools="):
        names_of(tools, [TodoState.refuse])

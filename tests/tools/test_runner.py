"""One call: whatever happens, the model gets a short JSON text and nobody gets a stack trace."""

from __future__ import annotations

import enum
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_loop.session.tools import ToolRunner, run_tool
from voice_loop.tools import Runner, ToolContext, ToolError, ToolOutcome, ToolSet
from voice_loop.tools.runner import MAX_ARGUMENT_CHARS

pytestmark = pytest.mark.anyio
SECRET = "the user said something private"


class Colour(enum.Enum):
    red = "rouge"


@dataclass
class Report:
    city: str
    on: date
    colour: Colour


def add(one: int, other: int = 10) -> int:
    """Add."""
    return one + other


async def run(tool: Callable[..., Any], arguments: object = None, **options: Any) -> ToolOutcome:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    with anyio.fail_after(30):
        return await Runner(ToolSet([tool]), **options).run("client-1", tool.__name__, text)


def error_of(outcome: ToolOutcome) -> tuple[str, str]:
    assert outcome.failed
    told = json.loads(outcome.output)
    assert set(told) == {"error", "message"}
    assert told["error"] == outcome.error
    return told["error"], told["message"]


async def test_a_function_is_called_with_its_arguments_and_defaults() -> None:
    assert await run(add, {"one": 1}) == ToolOutcome("11")
    assert await run(add, {"one": 1, "other": 2}) == ToolOutcome("3")


async def test_a_sync_function_runs_beside_the_event_loop_and_an_async_one_on_it() -> None:
    def where() -> int:
        return threading.get_ident()

    async def where_async() -> int:
        return threading.get_ident()

    assert json.loads((await run(where)).output) != threading.get_ident()
    assert json.loads((await run(where_async)).output) == threading.get_ident()


async def test_a_sync_function_that_gives_an_awaitable_is_awaited() -> None:
    async def later() -> str:
        return "now"

    def tool() -> Awaitable[str]:
        return later()

    assert (await run(tool)).output == '"now"'


async def test_a_tool_learns_in_whose_name_it_runs() -> None:
    def whose(context: ToolContext) -> str:
        return context.client_token

    assert (await run(whose)).output == '"client-1"'
    assert "client-1" not in repr(ToolContext("client-1"))


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ("text", '"text"'),
        (None, "null"),
        ({"a": [1, 2.5]}, '{"a":[1,2.5]}'),
        (Report("Rome", date(2026, 1, 2), Colour.red),
         '{"city":"Rome","on":"2026-01-02","colour":"rouge"}'),
        (float("nan"), "null"),
        ("größer", '"größer"'),
    ],
)  # fmt: skip
async def test_results_are_json(result: object, output: str) -> None:
    def tool() -> object:
        return result

    assert await run(tool) == ToolOutcome(output)


async def test_a_result_that_json_cannot_carry_is_told_as_such() -> None:
    def tool() -> object:
        return threading.Lock()

    assert error_of(await run(tool))[0] == "result_not_json"


async def test_a_result_within_itself_is_told_as_such() -> None:
    def tool() -> object:
        knot: list[object] = []
        knot.append(knot)
        return knot

    assert error_of(await run(tool))[0] == "result_not_json"


async def test_a_result_that_is_too_long_is_refused() -> None:
    def tool() -> str:
        return "x" * 40_000

    assert error_of(await run(tool))[0] == "result_too_long"


async def test_a_wrong_argument_is_named_for_the_model() -> None:
    code, message = error_of(await run(add, {"one": "many"}))
    assert code == "invalid_arguments"
    assert message.startswith("one: ")


@pytest.mark.parametrize(
    "arguments",
    ["{", "[1]", '"one"', "[" * 50_000, '{"one": 1' + " " * MAX_ARGUMENT_CHARS + "}"],
    ids=["torn", "list", "text", "deep", "long"],
)
async def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    assert error_of(await run(add, arguments))[0] == "invalid_arguments"


async def test_no_arguments_at_all_are_an_empty_object() -> None:
    def tool() -> str:
        return "ok"

    for empty in ("", "  ", "{}"):
        assert (await run(tool, empty)).output == '"ok"'


async def test_an_unknown_tool_is_told_with_those_that_exist(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        outcome = await Runner(ToolSet([add])).run("client-1", SECRET, "{}")
    code, message = error_of(outcome)
    assert code == "unknown_tool"
    assert "add" in message
    assert SECRET not in caplog.text


async def test_an_exception_gives_away_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def tool(text: str) -> str:
        raise ValueError(text)

    with caplog.at_level(logging.DEBUG):
        outcome = await run(tool, {"text": SECRET})
    assert error_of(outcome)[0] == "failed"
    assert SECRET not in outcome.output
    assert "Traceback" not in outcome.output
    assert SECRET not in caplog.text
    assert "client-1" not in caplog.text
    assert "tool tool failed: failed" in caplog.text


async def test_a_tool_error_is_told_in_its_own_words_but_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def tool() -> str:
        raise ToolError(SECRET, code="no_such_city")

    with caplog.at_level(logging.DEBUG):
        outcome = await run(tool)
    assert error_of(outcome) == ("no_such_city", SECRET)
    assert SECRET not in caplog.text


async def test_an_async_tool_that_never_ends_is_stopped() -> None:
    cancelled = anyio.Event()

    async def tool() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    assert error_of(await run(tool, timeout_ms=20))[0] == "timeout"
    assert cancelled.is_set()


async def test_a_sync_tool_that_never_ends_does_not_hold_the_conversation() -> None:
    release = threading.Event()

    def tool() -> str:
        release.wait(10)
        return "late"

    try:
        assert error_of(await run(tool, timeout_ms=20))[0] == "timeout"
    finally:
        release.set()


async def test_a_tools_own_timeout_error_is_a_failure_not_our_timeout() -> None:
    def tool() -> str:
        raise TimeoutError

    assert error_of(await run(tool))[0] == "failed"


async def test_cancelling_the_session_cancels_the_call() -> None:
    started = anyio.Event()

    async def tool() -> None:
        started.set()
        await anyio.sleep_forever()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(Runner(ToolSet([tool])), "client-1", "tool", "{}")
            await started.wait()
            group.cancel_scope.cancel()


async def test_a_runner_is_what_a_session_runs() -> None:
    runner: ToolRunner = Runner(ToolSet([add]))
    assert await run_tool(runner, "client-1", "add", '{"one": 2}') == ("12", False)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: raw.decode("latin-1")))
def test_any_text_of_the_model_gets_an_answer(arguments: str) -> None:
    outcome = anyio.run(Runner(ToolSet([add])).run, "client-1", "add", arguments)
    json.loads(outcome.output)
    assert len(outcome.output) < 2_000


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_comes_through_unchanged(value: Any) -> None:
    async def echo(value: Any) -> Any:
        return value

    outcome = anyio.run(Runner(ToolSet([echo])).run, "", "echo", json.dumps({"value": value}))
    assert json.loads(outcome.output) == value

"""The app and its session: tools, commands, watchers, and what none of them can break."""

from __future__ import annotations

import json
import logging

import anyio
import pytest

from tests.session.houses import answer, house
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.providers import scripted as script
from voice_loop.session.operations import AppOperation
from voice_loop.session.session import Session

pytestmark = pytest.mark.anyio


async def test_a_tool_runs_in_the_name_of_the_page_and_is_answered() -> None:
    calls = []

    async def tools(client_token: str, name: str, arguments: str) -> str:
        calls.append((client_token, name, json.loads(arguments)))
        return "noon"

    async with house(tools=tools) as home:
        _, page, provider = await home.enter()
        page.send_event(wire.InputText("Time?"))
        await provider.expect(script.CreateResponse, skip=True)
        provider.emit(
            base.ResponseStarted("r1"),
            base.ToolCall("r1", "f1", "c1", "clock", '{"zone":"UTC"}'),
            base.ResponseDone("r1", "completed"),
        )
        assert await provider.expect(script.AddToolResult) == script.AddToolResult("c1", "noon")
        await provider.expect(script.CreateResponse)
        assert calls == [("page", "clock", {"zone": "UTC"})]
        running, done = [await page.expect(wire.ToolUpdate) for _ in range(2)]
        assert (running.state, done.state) == ("running", "done")
        assert running.arguments == done.arguments == '{"zone":"UTC"}'


async def test_a_running_tool_does_not_outlive_the_session() -> None:
    started, cancelled = anyio.Event(), anyio.Event()

    async def tools(client_token: str, name: str, arguments: str) -> str:
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        return ""

    async with house(tools=tools) as home:
        session, page, provider = await home.enter()
        page.send_event(wire.InputText("Time?"))
        await provider.expect(script.CreateResponse, skip=True)
        provider.emit(base.ResponseStarted("r1"), base.ToolCall("r1", "f1", "c1", "clock", "{}"))
        with anyio.fail_after(30):
            await started.wait()
        session.end()
        await home.empty()
        assert cancelled.is_set()


async def test_commands_of_the_app_are_carried_out_once_and_in_rising_order() -> None:
    tool = {"name": "clock", "description": "Time.", "parameters": {"type": "object"}}
    operations = {
        "say": AppOperation(1, "say", {"text": "Welcome!"}),
        "message": AppOperation(2, "message", {"text": "Hi"}),
        "instructions": AppOperation(3, "instructions", {"text": "Be brief."}),
        "tools": AppOperation(4, "tools", {"tools": [tool]}),
        "voice": AppOperation(6, "voice", {"text": "cedar"}),
        "interrupt": AppOperation(5, "interrupt"),
        "end": AppOperation(9, "end"),
    }
    async with house(operations=operations) as home:
        _, page, provider = await home.enter()
        page.send_event(wire.AppCommand("say"))
        created = await provider.expect(script.CreateResponse, skip=True)
        assert created.instructions is not None and created.instructions.endswith("Welcome!")
        provider.emit(base.ResponseStarted("r1"), base.ResponseDone("r1", "completed"))
        for name in ("message", "instructions", "tools", "interrupt"):
            page.send_event(wire.AppCommand(name))
        await provider.expect(script.AddText("Hi"), skip=True)
        await provider.expect(script.UpdateSettings, skip=True)
        update = await provider.expect(script.UpdateSettings, skip=True)
        assert update.settings.instructions == "Be brief."
        assert [spec.name for spec in update.settings.tools] == ["clock"]
        page.send_event(wire.AppCommand("say"))
        assert (await page.expect(wire.ErrorEvent)).code == "command_refused"
        page.send_event(wire.AppCommand("voice"))
        follower = await home.providers.wait_for(2)
        assert follower.settings is not None
        assert follower.settings.voice == "cedar"
        page.send_event(wire.AppCommand("end"))
        assert await home.reason() == "user"


@pytest.mark.parametrize(
    "operation",
    [
        AppOperation(1, "say", {}),
        AppOperation(1, "say", {"text": 7}),
        AppOperation(1, "tools", {"tools": "clock"}),
        AppOperation(1, "tools", {"tools": ["clock"]}),
        AppOperation(1, "tools", {"tools": [{"name": ""}]}),
        AppOperation(1, "sing", {}),
    ],
)
async def test_a_command_that_makes_no_sense_is_refused(operation: AppOperation) -> None:
    async with house(operations={"x": operation}) as home:
        _, page, _ = await home.enter()
        page.send_event(wire.AppCommand("x"))
        assert (await page.expect(wire.ErrorEvent)).code == "command_refused"
        page.send_event(wire.AppCommand("unknown"))
        assert (await page.expect(wire.ErrorEvent)).code == "command_refused"


async def test_the_app_acts_on_a_session_it_found() -> None:
    async with house() as home:
        session, page, provider = await home.enter()
        session.message("Hi")
        await provider.expect(script.CreateResponse, skip=True)
        provider.emit(*answer()[:4])
        await page.expect(wire.AudioChunk)
        assert session.phase == "speaking"
        session.interrupt()
        await provider.expect(script.CancelResponse)
        session.change(instructions="Be brief.")
        session.change(tools=[])
        await provider.expect(script.UpdateSettings, skip=True)
        session.say("Bye")
        session.send_metrics({"ttfb_ms": 1})
        assert (await page.expect(wire.MetricsUpdate)).metrics == {"ttfb_ms": 1}


async def test_a_watcher_that_fails_does_not_end_the_conversation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def watcher(session: Session) -> None:
        raise RuntimeError("the user said: my password is hunter2")

    with caplog.at_level(logging.ERROR):
        async with house(watchers=[watcher]) as home:
            session, page, _ = await home.enter()
            page.send_event(wire.ClockPing(1, 0))
            await page.expect(wire.ClockPong)
            assert session.end_code is None
    assert "RuntimeError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_watcher_that_does_not_stop_is_stopped() -> None:
    async def watcher(session: Session) -> None:
        await anyio.sleep_forever()

    async with house(watchers=[watcher]) as home:
        session, _, _ = await home.enter()
        session.end()
        await home.empty()

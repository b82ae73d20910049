"""Tools and the app's own words within a conversation."""

from __future__ import annotations

from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.session import effects
from voice_loop.session.conversation import SAY

from .stage import Stage


def test_tools_run_and_their_results_are_answered_in_the_same_turn() -> None:
    stage = Stage()
    stage.user_says("What time is it?")
    stage.commands()
    stage.provider(
        base.ResponseStarted("r1"),
        base.ToolCall("r1", "f1", "c1", "clock", "{}"),
        base.ToolCall("r1", "f2", "c2", "zone", "{}"),
        base.ResponseDone("r1", "completed"),
    )
    assert [(t.name, t.turn) for t in stage.tools] == [("clock", 1), ("zone", 1)]
    assert stage.phase == "thinking"
    stage.conversation.on_tool_result("c1", "noon", failed=False, now_ms=stage.now_ms)
    stage.provider(base.Updated())
    assert stage.commands() == [effects.AddToolResult("c1", "noon")]
    stage.conversation.on_tool_result("c2", "UTC", failed=True, now_ms=stage.now_ms)
    stage.provider(base.Updated())
    assert stage.commands() == [effects.AddToolResult("c2", "UTC"), effects.CreateResponse()]
    assert [(t.call_id, t.state) for t in stage.of(wire.ToolUpdate)] == [
        ("c1", "running"),
        ("c2", "running"),
        ("c1", "done"),
        ("c2", "failed"),
    ]
    stage.answer("It is noon")
    assert {event.turn for event in stage.of(wire.AudioChunk)} == {1}


def test_tool_results_wait_for_the_floor_and_for_the_end_of_their_response() -> None:
    stage = Stage()
    stage.user_says("What time is it?")
    stage.commands()
    stage.provider(base.ResponseStarted("r1"), base.ToolCall("r1", "f1", "c1", "clock", "{}"))
    stage.conversation.on_tool_result("c1", "noon", failed=False, now_ms=stage.now_ms)
    stage.provider(base.Updated())
    assert stage.commands() == [effects.AddToolResult("c1", "noon")]
    stage.provider(base.ResponseDone("r1", "completed"))
    assert stage.commands() == [effects.CreateResponse()]


def test_a_tool_result_of_a_stopped_turn_is_given_back_but_not_spoken() -> None:
    stage = Stage()
    stage.user_says("What time is it?")
    stage.provider(
        base.ResponseStarted("r1"),
        base.ToolCall("r1", "f1", "c1", "clock", "{}"),
        base.ResponseDone("r1", "completed"),
    )
    stage.commands()
    stage.barge_in(0, "stop")
    stage.conversation.on_tool_result("c1", "noon", failed=False, now_ms=stage.now_ms)
    stage.provider(base.Updated())
    assert stage.commands() == [effects.AddToolResult("c1", "noon")]
    assert stage.phase == "listening"


def test_an_unknown_or_repeated_tool_result_is_ignored() -> None:
    stage = Stage()
    stage.conversation.on_tool_result("c9", "x", failed=False, now_ms=stage.now_ms)
    stage.provider(base.Updated())
    assert stage.commands() == []


def test_the_app_can_let_the_assistant_speak_first() -> None:
    stage = Stage()
    stage.conversation.say("Welcome!", stage.now_ms)
    stage.provider(base.Updated())
    assert stage.commands() == [effects.CreateResponse(SAY + "Welcome!")]
    stage.answer("Welcome!")
    assert {event.turn for event in stage.of(wire.AudioChunk)} == {1}


def test_words_of_the_app_wait_until_the_answer_was_heard() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.answer()
    stage.commands()
    stage.conversation.say("By the way.", stage.now_ms)
    stage.played(1_000)
    assert stage.commands() == []
    stage.played(2_000, "finished")
    assert stage.commands() == [effects.CreateResponse(SAY + "By the way.")]


def test_the_app_can_change_instructions_and_tools() -> None:
    stage = Stage()
    tool = base.ToolSpec("clock", "Tells the time.", {})
    stage.conversation.change(instructions="Be brief.", tools=[tool])
    stage.provider(base.Updated())
    [command] = stage.commands()
    assert isinstance(command, effects.UpdateSettings)
    assert command.settings.instructions == "Be brief."
    assert stage.conversation.begin_connect().tools == (tool,)


def test_more_tool_calls_than_can_run_are_answered_at_once() -> None:
    stage = Stage()
    stage.user_says("Go.")
    stage.commands()
    stage.provider(base.ResponseStarted("r1"))
    for number in range(34):
        stage.provider(base.ToolCall("r1", f"f{number}", f"c{number}", "clock", "{}"))
    stage.provider(base.ToolCall("r1", "f0", "c0", "clock", "{}"))
    assert len(stage.tools) == 32
    assert [type(command) for command in stage.commands()] == [effects.AddToolResult] * 2

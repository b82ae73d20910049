"""Interruptions at awkward moments, and that each is followed by an answer that is heard whole.

Before the first audio, at the last sample, between two items, during a tool call, twice within
300 ms, and with a report of the browser that is late, lost, or of an answer long gone.
"""

from __future__ import annotations

import pytest

from tests.session.stage import Stage
from tests.session.test_conversation_barge_in import heard_by_provider
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.session import effects


def assert_it_goes_on(stage: Stage, response: str) -> None:
    """The next answer comes, is heard to its end and stands in the history."""
    turn = stage.conversation.machine.turn
    stage.provider(
        base.ResponseStarted(response),
        base.OutputTranscript(response, "next", "All is well"),
        base.OutputAudio(response, "next", bytes(48_000)),
        base.OutputAudioDone(response, "next"),
        base.OutputTranscript(response, "next", "", True, "All is well"),
        base.ResponseDone(response, "completed"),
    )
    stage.played(500)
    assert stage.phase == "speaking"
    stage.played(1_000, "finished")
    assert stage.phase == "listening"
    assert stage.commands() == []
    line = list(stage.lines().values())[-1]
    assert (line.turn, line.text, line.final, line.interrupted) == (
        turn,
        "All is well",
        True,
        False,
    )
    assert stage.conversation.history.items()[-1].text == "All is well"
    assert stage.end is None


def test_before_the_first_audio_the_response_is_cancelled_and_the_next_one_comes() -> None:
    stage = Stage()
    stage.user_says("Tell me something.")
    stage.provider(base.ResponseStarted("r1"))
    stage.commands()
    stage.sound("candidate", "confirmed")
    assert stage.commands() == [effects.CancelResponse()]
    heard_by_provider(stage, "u2", "No, something else.")
    stage.sound("ended", same=True)
    late = base.OutputAudio("r1", "a1", bytes(9_600))
    stage.provider(late, base.ResponseDone("r1", "cancelled"))
    assert stage.of(wire.AudioChunk) == []
    assert stage.commands() == [effects.CreateResponse()]
    assert_it_goes_on(stage, "r2")


@pytest.mark.parametrize("source", ["stop", "speech"])
def test_a_stop_before_the_first_audio_leaves_nothing_of_the_answer(
    source: wire.BargeInSource,
) -> None:
    stage = Stage()
    stage.user_says("Tell me something.")
    stage.provider(base.ResponseStarted("r1"))
    stage.commands()
    stage.barge_in(0, source)
    stage.provider(base.OutputAudio("r1", "a1", bytes(9_600)), base.ResponseDone("r1", "cancelled"))
    assert effects.CancelResponse() in stage.commands()
    assert stage.of(wire.AudioChunk) == []
    assert stage.errors() == []
    heard_by_provider(stage, "u2", "Again, please.")
    assert effects.CreateResponse() in stage.commands()
    assert_it_goes_on(stage, "r2")


def test_at_the_last_sample_nothing_is_cut_and_the_whole_line_stays() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.OutputAudioDone("r1", "a1"), base.ResponseDone("r1", "completed"))
    stage.commands()
    stage.barge_in(2_000)
    assert stage.commands() == []
    [line] = [line for line in stage.lines().values() if line.role == "assistant"]
    assert (line.text, line.final, line.interrupted) == ("One two three four", True, False)
    stage.played(2_000, "finished", turn=1)
    heard_by_provider(stage, "u2", "And then?")
    assert stage.commands() == [effects.CreateResponse()]
    assert_it_goes_on(stage, "r2")


def test_what_was_heard_before_the_item_that_is_cut_stays_whole() -> None:
    stage = Stage()
    stage.user_says("Tell me something.")
    stage.provider(base.ResponseStarted("r1"))
    for item, words in (("a1", "First part"), ("a2", "and a second")):
        stage.provider(
            base.OutputTranscript("r1", item, words),
            base.OutputAudio("r1", item, bytes(48_000)),
            base.OutputAudioDone("r1", item),
            base.OutputTranscript("r1", item, "", True, words),
        )
    stage.played(300)
    stage.commands()
    stage.client(wire.UserBargeIn(1, 1, 400, "speech"))
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a2", 400)]
    first, second = [line for line in stage.lines().values() if line.role == "assistant"]
    assert (first.text, first.final, first.interrupted) == ("First part", True, False)
    assert second.interrupted
    stage.provider(base.ResponseDone("r1", "cancelled"))
    heard_by_provider(stage, "u2", "Wait.")
    assert effects.CreateResponse() in stage.commands()
    assert_it_goes_on(stage, "r2")


def test_during_a_tool_call_its_output_is_given_back_and_the_next_answer_comes() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.ToolCall("r1", "f1", "c1", "clock", "{}"))
    stage.barge_in(600)
    heard_by_provider(stage, "u2", "Never mind, how are you?")
    stage.conversation.on_tool_result("c1", "noon", failed=False, now_ms=stage.now_ms)
    stage.provider(base.ResponseDone("r1", "cancelled"))
    commands = stage.commands()
    assert effects.AddToolResult("c1", "noon") in commands
    assert commands.count(effects.CreateResponse()) == 1
    assert_it_goes_on(stage, "r2")


def test_twice_within_300_ms_the_first_counts_and_there_is_one_next_answer() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(600)
    stage.wait(150)
    stage.barge_in(640, turn=1)
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 600)]
    heard_by_provider(stage, "u2", "Wait.")
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == [effects.CreateResponse()]
    assert stage.errors() == []
    assert_it_goes_on(stage, "r2")


def test_the_answer_to_an_interruption_can_be_interrupted_within_300_ms() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(600)
    heard_by_provider(stage, "u2", "Wait.")
    stage.provider(base.ResponseDone("r1", "cancelled"))
    stage.commands()
    stage.answer(done=False)
    stage.wait(100)
    stage.played(80)
    stage.barge_in(90)
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a2", 90)]
    heard_by_provider(stage, "u3", "No.")
    stage.provider(base.ResponseDone("r2", "cancelled"))
    assert stage.commands() == [effects.CreateResponse()]
    assert_it_goes_on(stage, "r3")


@pytest.mark.parametrize("late_ms", [480, 600, 900])
def test_a_report_that_comes_after_the_cut_changes_nothing(late_ms: float) -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(600)
    told = list(stage.lines().values())
    stage.played(late_ms, turn=1)
    stage.played(late_ms, "stopped", turn=1)
    assert list(stage.lines().values()) == told
    assert stage.errors() == []
    heard_by_provider(stage, "u2", "Wait.")
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands()[-1] == effects.CreateResponse()
    assert_it_goes_on(stage, "r2")


def test_without_any_report_the_interruptions_own_time_is_what_was_heard() -> None:
    stage = Stage()
    stage.user_says("Tell me something.")
    stage.commands()
    stage.answer(done=False)
    stage.barge_in(900)
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 900)]
    heard_by_provider(stage, "u2", "Wait.")
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == [effects.CreateResponse()]
    assert_it_goes_on(stage, "r2")

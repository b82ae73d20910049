"""Answers that fail, stop, come unasked or never end: said, and the conversation goes on."""

from __future__ import annotations

from voice_loop.config import Limits
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.session import effects

from .stage import Stage


def test_a_failed_response_is_said_and_the_conversation_goes_on() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.provider(
        base.ResponseStarted("r1"), base.ResponseDone("r1", "failed", error="provider_quota")
    )
    assert stage.errors() == ["provider_quota"]
    assert stage.phase == "listening"
    stage.user_says("Again", "u2")
    assert stage.commands()[-1] == effects.CreateResponse()


def test_a_response_that_fails_in_the_middle_drops_what_was_not_heard() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.ResponseDone(stage.response, "failed"))
    [end] = stage.of(wire.AudioEnd)
    assert (end.reason, stage.phase) == ("failed", "listening")
    assert stage.errors() == ["provider_failed"]
    assert next(u for u in stage.lines().values() if u.role == "assistant").interrupted


def test_an_incomplete_response_plays_out() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.ResponseDone(stage.response, "incomplete", "max_output_tokens"))
    assert [end.reason for end in stage.of(wire.AudioEnd)] == ["completed"]
    assert stage.phase == "speaking"


def test_a_response_nobody_asked_for_is_cancelled() -> None:
    stage = Stage()
    stage.provider(base.ResponseStarted("rX"))
    assert stage.commands() == [effects.CancelResponse()]


def test_an_answer_that_does_not_begin_is_given_up() -> None:
    stage = Stage(limits=Limits(first_audio_timeout_ms=3_000))
    stage.user_says("Hello?")
    stage.commands()
    stage.wait(3_000)
    assert stage.errors() == ["provider_timeout"]
    assert stage.commands() == [effects.CancelResponse()]
    assert stage.phase == "listening"


def test_an_answer_that_stops_coming_in_the_middle_is_given_up() -> None:
    stage = Stage(limits=Limits(first_audio_timeout_ms=3_000))
    stage.user_says("Tell me something.")
    stage.answer(done=False)
    stage.played(2_000)
    stage.commands()
    stage.wait(2_999)
    assert stage.errors() == []
    stage.wait(1)
    assert stage.errors() == ["provider_timeout"]
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 2_000)]
    assert stage.phase == "listening"
    stage.wait(2_000)
    assert stage.replaced == 1, "who does not even end the response is not asked again"


def test_an_answer_longer_than_can_be_held_is_cut_and_that_is_said() -> None:
    stage = Stage(limits=Limits(max_held_ms=4_000))
    stage.user_says("Tell me everything.")
    stage.commands()
    stage.answer(seconds=4, done=False)
    stage.provider(base.OutputAudio(stage.response, "a1", bytes(48_000 * 4)))
    assert stage.errors() == ["answer_too_long"]
    assert stage.commands() == [effects.CancelResponse()]
    stage.played(3_000)
    stage.played(4_000, "finished")
    assert [end.reason for end in stage.of(wire.AudioEnd)] == ["completed"]
    assert stage.phase == "listening"


def test_a_browser_that_falls_silent_at_the_end_is_not_waited_for_for_ever() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.answer("Hi there", seconds=2)
    stage.wait(6_999)
    assert stage.phase == "speaking"
    stage.wait(1)
    assert stage.phase == "listening"
    assert [u.text for u in stage.lines().values()] == ["Hello?", "Hi there"]


def test_false_reports_are_answered_with_an_error() -> None:
    stage = Stage().speaking_stage()
    stage.played(0, turn=99)
    stage.played(90_000)
    assert stage.errors() == ["unknown_turn", "bad_played_time"]


def test_an_answer_refused_for_its_rate_is_asked_for_once_more() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.commands()
    limited = base.ResponseDone("r1", "failed", error="provider_rate_limited")
    stage.provider(base.ResponseStarted("r1"), limited)
    assert stage.phase == "thinking"
    stage.wait(2_000)
    assert stage.commands() == [effects.CreateResponse()]
    stage.provider(base.ResponseStarted("r1"), limited)
    stage.wait(5_000)
    assert stage.commands() == []
    assert stage.phase == "listening"


def test_a_user_who_speaks_meanwhile_is_not_answered_twice() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.provider(
        base.ResponseStarted("r1"),
        base.ResponseDone("r1", "failed", error="provider_rate_limited"),
    )
    stage.commands()
    stage.hear(1_000)
    stage.user_says("Anybody there?", "u2")
    stage.wait(3_000)
    assert stage.commands() == [effects.CreateResponse()]

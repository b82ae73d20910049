"""What changes in mid-conversation, and words of the app: switches, voices, `say`."""

from __future__ import annotations

import pytest

from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.session import effects

from .stage import Stage

TAXI = "Your taxi is here."


def asked(stage: Stage) -> list[str]:
    """What responses were asked for, by their instructions."""
    return [
        command.instructions or "an answer"
        for command in stage.commands()
        if isinstance(command, effects.CreateResponse)
    ]


def test_interruptions_that_are_switched_off_hold_at_once() -> None:
    stage = Stage().speaking_stage()
    stage.client(wire.SessionOptions(barge_in=False))
    stage.sound("candidate", "confirmed", during_playback=True)
    stage.provider(base.SpeechStarted("u2", stage.line_ms()))
    stage.hear(1_000)
    stage.wait(1_000)
    stage.sound("ended", same=True, lasting_ms=1_000)
    stage.provider(base.SpeechStopped("u2", stage.position / 24), base.InputCommitted("u2"))
    stage.provider(base.InputTranscript("u2", "Buy some milk on the way", True))
    assert stage.commands() == [effects.DeleteItem("u2")]
    assert stage.phase == "speaking"


def test_an_interruption_under_way_when_they_are_switched_off_is_none() -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", "confirmed", during_playback=True)
    stage.client(wire.SessionOptions(barge_in=False))
    stage.wait(1_000)
    assert stage.commands() == []


def test_interruptions_that_are_switched_on_hold_at_once() -> None:
    stage = Stage(options=wire.StartOptions(barge_in=False)).speaking_stage()
    stage.client(wire.SessionOptions(barge_in=True))
    stage.sound("candidate", "confirmed", during_playback=True)
    stage.wait(300)
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 500)]


def test_a_voice_that_waits_for_a_pause_is_not_in_an_update() -> None:
    stage = Stage().speaking_stage()
    stage.conversation.change(voice="cedar")
    stage.conversation.change(instructions="Be brief.")
    stage._collect()
    [update] = stage.commands()
    assert isinstance(update, effects.UpdateSettings)
    assert (update.settings.voice, update.settings.instructions) == ("marin", "Be brief.")
    assert stage.conversation.settings.voice == "cedar"


def say(stage: Stage) -> None:
    stage.conversation.say(TAXI, stage.now_ms)
    stage._collect()


def refuse(stage: Stage, response: str) -> None:
    stage.provider(
        base.ResponseStarted(response),
        base.ResponseDone(response, "failed", error="provider_rate_limited"),
    )


def test_words_of_the_app_that_are_refused_for_the_rate_are_said_once_more() -> None:
    stage = Stage()
    say(stage)
    assert [TAXI in words for words in asked(stage)] == [True]
    refuse(stage, "r1")
    stage.wait(2_500)
    assert [TAXI in words for words in asked(stage)] == [True]
    refuse(stage, "r2")
    stage.wait(10_000)
    assert asked(stage) == []
    assert stage.phase == "listening"


def test_an_answer_after_words_of_the_app_is_asked_for_as_an_answer() -> None:
    stage = Stage()
    say(stage)
    asked(stage)
    stage.answer(TAXI)
    stage.played(2_000, "finished")
    stage.user_says("Thank you.")
    assert asked(stage) == ["an answer"]
    refuse(stage, "r2")
    stage.wait(2_500)
    assert asked(stage) == ["an answer"]


def test_words_of_the_app_that_a_broken_link_took_are_said_over_the_next() -> None:
    stage = Stage()
    say(stage)
    asked(stage)
    stage.provider(base.ResponseStarted("r1"))
    stage.link_down("provider_lost")
    stage.link_up()
    assert [TAXI in words for words in asked(stage)] == [True]


def test_words_of_the_app_that_were_begun_are_not_said_again() -> None:
    stage = Stage()
    say(stage)
    asked(stage)
    stage.answer(TAXI, done=False)
    stage.played(500)
    stage.link_down("provider_lost")
    stage.link_up()
    assert asked(stage) == []


def test_words_of_the_app_that_were_talked_over_do_not_come_back() -> None:
    stage = Stage()
    say(stage)
    asked(stage)
    stage.user_says("Not now.")
    stage.provider(base.ResponseStarted("r1"), base.ResponseDone("r1", "cancelled"))
    assert asked(stage) == ["an answer"]
    stage.link_down("provider_lost")
    stage.link_up()
    assert asked(stage) == ["an answer"]


def test_an_item_begun_after_our_cancel_is_deleted_when_its_response_is_over() -> None:
    stage = Stage()
    stage.user_says("Tell me about")
    stage.commands()
    stage.provider(base.ResponseStarted("r1"))
    stage.sound("candidate", "confirmed")
    assert stage.commands() == [effects.CancelResponse()]
    stage.provider(
        base.OutputStarted("r1", "a1"),
        base.OutputTranscript("r1", "a1", "Once upon"),
        base.OutputAudio("r1", "a1", bytes(9_600)),
    )
    assert stage.commands() == []
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == [effects.DeleteItem("a1")]
    stage.provider(base.OutputStarted("r1", "a2"), base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == []


PTT = wire.StartOptions(turn_detection="push_to_talk")
PTT_SETTINGS = base.SessionSettings("Be kind.", "marin", voice_activity=None)


def held(stage: Stage) -> None:
    stage.client(wire.InputPress(0))
    stage.hear(900)
    stage.client(wire.InputCommit(900, 900))


@pytest.mark.parametrize("words", ["What is the weather in Paris?", "Yes."])
def test_a_commit_that_is_acknowledged_late_is_the_persons_own_all_the_same(words: str) -> None:
    stage = Stage(options=PTT, settings=PTT_SETTINGS)
    held(stage)
    stage.commands()
    stage.answer(done=False)
    stage.played(300)
    stage.wait(1_200)
    stage.provider(base.InputCommitted("u1"), base.InputTranscript("u1", words, True))
    assert stage.commands() == []
    assert [line.text for line in stage.lines().values() if line.role == "user"] == [words]


def test_two_presses_within_a_round_trip_are_two_questions_in_their_order() -> None:
    stage = Stage(options=PTT, settings=PTT_SETTINGS)
    held(stage)
    held(stage)
    stage.provider(
        base.InputCommitted("u1"),
        base.ResponseStarted("r1"),
        base.InputCommitted("u2"),
        base.ResponseDone("r1", "cancelled"),
    )
    stage.commands()
    stage.provider(
        base.ResponseStarted("r2"),
        base.OutputAudio("r2", "a2", bytes(9_600)),
        base.InputTranscript("u1", "Is it raining?", True),
        base.InputTranscript("u2", "And tomorrow?", True),
    )
    assert stage.commands() == []
    assert [(line.turn, line.text) for line in stage.lines().values() if line.role == "user"] == [
        (1, "Is it raining?"),
        (2, "And tomorrow?"),
    ]


def test_a_press_that_went_to_the_session_before_is_let_go_of_in_this_one() -> None:
    stage = Stage(options=PTT, settings=PTT_SETTINGS)
    stage.hear(900)
    stage.client(wire.InputCommit(900, 900))
    assert stage.commands() == [effects.CommitAudio(), effects.CreateResponse()]
    stage.client(wire.InputCommit(900, 900))
    assert stage.commands() == []


def test_a_commit_nobody_asked_for_is_nothing_where_a_detector_listens() -> None:
    stage = Stage()
    stage.hear(900)
    stage.client(wire.InputCommit(900, 900))
    assert stage.commands() == []


def test_a_response_that_the_provider_refuses_is_not_waited_for() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.commands()
    stage.provider(base.Fault("provider_failed", True, "invalid_value", no_response=True))
    assert stage.errors() == ["provider_failed"]
    assert stage.phase == "listening"
    stage.user_says("Are you there?", "u2")
    assert stage.commands() == [effects.CreateResponse()]


def test_a_response_that_is_refused_for_the_rate_is_asked_for_once_more() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.commands()
    stage.provider(base.Fault("provider_rate_limited", True, no_response=True))
    assert stage.phase == "thinking"
    stage.wait(2_500)
    assert stage.commands() == [effects.CreateResponse()]


def test_a_refusal_does_not_end_a_response_that_has_begun() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.Fault("provider_failed", True, no_response=True))
    assert stage.phase == "speaking"
    stage.barge_in(500)
    assert effects.CancelResponse() in stage.commands()

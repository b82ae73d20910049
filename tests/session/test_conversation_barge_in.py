"""Interruptions: the browser's, the provider's, second chances, and what is none."""

from __future__ import annotations

import pytest

from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.session import effects

from .stage import Stage


def heard_by_provider(stage: Stage, item_id: str, text: str | None = None) -> None:
    """The provider cuts out speech that begins and ends where the line is now."""
    stage.provider(base.SpeechStarted(item_id, stage.line_ms()))
    stage.hear(200)
    stage.provider(base.SpeechStopped(item_id, stage.position / 24), base.InputCommitted(item_id))
    if text is not None:
        stage.provider(base.InputTranscript(item_id, text, True))


def test_a_confirmed_interruption_cancels_truncates_and_leads_to_a_new_answer() -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", "confirmed", during_playback=True)
    assert stage.commands() == []
    stage.barge_in(620)
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 620)]
    assert [(e.turn, e.reason) for e in stage.of(wire.AudioEnd)] == [(1, "interrupted")]
    assert stage.phase == "user_speaking"
    heard_by_provider(stage, "u2", "Wait, what?")
    assert stage.commands() == []
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == [effects.CreateResponse()]
    assert stage.conversation.machine.turn == 2


def test_what_still_arrives_of_the_interrupted_answer_is_dropped() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(620)
    sent = len(stage.of(wire.AudioChunk))
    stage.provider(
        base.OutputAudio("r1", "a1", bytes(9_600)),
        base.OutputTranscript("r1", "a1", " five"),
        base.OutputAudio("r1", "a2", bytes(9_600)),
        base.ToolCall("r1", "f1", "c1", "clock", "{}"),
        base.OutputAudioDone("r1", "a1"),
        base.ResponseDone("r1", "cancelled"),
    )
    assert len(stage.of(wire.AudioChunk)) == sent
    assert stage.tools == []


def test_the_cut_line_holds_what_was_heard_and_says_that_it_is_an_estimate() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(1_000)
    [line] = [u for u in stage.lines().values() if u.role == "assistant"]
    assert (line.text, line.interrupted, line.estimated, line.final) == (
        "One two", True, True, True,
    )  # fmt: skip
    assert [item.text for item in stage.conversation.history.items()] == [
        "Tell me something.",
        "One two",
    ]


def test_playback_goes_on_after_generation_ended_and_can_still_be_interrupted() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.answer(seconds=10)
    stage.commands()
    stage.played(1_000)
    stage.barge_in(1_500)
    assert stage.commands() == [effects.TruncateItem("a1", 1_500)]
    heard_by_provider(stage, "u2")


def test_finished_items_stay_the_one_being_heard_is_cut_later_ones_go() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.commands()
    stage.provider(base.ResponseStarted("r1"))
    for item in ("a1", "a2", "a3"):
        stage.provider(
            base.OutputAudio("r1", item, bytes(48_000)), base.OutputAudioDone("r1", item)
        )
    stage.played(1_000, "finished", item=0)
    stage.client(wire.UserBargeIn(1, 1, 400, "speech"))
    assert stage.commands() == [
        effects.CancelResponse(),
        effects.TruncateItem("a2", 400),
        effects.DeleteItem("a3"),
    ]


def test_function_calls_are_never_deleted_and_their_output_is_given_back() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.ToolCall("r1", "f1", "c1", "clock", "{}"))
    stage.barge_in(600)
    stage.conversation.on_tool_result("c1", "noon", failed=False, now_ms=stage.now_ms)
    heard_by_provider(stage, "u2")
    commands = stage.commands()
    assert effects.DeleteItem("f1") not in commands
    assert effects.AddToolResult("c1", "noon") in commands


def test_a_claim_to_have_heard_more_than_was_sent_is_clamped_and_refused() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(60_000)
    assert effects.TruncateItem("a1", 2_000) in stage.commands()
    assert stage.errors() == ["bad_played_time"]


def test_an_interruption_of_an_unknown_answer_is_refused() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(100, turn=9)
    assert stage.errors() == ["unknown_turn"]
    assert stage.phase == "speaking"


def test_an_interruption_of_an_answer_that_just_ended_only_takes_the_floor() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.OutputAudioDone("r1", "a1"), base.ResponseDone("r1", "completed"))
    stage.played(2_000, "finished")
    stage.commands()
    stage.barge_in(1_990)
    assert stage.commands() == []
    assert stage.phase == "user_speaking"


def test_the_stop_button_leaves_the_floor_free() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(700, "stop")
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 700)]
    assert stage.phase == "listening"


def test_typing_interrupts() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(700, "text")
    stage.client(wire.InputText("Shorter, please"))
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == [
        effects.CancelResponse(),
        effects.TruncateItem("a1", 700),
        effects.AddText("Shorter, please"),
        effects.CreateResponse(),
    ]


def test_a_confirmed_sound_whose_barge_in_never_comes_interrupts_all_the_same() -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", "confirmed", during_playback=True)
    stage.wait(300)
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 500)]
    assert stage.phase == "user_speaking"


@pytest.mark.parametrize("text", ["Mm-hmm.", "Yeah", ""])
def test_a_backchannel_over_the_answer_is_dropped_from_the_conversation(text: str) -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", "rejected", during_playback=True)
    heard_by_provider(stage, "u2", text)
    assert stage.commands() == [effects.DeleteItem("u2")]
    assert stage.phase == "speaking"
    assert len(stage.lines()) == 2
    assert "input_dropped" in stage.marks()


@pytest.mark.parametrize("text", ["Stop!", "No, wait", "What?"])
def test_a_rejected_sound_with_real_words_interrupts_after_all(text: str) -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", "rejected", during_playback=True)
    heard_by_provider(stage, "u2")
    assert stage.commands() == []
    stage.provider(base.InputTranscript("u2", text, True))
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 500)]
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == [effects.CreateResponse()]


def test_the_answers_own_echo_is_dropped() -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", "rejected", during_playback=True)
    heard_by_provider(stage, "u2", "two three four")
    assert stage.commands() == [effects.DeleteItem("u2")]


def test_a_second_chance_ends_when_no_words_come() -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", "rejected", during_playback=True)
    heard_by_provider(stage, "u2")
    stage.wait(3_000)
    assert stage.commands() == [effects.DeleteItem("u2")]
    stage.provider(base.InputTranscript("u2", "Stop", True))
    assert stage.commands() == []


def test_real_words_that_end_with_the_answer_are_still_a_turn() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.OutputAudioDone("r1", "a1"), base.ResponseDone("r1", "completed"))
    stage.commands()
    stage.sound("candidate", "rejected", during_playback=True)
    heard_by_provider(stage, "u2")
    stage.played(2_000, "finished")
    stage.provider(base.InputTranscript("u2", "And tomorrow?", True))
    assert stage.commands() == [effects.CreateResponse()]


def test_the_providers_start_of_a_sound_the_browser_knows_changes_nothing() -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", during_playback=True)
    stage.hear(250)
    stage.provider(base.SpeechStarted("u2", stage.line_ms()))
    stage.wait(2_000)
    assert stage.commands() == []
    assert stage.phase == "speaking"


def test_without_transcripts_speech_that_only_the_provider_hears_interrupts_after_600_ms() -> None:
    stage = Stage().speaking_stage()
    stage.conversation.listening.transcribes = False
    stage.hear(5_000)
    stage.provider(base.SpeechStarted("u2", stage.line_ms()))
    stage.wait(599)
    assert stage.commands() == []
    stage.wait(1)
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 500)]
    stage.provider(base.SpeechStopped("u2", 9_000), base.InputCommitted("u2"))
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == [effects.CreateResponse()]


def only_the_provider_hears(stage: Stage, text: str) -> None:
    """Two seconds of speech over playback, in which the page's detector noticed nothing."""
    stage.hear(5_000)
    stage.provider(base.SpeechStarted("u2", stage.line_ms()))
    stage.wait(2_000)
    assert stage.commands() == [], "it does not interrupt by itself: it may be our echo"
    stage.provider(base.SpeechStopped("u2", 9_000), base.InputCommitted("u2"))
    stage.provider(base.InputTranscript("u2", text, True))


def test_words_that_only_the_provider_hears_interrupt_when_they_are_understood() -> None:
    stage = Stage().speaking_stage()
    only_the_provider_hears(stage, "Stop, tell me something else.")
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 500)]
    stage.provider(base.ResponseDone("r1", "cancelled"))
    assert stage.commands() == [effects.CreateResponse()]


@pytest.mark.parametrize("text", ["", "Mm-hmm.", "Okay, yeah."])
def test_what_only_the_provider_hears_and_is_no_words_is_dropped(text: str) -> None:
    stage = Stage().speaking_stage()
    only_the_provider_hears(stage, text)
    assert stage.commands() == [effects.DeleteItem("u2")]
    assert stage.phase == "speaking"


def test_the_place_of_a_sound_survives_mute_and_reconnect() -> None:
    stage = Stage().speaking_stage()
    stage.position += 24_000 * 60
    stage.hear(1_000)
    stage.sound("candidate", during_playback=True)
    appended_ms = stage.conversation.listening.appended.appended / 24
    stage.hear(500)
    stage.provider(base.SpeechStarted("u2", appended_ms - 300))
    stage.wait(2_000)
    assert stage.commands() == []


def test_a_user_who_goes_on_beyond_the_end_of_the_answer_gets_the_floor() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.OutputAudioDone("r1", "a1"), base.ResponseDone("r1", "completed"))
    stage.commands()
    stage.sound("candidate", during_playback=True)
    stage.provider(base.SpeechStarted("u2", stage.line_ms()))
    stage.played(2_000, "finished")
    assert stage.phase == "listening"
    stage.wait(1_000)
    assert stage.phase == "user_speaking"
    stage.provider(base.SpeechStopped("u2", 9_000), base.InputCommitted("u2"))
    assert stage.commands() == [effects.CreateResponse()]


def test_no_dead_air_after_an_interruption_that_the_provider_did_not_hear() -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", "confirmed", during_playback=True)
    stage.barge_in(600)
    stage.sound("ended", during_playback=True, same=True)
    stage.provider(base.ResponseDone("r1", "cancelled"))
    stage.commands()
    stage.wait(1_499)
    assert stage.commands() == []
    stage.wait(1)
    assert stage.commands() == [effects.CommitAudio()]
    assert "committed_for_silence" in stage.marks()
    stage.provider(base.InputCommitted("u2"))
    assert stage.commands() == [effects.CreateResponse()]


def test_an_empty_commit_of_ours_ends_in_listening() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(600)
    stage.wait(2_600)
    assert stage.phase == "listening"
    assert "gave_up_waiting" in stage.marks()


def test_with_interruptions_off_nothing_said_over_the_answer_counts() -> None:
    stage = Stage(options=wire.StartOptions(barge_in=False)).speaking_stage()
    stage.sound("candidate", "confirmed", during_playback=True)
    stage.wait(1_000)
    heard_by_provider(stage, "u2", "Stop it now")
    assert stage.commands() == [effects.DeleteItem("u2")]
    stage.hear(5_000)
    stage.provider(base.SpeechStarted("u3", stage.line_ms()))
    stage.wait(2_000)
    assert stage.phase == "speaking"


def test_with_interruptions_off_the_stop_button_still_works() -> None:
    stage = Stage(options=wire.StartOptions(barge_in=False)).speaking_stage()
    stage.barge_in(600, "stop")
    assert stage.commands() == [effects.CancelResponse(), effects.TruncateItem("a1", 600)]


def test_an_old_backchannel_does_not_take_the_place_of_the_interruption() -> None:
    stage = Stage().speaking_stage()
    stage.sound("candidate", "rejected", during_playback=True)
    stage.provider(base.SpeechStarted("u2", stage.line_ms()))
    stage.hear(200)
    stage.provider(base.SpeechStopped("u2", stage.position / 24))
    stage.hear(2_000)
    stage.sound("candidate", "confirmed", during_playback=True)
    stage.barge_in(900)
    stage.provider(base.ResponseDone("r1", "cancelled"))
    stage.commands()
    stage.provider(base.InputCommitted("u2"))
    stage.provider(base.InputTranscript("u2", "mm-hmm", True))
    assert stage.commands() == [effects.DeleteItem("u2")]
    assert stage.phase == "user_speaking"


def test_muting_over_the_answer_does_not_interrupt_it() -> None:
    stage = Stage().speaking_stage()
    stage.hear(5_000)
    stage.provider(base.SpeechStarted("u2", stage.line_ms()))
    stage.client(wire.InputMute(True))
    stage.wait(2_000)
    assert stage.commands() == [effects.ClearAudio()]
    assert stage.phase == "speaking"


def test_marks_of_an_interruption_name_their_clocks() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(600)
    names = stage.marks()
    for name in ("barge_in_onset", "barge_in_detected", "barge_in_stopped", "barge_in_received"):
        assert name in names
    assert "interrupted" in names


def test_a_lost_link_breaks_off_and_answers_again_what_was_not_heard() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.commands()
    stage.link_down()
    assert stage.phase == "thinking"
    assert stage.conversation.begin_connect().history == (base.HistoryItem("user", "Hello?"),)
    stage.link_up()
    assert stage.commands() == [effects.CreateResponse()]


def test_a_lost_link_in_the_middle_of_an_answer_goes_back_to_listening() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.ToolCall("r1", "f1", "c1", "clock", "{}"))
    stage.link_down()
    assert [end.reason for end in stage.of(wire.AudioEnd)] == ["failed"]
    assert stage.of(wire.ToolUpdate)[-1].state == "failed"
    stage.link_up()
    assert stage.commands() == []
    assert stage.phase == "listening"
    stage.conversation.on_tool_result("c1", "noon", failed=False, now_ms=stage.now_ms)
    stage.provider(base.Updated())
    assert stage.commands() == []


def test_a_page_is_told_of_a_lost_link_after_its_phase_and_of_the_new_one_by_the_next() -> None:
    stage = Stage()
    stage.link_down("provider_lost")
    assert [type(event).__name__ for event in stage.sent[-2:]] == ["TurnState", "ErrorEvent"]
    assert stage.phase == "thinking", "nobody listens at the other end"
    stage.link_up()
    assert stage.phase == "listening"
    assert isinstance(stage.sent[-1], wire.TurnState)


def test_a_connection_left_on_purpose_is_nobodys_concern() -> None:
    stage = Stage()
    sent = len(stage.sent)
    stage.link_down()
    assert (stage.phase, len(stage.sent)) == ("listening", sent)


def test_a_complete_answer_plays_out_though_the_link_is_lost() -> None:
    stage = Stage().speaking_stage()
    stage.provider(base.OutputAudioDone("r1", "a1"), base.ResponseDone("r1", "completed"))
    stage.link_down()
    assert [end.reason for end in stage.of(wire.AudioEnd)] == ["completed"]
    assert stage.phase == "speaking"


def test_a_cancelled_response_that_never_ends_replaces_the_link() -> None:
    stage = Stage().speaking_stage()
    stage.barge_in(600)
    heard_by_provider(stage, "u2", "Wait")
    stage.wait(2_000)
    assert stage.replaced == 1
    assert stage.errors() == ["provider_lost"]
    stage.link_down()
    stage.link_up()
    assert stage.commands()[-1] == effects.CreateResponse()


def test_a_release_while_the_link_is_down_is_thrown_away() -> None:
    stage = Stage()
    stage.client(wire.InputPress(0))
    stage.hear(500)
    stage.link_down()
    stage.client(wire.InputCommit(600, 600))
    assert stage.phase == "listening"


def test_a_session_is_rolled_over_in_a_pause_before_it_expires() -> None:
    stage = Stage(expires_in_ms=400_000).speaking_stage()
    stage.wait(4_000)
    for _ in range(60):
        stage.wait(4_000)
        stage.provider(base.OutputAudio(stage.response, "a1", bytes(480)))
        stage.played(600)
    assert stage.replaced == 0
    stage.barge_in(700, "stop")
    stage.wait(1)
    assert stage.replaced == 1
    assert stage.errors() == []


def test_another_voice_waits_for_a_pause_and_comes_with_a_connection_of_its_own() -> None:
    stage = Stage().speaking_stage()
    stage.conversation.change(voice="cedar")
    stage.wait(100)
    assert stage.replaced == 0
    stage.barge_in(700, "stop")
    stage.wait(1)
    assert stage.replaced == 1
    stage.link_down()
    settings = stage.conversation.begin_connect()
    assert settings.voice == "cedar"
    assert settings.history
    stage.link_up()
    stage.wait(1_000)
    assert stage.replaced == 1
    assert stage.errors() == []


def test_a_voice_chosen_while_the_connection_is_made_is_not_lost_nor_taken_twice() -> None:
    stage = Stage(linked=False)
    stage.conversation.begin_connect()
    stage.conversation.change(voice="cedar")
    stage.link_up()
    stage.wait(1)
    assert stage.replaced == 1
    stage.link_down()
    stage.conversation.begin_connect()
    stage.link_up()
    stage.conversation.change(voice="cedar")
    stage.wait(1_000)
    assert stage.replaced == 1


def test_a_session_that_expires_is_replaced_and_that_is_said() -> None:
    stage = Stage()
    stage.provider(base.Expiring())
    assert (stage.replaced, stage.errors()) == (1, ["provider_expired"])


def test_a_recoverable_fault_is_said() -> None:
    stage = Stage()
    stage.provider(base.Fault("provider_rate_limited", True, retry_after_ms=1_000))
    [error] = stage.of(wire.ErrorEvent)
    assert (error.code, error.retry_after_ms) == ("provider_rate_limited", 1_000)

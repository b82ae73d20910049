"""Whole turns: voice, push-to-talk, text, and what is told of them."""

from __future__ import annotations

from voice_loop.config import Limits
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.session import effects
from voice_loop.session.conversation import MAX_TEXT_CHARS
from voice_loop.session.facts import Mark, Usage

from .stage import Stage

PTT = wire.StartOptions(turn_detection="push_to_talk")
PTT_SETTINGS = base.SessionSettings("Be kind.", "marin", voice_activity=None)


def test_a_spoken_turn_is_answered_and_shown_phase_by_phase() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    assert stage.commands() == [effects.CreateResponse()]
    stage.answer("Hi, how are you?")
    stage.played(2_000, "finished")
    phases = [event.state for event in stage.of(wire.TurnState)]
    assert phases == ["user_speaking", "thinking", "speaking", "listening"]
    assert [(u.role, u.text) for u in stage.lines().values()] == [
        ("user", "Hello?"),
        ("assistant", "Hi, how are you?"),
    ]
    assert {event.turn for event in stage.of(wire.AudioChunk)} == {1}


def test_the_users_line_stands_before_the_answers_though_its_words_come_later() -> None:
    stage = Stage()
    stage.provider(base.SpeechStarted("u1", 0))
    stage.hear(500)
    stage.provider(base.SpeechStopped("u1", 500), base.InputCommitted("u1"))
    stage.answer("Hi there")
    stage.played(1_000)
    stage.provider(base.InputTranscript("u1", "Hel", False))
    stage.provider(base.InputTranscript("u1", "Hello", True))
    assert [u.text for u in stage.lines().values()] == ["Hello", "Hi there"[:2]]


def test_speech_in_silence_takes_the_floor_by_the_providers_word_alone() -> None:
    stage = Stage()
    stage.provider(base.SpeechStarted("u1", 0))
    assert stage.phase == "user_speaking"
    stage.provider(base.SpeechStopped("u1", 500), base.InputCommitted("u1"))
    assert stage.commands() == [effects.CreateResponse()]


def test_a_short_word_in_silence_that_the_browser_rejected_is_a_turn() -> None:
    stage = Stage()
    stage.sound("candidate")
    stage.provider(base.SpeechStarted("u1", stage.line_ms()))
    stage.hear(150)
    stage.sound("rejected", lasting_ms=150, same=True)
    stage.provider(base.SpeechStopped("u1", 150), base.InputCommitted("u1"))
    assert stage.commands() == [effects.CreateResponse()]


def test_a_sound_that_the_provider_never_hears_gives_the_floor_back() -> None:
    stage = Stage()
    stage.sound("candidate", "confirmed", "ended")
    assert stage.phase == "user_speaking"
    stage.wait(1_600)
    assert stage.phase == "listening"
    assert stage.commands() == []
    assert "gave_up_waiting" in stage.marks()


def test_quiet_speech_that_only_the_provider_hears_is_not_cut_off() -> None:
    stage = Stage()
    stage.sound("candidate", "confirmed", "ended")
    stage.provider(base.SpeechStarted("u1", 0))
    stage.wait(5_000)
    assert (stage.phase, stage.commands()) == ("user_speaking", [])


def test_a_stop_without_a_commit_gives_the_floor_back() -> None:
    stage = Stage()
    stage.provider(base.SpeechStarted("u1", 0), base.SpeechStopped("u1", 400))
    stage.wait(2_100)
    assert stage.phase == "listening"


def test_a_user_who_goes_on_while_the_assistant_thinks_is_answered_once_for_all() -> None:
    stage = Stage()
    stage.user_says("What is the weather")
    assert stage.commands() == [effects.CreateResponse()]
    stage.provider(base.ResponseStarted("r1"))
    stage.sound("candidate", "confirmed")
    assert stage.commands() == [effects.CancelResponse()]
    stage.provider(base.SpeechStarted("u2", stage.line_ms()))
    stage.provider(base.SpeechStopped("u2", 9_000), base.InputCommitted("u2"))
    assert stage.commands() == []
    stage.provider(base.ResponseDone("r1", "cancelled", "client_cancelled"))
    assert stage.commands() == [effects.CreateResponse()]
    assert stage.errors() == []


def test_a_cough_while_the_assistant_thinks_costs_nothing() -> None:
    stage = Stage()
    stage.user_says("What is the weather?")
    stage.provider(base.ResponseStarted("r1"))
    stage.commands()
    stage.hear(600)
    stage.sound("candidate", "rejected")
    stage.provider(base.SpeechStarted("u2", stage.line_ms()))
    stage.provider(base.SpeechStopped("u2", 9_000), base.InputCommitted("u2"))
    stage.provider(base.InputTranscript("u2", "", True))
    assert stage.commands() == [effects.DeleteItem("u2")]
    assert len(stage.lines()) == 1


def test_latency_marks_of_a_turn_are_complete_and_carry_its_number() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.answer()
    stage.client(wire.PlaybackReport(1, 0, "started", 0, 0, 0, 0, 12, 55, 50, 20, 21))
    stage.played(2_000, "finished")
    marks = {m.name: (m.clock, m.turn) for m in stage.facts if isinstance(m, Mark)}
    server = ("server", 1)
    assert marks == {
        "speech_onset": ("client", 1),
        "speech_ended": ("client", 1),
        "speech_started": server,
        "speech_stopped": server,
        "input_committed": server,
        "response_asked": server,
        "response_started": server,
        "first_delta": server,
        "response_done": server,
        "first_chunk_received": ("client", 1),
        "first_chunk_queued": ("client", 1),
        "first_sound": ("client", 1),
    }


def test_the_first_delta_is_marked_once_a_turn() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.answer(done=False)
    stage.provider(base.OutputAudio(stage.response, "a1", bytes(960)))
    assert stage.marks().count("first_delta") == 1


def test_push_to_talk_asks_right_behind_the_commit() -> None:
    stage = Stage(options=PTT, settings=PTT_SETTINGS)
    stage.client(wire.InputPress(0))
    assert stage.phase == "user_speaking"
    stage.hear(900)
    stage.client(wire.InputCommit(900, 900))
    assert stage.commands() == [
        effects.ClearAudio(),
        effects.CommitAudio(),
        effects.CreateResponse(),
    ]
    assert stage.phase == "thinking"
    stage.provider(base.InputCommitted("u1"), base.InputTranscript("u1", "Hi", True))
    assert stage.commands() == []
    assert [u.text for u in stage.lines().values()] == ["Hi"]
    assert "press_released" in stage.marks()


def test_push_to_talk_that_is_too_short_or_cancelled_is_nothing() -> None:
    stage = Stage(options=PTT, settings=PTT_SETTINGS)
    for last in (wire.InputCommit(20, 20), wire.InputCancel()):
        stage.client(wire.InputPress(0))
        stage.hear(20)
        stage.client(last)
        assert stage.commands() == [effects.ClearAudio(), effects.ClearAudio()]
        assert stage.phase == "listening"


def test_a_release_without_a_press_is_nothing() -> None:
    stage = Stage(options=PTT, settings=PTT_SETTINGS)
    stage.client(wire.InputCommit(900, 900))
    assert stage.commands() == []


def test_pressing_interrupts_the_answer() -> None:
    stage = Stage(options=PTT, settings=PTT_SETTINGS)
    stage.client(wire.InputText("Hello"))
    stage.commands()
    stage.answer(done=False)
    stage.played(480)
    stage.barge_in(500, "press")
    stage.client(wire.InputPress(0))
    assert stage.commands() == [
        effects.CancelResponse(),
        effects.TruncateItem("a1", 500),
        effects.ClearAudio(),
    ]
    assert stage.phase == "user_speaking"


def test_items_the_provider_cuts_while_the_button_is_held_wait_for_its_release() -> None:
    stage = Stage()
    stage.client(wire.InputPress(0))
    stage.provider(base.SpeechStarted("u1", 0))
    stage.hear(900)
    stage.provider(base.SpeechStopped("u1", 600), base.InputCommitted("u1"))
    assert stage.phase == "user_speaking"
    stage.client(wire.InputCommit(900, 900))
    assert stage.commands()[-2:] == [effects.CommitAudio(), effects.CreateResponse()]


def test_a_typed_message_is_a_turn() -> None:
    stage = Stage()
    stage.client(wire.InputText("  Hello  "))
    assert stage.commands() == [effects.AddText("Hello"), effects.CreateResponse()]
    [line] = stage.lines().values()
    assert (line.text, line.typed, line.turn) == ("Hello", True, 1)


def test_an_empty_or_endless_message_is_refused() -> None:
    stage = Stage()
    stage.client(wire.InputText("   "), wire.InputText("x" * (MAX_TEXT_CHARS + 1)))
    assert stage.errors() == ["bad_frame", "bad_frame"]
    assert stage.commands() == []


def test_a_message_typed_while_speaking_joins_the_spoken_turn() -> None:
    stage = Stage()
    stage.provider(base.SpeechStarted("u1", 0))
    stage.client(wire.InputText("This one"))
    assert stage.commands() == [effects.AddText("This one")]
    stage.provider(base.SpeechStopped("u1", 500), base.InputCommitted("u1"))
    assert stage.commands() == [effects.CreateResponse()]
    assert {u.turn for u in stage.lines().values()} == {1}


def test_muting_in_mid_speech_completes_the_turn() -> None:
    stage = Stage()
    stage.provider(base.SpeechStarted("u1", 0))
    stage.client(wire.InputMute(True))
    assert stage.commands() == [effects.CommitAudio()]
    stage.provider(base.InputCommitted("u1"))
    assert stage.commands() == [effects.CreateResponse()]


def test_muting_with_nothing_in_the_buffer_goes_back_to_listening() -> None:
    stage = Stage()
    stage.sound("candidate", "confirmed")
    stage.client(wire.InputMute(True))
    stage.wait(1_100)
    assert stage.phase == "listening"


def test_usage_is_told_as_a_fact() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.provider(
        base.ResponseStarted("r1"), base.ResponseDone("r1", "completed", usage={"total": 7})
    )
    assert Usage(1, {"total": 7}) in stage.facts


def test_at_most_three_seconds_are_ahead_of_what_was_heard() -> None:
    stage = Stage()
    stage.user_says("Tell me everything.")
    stage.answer(seconds=10)
    assert sum(len(c.pcm) for c in stage.of(wire.AudioChunk)) == 144_000
    stage.played(1_000)
    assert sum(len(c.pcm) for c in stage.of(wire.AudioChunk)) == 192_000
    assert stage.of(wire.AudioEnd) == []


def test_the_line_of_the_assistant_grows_with_its_voice() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.answer("One two three four", seconds=2)
    for ms in (400, 1_000, 1_500):
        stage.played(ms)
    stage.played(2_000, "finished")
    shown = [u.text for u in stage.of(wire.TranscriptUpdate) if u.role == "assistant"]
    assert shown == ["One", "One two", "One two three", "One two three four"]
    assert [u.final for u in stage.of(wire.TranscriptUpdate)][-1]


def test_the_text_may_end_after_the_sound() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.answer("One two", seconds=1, done=False)
    stage.provider(base.OutputAudioDone("r1", "a1"))
    stage.played(1_000, "finished")
    stage.provider(base.OutputTranscript("r1", "a1", "", True, "One two three"))
    assert [u.text for u in stage.lines().values()][-1] == "One two three"


def test_nobody_speaking_for_long_ends_the_session() -> None:
    stage = Stage(limits=Limits(idle_ms=60_000))
    stage.user_says("Hello?")
    stage.answer()
    stage.played(2_000, "finished")
    stage.wait(59_000)
    assert stage.end is None
    stage.wait(1_500)
    assert stage.end == "idle_limit"


def test_the_longest_session_ends() -> None:
    stage = Stage(limits=Limits(idle_ms=10**9))
    stage.wait(3_600_000)
    assert stage.end == "session_limit"


def test_the_page_ends_the_session_and_cannot_start_it_twice() -> None:
    stage = Stage()
    stage.client(wire.SessionStart(0, ticket="t"))
    assert stage.errors() == ["bad_frame"]
    stage.client(wire.SessionEnd())
    assert stage.end == "user"


def test_the_line_of_an_answer_without_a_closed_text_is_final_when_it_was_heard() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.answer("One two", seconds=1, done=False)
    stage.provider(base.OutputAudioDone("r1", "a1"), base.ResponseDone("r1", "incomplete"))
    stage.played(1_000, "finished")
    assert [u.final for u in stage.lines().values()][-1]


def test_one_message_of_the_provider_is_timed_by_its_first_chunk() -> None:
    stage = Stage()
    stage.user_says("Hello?")
    stage.provider(base.ResponseStarted("r1"))
    conversation = stage.conversation
    conversation.on_provider(base.OutputAudio("r1", "a1", bytes(48_000)), stage.now_ms)
    chunks = [f for f in conversation.out.frames if isinstance(f.event, wire.AudioChunk)]
    assert [f.received_ms for f in chunks] == [stage.now_ms, None, None, None, None]

"""The floor and the ownership of responses, rule by rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_loop.session.turn import (
    CANCEL_WAIT_MS,
    COMMIT_WAIT_MS,
    DEAD_AIR_MS,
    FLOOR_MAX_MS,
    MAX_SAYS,
    Ask,
    TurnMachine,
)


def asked(machine: TurnMachine, now_ms: float = 0, *, quiet: bool = True) -> bool:
    return machine.next_ask(now_ms, quiet=quiet) is not None


def test_an_adopted_item_is_answered_at_once_when_nothing_else_runs() -> None:
    machine = TurnMachine()
    machine.take_floor(0)
    machine.adopt()
    assert machine.next_ask(0, quiet=True) == Ask(None)
    assert (machine.turn, machine.response, machine.floor) == (1, "asked", "free")


def test_no_response_is_asked_for_while_the_user_has_the_floor() -> None:
    machine = TurnMachine()
    machine.take_floor(0)
    machine.owe()
    assert not asked(machine)
    machine.release_floor()
    assert asked(machine)


def test_taking_the_floor_begins_a_turn_only_once() -> None:
    machine = TurnMachine()
    assert machine.take_floor(0)
    assert not machine.take_floor(5)
    assert machine.turn == 1


def test_a_new_turn_voids_what_the_old_one_was_owed() -> None:
    machine = TurnMachine()
    machine.new_turn()
    machine.owe()
    machine.take_floor(0)
    machine.release_floor()
    assert not asked(machine)


def test_a_response_waits_for_the_end_of_the_cancelled_one() -> None:
    machine = TurnMachine()
    machine.owe()
    assert asked(machine)
    machine.response_started("r1")
    assert machine.cancel(10)
    machine.adopt()
    assert not asked(machine, 20)
    assert machine.response_done("r1")
    assert asked(machine, 30)


def test_a_cancelled_response_that_does_not_end_is_overdue_once_after_two_seconds() -> None:
    machine = TurnMachine()
    machine.owe()
    asked(machine)
    machine.cancel(100)
    assert machine.deadline() == 100 + CANCEL_WAIT_MS
    assert not machine.cancel_overdue(99 + CANCEL_WAIT_MS)
    assert machine.cancel_overdue(100 + CANCEL_WAIT_MS)
    assert not machine.cancel_overdue(200 + CANCEL_WAIT_MS)


def test_nothing_is_cancelled_when_nothing_is_made() -> None:
    machine = TurnMachine()
    assert not machine.cancel(0)
    machine.owe()
    asked(machine)
    assert machine.cancel(0)
    assert not machine.cancel(1)


def test_output_of_a_cancelled_or_foreign_response_is_not_wanted() -> None:
    machine = TurnMachine()
    machine.owe()
    asked(machine)
    assert not machine.accepts("r1")
    assert machine.response_started("r1")
    assert machine.accepts("r1")
    assert not machine.response_started("r2")
    assert not machine.accepts("r2")
    machine.cancel(0)
    assert not machine.accepts("r1")
    assert not machine.response_done("r2")
    assert machine.response == "cancelling"


def test_a_response_cancelled_before_it_started_is_recognised_when_it_does() -> None:
    machine = TurnMachine()
    machine.owe()
    asked(machine)
    machine.cancel(0)
    assert machine.response_started("r1")
    assert not machine.accepts("r1")
    assert machine.response_done("r1")


def test_the_answer_is_overdue_when_it_does_not_begin_or_go_on() -> None:
    machine = TurnMachine(first_audio_timeout_ms=100)
    machine.owe()
    asked(machine, 0)
    assert machine.audio_overdue(100)
    machine.output_came(90)
    assert not machine.audio_overdue(189)
    assert machine.audio_overdue(190)


def test_words_of_the_app_wait_for_quiet_and_are_a_turn_of_their_own() -> None:
    machine = TurnMachine()
    machine.new_turn()
    assert machine.say("Hello")
    assert not asked(machine, quiet=False)
    assert machine.next_ask(0, quiet=True) == Ask("Hello")
    assert (machine.turn, machine.response_turn) == (2, 2)


def test_an_owed_answer_comes_before_words_of_the_app() -> None:
    machine = TurnMachine()
    machine.say("Hello")
    machine.owe()
    assert machine.next_ask(0, quiet=True) == Ask(None)


def test_only_so_many_words_of_the_app_wait() -> None:
    machine = TurnMachine()
    assert all(machine.say("x") for _ in range(MAX_SAYS))
    assert not machine.say("x")


def test_the_end_of_an_interruption_without_a_commit_asks_for_one() -> None:
    machine = TurnMachine()
    machine.take_floor(0)
    machine.speech_over(100, interruption=True)
    assert machine.deadline() == 100 + DEAD_AIR_MS
    assert machine.floor_overdue(99 + DEAD_AIR_MS) is None
    assert machine.floor_overdue(100 + DEAD_AIR_MS) == "dead_air"
    assert machine.floor_overdue(100 + DEAD_AIR_MS) is None


def test_the_end_of_a_sound_in_silence_only_gives_the_floor_back() -> None:
    machine = TurnMachine()
    machine.take_floor(0)
    machine.speech_over(0, interruption=False)
    assert machine.floor_overdue(DEAD_AIR_MS) == "gone"


def test_speech_that_goes_on_voids_the_deadline() -> None:
    machine = TurnMachine()
    machine.take_floor(0)
    machine.speech_over(0, interruption=True)
    machine.speech_goes_on(1_000)
    assert machine.floor_overdue(DEAD_AIR_MS) is None
    assert machine.floor_overdue(1_000 + FLOOR_MAX_MS) == "dead_air"


def test_a_commit_that_is_not_answered_gives_the_floor_back() -> None:
    machine = TurnMachine()
    machine.take_floor(0)
    machine.commit_expected(0)
    assert machine.floor_overdue(COMMIT_WAIT_MS) == "commit_wait"


def test_a_pressed_button_keeps_the_floor_whatever_is_heard() -> None:
    machine = TurnMachine()
    machine.take_floor(0)
    machine.pressed = True
    machine.speech_over(0, interruption=True)
    machine.commit_expected(0)
    assert machine.floor_overdue(DEAD_AIR_MS) is None
    machine.adopt()
    assert machine.floor == "user"


def test_a_lost_link_frees_the_floor_but_not_a_pressed_button() -> None:
    machine = TurnMachine()
    floors = []
    for pressed in (False, True):
        machine.take_floor(0)
        machine.pressed = pressed
        machine.link_lost()
        floors.append(machine.floor)
    assert floors == ["free", "user"]


def test_the_phase_follows_floor_voice_and_work() -> None:
    machine = TurnMachine()
    assert machine.phase(speaking=False, working=False) == "listening"
    assert machine.phase(speaking=False, working=True) == "thinking"
    assert machine.phase(speaking=True, working=True) == "speaking"
    machine.owe()
    assert machine.phase(speaking=False, working=False) == "thinking"
    machine.take_floor(0)
    assert machine.phase(speaking=True, working=True) == "user_speaking"


STEPS = st.lists(
    st.sampled_from(
        [
            "floor",
            "release",
            "adopt",
            "owe",
            "say",
            "ask",
            "start",
            "done",
            "cancel",
            "lost",
            "tick",
        ]
    ),
    max_size=60,
)


@given(STEPS)
def test_never_two_responses_and_never_one_while_the_user_speaks(steps: list[str]) -> None:
    machine = TurnMachine()
    now_ms = 0.0
    active = 0
    turn = 0
    for index, step in enumerate(steps):
        now_ms += 400
        match step:
            case "floor":
                machine.take_floor(now_ms)
            case "release":
                machine.release_floor()
            case "adopt":
                machine.adopt()
            case "owe":
                machine.owe()
            case "say":
                machine.say("x")
            case "ask":
                ask = machine.next_ask(now_ms, quiet=True)
                if ask is not None:
                    assert machine.floor == "free"
                    assert active == 0
                    active += 1
            case "start":
                machine.response_started(f"r{index}")
            case "done" if machine.response_id is not None:
                assert machine.response_done(machine.response_id)
                active = 0
            case "cancel":
                machine.cancel(now_ms)
            case "lost":
                machine.link_lost()
                active = 0
            case _:
                machine.floor_overdue(now_ms)
                machine.cancel_overdue(now_ms)
        assert machine.turn >= turn
        turn = machine.turn

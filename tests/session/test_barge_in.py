"""What an interruption does, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.session.barge_in import (
    Cancel,
    Delete,
    EndAudio,
    StopSending,
    Truncate,
    decide,
    is_backchannel,
    is_echo,
    is_interruption,
)
from voice_loop.session.playback import ItemAudio


def item(
    index: int,
    received: int,
    sent: int,
    heard: int,
    *,
    turn: int = 1,
    finished: bool = False,
    cut: bool = False,
) -> ItemAudio:
    return ItemAudio(turn, index, f"i{index}", received, sent, heard, finished, finished, cut)


def test_the_steps_come_in_their_order() -> None:
    done = item(0, 24_000, 24_000, 24_000, finished=True)
    heard = item(1, 48_000, 36_000, 12_345)
    held = item(2, 9_600, 0, 0)
    assert decide([done, heard, held], response_active=True) == [
        StopSending(1),
        EndAudio(1, 1),
        Cancel(),
        Truncate(heard, 514),
        Delete(held),
    ]


def test_an_item_that_finished_is_left_alone() -> None:
    done = item(0, 24_000, 24_000, 24_000, finished=True)
    assert decide([done], response_active=False) == []


def test_an_item_of_which_nothing_was_heard_is_deleted() -> None:
    sent = item(0, 24_000, 24_000, 0)
    assert decide([sent], response_active=False) == [StopSending(1), EndAudio(1, 0), Delete(sent)]


def test_nothing_is_cancelled_when_no_response_is_active() -> None:
    heard = item(0, 24_000, 24_000, 24)
    assert Cancel() not in decide([heard], response_active=False)


def test_a_page_that_got_nothing_is_told_nothing() -> None:
    held = item(0, 24_000, 0, 0)
    assert decide([held], response_active=True) == [StopSending(1), Cancel(), Delete(held)]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 50_000), st.integers(0, 50_000), st.integers(0, 50_000), st.booleans()
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_no_truncation_lies_beyond_what_was_received(
    rows: list[tuple[int, int, int, bool]], active: bool
) -> None:
    items = []
    for index, (a, b, c, finished) in enumerate(rows):
        heard, sent, received = sorted((a, b, c))
        items.append(item(index, received, sent, heard, finished=finished))
    steps = decide(items, response_active=active)
    touched = [step.entry for step in steps if isinstance(step, Truncate | Delete)]
    assert touched == [entry for entry in items if not entry.over]
    for step in steps:
        if isinstance(step, Truncate):
            assert 0 < step.audio_end_ms * 24 <= step.entry.received
    assert steps.count(Cancel()) == active


@pytest.mark.parametrize(
    "text",
    ["", "Mm-hmm.", "Uh-huh", "Yeah, yeah.", "OK", "I see.", "Right, of course!", "Ja, genau"],
)
def test_listening_sounds_are_no_interruption(text: str) -> None:
    assert is_backchannel(text)
    assert not is_interruption(text, "")


@pytest.mark.parametrize(
    "text", ["Stop.", "No, wait", "What about Paris?", "Okay but why", "Nein", "yes I want two"]
)
def test_real_words_are(text: str) -> None:
    assert is_interruption(text, "The capital of France is beautiful in the spring.")


def test_the_answers_own_words_are_echo_and_a_repeated_word_is_not() -> None:
    answer = "The capital of France is Paris."
    assert is_echo("capital of france", answer)
    assert not is_echo("Paris?", answer)
    assert not is_echo("of France capital", answer)
    assert not is_interruption("the capital of France", answer)


def test_an_echo_that_was_misheard_in_parts_is_still_echo_and_other_words_are_not() -> None:
    answer = "I can tell you the time, do sums, convert units, spell, and use this app's tools."
    assert is_echo("can tell you the dime do sums", answer)
    assert is_echo("do some convert units spell and use this", answer)
    assert not is_echo("tell me the time please", answer)
    assert not is_echo("what is the time", answer)
    assert is_interruption("stop and tell me a joke", answer)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_can_be_judged(text: str, answer: str) -> None:
    assert is_interruption(text, answer) in (True, False)

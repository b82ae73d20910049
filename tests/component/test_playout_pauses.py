"""Pauses and flushes of what the speaker plays: silent at once, and not a sample lost."""

from __future__ import annotations

import numpy as np
import pytest
from reflex_voice_audio.browser.playout import (
    FADE_SECONDS,
    PEER_PAUSE_SECONDS,
)

from tests.component.speaker import (
    QUANTUM,
    STEP_OF_TONE,
    Speaker,
    audible_span,
    largest_step,
    tone,
)


def test_a_pause_is_silent_within_5_ms_and_goes_on_with_the_very_next_sample() -> None:
    rate = 48_000
    reference = Speaker(rate)
    speaker = Speaker(rate)
    for one in (reference, speaker):
        one.audio(tone(24_000))
        one.end()
        one.render(0.25)
    speaker.peer("pause")
    paused = speaker.render(0.2)
    _, last = audible_span(paused)
    assert last <= 0.005 * rate
    held = speaker.last("paused")
    assert held["stopped_time"] == pytest.approx(0.25 + last / rate, abs=0.005)
    speaker.peer("resume")
    speaker.render(1.2)
    reference.render(1.2)
    assert speaker.phases() == ["started", "paused", "resumed", "finished"]
    assert speaker.last("finished")["rendered"] == 24_000
    whole = np.array(reference.output)
    pieces = np.array(speaker.output)
    span = audible_span(whole)
    cut = int(np.flatnonzero(np.abs(pieces[: 12_000 + int(0.2 * rate)]) > 0)[-1]) + 1
    again = cut + int(np.flatnonzero(np.abs(pieces[cut:]) > 0)[0])
    # The fade's last sample was rendered, silent.
    gap = again - cut - 1
    fade = int(FADE_SECONDS * rate) + 2
    rest = whole[cut + fade : span[1] - fade]
    np.testing.assert_allclose(
        pieces[cut + fade + gap : cut + fade + gap + len(rest)], rest, atol=1e-6
    )
    assert largest_step(pieces) < STEP_OF_TONE


def test_a_pause_of_the_page_with_nothing_to_hold_is_ignored() -> None:
    speaker = Speaker()
    speaker.send(type="pause")
    speaker.audio(tone(6_000))
    assert np.any(speaker.render(0.1))


@pytest.mark.parametrize("then", ["resume", "over"])
def test_a_sound_between_two_items_holds_the_next_one_until_it_is_over(then: str) -> None:
    speaker = Speaker()
    speaker.peer("pause")
    speaker.audio(tone(6_000))
    assert not np.any(speaker.render(0.1))
    speaker.peer(then)
    assert np.any(speaker.render(0.1))


def test_a_sound_that_was_meant_does_not_let_go_what_it_stopped() -> None:
    speaker = Speaker()
    speaker.audio(tone(12_000))
    speaker.render(0.1)
    speaker.peer("pause")
    speaker.render(0.05)
    speaker.peer("over")
    assert not np.any(speaker.render(0.1))


def test_the_other_worklet_knows_whether_an_answer_is_playing() -> None:
    speaker = Speaker()
    told: list[bool] = []
    speaker.playout.peer.join(lambda message: told.append(message["value"]))
    speaker.send(type="latency", seconds=0.1)
    speaker.render(0.1)
    assert told == [False], "the player before it may have been playing"
    speaker.audio(tone(2_400))
    speaker.render(0.05)
    assert told[1:] == [True]
    speaker.send(type="end", turn=1, item=0, reason="completed")
    speaker.render(0.11)
    assert told[1:] == [True]
    speaker.render(0.2)
    assert told[1:] == [True, False]
    assert {message["type"] for message in speaker.messages} == {"report"}


def test_the_page_can_pause_and_only_the_page_ends_its_pause() -> None:
    speaker = Speaker()
    speaker.audio(tone(12_000))
    speaker.render(0.1)
    speaker.send(type="pause")
    speaker.peer("pause")
    speaker.render(0.05)
    speaker.peer("resume")
    assert not np.any(speaker.render(0.05))
    speaker.send(type="resume")
    assert np.any(speaker.render(0.05))


def test_a_question_nobody_answers_does_not_end_the_answer() -> None:
    speaker = Speaker()
    speaker.audio(tone(48_000))
    speaker.render(0.2)
    speaker.peer("pause")
    speaker.render(PEER_PAUSE_SECONDS - 0.1)
    assert not np.any(speaker.render(0.01))
    speaker.render(0.2)
    assert np.any(speaker.render(0.05))


def test_a_flush_is_silent_within_5_ms_and_drops_what_comes_late() -> None:
    speaker = Speaker()
    speaker.audio(tone(24_000))
    speaker.render(0.3)
    speaker.flush(1, 7)
    output = speaker.render(0.1)
    _, last = audible_span(output)
    assert last <= 0.005 * 48_000
    assert largest_step(np.array(speaker.output)) < STEP_OF_TONE
    flushed = speaker.last("flushed")
    assert (flushed["id"], flushed["turn"], flushed["item"]) == (7, 1, 0)
    assert flushed["rendered"] == pytest.approx(0.3 * 24_000, abs=200)
    assert speaker.last("stopped")["stopped_time"] == pytest.approx(0.3 + last / 48_000, abs=0.004)
    speaker.audio(tone(2_400), position=24_000)
    assert not np.any(speaker.render(0.5))
    assert speaker.playout.dropped == 1
    speaker.audio(tone(4_800), turn=2)
    speaker.end(2)
    assert np.any(speaker.render(0.3))
    assert speaker.last("finished")["turn"] == 2


def test_a_flush_while_paused_keeps_the_instant_of_the_pause() -> None:
    speaker = Speaker()
    speaker.audio(tone(24_000))
    speaker.render(0.2)
    speaker.peer("pause")
    speaker.render(0.3)
    paused = speaker.last("paused")
    speaker.flush()
    assert speaker.last("stopped")["stopped_time"] == paused["stopped_time"]
    flushed = speaker.last("flushed")
    assert flushed["heard"] == flushed["rendered"] == speaker.last("stopped")["rendered"]
    assert speaker.playout.held == 0


def test_a_flush_of_silence_is_answered_at_once() -> None:
    speaker = Speaker()
    speaker.flush(3, 9)
    assert speaker.messages == [
        {
            "type": "flushed",
            "id": 9,
            "turn": 0,
            "item": 0,
            "rendered": 0,
            "heard": 0,
            "time": 0.0,
        }
    ]


def test_the_next_turns_audio_survives_a_flush() -> None:
    speaker = Speaker()
    speaker.audio(tone(12_000))
    speaker.audio(tone(12_000), turn=2)
    speaker.render(0.1)
    speaker.flush(1)
    speaker.end(2)
    speaker.render(0.9)
    assert speaker.phases() == ["started", "stopped", "flushed", "started", "finished"]
    assert speaker.last("finished")["rendered"] == 12_000


def test_a_flush_of_a_turn_that_is_over_does_not_touch_the_next() -> None:
    speaker = Speaker()
    speaker.audio(tone(12_000), turn=2)
    speaker.render(0.1)
    speaker.flush(1)
    quanta = np.abs(speaker.render(0.1)).reshape(-1, QUANTUM)
    assert np.all(quanta.max(axis=1) > 0)


def test_two_flushes_in_a_row_are_both_answered() -> None:
    speaker = Speaker()
    speaker.audio(tone(12_000))
    speaker.render(0.1)
    speaker.flush(1, 1)
    speaker.flush(1, 2)
    speaker.render(0.02)
    assert [m["id"] for m in speaker.messages if m["type"] == "flushed"] == [1, 2]

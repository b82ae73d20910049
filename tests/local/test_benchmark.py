"""The benchmark counts right."""

from __future__ import annotations

import pytest

from benchmarks.local import figures_of
from benchmarks.local_hearing import rated, with_noise, word_errors, words
from benchmarks.local_peer import Turn
from benchmarks.measure import active_level_db
from tests.local.test_audio_parts import sine


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("one two three", "one two three", 0),
        ("one two three", "one three", 1),
        ("one two", "one big two", 1),
        ("one two", "three four five", 3),
        ("one two", "", 2),
    ],
)
def test_word_errors_are_substitutions_deletions_and_insertions(
    said: str, heard: str, errors: int
) -> None:
    assert word_errors(said.split(), heard.split()) == errors


def test_a_number_is_the_same_however_it_is_written() -> None:
    assert words("What is seventeen plus twenty five?") == words("what is 17+25")


def test_audio_that_comes_too_late_is_an_underrun_and_early_audio_is_none() -> None:
    turn = Turn(speech_end=0.0)
    for now in (1.0, 1.1, 1.6, 2.05):
        turn.take_audio(now, 0.5)
    assert turn.underruns == 0
    turn.take_audio(3.2, 0.5)
    assert turn.underruns == 1


def test_latencies_come_from_the_answered_turns_and_the_rest_is_counted() -> None:
    turns = [Turn(1.0, 1.5, 1.6), Turn(2.0, 2.5, 2.7), Turn(3.0)]
    figures = figures_of(turns)
    assert figures["unanswered"] == 1
    assert figures["speech_end_to_audio_p50_ms"] == pytest.approx(600)
    assert figures["beyond_window_p50_ms"] == pytest.approx(100)
    assert figures["turn_end_to_audio_p95_ms"] == pytest.approx(200)


def test_noise_lies_as_far_below_the_speech_as_asked() -> None:
    speech = sine(300, 16_000, 1.0)
    noise = with_noise(speech, 10.0, 1) - speech
    assert active_level_db(speech, 16_000) - active_level_db(noise, 16_000) == pytest.approx(
        10, abs=0.5
    )


def test_spellings_are_one_and_rates_are_shares_of_the_words() -> None:
    assert words("Ten kilometres!") == words("10 kilometers")
    row = {"voice": "v", "words": 50, "clean": 1, "noise": 9}
    assert rated(row) == {"voice": "v", "words": 50, "wer_clean": 0.02, "wer_noise": 0.18}

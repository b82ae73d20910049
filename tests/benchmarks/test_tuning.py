"""The detector's offline rig hears what the browser would, and never the benchmark's own sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reflex_voice_audio.browser.jsapi import Float32Array
from reflex_voice_audio.browser.spectrum import Spectrum

from benchmarks import barge_in_report, harness, people, sounds, tuning, tuning_sounds
from benchmarks.barge_in_report import Findings, merge, noise_row, speech_row
from benchmarks.tuning import FRAME, FastSpectrum, Rig, Speaker
from tests.benchmarks.outcomes import noise_outcome, spoken_outcome

RNG = np.random.default_rng(5)


def test_the_benchmarks_words_and_voices_never_tune_the_detector() -> None:
    assert not set(sounds.VOICES) & set(tuning_sounds.VOICES + tuning_sounds.ASSISTANT_SPEAKERS)
    held_out = sounds.LONG_WORDS + sounds.SHORT_WORDS
    assert not set(held_out) & set(tuning_sounds.LONG_WORDS + tuning_sounds.SHORT_WORDS)
    assert not set(harness.LONG_ANSWER) & set(tuning_sounds.ASSISTANT)


def test_people_who_tune_the_detector_are_not_those_who_measure_it() -> None:
    tuning_, measured = (
        {(folder, name) for folder, names in group.items() for name in names}
        for group in (people.TUNING, people.HELD_OUT)
    )
    assert tuning_
    assert measured
    assert not tuning_ & measured


def test_a_recording_is_cut_to_its_voice_and_left_out_if_it_is_noisy() -> None:
    voice = RNG.normal(0, 0.1, sounds.RATE_HZ // 2)
    silence = np.zeros(sounds.RATE_HZ // 2)
    found = people.trimmed(np.concatenate([silence, voice, silence]))
    assert found is not None
    assert len(found) == pytest.approx(len(voice), abs=2 * sounds.FRAME)
    assert np.max(np.abs(found)) == pytest.approx(1.0)
    hiss = RNG.normal(0, 0.01, 3 * len(voice))
    assert people.trimmed(np.concatenate([silence, voice, silence]) + hiss) is None
    assert people.trimmed(voice[: 10 * sounds.FRAME]) is None, "too short to judge"


def test_the_benchmarks_noises_are_made_in_another_way_than_those_for_tuning() -> None:
    assert set(sounds.NOISES) == set(tuning_sounds.NOISES)
    for kind, make in sounds.NOISES.items():
        other = tuning_sounds.NOISES[kind]
        assert make.__code__.co_code != other.__code__.co_code
        one, two = make(np.random.default_rng(1)), other(np.random.default_rng(1))
        length = min(len(one), len(two))
        assert not np.allclose(one[:length], two[:length])


@pytest.mark.parametrize("kind", sounds.NOISES)
def test_a_noise_is_the_same_for_the_same_seed_and_another_for_another(kind: str) -> None:
    first, again, other = (sounds.NOISES[kind](np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert len(first) != len(other) or not np.allclose(first, other)
    assert np.max(np.abs(first)) == pytest.approx(1.0)
    assert np.all(np.isfinite(first))


def test_the_quick_spectrum_has_the_figures_of_the_browsers() -> None:
    browser, quick = Spectrum(), FastSpectrum()
    microphone, reference = RNG.normal(0, 0.1, (2, 20 * FRAME))
    for start in range(0, 20 * FRAME, FRAME):
        frames = [
            Float32Array(line[start : start + FRAME].tolist()) for line in (microphone, reference)
        ]
        browser.analyse(*frames)
        quick.analyse(*frames)
        for mine, theirs in (
            (quick.microphone_bands, browser.microphone_bands),
            (quick.reference_bands, browser.reference_bands),
        ):
            assert list(mine) == pytest.approx(list(theirs), rel=1e-9)
        assert quick.periodicity() == pytest.approx(browser.periodicity(), abs=1e-9)


def test_the_speaker_pauses_with_a_fade_and_goes_on_with_the_next_sample() -> None:
    voice = np.arange(1.0, 10_000.0)
    speaker = Speaker(voice)
    speaker.frame(True)
    before = speaker.frame(True)
    fading = speaker.frame(False)
    assert np.all(np.diff(before) == 1)
    assert fading[tuning.QUANTUM - 1] > 0
    assert not np.any(fading[tuning.QUANTUM + tuning.FADE :])
    assert not np.any(speaker.frame(False))
    assert [sounding for _, sounding in speaker.changes] == [True, False]
    resumed = speaker.frame(True)
    last_played = before[-1] + tuning.QUANTUM + tuning.FADE
    assert resumed[tuning.QUANTUM + tuning.FADE] == last_played + tuning.FADE + 1


@pytest.mark.models
def test_a_word_over_the_answer_stops_it_in_the_rig_and_a_click_does_not() -> None:
    rig = Rig(("quiet", None), 0, {})
    rig.learn(1_500)
    length = tuning.RATE_HZ * 2
    times = np.arange(length) / sounds.RATE_HZ
    pulses = np.sign(np.sin(2 * np.pi * 130 * times)) * np.sin(2 * np.pi * 700 * times)
    rise_and_fall = np.minimum(1, np.minimum(times, times[::-1]) / 0.02)
    vowel = np.asarray(pulses * rise_and_fall, dtype=np.float32)
    stopped = rig.trial(sounds.Sound("vowel", "long", vowel), 0.2, None)
    assert stopped.confirmed_ms is not None
    assert stopped.stop_ms is not None
    assert 0 < stopped.stop_ms < stopped.confirmed_ms
    knock = sounds.Sound("click", "click", tuning_sounds.click(np.random.default_rng(3)))
    assert rig.trial(knock, 0.2, None).confirmed_ms is None


def test_runs_are_merged_with_their_trials_and_seconds(tmp_path: Path) -> None:
    row = {"seconds": 100.0, "candidate": 1, "confirmed": 0, "cut_by_page": 0, "cut_by_server": 0}
    paths = []
    for number, level_db in enumerate((-10.0, -20.0, -10.0)):
        found = Findings([spoken_outcome(stop_ms=50.0 + number)], [{"level_db": level_db, **row}])
        found.runs = [{"seed": number}]
        paths.append(tmp_path / f"{number}.json")
        found.write(paths[-1])
    whole = merge(paths)
    assert [outcome.stop_ms for outcome in whole.outcomes] == [50.0, 51.0, 52.0]
    assert [run["seed"] for run in whole.runs] == [0, 1, 2]
    assert [(r["level_db"], r["seconds"], r["candidate"]) for r in whole.echo] == [
        (-10.0, 200.0, 2),
        (-20.0, 100.0, 1),
    ]
    assert barge_in_report.summary(whole)["floor"]["frame_ms"] == 10


def test_a_row_counts_misses_second_chances_and_what_says_nothing() -> None:
    outcomes = [
        spoken_outcome(stop_ms=40.0),
        spoken_outcome(stop_ms=80.0),
        spoken_outcome(confirmed=False, interrupted=False, second_chance=True),
        spoken_outcome(confirmed=False, interrupted=False),
        spoken_outcome(problem="the player ran dry"),
    ]
    row = speech_row("all", outcomes)
    assert (row["count"], row["no_figure"], row["missed"], row["for_good"]) == (4, 1, 2, 1)
    assert (row["stop_p50"], row["stop_max"]) == (40.0, 80.0)
    noises = noise_row("door", [noise_outcome(lag_ms=80.0), noise_outcome(interrupted=True)])
    assert (noises["count"], noises["false_stops"], noises["resume_max_ms"]) == (2, 1, 80.0)

"""What the speaker plays: every sample accounted for, fades, underruns and reports."""

from __future__ import annotations

import numpy as np
import pytest
from reflex_voice_audio.browser.playout import (
    FADE_SECONDS,
    RING_SAMPLES,
    START_MIN_MS,
)

from tests.component.speaker import (
    QUANTUM,
    STEP_OF_TONE,
    Speaker,
    audible_span,
    largest_step,
    tone,
)


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000, 96_000])
def test_an_answer_is_played_whole_and_reported_finished(rate: int) -> None:
    speaker = Speaker(rate)
    speaker.audio(tone(12_000))
    speaker.end()
    speaker.render(0.8)
    assert speaker.phases() == ["started", "finished"]
    assert speaker.last("finished")["rendered"] == 12_000
    assert speaker.last("finished")["heard"] == 12_000
    first, last = audible_span(np.array(speaker.output))
    assert (last - first) / rate == pytest.approx(0.5, abs=0.002)
    assert speaker.playout.underruns == 0


def test_the_first_sounds_instant_is_told() -> None:
    speaker = Speaker()
    speaker.render(0.2)
    speaker.audio(tone(6_000))
    before = speaker.now
    speaker.render(0.1)
    started = speaker.last("started")
    assert started["first_time"] == pytest.approx(before, abs=QUANTUM / 48_000)
    assert (started["turn"], started["item"], started["heard"]) == (1, 0, 0)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_the_first_sound_after_an_interruption_is_told_when_it_sounds(rate: int) -> None:
    speaker = Speaker(rate)
    speaker.audio(tone(48_000))
    speaker.render(0.3)
    speaker.flush(turn=1)
    speaker.render(0.1)
    speaker.audio(tone(12_000), turn=2)
    speaker.end(turn=2)
    begin = speaker.frames
    output = speaker.render(0.5)
    first = (begin + audible_span(output)[0]) / rate
    started = [m for m in speaker.messages if m.get("phase") == "started" and m["turn"] == 2]
    assert started[0]["first_time"] == pytest.approx(first, abs=2 * QUANTUM / rate)


def test_playing_waits_for_the_start_buffer_but_not_for_a_short_answer() -> None:
    waiting = Speaker()
    waiting.audio(tone(960))
    assert not np.any(waiting.render(0.1))
    waiting.audio(tone(960, 960), position=960)
    assert np.any(waiting.render(0.05))
    short = Speaker()
    short.audio(tone(960))
    short.end()
    assert np.any(short.render(0.03))


def test_a_start_that_gets_no_more_begins_anyway() -> None:
    speaker = Speaker()
    speaker.audio(tone(960))
    assert np.any(speaker.render(0.4))


def test_what_is_played_is_the_signal() -> None:
    speaker = Speaker(48_000)
    speaker.audio(tone(24_000))
    output = speaker.render(0.9)
    # Aligned by the clock, not by searching: the first frame is the first sample.
    times = np.arange(24_000) / 48_000
    exact = 12_000 / 32_768 * np.sin(2 * np.pi * 440 * times)
    played = output[:24_000]
    inner = slice(1_000, 20_000)
    error = exact[inner] - played[inner]
    assert 10 * np.log10(np.mean(exact[inner] ** 2) / np.mean(error**2)) > 70


def test_it_begins_and_ends_without_a_click() -> None:
    speaker = Speaker()
    speaker.audio(np.full(12_000, 12_000, dtype=np.int16))
    speaker.end()
    output = speaker.render(0.7)
    assert largest_step(output) < 12_000 / 32_768 / (FADE_SECONDS * 48_000) * 2.5


def test_running_dry_is_an_underrun_that_fades_and_needs_more_the_next_time() -> None:
    speaker = Speaker()
    speaker.audio(tone(4_800))
    output = speaker.render(0.4)
    assert speaker.playout.underruns == 1
    assert speaker.playout.start_ms > START_MIN_MS
    assert largest_step(output) < STEP_OF_TONE
    speaker.audio(tone(12_000, 4_800), position=4_800)
    speaker.end()
    speaker.render(0.8)
    assert speaker.last("finished")["rendered"] == 16_800
    assert speaker.last("finished")["underruns"] == 1
    assert largest_step(np.array(speaker.output)) < STEP_OF_TONE


def test_an_underrun_whose_item_then_ends_is_finished() -> None:
    speaker = Speaker()
    speaker.audio(tone(4_800))
    speaker.render(0.4)
    speaker.end()
    speaker.render(0.05)
    assert speaker.last("finished")["rendered"] == 4_800


def test_the_start_buffer_shrinks_slowly_while_all_is_well() -> None:
    speaker = Speaker(24_000)
    speaker.playout.start_ms = 200.0
    position = 0
    for _ in range(26):
        speaker.audio(tone(12_000), position=position)
        position += 12_000
        speaker.render(0.495)
    assert speaker.playout.underruns == 0
    assert speaker.playout.start_ms == 190.0


def test_items_of_one_turn_follow_without_a_gap() -> None:
    speaker = Speaker()
    speaker.audio(tone(6_000))
    speaker.end(1, 0)
    speaker.audio(tone(6_000, 6_000), item=1)
    speaker.end(1, 1)
    output = speaker.render(0.8)
    assert [m["item"] for m in speaker.messages if m.get("phase") == "finished"] == [0, 1]
    assert [m["rendered"] for m in speaker.messages if m.get("phase") == "finished"] == [6_000] * 2
    first, last = audible_span(output)
    assert last - first == pytest.approx(24_000, abs=64)
    assert largest_step(output) < STEP_OF_TONE
    assert speaker.playout.underruns == 0


def test_heard_is_what_was_rendered_one_latency_ago() -> None:
    speaker = Speaker()
    speaker.send(type="latency", seconds=0.2)
    speaker.audio(tone(36_000))
    speaker.render(1.0)
    playing = speaker.last("playing")
    assert playing["rendered"] - playing["heard"] == pytest.approx(0.2 * 24_000, abs=130)


def test_after_a_pause_longer_than_the_latency_all_rendered_is_heard() -> None:
    speaker = Speaker()
    speaker.send(type="latency", seconds=0.2)
    speaker.audio(tone(24_000))
    speaker.render(0.5)
    speaker.peer("pause")
    speaker.render(0.25)
    speaker.flush()
    flushed = speaker.last("flushed")
    assert flushed["heard"] == flushed["rendered"] > 11_000


def test_a_flush_tells_of_the_item_that_was_being_heard() -> None:
    speaker = Speaker()
    speaker.send(type="latency", seconds=0.2)
    speaker.audio(tone(6_000))
    speaker.end(1, 0)
    speaker.audio(tone(12_000), item=1)
    speaker.render(0.3)
    speaker.flush()
    speaker.render(0.02)
    flushed = speaker.last("flushed")
    assert flushed["item"] == 0
    assert flushed["heard"] < flushed["rendered"] == 6_000


def test_an_item_is_finished_when_it_was_heard_not_when_it_was_rendered() -> None:
    speaker = Speaker()
    speaker.send(type="latency", seconds=0.3)
    speaker.audio(tone(6_000))
    speaker.end()
    speaker.render(0.4)
    assert "finished" not in speaker.phases()
    speaker.render(0.3)
    assert "finished" in speaker.phases()


def test_missing_positions_are_skipped_and_counted_and_known_ones_dropped() -> None:
    speaker = Speaker()
    speaker.audio(tone(2_400))
    speaker.audio(tone(2_400), position=1_200)
    speaker.audio(tone(2_400), position=6_000)
    speaker.end()
    speaker.render(0.5)
    finished = speaker.last("finished")
    assert finished["rendered"] == 8_400
    assert finished["dropped"] == 1
    assert speaker.phases() == ["started", "finished"]


def test_more_than_the_ring_holds_is_dropped_and_counted() -> None:
    speaker = Speaker()
    for index in range(5):
        speaker.audio(tone(24_000), position=index * 24_000)
    assert speaker.playout.held == RING_SAMPLES
    assert speaker.playout.dropped == 1


def test_an_older_turns_audio_after_a_newer_ones_is_dropped() -> None:
    speaker = Speaker()
    speaker.audio(tone(2_400), turn=2)
    speaker.audio(tone(2_400), turn=1)
    assert (speaker.playout.dropped, speaker.playout.held) == (1, 2_400)


def test_reports_come_every_100_ms_while_playing() -> None:
    speaker = Speaker()
    speaker.audio(tone(48_000))
    speaker.render(1.05)
    times = [m["time"] for m in speaker.messages if m.get("phase") == "playing"]
    assert len(times) == 10
    assert max(np.diff(times)) < 0.105


def test_what_arrives_while_the_end_fades_begins_a_new_stretch() -> None:
    speaker = Speaker()
    speaker.audio(tone(6_000))
    speaker.end()
    while speaker.playout.held > 0:
        speaker.render(0.002)
    speaker.audio(tone(6_000), item=1)
    speaker.end(1, 1)
    speaker.render(0.6)
    assert speaker.last("finished")["item"] == 1
    assert speaker.last("finished")["rendered"] == 6_000
    assert speaker.playout.underruns == 0

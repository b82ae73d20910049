"""What the speaker plays: every sample accounted for, fades, pauses, flushes and underruns."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from reflex_voice_audio.browser.dsp import WIRE_RATE_HZ
from reflex_voice_audio.browser.jsapi import ArrayBuffer, Float32Array, Int16Array
from reflex_voice_audio.browser.playout import (
    FADE_SECONDS,
    PEER_PAUSE_SECONDS,
    RING_SAMPLES,
    START_MIN_MS,
    Playout,
)

Samples = npt.NDArray[np.float64]
QUANTUM = 128


def pcm(samples: npt.NDArray[np.int16]) -> ArrayBuffer:
    return Int16Array(samples.tolist()).buffer  # type: ignore[no-any-return]


def tone(count: int, start: int = 0) -> npt.NDArray[np.int16]:
    """A 440 Hz tone at 24 kHz, continuous over `start`."""
    phase = 2 * np.pi * 440 * (np.arange(count) + start) / WIRE_RATE_HZ
    return (12_000 * np.sin(phase)).astype(np.int16)


class Speaker:
    """A playout, the clock of its context, and everything that came out."""

    def __init__(self, rate: int = 48_000) -> None:
        self.rate = rate
        self.messages: list[dict[str, Any]] = []
        self.playout = Playout(rate, self.messages.append)
        self.frames = 0
        self.output: list[float] = []

    @property
    def now(self) -> float:
        return self.frames / self.rate

    def send(self, **fields: Any) -> None:
        self.playout.receive(SimpleNamespace(**fields))

    def audio(
        self, samples: npt.NDArray[np.int16], turn: int = 1, item: int = 0, position: int = 0
    ) -> None:
        self.send(type="audio", turn=turn, item=item, position=position, pcm=pcm(samples))

    def end(self, turn: int = 1, item: int = 0) -> None:
        self.send(type="end", turn=turn, item=item, reason="completed")

    def flush(self, turn: int = 1, flush_id: int = 1) -> None:
        self.send(type="flush", turn=turn, id=flush_id)

    def peer(self, kind: str) -> None:
        self.playout.receive_peer(SimpleNamespace(type=kind, sound=1))

    def render(self, seconds: float) -> Samples:
        """Render whole quanta of at least `seconds`; what came out in them."""
        start = len(self.output)
        block = Float32Array(QUANTUM)
        for _ in range(max(1, math.ceil(seconds * self.rate / QUANTUM))):
            self.playout.render(block, QUANTUM, self.now)
            self.frames += QUANTUM
            self.output.extend(block)
        return np.array(self.output[start:])

    def phases(self) -> list[str]:
        return [
            message.get("phase", message["type"])
            for message in self.messages
            if message.get("phase") != "playing"
        ]

    def last(self, phase: str) -> dict[str, Any]:
        return [m for m in self.messages if m.get("phase", m["type"]) == phase][-1]


def audible_span(output: Samples) -> tuple[int, int]:
    loud = np.flatnonzero(np.abs(output) > 0)
    return int(loud[0]), int(loud[-1])


def largest_step(output: Samples) -> float:
    return float(np.max(np.abs(np.diff(output))))


STEP_OF_TONE = 12_000 / 32_768 * 2 * np.pi * 440 / 24_000 * 1.2


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


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=12))
def test_the_size_of_chunks_changes_nothing(sizes: list[int]) -> None:
    total = sum(sizes)
    whole = Speaker(44_100)
    whole.audio(tone(total))
    pieces = Speaker(44_100)
    at = 0
    for size in sizes:
        pieces.audio(tone(size, at), position=at)
        at += size
    for speaker in (whole, pieces):
        speaker.end()
    np.testing.assert_array_equal(
        whole.render(total / 24_000 + 0.1), pieces.render(total / 24_000 + 0.1)
    )
    assert whole.messages == pieces.messages


class Conversation(RuleBasedStateMachine):
    """Anything in any order: the accounts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.speaker = Speaker(24_000)
        self.turn = 1
        self.item = 0
        self.position = 0
        self.received: dict[tuple[int, int], int] = {}
        self.heard: dict[tuple[int, int], int] = {}
        self.seen = 0

    @rule(count=st.integers(1, 4_000), gap=st.sampled_from([0, 0, 0, 0, 100, -50]))
    def audio(self, count: int, gap: int) -> None:
        self.position = max(0, self.position + gap)
        samples = np.full(count, 9_000, dtype=np.int16)
        self.speaker.audio(samples, self.turn, self.item, self.position)
        self.position += count
        key = (self.turn, self.item)
        self.received[key] = max(self.received.get(key, 0), self.position)

    @rule()
    def end(self) -> None:
        self.speaker.end(self.turn, self.item)
        self.item += 1
        self.position = 0

    @rule()
    def next_turn(self) -> None:
        self.turn += 1
        self.item = 0
        self.position = 0

    @rule(back=st.integers(0, 2))
    def flush(self, back: int) -> None:
        self.speaker.flush(self.turn - back, self.turn)
        if back == 0:
            self.next_turn()

    @rule(kind=st.sampled_from(["pause", "resume", "over"]))
    def peer(self, kind: str) -> None:
        self.speaker.peer(kind)

    @rule(kind=st.sampled_from(["pause", "resume"]))
    def page(self, kind: str) -> None:
        self.speaker.send(type=kind)

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.3]))
    def latency(self, seconds: float) -> None:
        self.speaker.send(type="latency", seconds=seconds)

    @precondition(lambda self: self.speaker.frames < 24_000 * 8)
    @rule(seconds=st.sampled_from([0.005, 0.02, 0.1, 0.4]))
    def render(self, seconds: float) -> None:
        output = self.speaker.render(seconds)
        assert np.max(np.abs(output)) <= 9_001 / 32_768

    @invariant()
    def the_accounts_hold(self) -> None:
        playout = self.speaker.playout
        assert 0 <= playout.held <= RING_SAMPLES
        assert playout.ledger.rendered <= playout.taken <= playout.ledger.queued
        assert playout.taken + playout.held == playout.ledger.queued
        assert 0.0 <= playout.gain <= 1.0
        for message in self.speaker.messages[self.seen :]:
            key = (message["turn"], message["item"])
            assert message["heard"] <= message["rendered"] <= self.received.get(key, 0)
            if playout.ledger.latency == 0.0 and message["type"] == "report":
                assert message["heard"] >= self.heard.get(key, 0) or message["phase"] == "started"
                self.heard[key] = message["heard"]
        self.seen = len(self.speaker.messages)

    @invariant()
    def no_step_is_a_click(self) -> None:
        # A constant signal: every step is a fade's, of at most one part in 96 of it.
        recent = np.array(self.speaker.output[-12_000:] or [0.0, 0.0])
        if len(recent) > 1:
            assert largest_step(recent) < 9_000 / 32_768 / 96 * 1.5


Conversation.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestConversation = Conversation.TestCase

"""Positions and clocks, brought to one line."""

from __future__ import annotations

import pytest

from voice_loop.protocol.events import AudioChunk, UserSpeech
from voice_loop.recording.placement import Anchor, Placement
from voice_loop.session.facts import ClockSample

OFFSET_MS = 500_000.0
"""Server minus browser."""


def chunk(position: int, samples: int = 480) -> AudioChunk:
    return AudioChunk(0, 0, position, bytes(2 * samples))


def speech(position: int, onset_ms: float) -> UserSpeech:
    return UserSpeech("candidate", 1, onset_ms, onset_ms + 60, False, position)


def clock(round_trip_ms: float | None = 10.0, offset_ms: float | None = OFFSET_MS) -> ClockSample:
    return ClockSample(1, 0.0, 0.0, 0.0, offset_ms, round_trip_ms)


def test_the_tape_begins_with_the_first_captured_sample() -> None:
    placement = Placement()
    assert [placement.chunk(chunk(at), 0.0) for at in (48_000, 48_480, 60_000)] == [0, 480, 12_000]
    placement.begin()
    assert placement.chunk(chunk(96_000), 0.0) == 0


def test_what_the_detector_said_ties_positions_to_the_clock() -> None:
    placement = Placement()
    placement.speech(speech(24_000, 1_000.0))
    assert placement.anchor() is None
    placement.chunk(chunk(12_000), 0.0)
    assert placement.anchor() == Anchor(12_000, 1_000.0)


def test_before_that_the_quickest_chunk_does() -> None:
    placement = Placement()
    placement.chunk(chunk(0), OFFSET_MS + 1_000 + 20 + 35)
    assert placement.anchor() is None, "the clock is not known yet"
    placement.clock(clock())
    placement.chunk(chunk(480), OFFSET_MS + 1_020 + 20 + 5)
    placement.chunk(chunk(960), OFFSET_MS + 1_040 + 20 + 80)
    anchor = placement.anchor()
    assert anchor is not None
    assert anchor.position == 0
    assert anchor.at_ms == pytest.approx(1_000.0)


def test_the_detectors_word_goes_before_the_estimate() -> None:
    placement = Placement()
    placement.clock(clock())
    placement.chunk(chunk(0), OFFSET_MS + 1_200)
    placement.speech(speech(4_800, 1_100.0))
    assert placement.anchor() == Anchor(4_800, 1_100.0)


def test_without_a_microphone_the_tape_begins_with_what_is_heard() -> None:
    placement = Placement()
    placement.without_microphone(7_000.0)
    placement.without_microphone(9_000.0)
    assert placement.anchor() == Anchor(0, 7_000.0)


def test_a_microphone_that_comes_later_takes_its_place_on_the_line() -> None:
    placement = Placement()
    placement.without_microphone(7_000.0)
    placement.speech(speech(0, 8_000.0))
    assert placement.chunk(chunk(24_000), 0.0) == 48_000
    anchor = placement.anchor()
    assert anchor == Anchor(24_000, 8_000.0)


def test_times_of_the_server_are_known_when_the_clocks_were_compared() -> None:
    placement = Placement()
    placement.clock(clock(None, None))
    assert placement.client_ms(600_000.0) is None
    placement.clock(clock(None))
    assert placement.client_ms(600_000.0) == 100_000.0

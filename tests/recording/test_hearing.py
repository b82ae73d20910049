"""Which samples were heard when, worked out from reports of playback."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voice_loop.protocol.events import PlaybackPhase, PlaybackReport
from voice_loop.recording.hearing import Heard, Hearing

LATENCY_MS = 40.0


def report(
    phase: PlaybackPhase, played_ms: float, at_ms: float, *, item: int = 0, **more: Any
) -> PlaybackReport:
    return PlaybackReport(
        1, item, phase, played_ms, 0, 0, 0, LATENCY_MS, at_ms, client_stopped_ms=more.get("stopped")
    )


def test_what_plays_is_placed_by_its_end() -> None:
    hearing = Hearing()
    assert hearing.take(report("started", 0, 1_000)) == []
    assert hearing.take(report("playing", 100, 1_140)) == [Heard(1, 0, 0, 2_400, 1_140)]
    assert hearing.take(report("playing", 200, 1_240)) == [Heard(1, 0, 2_400, 4_800, 1_240)]


def test_after_a_pause_the_rest_lies_before_the_silence() -> None:
    hearing = Hearing()
    hearing.take(report("paused", 100, 1_000, stopped=1_040))
    resumed = hearing.take(report("resumed", 140, 2_000))
    assert resumed == [Heard(1, 0, 2_400, 3_360, 1_040)]
    assert hearing.take(report("playing", 240, 2_100)) == [Heard(1, 0, 3_360, 5_760, 2_100)]


def test_what_is_cut_sounds_on_for_one_output_latency() -> None:
    hearing = Hearing()
    hearing.take(report("playing", 100, 1_000))
    cut = hearing.take(report("stopped", 150, 1_050, stopped=1_090))
    assert cut == [Heard(1, 0, 2_400, 3_600, 1_050), Heard(1, 0, 3_600, 4_560, 1_090)]


def test_cut_in_a_pause_that_was_longer_than_the_latency_nothing_is_added() -> None:
    hearing = Hearing()
    hearing.take(report("paused", 100, 1_000, stopped=1_040))
    cut = hearing.take(report("stopped", 140, 1_500, stopped=1_040))
    assert cut == [Heard(1, 0, 2_400, 3_360, 1_040)]


def test_each_item_begins_anew() -> None:
    hearing = Hearing()
    hearing.take(report("playing", 100, 1_000))
    assert hearing.take(report("playing", 50, 1_200, item=1)) == [Heard(1, 1, 0, 1_200, 1_200)]


PHASES: Any = st.sampled_from(["started", "playing", "paused", "resumed", "stopped", "finished"])
REPORTS = st.lists(
    st.tuples(
        PHASES,
        st.floats(-100, 1e6),
        st.floats(0, 1e7),
        st.none() | st.floats(0, 1e7),
        st.integers(0, 2),
    )
)


@given(REPORTS)
def test_whatever_is_reported_no_sample_is_heard_twice_in_a_row(reports: list[Any]) -> None:
    hearing, ends = Hearing(), {}
    last = None
    for phase, played_ms, at_ms, stopped, item in reports:
        if item != last:
            ends[item], last = 0, item
        for piece in hearing.take(report(phase, played_ms, at_ms, item=item, stopped=stopped)):
            assert piece.first == ends[item]
            assert piece.to > piece.first
            ends[item] = piece.to

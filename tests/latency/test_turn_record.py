"""A turn's figures: right with all marks, absent and explained without, never zero for want."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.latency.budget import FIGURES
from voice_loop.latency.marks import MAX_TIMES, RULES, Absent, Marks
from voice_loop.latency.offset import ClockOffset
from voice_loop.latency.turn_record import Figure, TurnRecord

OFFSET_MS = 50_000.0
"""Server minus client."""
ROUND_TRIP_MS = 8.0


def synchronised(round_trip_ms: float = ROUND_TRIP_MS) -> ClockOffset:
    clock = ClockOffset()
    clock.add(OFFSET_MS, round_trip_ms, 100_000)
    return clock


SERVER_MARKS = {
    "speech_stopped": 100_000.0,
    "input_committed": 100_002.0,
    "response_asked": 100_005.0,
    "first_delta": 100_350.0,
    "first_chunk_sent": 100_352.0,
}
CLIENT_MARKS = {
    "first_chunk_received": 100_358.0 - OFFSET_MS,
    "first_chunk_queued": 100_360.0 - OFFSET_MS,
    "first_sound": 100_480.0 - OFFSET_MS,
    "barge_in_onset": 52_000.0,
    "barge_in_detected": 52_060.0,
    "barge_in_stopped": 52_085.0,
}
SPEECH_ENDED_MS = 99_550.0 - OFFSET_MS
MARKS: Mapping[str, float] = {**SERVER_MARKS, **CLIENT_MARKS}


def turn(**changes: float | None) -> TurnRecord:
    """A whole turn; a mark given as None is left out."""
    record = TurnRecord(3, relay_up_ms=[0.1, 0.2], relay_down_ms=[0.3])
    for name, at_ms in {**MARKS, **changes}.items():
        if at_ms is not None:
            record.marks.record(name, at_ms)
    return record


def figures(record: TurnRecord, clock: ClockOffset | None = None) -> dict[str, Figure]:
    return dict(record.evaluate(clock or synchronised(), SPEECH_ENDED_MS).figures.items())


def reasons(record: TurnRecord, clock: ClockOffset | None = None) -> dict[str, str]:
    return dict(record.evaluate(clock or synchronised(), SPEECH_ENDED_MS).absent.items())


def test_a_whole_turn_has_all_its_figures() -> None:
    values = {name: round(figure.value_ms, 3) for name, figure in figures(turn()).items()}
    assert values == {
        "ttfb_ms": 350,
        "turn_latency_ms": 480,
        "voice_to_voice_ms": 930,
        "barge_in_stop_ms": 85,
        "relay_up_ms": 0.2,
        "relay_down_ms": 0.3,
    }
    assert reasons(turn()) == {}


def test_the_turn_latency_names_every_owner() -> None:
    stages = [(s.begins, s.ends, s.owner, s.ms) for s in figures(turn())["turn_latency_ms"].stages]
    assert stages == [
        ("speech_stopped", "response_asked", "relay", 5),
        ("response_asked", "first_delta", "provider", 345),
        ("first_delta", "first_chunk_sent", "relay", 2),
        ("first_chunk_sent", "first_chunk_received", "network", 6),
        ("first_chunk_received", "first_chunk_queued", "device", 2),
        ("first_chunk_queued", "first_sound", "device", 120),
    ]
    figure = figures(turn())["turn_latency_ms"]
    assert figure.shares == {"relay": 7, "provider": 345, "network": 6, "device": 122}
    assert figure.owner == "provider"


def test_an_arrival_before_the_sending_is_the_clocks_uncertainty_and_no_more() -> None:
    """On one machine the way is shorter than the clocks are known."""
    clock = synchronised()
    _, uncertainty_ms = clock.to_server_ms(100_352.0 - OFFSET_MS) or (0, 0)
    assert uncertainty_ms > 1
    early = 100_352.0 - OFFSET_MS - uncertainty_ms + 0.5
    figure = figures(turn(first_chunk_received=early), clock)["turn_latency_ms"]
    assert [(s.ends, s.owner, s.ms) for s in figure.stages[3:5]] == [
        ("first_chunk_received", "network", 0),
        ("first_chunk_queued", "device", 8),
    ]
    figure = figures(turn(first_chunk_received=early - 1), clock)["turn_latency_ms"]
    assert "first_chunk_received" not in [stage.ends for stage in figure.stages]
    assert figure.value_ms == 480


def test_voice_to_voice_adds_what_the_detector_waited() -> None:
    figure = figures(turn())["voice_to_voice_ms"]
    assert (figure.stages[0].begins, figure.stages[0].owner) == ("speech_ended", "provider")
    assert figure.stages[0].ms == 450
    assert figure.uncertainty_ms == 0  # one clock alone


def test_without_a_mark_of_the_arrival_half_a_round_trip_is_the_networks() -> None:
    figure = figures(turn(first_chunk_received=None, first_chunk_queued=None))["turn_latency_ms"]
    network, device = figure.stages[-2:]
    assert (network.owner, network.ms, network.estimated) == ("network", ROUND_TRIP_MS / 2, True)
    assert (device.owner, device.ms, device.estimated) == ("device", 124, True)
    assert figure.value_ms == 480


def test_a_stretch_without_marks_is_nobodys_rather_than_somebodys() -> None:
    lonely = turn(
        response_asked=None,
        first_delta=None,
        first_chunk_sent=None,
        first_chunk_received=None,
        first_chunk_queued=None,
    )
    assert figures(lonely)["turn_latency_ms"].shares == {"unsplit": 480}


def test_tools_own_their_time() -> None:
    record = turn()
    record.tool_ms = 200
    assert figures(record)["ttfb_ms"].shares == {"relay": 5, "tools": 200, "provider": 145}
    record.tool_ms = 9_000  # longer than the whole stretch: not believed
    assert "tools" not in figures(record)["ttfb_ms"].shares


@pytest.mark.parametrize(
    ("missing", "absent"),
    [
        ("first_delta", {"ttfb_ms": "missing: first_delta"}),
        (
            "first_sound",
            {
                "turn_latency_ms": "missing: first_sound",
                "voice_to_voice_ms": "missing: first_sound",
            },
        ),
        ("barge_in_onset", {"barge_in_stop_ms": "missing: barge_in_onset"}),
        ("barge_in_stopped", {"barge_in_stop_ms": "missing: barge_in_stopped"}),
    ],
)
def test_a_missing_mark_takes_only_its_own_figures_away(
    missing: str, absent: dict[str, str]
) -> None:
    assert reasons(turn(**{missing: None})) == absent


def test_without_any_end_of_the_turn_it_says_so() -> None:
    record = turn(speech_stopped=None, input_committed=None, response_asked=None)
    assert reasons(record) == {
        "ttfb_ms": "missing: turn end",
        "turn_latency_ms": "missing: turn end",
    }


def test_without_an_offset_clocks_are_not_compared() -> None:
    assert reasons(turn(), ClockOffset()) == {"turn_latency_ms": "missing: clock offset"}
    assert figures(turn(), ClockOffset())["voice_to_voice_ms"].shares == {"unsplit": 930}


def test_without_the_end_of_speech_there_is_no_voice_to_voice() -> None:
    evaluation = turn().evaluate(synchronised())
    assert evaluation.absent == {"voice_to_voice_ms": "missing: speech_ended"}


def test_a_mark_that_came_twice_with_different_times_is_ambiguous() -> None:
    record = turn()
    record.marks.record("first_sound", MARKS["first_sound"])  # the same again is the same
    assert "turn_latency_ms" in figures(record)
    record.marks.record("first_sound", MARKS["first_sound"] + 5)
    assert reasons(record) == {
        "turn_latency_ms": "doubled: first_sound",
        "voice_to_voice_ms": "doubled: first_sound",
    }


def test_the_first_of_several_deltas_counts_and_the_last_end_before_the_answer() -> None:
    record = turn()
    record.marks.record("first_delta", 100_700)
    record.marks.record("speech_stopped", 98_000)  # a pause within the turn
    record.marks.record("speech_stopped", 104_000)  # talking over the answer
    assert figures(record)["ttfb_ms"].value_ms == 350


@pytest.mark.parametrize(
    ("changes", "begin", "value_ms"),
    [
        ({"speech_stopped": None}, "input_committed", 348),
        ({"speech_stopped": None, "input_committed": None}, "response_asked", 345),
        ({"speech_stopped": None, "press_released": 99_990.0}, "press_released", 360),
        ({"speech_stopped": None, "text_received": 100_004.0}, "text_received", 346),
        (
            {"speech_stopped": None, "committed_for_silence": 100_001.0},
            "committed_for_silence",
            349,
        ),
        ({"speech_stopped": 100_003.0, "press_released": 99_990.0}, "speech_stopped", 347),
    ],
)
def test_the_turns_end_is_what_the_provider_said_first_hand(
    changes: dict[str, float | None], begin: str, value_ms: float
) -> None:
    figure = figures(turn(**changes))["ttfb_ms"]
    assert (figure.stages[0].begins, figure.value_ms) == (begin, value_ms)


@pytest.mark.parametrize(
    ("changes", "figure", "reason"),
    [
        (
            {
                "speech_stopped": 100_600.0,
                "input_committed": 100_700.0,
                "response_asked": None,
            },
            "ttfb_ms",
            "out of order: turn end",
        ),
        ({"first_sound": 99_000 - OFFSET_MS}, "turn_latency_ms", "out of order: first_sound"),
        (
            {"first_sound": 99_000 - OFFSET_MS},
            "voice_to_voice_ms",
            "out of order: speech_ended",
        ),
        ({"barge_in_stopped": 51_000.0}, "barge_in_stop_ms", "out of order: barge_in_stopped"),
        (
            {"first_sound": 400_000 - OFFSET_MS},
            "turn_latency_ms",
            "implausible: longer than two minutes",
        ),
    ],
)
def test_marks_that_cannot_be_give_no_figure(
    changes: dict[str, float | None], figure: str, reason: str
) -> None:
    assert reasons(turn(**changes))[figure] == reason


def test_an_order_within_the_uncertainty_is_no_contradiction() -> None:
    early = turn(first_sound=99_998 - OFFSET_MS)
    figure = figures(early)["turn_latency_ms"]
    assert figure.value_ms == 0
    assert figure.uncertainty_ms >= ROUND_TRIP_MS / 2


def test_a_mark_in_between_that_is_out_of_order_parts_nothing() -> None:
    record = turn(first_chunk_sent=200_000)
    stages = figures(record)["turn_latency_ms"].stages
    assert "first_chunk_sent" not in {stage.ends for stage in stages}
    assert sum(stage.ms for stage in stages) == 480


def test_an_end_of_speech_after_the_turns_end_leaves_the_figure_unsplit() -> None:
    evaluation = turn().evaluate(synchronised(), 100_100 - OFFSET_MS)
    assert evaluation.figures["voice_to_voice_ms"].shares == {"unsplit": 380}


def test_a_spoiled_turn_counts_for_nothing() -> None:
    record = turn()
    record.spoiled = "resumed"
    assert reasons(record) == dict.fromkeys(FIGURES, "resumed")
    assert figures(record) == {}


def test_an_empty_turn_has_no_figures_and_no_zeros() -> None:
    evaluation = TurnRecord(1).evaluate(ClockOffset())
    assert evaluation.figures == {}
    assert set(evaluation.absent) == set(FIGURES)


def test_a_figure_without_stages_has_no_owner() -> None:
    assert Figure(5.0).owner is None


def test_the_latest_mark_is_known_in_server_time() -> None:
    assert TurnRecord(1).last_ms(synchronised()) == -math.inf
    assert turn().last_ms(ClockOffset()) == math.inf
    assert turn().last_ms(synchronised()) == 52_085 + OFFSET_MS


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_no_number_is_not_recorded(value: float) -> None:
    marks = Marks()
    marks.record("first_delta", value)
    assert "first_delta" not in marks


def test_names_outside_of_the_table_are_ignored() -> None:
    marks = Marks()
    marks.record("gave_up_waiting", 5)
    assert list(marks) == []
    with pytest.raises(Absent, match="missing"):
        marks.at("gave_up_waiting")


def test_marks_are_bounded() -> None:
    marks = Marks()
    for number in range(MAX_TIMES * 3):
        marks.record("speech_stopped", number)
    assert len(list(marks)) == MAX_TIMES


TIMES = st.floats(0, 300_000) | st.floats()


@given(
    marks=st.lists(st.tuples(st.sampled_from(sorted(RULES)), TIMES), max_size=30),
    ended_ms=st.none() | st.floats(0, 300_000),
    delays=st.lists(st.floats(0, 100), max_size=5),
    tool_ms=st.floats(0, 500),
    offset_known=st.booleans(),
)
def test_whatever_is_marked_each_figure_is_there_or_explained(
    marks: list[tuple[str, float]],
    ended_ms: float | None,
    delays: list[float],
    tool_ms: float,
    offset_known: bool,
) -> None:
    record = TurnRecord(1, relay_up_ms=delays, tool_ms=tool_ms)
    for name, at_ms in marks:
        record.marks.record(name, at_ms)
    clock = synchronised() if offset_known else ClockOffset()
    evaluation = record.evaluate(clock, ended_ms)
    assert set(evaluation.figures) | set(evaluation.absent) == set(FIGURES)
    assert not set(evaluation.figures) & set(evaluation.absent)
    for figure in evaluation.figures.values():
        assert 0 <= figure.value_ms <= 120_000
        assert all(stage.ms >= 0 for stage in figure.stages)
        assert sum(figure.shares.values()) == pytest.approx(figure.value_ms, abs=1e-6)

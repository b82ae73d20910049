"""What the documentation says of the figures is what the code computes."""

from __future__ import annotations

import re
from pathlib import Path

from voice_loop.latency import budget, turn_record
from voice_loop.latency.definitions import COUNTED, DEFINITIONS, REASONS, VALUES
from voice_loop.latency.offset import ClockOffset
from voice_loop.latency.session_metrics import SessionMetrics
from voice_loop.latency.turn_record import TurnRecord
from voice_loop.telemetry.prometheus import FIGURE_HELP

LATENCY = Path(turn_record.__file__).parent


def reasons_in_the_code() -> set[str]:
    source = "".join(path.read_text(encoding="utf-8") for path in LATENCY.glob("*.py"))
    raised = set(re.findall(r'Absent\(f?"([^":]+)', source))
    spoiled = set(re.findall(r'spoil\(\w+, "([^"]+)"\)', source))
    return raised | spoiled


def test_every_figure_is_defined() -> None:
    assert tuple(DEFINITIONS) == budget.FIGURES
    assert tuple(FIGURE_HELP) == budget.FIGURES


def test_every_value_and_counter_that_is_shown_is_explained() -> None:
    payload = SessionMetrics("local").payload(1, 0)
    assert set(payload["values"]) == set(VALUES)
    assert set(payload["counters"]) == set(COUNTED)


def test_every_reason_for_an_absent_figure_is_explained() -> None:
    # The observer is the one who spoils a turn for its resume.
    assert reasons_in_the_code() | {"resumed"} == set(REASONS)


def test_a_reason_begins_with_a_word_of_the_table() -> None:
    absent = TurnRecord(1).evaluate(ClockOffset()).absent
    assert set(absent) == set(budget.FIGURES)
    for reason in absent.values():
        assert reason.split(":")[0] in REASONS

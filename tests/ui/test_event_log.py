"""The log of events: bounded, in order, and without a word that anybody said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.tree import find, one
from voice_loop.protocol.events import (
    ErrorEvent,
    MetricsUpdate,
    PlaybackReport,
    ToolUpdate,
    TranscriptUpdate,
    TurnState,
    UserBargeIn,
    UserSpeech,
)
from voice_loop.session.facts import (
    AudibleFrom,
    ClockSample,
    Fact,
    Mark,
    RelayDelays,
    SessionEnded,
    SessionStarted,
    Usage,
)
from voice_loop.ui.event_log import ALL, KEPT, KINDS, SHOWN, EventLog, matching, newest_first, told
from voice_loop.ui.event_log_view import event_log_view
from voice_loop.ui.state import VoiceState


def report(phase: Any, played_ms: float = 1_250.0) -> PlaybackReport:
    return PlaybackReport(3, 0, phase, played_ms, 0.0, 0, 0, 20.0, 5_000.0)


LINES: list[tuple[Fact, tuple[str, int, str]]] = [
    (Mark("first_delta", 1.0, "server", 2), ("answer", 2, "first audio at the server")),
    (Mark("link_down", 1.0, "server", 2), ("session", 2, "provider's connection lost")),
    (TurnState("user_speaking", 4), ("turn", 4, "user speaking")),
    (report("stopped"), ("playback", 3, "stopped, 1,250 ms heard")),
    (report("started", 0.0), ("playback", 3, "started")),
    (
        UserSpeech("rejected", 1, 0.0, 1.0, True, 0),
        ("speech", 0, "the sound was no speech, over the answer"),
    ),
    (UserBargeIn(3, 0, 400.0), ("interruption", 3, "by speech, 400 ms heard")),
    (ToolUpdate("c1", "lights", "running", 2, '{"on": "secret"}'), ("tool", 2, "lights: running")),
    (ErrorEvent("rate_limited", "Wait.", True), ("error", 0, "rate_limited: Wait.")),
    (Usage(2, {"total_tokens": 1_320}), ("answer", 2, "1,320 tokens")),
    (
        SessionStarted("s", "local", "m", "v", False, 1.0),
        ("session", 0, "begun: local, m, voice v"),
    ),
    (
        SessionStarted("s", "openai", "m", "v", True, 1.0),
        ("session", 0, "provider answers again: openai, m, voice v"),
    ),
    (SessionEnded("s", "user", 61_400.0), ("session", 0, "ended: user, after 61 s")),
    (
        MetricsUpdate(
            {
                "turn": 2,
                "figures": {
                    "ttfb_ms": {"value_ms": 950.0, "verdict": "missed"},
                    "relay_up_ms": {"value_ms": 0.5, "verdict": "met"},
                },
            }
        ),
        ("figures", 2, "First audio 950 ms, target missed; Relay, up 0.5 ms"),
    ),
]
SILENT: list[Fact] = [
    ClockSample(1, 0.0, 0.0, 0.0, 1.0, 2.0),
    RelayDelays("up", (0.2,)),
    AudibleFrom(1, 20.0),
    report("playing"),
    Mark("speech_onset", 1.0, "client", 1),
    MetricsUpdate({"turn": 2, "figures": {}}),
    MetricsUpdate({"turn": 2, "figures": "nonsense"}),
    TranscriptUpdate("u1", "user", 1, "not yet", False),
    TranscriptUpdate("u1", "user", 1, "withdrawn", True, removed=True),
]


@pytest.mark.parametrize(("fact", "line"), LINES)
def test_what_happened_is_told_in_a_short_line(fact: Fact, line: tuple[str, int, str]) -> None:
    assert told(fact) == line
    assert line[0] in KINDS


@pytest.mark.parametrize("fact", SILENT)
def test_what_flows_and_what_is_not_settled_makes_no_line(fact: Fact) -> None:
    assert told(fact) is None


def test_a_line_of_the_transcript_tells_its_length_and_no_word() -> None:
    said = told(TranscriptUpdate("u1", "user", 1, "My code is 4711", True))
    cut = told(TranscriptUpdate("a1", "assistant", 1, "Secret", True, interrupted=True))
    assert said == ("transcript", 1, "You: 4 words")
    assert cut == ("transcript", 1, "Assistant: 1 word, cut")


@given(st.text(min_size=1), st.text(min_size=1))
def test_neither_words_nor_arguments_of_a_tool_reach_the_log(words: str, arguments: str) -> None:
    log = EventLog()
    log.add(TranscriptUpdate("u1", "user", 1, f"§{words}§", True), 1.0)
    log.add(ToolUpdate("c1", "lights", "done", 1, f"§{arguments}§"), 2.0)
    assert not any("§" in line["text"] for line in log.lines())


def test_only_the_newest_lines_are_kept_and_all_are_counted() -> None:
    log = EventLog()
    for number in range(KEPT + 50):
        log.add(TurnState("thinking", number), float(number))
    assert (len(log.lines()), log.count) == (KEPT, KEPT + 50)
    assert log.lines()[-1]["number"] == KEPT + 50


def test_lines_stand_where_they_happened_however_late_they_are_told() -> None:
    log = EventLog()
    log.add(TurnState("thinking", 1), 2_000.0)
    log.add(Mark("speech_stopped", 1.0, "server", 1), 1_500.4)
    log.add(TurnState("listening", 1), -3.0)
    assert [line["at"] for line in log.lines()] == ["0.000", "1.500", "2.000"]


def test_figures_that_say_the_same_again_make_no_second_line() -> None:
    log = EventLog()
    same = MetricsUpdate({"turn": 1, "figures": {"ttfb_ms": {"value_ms": 66.0}}})
    assert log.add(same, 1.0)
    assert not log.add(same, 2.0)
    assert log.add(MetricsUpdate({"turn": 1, "figures": {"ttfb_ms": {"value_ms": 67.0}}}), 3.0)


def test_a_filter_asks_for_a_kind_a_text_or_both() -> None:
    log = EventLog()
    for fact, _ in LINES:
        log.add(fact, 1.0)
    lines = log.lines()
    assert matching(lines) == lines
    assert {line["kind"] for line in matching(lines, "tool")} == {"tool"}
    assert [line["kind"] for line in matching(lines, ALL, "  FIRST audio ")] == [
        "answer",
        "figures",
    ]
    assert matching(lines, "figures", "first audio")[0]["text"].startswith("First audio")
    assert matching(lines, "tool", "no such") == []
    assert {line["kind"] for line in matching(lines, ALL, "playback")} == {"playback"}


def test_the_newest_come_first_and_not_all_are_shown() -> None:
    log = EventLog()
    for number in range(SHOWN + 5):
        log.add(TurnState("thinking", number), float(number))
    shown = newest_first(log.lines())
    assert len(shown) == SHOWN
    assert [line["turn"] for line in shown[:2]] == [SHOWN + 4, SHOWN + 3]


def test_the_log_is_looked_through_with_the_keyboard_and_does_not_talk_by_itself() -> None:
    view = event_log_view(VoiceState)
    scroller = one(view, role="region")
    assert scroller.props["tabIndex"] == "0"
    assert "aria-live" not in scroller.props
    assert [option.props["value"] for option in find(view, "option")] == [ALL, *KINDS]
    assert one(view, "select").props["aria-label"] == "Kind of event"
    assert one(view, "input", type="search").props["aria-label"] == "Text in the event"
    pause = one(view, "button")
    assert "toggle_log_pause" in pause.props["onClick"]
    assert {"Pause", "Resume"} <= set(str(pause.data).split('"'))

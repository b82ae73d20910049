"""What a page shows of a conversation follows from the session's facts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_loop.protocol.events import MetricsUpdate, ToolUpdate, TranscriptUpdate, TurnState
from voice_loop.providers.base import HistoryItem
from voice_loop.session.facts import SessionStarted
from voice_loop.ui.board import (
    MAX_LINES,
    Board,
    Line,
    as_cut,
    as_left,
    as_text,
    history,
    merged,
    with_tools,
)


def line(
    name: str, role: str = "user", turn: int = 1, text: str = "words", **more: bool
) -> TranscriptUpdate:
    return TranscriptUpdate(
        line=name, role="user" if role == "user" else "assistant", turn=turn, text=text,
        final=more.get("final", True), interrupted=more.get("interrupted", False),
        removed=more.get("removed", False),
    )  # fmt: skip


def names(lines: list[Line]) -> list[str]:
    return [shown["line"] for shown in lines]


def test_a_line_that_changes_is_kept_apart_until_it_settles() -> None:
    settled, live = merged([], [], [line("a", final=False, text="hel")])
    assert (names(settled), names(live)) == ([], ["a"])
    settled, live = merged(settled, live, [line("a", text="hello")])
    assert (names(settled), names(live)) == (["a"], [])
    assert settled[0]["text"] == "hello"


def test_a_settled_line_behind_an_open_one_waits_so_that_the_order_stays() -> None:
    settled, live = merged([], [], [line("a", final=False), line("b", "assistant", turn=2)])
    assert (names(settled), names(live)) == ([], ["a", "b"])


def test_words_that_are_recognised_late_stand_before_the_answer_to_them() -> None:
    shown = merged([], [], [line("x", turn=1), line("b", "assistant", turn=2, final=False)])
    settled, live = merged(*shown, [line("a", turn=2)])
    assert names(settled) + names(live) == ["x", "a", "b"]


def test_a_withdrawn_line_and_an_empty_one_disappear() -> None:
    shown = merged([], [], [line("a"), line("b", "assistant")])
    settled, live = merged(*shown, [line("a", removed=True), line("b", "assistant", text=" ")])
    assert settled == live == []
    assert merged([], [], [line("never", removed=True)]) == ([], [])


def test_only_the_last_lines_are_kept() -> None:
    many = [line(str(number), turn=number) for number in range(MAX_LINES + 10)]
    settled, _ = merged([], [], many)
    assert len(settled) == MAX_LINES
    assert settled[-1]["line"] == str(MAX_LINES + 9)


updates = st.lists(
    st.builds(
        line,
        name=st.sampled_from("abcdef"),
        role=st.sampled_from(["user", "assistant"]),
        turn=st.integers(1, 3),
        final=st.booleans(),
        removed=st.booleans(),
    ),
    max_size=20,
)


@given(first=updates, second=updates)
def test_it_makes_no_difference_how_updates_are_coalesced(
    first: list[TranscriptUpdate], second: list[TranscriptUpdate]
) -> None:
    at_once = merged([], [], first + second)
    in_two = merged(*merged([], [], first), second)
    assert at_once == in_two
    shown = names(at_once[0]) + names(at_once[1])
    assert len(shown) == len(set(shown))
    assert all(shown_line["final"] for shown_line in at_once[0])


def test_a_board_notes_what_can_be_shown_and_nothing_else() -> None:
    board = Board()
    assert not board.add(TurnState("speaking", 1))
    assert board.add(line("a", final=False))
    assert board.add(line("a"))
    assert [line.final for line in board.lines.values() if isinstance(line, TranscriptUpdate)] == [
        True
    ]
    assert board.add(ToolUpdate("c1", "lights", "running", 1))
    assert board.add(MetricsUpdate({"ttfb_ms": 120}))
    assert board.metrics == {"ttfb_ms": 120}
    assert board.add(SessionStarted("s", "local", "m", "v", False, 1.0))


def test_a_tool_call_is_one_line_however_often_it_reports() -> None:
    shown = with_tools([], [ToolUpdate("c1", "lights", "running", 1)])
    shown = with_tools(shown, [ToolUpdate("c1", "lights", "done", 1)])
    assert [(tool["name"], tool["state"]) for tool in shown] == [("lights", "done")]


def test_a_call_stands_where_it_began_and_changes_there() -> None:
    call = ToolUpdate("c1", "add_item", "running", 1, '{"text": "milk"}')
    shown = merged([], [], [line("x", turn=0), call, line("b", "assistant", final=False)])
    assert (names(shown[0]), names(shown[1])) == (["x", "tool-c1"], ["b"])
    settled, live = merged(*shown, [ToolUpdate("c1", "add_item", "done", 1), line("a")])
    assert (names(settled), names(live)) == (["x", "a", "tool-c1"], ["b"])
    assert (settled[2]["name"], settled[2]["state"]) == ("add item", "done")


def test_a_call_that_still_ran_at_the_end_is_not_said_to_have_worked() -> None:
    settled, _ = merged([], [], [ToolUpdate("c1", "add_item", "running", 1, "{}"), line("a")])
    call = next(each for each in settled if each["role"] == "tool")
    assert as_left(call)["state"] == "left"
    assert call["text"] == ""
    assert as_left(settled[0] if settled[0] is not call else settled[1])["state"] == ""


def test_a_call_is_no_part_of_the_history_and_is_a_line_of_the_file() -> None:
    call = ToolUpdate("c1", "add_item", "failed", 1, '{"text": "milk"}')
    settled, _ = merged([], [], [line("a", text="Hi"), call])
    assert history(settled) == (HistoryItem("user", "Hi"),)
    assert [as_text(each) for each in settled] == [
        "You: Hi",
        '[add item: failed] {"text": "milk"}',
    ]


def test_the_history_is_what_the_page_shows() -> None:
    settled, _ = merged([], [], [line("a", text="Hi"), line("b", "assistant", text="Hello")])
    assert history(settled) == (HistoryItem("user", "Hi"), HistoryItem("assistant", "Hello"))


def test_an_answer_that_was_being_said_at_the_end_stays_as_far_as_it_came() -> None:
    _, live = merged([], [], [line("a", "assistant", text="Half an ans", final=False)])
    cut = as_cut(live[0])
    assert (cut["text"], cut["final"], cut["interrupted"]) == ("Half an ans", True, True)

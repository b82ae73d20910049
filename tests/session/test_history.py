"""What was said and heard."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from voice_loop.providers.base import HistoryItem
from voice_loop.session.history import MAX_CHARS, MAX_LINES, History, heard_part


def test_what_was_heard_ends_at_a_word() -> None:
    text = "one two three four"
    assert heard_part(text, 0, 100) == ""
    assert heard_part(text, 100, 100) == text
    assert heard_part(text, 50, 100) == "one two"
    assert heard_part(text, 70, 100) == "one two three"


def test_the_word_at_the_cut_counts_when_most_of_it_was_heard() -> None:
    assert heard_part("aaaaaaaaaa bbbbbbbbbb", 40, 105) == "aaaaaaaaaa"
    assert heard_part("aaaaaaaaaa bbbbbbbbbb", 20, 105) == ""


def test_a_script_without_spaces_is_cut_anywhere() -> None:
    assert heard_part("あ" * 40, 50, 100) == "あ" * 20


@example("0\x1f00", 3, 21)
@given(st.text(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_what_was_heard_begins_the_text_and_grows_with_the_hearing(
    text: str, heard: int, total: int
) -> None:
    part = heard_part(text, heard, total)
    assert text.startswith(part)
    assert len(part) <= len(heard_part(text, heard + 10, total))


def test_lines_stand_in_the_order_in_which_they_were_begun() -> None:
    history = History((HistoryItem("user", "before"),))
    history.set("u1", "user", "")
    history.set("a1", "assistant", "Hello")
    history.set("u1", "user", "Hi")
    assert [item.text for item in history.items()] == ["before", "Hi", "Hello"]


def test_a_line_without_words_is_not_part_of_it() -> None:
    history = History()
    ends = []
    for text in ("", "Hi"):
        history.set("u1", "user", text)
        ends.append((len(history.items()), history.ends_with_user))
    assert ends == [(0, False), (1, True)]
    history.remove("u1")
    assert history.items() == ()


def test_the_oldest_go_first() -> None:
    history = History()
    for number in range(MAX_LINES + 10):
        history.set(str(number), "user", f"line {number}")
    assert len(history.items()) == MAX_LINES
    assert history.items()[0].text == "line 10"
    history.set("long", "assistant", "x" * MAX_CHARS)
    assert [item.text[:1] for item in history.items()] == ["x"]

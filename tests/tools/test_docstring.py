"""Docstrings in the shapes people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.tools.docstring import Docstring, parse


def test_a_sentence_is_the_description() -> None:
    assert parse("The weather today.") == Docstring("The weather today.", {})


@pytest.mark.parametrize("text", [None, "", "   \n  "])
def test_nothing_says_nothing(text: str | None) -> None:
    assert parse(text) == Docstring("", {})


def test_the_google_shape() -> None:
    text = """Switch a light.

    Use it when the user asks.

    Args:
        room: Where it is,
            as a word: kitchen or hall.
        on (bool): Whether it shines.
        **rest: Ignored.

    Returns:
        Nothing: really.
    """
    assert parse(text) == Docstring(
        "Switch a light. Use it when the user asks.",
        {
            "room": "Where it is, as a word: kitchen or hall.",
            "on": "Whether it shines.",
            "rest": "Ignored.",
        },
    )


def test_the_sphinx_shape() -> None:
    text = """Switch a light.

    :param room: Where it is,
        in one word.
    :param bool on: Whether it shines.
    :type room: str
    :returns: Nothing.
    """
    assert parse(text) == Docstring(
        "Switch a light.", {"room": "Where it is, in one word.", "on": "Whether it shines."}
    )


def test_prose_after_a_section_is_description_again() -> None:
    text = """First.

    Args:
        room: Where.
    Last.
    """
    assert parse(text) == Docstring("First. Last.", {"room": "Where."})


def test_a_line_that_is_no_argument_is_not_taken_for_one() -> None:
    text = """First.

    Args:
        just words here
        room: Where.
    """
    assert parse(text) == Docstring("First.", {"room": "Where."})


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    parsed = parse(text)
    assert "\n" not in parsed.description

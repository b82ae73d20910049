"""The newest values as a line: inside its box, honest about its scale, and told in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.tree import find, one
from voice_loop.ui.sparkline import HEIGHT, SHOWN, WIDTH, sparkline, trend
from voice_loop.ui.state import VoiceState


def points(path: str) -> list[tuple[float, float]]:
    pairs = path.removeprefix("M").split()
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in pairs)]


def test_without_values_there_is_no_line_and_no_word() -> None:
    empty = trend([], 400)
    assert set(empty.values()) == {""}


def test_one_value_is_a_dot_in_the_middle() -> None:
    shown = trend([42.0])
    assert (shown["dot_x"], shown["words"]) == (f"{WIDTH / 2:.1f}", "One value, 42 ms")
    assert float(shown["dot_y"]) == pytest.approx(HEIGHT / 2)


def test_more_is_higher_and_the_last_value_carries_the_dot() -> None:
    shown = trend([100.0, 300.0, 200.0])
    (_, first), (_, most), (x, last) = points(shown["path"])
    assert most < last < first
    assert (shown["dot_x"], shown["dot_y"]) == (f"{x:.1f}", f"{last:.1f}")
    assert shown["words"] == "Newest 3 values, from 100 to 300 ms, last 200 ms"


def test_noise_is_not_drawn_as_a_mountain() -> None:
    heights = [y for _, y in points(trend([1000.0, 1001.0, 999.0])["path"])]
    assert max(heights) - min(heights) < HEIGHT / 20


def test_only_the_newest_values_are_drawn() -> None:
    shown = trend([float(value) for value in range(100, 200)])
    assert len(points(shown["path"])) == SHOWN
    assert shown["words"] == f"Newest {SHOWN} values, from 170 to 199 ms, last 199 ms"


def test_the_target_is_drawn_where_the_values_come_near_it_and_only_there() -> None:
    assert trend([100.0, 120.0], 1_200)["target_y"] == ""
    shown = trend([1_000.0, 1_400.0], 1_200)
    assert float(shown["target_y"]) == pytest.approx(HEIGHT / 2, abs=0.1)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, min_value=None), max_size=60))
def test_every_line_stays_inside_its_box(values: list[float]) -> None:
    usable = [value for value in values if math.isfinite(value) and abs(value) < 1e12]
    shown = trend([value for value in values if not math.isfinite(value)] + usable, 5)
    for x, y in points(shown["path"]) if shown["path"] else []:
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert bool(shown["words"]) == bool(usable)


def test_a_reader_of_screens_is_told_what_the_line_shows() -> None:
    drawn = sparkline(VoiceState.figure_rows[0])
    picture = one(drawn, "svg", role="img")
    assert "words" in picture.props["aria-label"]
    assert len(find(picture, "path")) == 1

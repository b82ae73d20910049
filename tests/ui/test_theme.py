"""Colours and looks: contrast in both modes, and a status told by more than a colour."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import get_args

import pytest
from reflex_voice_audio.events import Status

from tests.ui.tree import find, one
from voice_loop.ui.phases import ANSWERING, HOLD, LIVE, LOOKS
from voice_loop.ui.talk_button import talk_dial
from voice_loop.ui.theme import CALM, DARK, LIGHT, icon_button, quiet_button, surface, when

MODES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
GROUNDS = ("paper", "panel", "raised")
TEXT_ON = [
    *((text, ground) for text in ("ink", "soft", "ember", "lagoon", "alarm") for ground in GROUNDS),
    *((text, wash) for text in ("ink", "soft") for wash in ("ember-wash", "lagoon-wash")),
    *((text, "alarm-wash") for text in ("ink", "soft", "alarm")),
    ("on-ink", "ink"),
    ("on-colour", "ember"),
    ("on-colour", "lagoon"),
]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_of_contrast_is_the_published_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@MODES
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_every_text_can_be_read_on_what_it_stands_on(
    palette: dict[str, str], text: str, ground: str
) -> None:
    assert contrast(palette[text], palette[ground]) >= 4.5


@MODES
@pytest.mark.parametrize("ground", GROUNDS)
def test_outlines_of_controls_and_the_focus_ring_are_seen(
    palette: dict[str, str], ground: str
) -> None:
    assert contrast(palette["edge"], palette[ground]) >= 3
    assert contrast(palette["ink"], palette[ground]) >= 3


def test_both_modes_have_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()


def test_a_surface_brings_both_modes_and_keeps_what_it_is_given() -> None:
    style = surface(width="100%")
    assert style["--vl-paper"] == LIGHT["paper"]
    assert style[".dark &"]["--vl-paper"] == DARK["paper"]
    assert (style["color_scheme"], style[".dark &"]["color_scheme"]) == ("light", "dark")
    assert style["width"] == "100%"


def test_a_style_for_several_statuses_names_each() -> None:
    assert when("idle", "error") == ('[data-voice-status="idle"] &, [data-voice-status="error"] &')


def test_controls_are_large_enough_to_touch_and_stand_still_when_asked() -> None:
    for style in (quiet_button(), icon_button()):
        assert style["min_height"] == style["min_width"] == "44px"
        assert style[CALM] == {"transition": "none"}
        assert style["&:focus-visible"]["outline"].startswith("3px solid")


def test_every_status_of_the_component_has_a_look() -> None:
    assert set(LOOKS) == {*get_args(Status), "loading"}
    assert set(HOLD) == set(LOOKS)
    assert set(ANSWERING) < set(LIVE) < set(LOOKS)


def test_no_two_statuses_say_or_show_the_same() -> None:
    assert len({look.headline for look in LOOKS.values()}) == len(LOOKS)
    shapes = [(look.icon, look.radius) for look in LOOKS.values()]
    assert len(set(shapes)) == len(LOOKS)
    assert all(before != after for before, after in pairwise(shapes))


def test_the_dial_is_a_real_button_with_a_word_for_every_status() -> None:
    dial = talk_dial("idle", "voice")
    button = one(dial, "button")
    assert button.props["type"] == "button"
    assert (button.props["data-voice"], button.props["data-voice-for"]) == ("talk", "voice")
    assert find(dial, data_voice_meter="voice", data_voice_status="idle")
    assert {look.action for look in LOOKS.values()} <= set(re.findall(r"\w+", button.text))


def test_the_dials_light_follows_the_level_without_an_event() -> None:
    style = str(talk_dial("speaking", "voice").render())
    assert "var(--voice-level, 0)" in style
    assert "var(--voice-output-level, 0)" in style
    assert "on_level" not in style

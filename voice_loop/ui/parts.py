"""Small pieces that several parts of the page are made of: cards, labels, marks for the eye alone.

They bring no colours of their own; whoever uses them stands on a `surface()`.
"""

from __future__ import annotations

from typing import Any

import reflex as rx

from voice_loop.ui.theme import CALM, SERIF, VISUALLY_HIDDEN, Style, colour


def card(**extra: Any) -> Style:
    """A sheet of paper on the page."""
    return {
        "background": colour("panel"),
        "border": f"1px solid {colour('line')}",
        "border_radius": "20px",
        **extra,
    }


def stack(gap: str, **extra: Any) -> Style:
    """One below the other."""
    return {"display": "flex", "flex_direction": "column", "gap": gap, **extra}


def small_title(**extra: Any) -> Style:
    """A quiet heading over a card's content."""
    return {
        "margin": "0",
        "font_family": SERIF,
        "font_size": "1.0625rem",
        "font_weight": "500",
        "line_height": "1.3",
        "color": colour("ink"),
        **extra,
    }


def spoken_only(text: Any) -> rx.Component:
    """Words for screen readers, where the eye has a shape, a colour or a place."""
    return rx.el.span(text, style=VISUALLY_HIDDEN)


def seen_only(*children: Any, **attributes: Any) -> rx.Component:
    """For the eye alone: the words say the same."""
    return rx.el.span(*children, aria_hidden="true", style={"display": "inline-flex"}, **attributes)


def count(values: Any) -> Any:
    """How many there are: a Var, for a list that is one."""
    return rx.Var.create(values).length()


def icon(name: str, size: int = 18) -> rx.Component:
    """An icon in the page's weight of line, not read out."""
    return seen_only(rx.icon(name, size=size, stroke_width=1.75))


def caret() -> rx.Component:
    """Three dots that breathe at the end of what is still being said."""
    dot: Style = {
        "width": "0.3rem",
        "height": "0.3rem",
        "border_radius": "50%",
        "background": "currentColor",
        "@keyframes vl-breathe": {"0%, 100%": {"opacity": "0.25"}, "40%": {"opacity": "1"}},
        "animation": "vl-breathe 1.2s ease-in-out infinite",
        CALM: {"animation": "none"},
    }
    dots = [rx.el.span(style={**dot, "animation_delay": f"{step * 160}ms"}) for step in range(3)]
    return rx.el.span(
        *dots,
        aria_hidden="true",
        style={
            "display": "inline-flex",
            "gap": "0.25rem",
            "margin_left": "0.4rem",
            "vertical_align": "0.1em",
            "color": colour("soft"),
        },
    )

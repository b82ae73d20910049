"""The call of a tool between the lines of the transcript: its name, how it went, and with what.

What a tool gave back is not shown: it was made for the model, and may hold what the app did not
mean for the eye. What the model asked for is folded away behind the name.
"""

from __future__ import annotations

from typing import Any

import reflex as rx

from voice_loop.ui.parts import caret, icon, spoken_only
from voice_loop.ui.theme import FOCUS, MONO, Style, colour


def _outcome(call: Any) -> rx.Component:
    """What became of a call: a sign for the eye, a word for everybody."""

    def told(state: str, mark: str, word: str, shade: str) -> tuple[str, rx.Component]:
        inside: Style = {"display": "inline-flex", "align_items": "center", "gap": "0.3rem"}
        return state, rx.el.span(icon(mark, 14), word, style={**inside, "color": colour(shade)})

    return rx.match(
        call["state"],
        told("done", "check", "done", "lagoon"),
        told("failed", "x", "did not work", "alarm"),
        told("left", "circle-dashed", "not finished", "soft"),
        rx.el.span(spoken_only("running"), caret()),
    )


def tool_call(call: Any) -> tuple[rx.Component, rx.Component]:
    """The children of its line."""
    row: Style = {"display": "flex", "flex_wrap": "wrap", "align_items": "center", "gap": "0.5rem"}
    shown = rx.el.div(
        icon("wrench", 15),
        rx.el.span(
            spoken_only("Tool: "),
            call["name"],
            style={"font_weight": "500", "color": colour("ink")},
        ),
        _outcome(call),
        style=row,
    )
    return shown, rx.cond(call["text"] != "", _arguments(call))


def _arguments(call: Any) -> rx.Component:
    summary: Style = {
        "display": "inline-block",
        "min_height": "24px",
        "cursor": "pointer",
        "text_decoration": "underline",
        "text_underline_offset": "0.2em",
        **FOCUS,
    }
    written: Style = {
        "display": "block",
        "padding": "0.25rem 0",
        "font_family": MONO,
        "overflow_wrap": "anywhere",
        "white_space": "pre-wrap",
    }
    return rx.el.details(
        rx.el.summary("Called with", style=summary), rx.el.code(call["text"], style=written)
    )


def tool_props(call: Any) -> dict[str, Any]:
    """Attributes and style of the line itself."""
    return {
        "custom_attrs": {"data-role": "tool", "data-tool-state": call["state"]},
        "style": {
            "padding": "0.375rem 0 0.375rem 0.875rem",
            "border_left": f"2px solid {colour('line')}",
            "list_style": "none",
            "font_size": "0.875rem",
            "color": colour("soft"),
        },
    }

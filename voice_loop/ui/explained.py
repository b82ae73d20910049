"""Names that explain themselves when they are pointed at, or reached with the keyboard.

The explanation stands in a place of its own below the list, so that it covers nothing and nothing
moves when it comes. Screen readers are told it with the name. Style sheets do it all: no event, no
script, nothing for the server; and one style for the whole list, because styles of single rows
would be worked out anew with every update.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import reflex as rx

from voice_loop.ui.theme import FOCUS, NARROW, Style, colour

_ROW = "data-explained"


def explained_name(scope: str, key: Any, name: Any) -> rx.Component:
    """The name, as something that can be reached; `scope` tells lists of one page apart."""
    return rx.el.button(
        name,
        type="button",
        aria_describedby=f"{scope}-{key}-means",
        custom_attrs={"data-explains": key},
    )


def explained_row(key: Any) -> dict[str, Any]:
    """Attributes of the element that is pointed at: the whole row around a name."""
    return {_ROW: key}


def explanations(scope: str, rows: Any, hint: str) -> rx.Component:
    """The place below: one explanation at a time, and until then the hint."""
    return rx.el.div(
        rx.el.p(hint, custom_attrs={"data-hint": "true"}),
        rx.foreach(
            rows,
            lambda row: rx.el.p(
                row["meaning"],
                id=f"{scope}-{row['key']}-means",
                custom_attrs={"data-means": row["key"]},
            ),
        ),
        style={
            "min_height": "3em",
            "font_size": "0.8125rem",
            "color": colour("soft"),
            "& > p": {"margin": "0"},
            "& > [data-means]": {"display": "none"},
            NARROW: {"min_height": "6em"},
        },
    )


def explaining(keys: Iterable[str]) -> Style:
    """Style of the element around rows and explanations: what is pointed at goes before what has
    the focus."""
    style: Style = {
        "& [data-explains]": {
            "appearance": "none",
            "min_height": "24px",
            "padding": "0",
            "border": "0",
            "background": "none",
            "color": "inherit",
            "font": "inherit",
            "text_align": "left",
            "cursor": "help",
            "text_decoration": "underline dotted",
            "text_decoration_color": colour("edge"),
            "text_underline_offset": "3px",
            **FOCUS,
        }
    }
    for key in keys:
        pointed = f"&:has([{_ROW}='{key}']:hover)"
        focused = f"&:has([{_ROW}='{key}']:focus-within):not(:has([{_ROW}]:hover))"
        shown = f"> div > [data-means='{key}']"
        style[f"{pointed} {shown}, {focused} {shown}"] = {"display": "block"}
    style[f"&:has([{_ROW}]:is(:hover, :focus-within)) > div > [data-hint]"] = {"display": "none"}
    return style

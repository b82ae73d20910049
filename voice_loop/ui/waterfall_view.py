"""The last turn drawn as a waterfall, coloured by who had the time; the names say it too."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.ui.parts import count, small_title, stack
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import MONO, NARROW, Style, colour

EMPTY: Final = "Say something: the turn is shown here, from your last sound to the first heard."


def _hatched(name: str) -> str:
    """For what is not one owner's alone."""
    return f"repeating-linear-gradient(135deg, {colour(name)} 0 3px, {colour('panel')} 3px 5px)"


_FILLS: Final = (
    ("provider", colour("lagoon")),
    ("tools", _hatched("lagoon")),
    ("relay", colour("ink")),
    ("network", colour("edge")),
    ("device", colour("ember")),
)


def owner_fill(owner: Any) -> Any:
    """The CSS background of an owner."""
    return rx.match(owner, *_FILLS, _hatched("edge"))


def _dot(owner: Any) -> rx.Component:
    return rx.el.span(
        aria_hidden="true",
        style={
            "flex": "none",
            "width": "0.65rem",
            "height": "0.65rem",
            "border_radius": "3px",
            "background": owner_fill(owner),
        },
    )


def _piece(share: Any) -> rx.Component:
    return rx.el.span(
        style={
            "width": f"{share['percent']}%",
            "min_width": "2px",
            "background": owner_fill(share["owner"]),
        }
    )


def _legend(share: Any) -> rx.Component:
    return rx.el.li(
        _dot(share["owner"]),
        share["owner"],
        " ",
        rx.el.span(share["value"], style={"font_family": MONO, "color": colour("ink")}),
        style={"display": "inline-flex", "gap": "0.375rem", "align_items": "center"},
    )


def _shares(state: type[VoiceState]) -> rx.Component:
    """Of the figure `First sound`: one piece for each owner."""
    whole: Style = {
        "display": "flex",
        "gap": "2px",
        "height": "10px",
        "border_radius": "5px",
        "overflow": "hidden",
    }
    below: Style = {
        "display": "flex",
        "flex_wrap": "wrap",
        "gap": "0.25rem 0.875rem",
        "margin": "0.5rem 0 0",
        "padding": "0",
        "list_style": "none",
    }
    return rx.cond(
        count(state.shares) > 0,
        rx.el.div(
            rx.el.div(rx.foreach(state.shares, _piece), aria_hidden="true", style=whole),
            rx.el.ul(
                rx.el.li("First sound:"),
                rx.foreach(state.shares, _legend),
                aria_label="Who took how much of the first sound",
                style=below,
            ),
            style={"font_size": "0.8125rem", "color": colour("soft")},
        ),
    )


def _bar(step: Any) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            style={
                "position": "absolute",
                "top": "0",
                "bottom": "0",
                "left": f"{step['offset']}%",
                "width": f"max(2px, {step['share']}%)",
                "border_radius": "3px",
                "background": owner_fill(step["owner"]),
            }
        ),
        aria_hidden="true",
        style={
            "grid_area": "bar",
            "position": "relative",
            "height": "0.75rem",
            "border_radius": "3px",
            "background": colour("raised"),
            "overflow": "hidden",
        },
    )


def _step(step: Any) -> rx.Component:
    known = rx.fragment(
        rx.el.span(
            _dot(step["owner"]),
            step["owner"],
            style={
                "grid_area": "owner",
                "display": "inline-flex",
                "align_items": "center",
                "gap": "0.375rem",
                "color": colour("soft"),
            },
        ),
        _bar(step),
        rx.el.span(
            step["value"],
            style={
                "grid_area": "value",
                "text_align": "right",
                "font_family": MONO,
                "white_space": "nowrap",
            },
        ),
    )
    unknown = rx.el.span(
        step["unknown"], style={"grid_area": "owner / owner / bar / value", "color": colour("soft")}
    )
    return rx.el.li(
        rx.el.span(step["name"], style={"grid_area": "name"}),
        rx.cond(step["unknown"] == "", known, unknown),
        custom_attrs={"data-step": rx.cond(step["unknown"] == "", "known", "unknown")},
        style={
            "display": "grid",
            "grid_template_columns": "11rem 5.5rem minmax(0, 1fr) 4.75rem",
            "grid_template_areas": '"name owner bar value"',
            "align_items": "center",
            "gap": "0 0.75rem",
            "min_height": "1.625rem",
            NARROW: {
                "grid_template_columns": "minmax(0, 1fr) auto auto",
                "grid_template_areas": '"name owner value" "bar bar bar"',
                "gap": "0.125rem 0.75rem",
                "padding": "0.25rem 0",
                '&[data-step="unknown"]': {
                    "grid_template_areas": '"name name name" "owner bar value"',
                },
            },
        },
    )


def waterfall_view(state: type[VoiceState]) -> rx.Component:
    """The last turn: who took how much, and every step."""
    return rx.el.section(
        rx.el.div(
            rx.el.h3("Last turn", style=small_title()),
            rx.el.span(
                state.steps_caption, style={"color": colour("soft"), "font_size": "0.8125rem"}
            ),
            style={
                "display": "flex",
                "flex_wrap": "wrap",
                "align_items": "baseline",
                "gap": "0 0.75rem",
            },
        ),
        rx.cond(
            count(state.steps) > 0,
            rx.fragment(
                _shares(state),
                rx.el.ol(
                    rx.foreach(state.steps, _step),
                    aria_label="Steps of the last turn",
                    style={
                        "margin": "0",
                        "padding": "0",
                        "list_style": "none",
                        "font_size": "0.8125rem",
                    },
                ),
            ),
            rx.el.p(
                EMPTY,
                style={"margin": "0", "font_size": "0.8125rem", "color": colour("soft")},
            ),
        ),
        aria_label="Last turn",
        style=stack("0.5rem"),
    )

"""The last turn drawn as a waterfall, coloured by who had the time; the names say it too."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.ui.figures import OWNERS
from voice_loop.ui.parts import count, small_title, stack
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import FORCED, MONO, NARROW, Style, colour

EMPTY: Final = "Say something: the turn is shown here, from your last sound to the first heard."


def _hatched(name: str) -> str:
    """For what is not one owner's alone."""
    return f"repeating-linear-gradient(135deg, {colour(name)} 0 3px, {colour('panel')} 3px 5px)"


_FILLS: Final = {
    "provider": colour("lagoon"),
    "tools": _hatched("lagoon"),
    "relay": colour("ink"),
    "network": colour("edge"),
    "device": colour("ember"),
    OWNERS["unsplit"]: _hatched("edge"),
}


def owner_fills() -> Style:
    """For an element around others that carry `data-owner`."""
    fills: Style = {
        f"& [data-owner='{owner}']": {"background": fill} for owner, fill in _FILLS.items()
    }
    # High contrast takes backgrounds away; a bar is nothing else, and its owner stands beside it.
    bar = {"background": "CanvasText", "forced_color_adjust": "none"}
    return {**fills, FORCED: {"& [data-owner]": bar}}


def _dot(owner: Any) -> rx.Component:
    return rx.el.i(aria_hidden="true", custom_attrs={"data-owner": owner})


def _measured(owner: Any, **lengths: Any) -> rx.Component:
    """A bar. Its lengths are its own style and no sheet's: a new sheet for every new length would
    stay for good."""
    return rx.el.i(custom_attrs={"data-owner": owner, "style": rx.Var.create(lengths)})


def _piece(share: Any) -> rx.Component:
    return _measured(share["owner"], width=f"{share['percent']}%")


def _legend(share: Any) -> rx.Component:
    return rx.el.li(_dot(share["owner"]), share["owner"], " ", rx.el.b(share["value"]))


def _shares(state: type[VoiceState]) -> rx.Component:
    """Of the figure `First sound`: one piece for each owner."""
    whole: Style = {
        "display": "flex",
        "gap": "2px",
        "height": "10px",
        "border_radius": "5px",
        "overflow": "hidden",
        "& > i": {"min_width": "2px"},
    }
    below: Style = {
        "display": "flex",
        "flex_wrap": "wrap",
        "gap": "0.25rem 0.875rem",
        "margin": "0.5rem 0 0",
        "padding": "0",
        "list_style": "none",
        "& > li": {"display": "inline-flex", "gap": "0.375rem", "align_items": "center"},
        "& b": {"font_family": MONO, "font_weight": "400", "color": colour("ink")},
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


def _step(step: Any) -> rx.Component:
    known = rx.fragment(
        rx.el.span(_dot(step["owner"]), step["owner"]),
        rx.el.div(
            _measured(
                step["owner"], left=f"{step['offset']}%", width=f"max(2px, {step['share']}%)"
            ),
            aria_hidden="true",
        ),
        rx.el.b(step["value"]),
    )
    return rx.el.li(
        rx.el.span(step["name"]),
        rx.cond(step["unknown"] == "", known, rx.el.em(step["unknown"])),
        custom_attrs={"data-step": rx.cond(step["unknown"] == "", "known", "unknown")},
    )


def _steps_style() -> Style:
    return {
        "margin": "0",
        "padding": "0",
        "list_style": "none",
        "font_size": "0.8125rem",
        "& > li": {
            "display": "grid",
            "grid_template_columns": "11rem 5.5rem minmax(0, 1fr) 4.75rem",
            "grid_template_areas": '"name owner bar value"',
            "align_items": "center",
            "gap": "0 0.75rem",
            "min_height": "1.625rem",
        },
        "& > li > span:first-child": {"grid_area": "name"},
        "& > li > span + span": {
            "grid_area": "owner",
            "display": "inline-flex",
            "align_items": "center",
            "gap": "0.375rem",
            "color": colour("soft"),
        },
        "& > li > div": {
            "grid_area": "bar",
            "position": "relative",
            "height": "0.75rem",
            "border_radius": "3px",
            "background": colour("raised"),
            "overflow": "hidden",
        },
        "& > li > div > i": {
            "position": "absolute",
            "top": "0",
            "bottom": "0",
            "border_radius": "3px",
        },
        "& > li > b": {
            "grid_area": "value",
            "text_align": "right",
            "font_family": MONO,
            "font_weight": "400",
            "white_space": "nowrap",
        },
        "& > li > em": {
            "grid_area": "owner / owner / bar / value",
            "font_style": "normal",
            "color": colour("soft"),
        },
        NARROW: {
            "& > li": {
                "grid_template_columns": "minmax(0, 1fr) auto auto",
                "grid_template_areas": '"name owner value" "bar bar bar"',
                "gap": "0.125rem 0.75rem",
                "padding": "0.25rem 0",
            },
            "& > li[data-step='unknown']": {
                "grid_template_areas": '"name name name" "owner bar value"',
            },
        },
    }


def _dots_style() -> Style:
    return {
        "& :is(li, span) > i[data-owner]": {
            "flex": "none",
            "width": "0.65rem",
            "height": "0.65rem",
            "border_radius": "3px",
        },
    }


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
                    style=_steps_style(),
                ),
            ),
            rx.el.p(
                EMPTY,
                style={"margin": "0", "font_size": "0.8125rem", "color": colour("soft")},
            ),
        ),
        aria_label="Last turn",
        style=stack("0.5rem", **owner_fills(), **_dots_style()),
    )

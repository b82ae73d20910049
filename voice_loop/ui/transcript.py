"""Both sides of the conversation, as a log: who said what, what was cut, what is being said now.

Settled lines are a polite live region: each is announced once, when it is whole. Lines that still
change stand below them and are not announced, so that no half sentence is read out over the voice.
A tool that was called stands between them, with what became of it.
The log sticks to its newest line by itself (a reversed column), without a script.
"""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.ui.controls import one_of
from voice_loop.ui.parts import card, caret, count, icon, small_title, spoken_only
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import (
    CALM,
    FOCUS,
    LOW,
    NARROW,
    SANS,
    SERIF,
    Style,
    colour,
    icon_button,
    quiet_button,
    surface,
)
from voice_loop.ui.tool_call import tool_call, tool_props

_LIST: Final[Style] = {"margin": "0", "padding": "0", "list_style": "none"}
EXAMPLES: Final = ("What can you do?", "What time is it?", "Tell me a joke.")


def _name_style() -> Style:
    return {
        "font_size": "0.8125rem",
        "font_weight": "600",
        "letter_spacing": "0.01em",
        "line_height": "1.75rem",
        "color": colour("ember"),
        '[data-role="assistant"] > &': {"color": colour("lagoon")},
    }


def _words_style() -> Style:
    return {
        "margin": "0",
        "min_width": "0",
        "font_size": "1.0625rem",
        "line_height": "1.75rem",
        "overflow_wrap": "anywhere",
        "white_space": "pre-line",
        '[data-role="assistant"] > &': {"font_family": SERIF, "font_size": "1.125rem"},
    }


def _line_style() -> Style:
    return {
        "display": "grid",
        "grid_template_columns": "5.25rem minmax(0, 1fr)",
        "column_gap": "1rem",
        "padding": "0.5rem 0 0.5rem 0.875rem",
        "border_left": f"2px solid {colour('ember')}",
        "list_style": "none",
        '&[data-role="assistant"]': {"border_left_color": colour("lagoon")},
        NARROW: {"grid_template_columns": "minmax(0, 1fr)"},
    }


def _cut_mark() -> rx.Component:
    return rx.el.span(
        icon("scissors", 13),
        "cut",
        title="You interrupted here",
        style={
            "display": "inline-flex",
            "align_items": "center",
            "gap": "0.3rem",
            "margin_left": "0.5rem",
            "padding": "0 0.5rem",
            "border": f"1px solid {colour('edge')}",
            "border_radius": "999px",
            "font_family": SANS,
            "font_size": "0.75rem",
            "line_height": "1.25rem",
            "vertical_align": "0.1em",
            "color": colour("soft"),
        },
    )


def _typed_mark() -> rx.Component:
    return rx.el.span(
        icon("keyboard", 15),
        spoken_only(" (typed)"),
        title="Typed",
        style={"margin_left": "0.5rem", "color": colour("soft"), "vertical_align": "-0.15em"},
    )


def _name(role: Any) -> Any:
    return rx.cond(role == "assistant", "Assistant", "You")


def _settled(line: Any) -> rx.Component:
    return rx.cond(
        line["role"] == "tool",
        rx.el.li(*tool_call(line), **tool_props(line)),
        rx.el.li(
            rx.el.span(_name(line["role"]), spoken_only(": "), style=_name_style()),
            rx.el.p(
                line["text"],
                rx.cond(line["typed"], _typed_mark()),
                rx.cond(line["interrupted"], _cut_mark()),
                style=_words_style(),
            ),
            custom_attrs={"data-role": line["role"]},
            style=_line_style(),
        ),
    )


def _changing(line: Any) -> rx.Component:
    return rx.cond(
        line["role"] == "tool",
        rx.el.div(*tool_call(line), **tool_props(line)),
        rx.el.div(
            rx.el.span(_name(line["role"]), spoken_only(": "), style=_name_style()),
            rx.el.p(
                line["text"],
                rx.cond(line["final"], rx.fragment(), caret()),
                rx.cond(line["interrupted"], _cut_mark()),
                style=_words_style(),
            ),
            custom_attrs={"data-role": line["role"], "data-live": "true"},
            style={
                **_line_style(),
                "border_left_style": "dotted",
                "@keyframes vl-arrive": {"from": {"opacity": "0", "transform": "translateY(6px)"}},
                "animation": "vl-arrive 260ms ease-out",
                CALM: {"animation": "none"},
            },
        ),
    )


def _empty(state: type[VoiceState]) -> rx.Component:
    send: Any = state.send_text
    asked: Style = quiet_button(
        min_height="44px",
        padding="0 1.125rem",
        border_color=colour("line"),
        font_family=SERIF,
        font_style="italic",
        font_size="1.0625rem",
    )
    examples = [
        rx.el.button(f"“{text}”", type="button", on_click=send({"text": text}), style=asked)
        for text in EXAMPLES
    ]
    talkable = one_of(state.status, ("idle", "error"))
    side_by_side: Style = {
        "display": "flex",
        "flex_wrap": "wrap",
        "justify_content": "center",
        "gap": "0.5rem",
        "margin_top": "1.25rem",
        NARROW: {"margin_top": "0.75rem"},
    }
    return rx.el.div(
        rx.el.p(
            "Nothing said yet",
            style={"margin": "0 0 0.25rem", "font_family": SERIF, "font_size": "1.5rem"},
        ),
        rx.cond(
            talkable,
            rx.fragment(
                rx.el.p(
                    "What you say and hear will appear here. Click Talk, or pick a question:",
                    style={"margin": "0 auto", "max_width": "26rem", "color": colour("soft")},
                ),
                rx.el.div(*examples, style=side_by_side),
            ),
        ),
        style={
            "margin": "auto",
            "padding": "1rem 0",
            "text_align": "center",
            NARROW: {"padding": "0"},
        },
    )


def _action(label: str, name: str, handler: Any) -> rx.Component:
    return rx.el.button(
        icon(name),
        type="button",
        aria_label=label,
        title=label,
        on_click=handler,
        style=icon_button(),
    )


def _head(state: type[VoiceState], something: Any) -> rx.Component:
    return rx.el.div(
        rx.el.h2("Conversation", style=small_title(flex="1")),
        rx.cond(
            something,
            rx.el.div(
                _action("Copy the conversation", "copy", state.copy_transcript),
                _action("Download the conversation", "download", state.download_transcript),
                _action("Clear the conversation", "eraser", state.clear_transcript),
                style={"display": "flex"},
            ),
        ),
        style={
            "display": "flex",
            "align_items": "center",
            "min_height": "3.5rem",
            "padding": "0.25rem 0.625rem 0.25rem 1.5rem",
            "border_bottom": f"1px solid {colour('line')}",
        },
    )


def _log(state: type[VoiceState]) -> rx.Component:
    return rx.el.div(
        rx.el.ol(rx.foreach(state.lines, _settled), style={**_LIST, "display": "contents"}),
        rx.el.div(
            rx.foreach(state.live, _changing),
            aria_live="off",
            style={"display": "flex", "flex_direction": "column", "gap": "0.5rem"},
        ),
        role="log",
        aria_label="Conversation",
        aria_live="polite",
        aria_relevant="additions text",
        style={"display": "flex", "flex_direction": "column", "gap": "0.5rem"},
    )


def _scroller_style() -> Style:
    return {
        "position": "absolute",
        "inset": "0",
        "overflow_y": "auto",
        "overscroll_behavior": "contain",
        "scrollbar_width": "thin",
        "display": "flex",
        "flex_direction": "column-reverse",
        "padding": "1rem 1.5rem",
        "border_radius": "0 0 20px 20px",
        **FOCUS,
        "&:focus-visible": {"outline": f"3px solid {colour('ink')}", "outline_offset": "-3px"},
        NARROW: {"padding": "0.75rem 1rem"},
    }


def transcript(state: type[VoiceState]) -> rx.Component:
    """The conversation so far. It fills the height it is given, 20 rem at least."""
    something: Any = count(state.lines) + count(state.live) > 0
    inner = rx.el.div(
        rx.cond(something, rx.fragment(), _empty(state)),
        _log(state),
        style={"display": "flex", "flex_direction": "column"},
    )
    scroller = rx.el.div(
        # In a reversed column the end is where the scroll begins: new lines stay in sight, as long
        # as the content is not shrunk to the height it has. It grows by flex: WebKit keeps a
        # percentage of a height that was.
        rx.el.div(inner, style={"display": "grid", "flex": "1 0 auto"}),
        tab_index=0,
        role="group",
        aria_label="Conversation, scrollable",
        style=_scroller_style(),
    )
    return rx.el.section(
        _head(state, something),
        rx.el.div(scroller, style={"position": "relative", "flex": "1", "min_height": "10rem"}),
        aria_label="Transcript",
        style=surface(
            **card(
                display="flex",
                flex_direction="column",
                flex="1 1 auto",
                width="100%",
                min_height="20rem",
                min_width="0",
                **{NARROW: {"min_height": "17rem"}, LOW: {"min_height": "12rem"}},
            )
        ),
    )

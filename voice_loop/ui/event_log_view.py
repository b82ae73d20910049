"""The overlay's log of events: newest first, filtered by kind and by text, held still on demand.

It is a region to scroll with the keyboard and not a live region: a reader of screens that told
every event would talk over the conversation.
"""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.ui.event_log import ALL, KINDS
from voice_loop.ui.overlay_state import MAX_FILTER_CHARS
from voice_loop.ui.parts import count, icon, small_title, stack
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import FOCUS, MONO, NARROW, Style, colour, quiet_button

TYPING_PAUSE_MS: Final = 250
_FIELD: Final[Style] = {
    "min_height": "44px",
    "min_width": "0",
    "padding": "0 0.75rem",
    "border": f"1px solid {colour('edge')}",
    "border_radius": "12px",
    "background": colour("raised"),
    "color": colour("ink"),
    "font": "inherit",
    **FOCUS,
}


def _filters(state: type[VoiceState]) -> rx.Component:
    find: Any = state.filter_log_text
    kinds = [rx.el.option(kind, value=kind) for kind in KINDS]
    return rx.el.div(
        rx.el.select(
            rx.el.option("all kinds", value=ALL),
            *kinds,
            aria_label="Kind of event",
            value=state.log_kind,
            on_change=state.filter_log_kind,
            style=_FIELD,
        ),
        rx.el.input(
            type="search",
            placeholder="Filter by text",
            aria_label="Text in the event",
            max_length=MAX_FILTER_CHARS,
            default_value=state.log_text,
            on_change=lambda text: find(text).debounce(TYPING_PAUSE_MS),
            style={**_FIELD, "flex": "1 1 8rem", "&::placeholder": {"color": colour("soft")}},
        ),
        rx.el.button(
            rx.cond(state.log_paused, icon("play", 16), icon("pause", 16)),
            rx.cond(state.log_paused, "Resume", "Pause"),
            type="button",
            on_click=state.toggle_log_pause,
            style=quiet_button(flex="none"),
        ),
        style={
            "display": "flex",
            "flex_wrap": "wrap",
            "gap": "0.5rem",
            "font_size": "0.875rem",
        },
    )


def _entry(entry: Any) -> rx.Component:
    return rx.el.li(
        rx.el.span(entry["at"], " s"),
        rx.el.span(entry["kind"]),
        rx.el.span(entry["text"], rx.cond(entry["turn"] > 0, f" · turn {entry['turn']}", "")),
        key=entry["number"].to_string(),
        custom_attrs={"data-kind": entry["kind"]},
    )


def _entries_style() -> Style:
    """Of the list, and not of each line: forty of them are drawn with every update."""
    sides = {"error": "alarm", "interruption": "ember", "speech": "ember"}
    sides |= {"answer": "lagoon", "playback": "lagoon"}
    return {
        "margin": "0",
        "padding": "0",
        "list_style": "none",
        "& > li": {
            "display": "grid",
            "grid_template_columns": "5rem 5.75rem minmax(0, 1fr)",
            "gap": "0 0.75rem",
            "padding": "0.125rem 0",
        },
        "& > li > *": {"color": colour("soft")},
        "& > li > :first-child": {
            "font_family": MONO,
            "text_align": "right",
            "white_space": "nowrap",
        },
        "& > li > :last-child": {"color": colour("ink"), "overflow_wrap": "anywhere"},
        **{
            f"& > li[data-kind='{kind}'] > :nth-child(2)": {"color": colour(shade)}
            for kind, shade in sides.items()
        },
        NARROW: {
            "& > li": {"grid_template_columns": "4.5rem minmax(0, 1fr)"},
            "& > li > :last-child": {"grid_column": "2"},
        },
    }


def event_log_view(state: type[VoiceState]) -> rx.Component:
    """What happened, newest first."""
    rows = rx.el.ol(
        rx.foreach(state.log_rows, _entry),
        style=_entries_style(),
    )
    nothing = rx.el.p("No such event yet.", style={"margin": "0", "color": colour("soft")})
    return rx.el.section(
        rx.el.div(
            rx.el.h3("Events", style=small_title()),
            rx.el.span(
                state.log_note,
                role="status",
                style={"color": colour("soft"), "font_size": "0.8125rem"},
            ),
            style={
                "display": "flex",
                "flex_wrap": "wrap",
                "align_items": "baseline",
                "gap": "0 0.75rem",
            },
        ),
        _filters(state),
        rx.el.div(
            rx.cond(count(state.log_rows) > 0, rows, nothing),
            role="region",
            aria_label="Events, newest first, scrollable",
            tab_index=0,
            style={
                # What is hidden from the eye inside stays inside, and lengthens nothing outside.
                "position": "relative",
                "height": "12rem",
                "overflow_y": "auto",
                "padding": "0.5rem 0.75rem",
                "border": f"1px solid {colour('line')}",
                "border_radius": "12px",
                "font_size": "0.8125rem",
                **FOCUS,
            },
        ),
        aria_label="Events",
        style=stack("0.5rem"),
    )

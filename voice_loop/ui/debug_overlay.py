"""Live figures over the page: each latency against its target, the last turn, what happened.

Opened by a button, by Ctrl+Shift+D, or with `?debug=1` in the address. Only that one chord leaves
the browser; what is typed elsewhere is never sent. Closed it is not on the page at all. The words
come from `figures`, `waterfall` and `event_log`.
"""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.ui.event_log_view import event_log_view
from voice_loop.ui.explained import explained_name, explained_row, explaining, explanations
from voice_loop.ui.figure_table import figure_table
from voice_loop.ui.figures import COUNTERS, VALUES, reference_rows
from voice_loop.ui.parts import card, icon, small_title, stack
from voice_loop.ui.phases import LOOKS
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import (
    FOCUS,
    MONO,
    NARROW,
    Style,
    colour,
    icon_button,
    quiet_button,
    surface,
)
from voice_loop.ui.waterfall_view import waterfall_view

PANEL_ID: Final = "voice-figures"
BUTTON_ID: Final = "voice-figures-button"
SCOPE: Final = "voice-fact"
PROVIDERS: Final = (("openai", "OpenAI"), ("local", "offline assistant"))
HINT: Final = "These explain themselves in the same way."


def _on_key(state: type[VoiceState]) -> Any:
    def chord(key: Any, info: Any) -> Any:
        # A browser's autofill presses keys without a name: nothing may be called on one.
        pressed = ((key == "D") | (key == "d")) & info.ctrl_key & info.shift_key
        return rx.cond(pressed, state.toggle_overlay.prevent_default, rx.noop())

    return chord


def figures_button(state: type[VoiceState]) -> rx.Component:
    """Shows and hides the overlay."""
    return rx.el.button(
        icon("gauge", 20),
        type="button",
        aria_label="Figures",
        title="Figures (Ctrl+Shift+D)",
        aria_expanded=rx.cond(state.overlay_open, "true", "false"),
        aria_controls=PANEL_ID,
        on_click=state.toggle_overlay,
        id=BUTTON_ID,
        style=icon_button(),
    )


def _head(state: type[VoiceState], focus_back: bool) -> rx.Component:
    close: list[Any] = [state.toggle_overlay]
    if focus_back:
        close.append(rx.set_focus(BUTTON_ID))
    return rx.el.div(
        rx.el.h2("Figures", style=small_title(flex="1")),
        rx.el.button(
            icon("copy", 16),
            "Copy",
            type="button",
            on_click=state.copy_metrics,
            style=quiet_button(),
        ),
        rx.el.button(
            icon("download"),
            type="button",
            aria_label="Download the figures",
            title="Download the figures",
            on_click=state.download_metrics,
            style=icon_button(),
        ),
        rx.el.button(
            icon("x"),
            type="button",
            aria_label="Close the figures",
            on_click=close,
            style=icon_button(),
        ),
        style={
            "position": "sticky",
            "top": "0",
            "z_index": "1",
            "display": "flex",
            "align_items": "center",
            "gap": "0.25rem",
            "padding": "0.5rem 0",
            "background": colour("panel"),
        },
    )


def _fact(name: Any, value: Any, **attributes: Any) -> rx.Component:
    return rx.el.div(rx.el.dt(name), rx.el.dd(value), **attributes)


def _facts_style(**extra: Any) -> Style:
    return {
        "margin": "0",
        "font_size": "0.8125rem",
        "& > div": {
            "display": "flex",
            "justify_content": "space-between",
            "align_items": "baseline",
            "gap": "1rem",
        },
        "& dt": {"color": colour("soft")},
        "& dd": {
            "margin": "0",
            "font_family": MONO,
            "text_align": "right",
            "overflow_wrap": "anywhere",
        },
        **extra,
    }


def _explained_fact(row: Any) -> rx.Component:
    return _fact(
        explained_name(SCOPE, row["key"], row["name"]),
        row["value"],
        custom_attrs=explained_row(row["key"]),
    )


def _list(*rows: rx.Component, label: str) -> rx.Component:
    return rx.el.dl(
        *rows,
        aria_label=label,
        style=_facts_style(
            display="grid",
            grid_template_columns="repeat(2, minmax(0, 1fr))",
            gap="0.25rem 1.75rem",
            **{NARROW: {"grid_template_columns": "minmax(0, 1fr)"}},
        ),
    )


def _session(state: type[VoiceState]) -> rx.Component:
    """Which session it is, and how it is."""
    named = [(name, look.headline) for name, look in LOOKS.items()]
    return _list(
        _fact("Connection", rx.match(state.status, *named, state.status)),
        _fact("Session age", rx.cond(state.session_age != "", state.session_age, "–")),
        _fact("Provider", rx.match(state.provider, *PROVIDERS, "–")),
        _fact(
            "Model", rx.match(state.provider, ("local", "built in"), ("openai", state.model), "–")
        ),
        # The local server grants any name; it has one voice.
        _fact("Voice", rx.match(state.provider, ("local", "built in"), ("", "–"), state.voice)),
        _fact("Session", rx.cond(state.session_id != "", state.session_id, "–")),
        label="Session",
    )


def _device(state: type[VoiceState]) -> rx.Component:
    """Network, device and counters: each explains itself."""
    return rx.el.section(
        rx.el.h3("Connection and device", style=small_title()),
        _list(rx.foreach(state.fact_rows, _explained_fact), label="Connection and device"),
        explanations(SCOPE, state.fact_rows, HINT),
        aria_label="Connection and device",
        style={**stack("0.5rem"), **explaining((*VALUES, *COUNTERS))},
    )


def _references() -> rx.Component:
    return rx.el.details(
        rx.el.summary(
            "Published elsewhere",
            style={"cursor": "pointer", "min_height": "24px", **FOCUS},
        ),
        rx.el.dl(
            *(_fact(name, value) for name, value in reference_rows()),
            style=_facts_style(**stack("0.25rem", padding_top="0.25rem")),
        ),
        style={"font_size": "0.8125rem", "color": colour("soft")},
    )


def _panel_style() -> Style:
    return surface(
        **card(
            position="fixed",
            z_index="40",
            right="1rem",
            bottom="1rem",
            display="flex",
            flex_direction="column",
            gap="1rem",
            width="min(42rem, calc(100vw - 2rem))",
            # The header stays in reach: what opens the overlay and the settings is there.
            max_height="calc(100dvh - 6rem)",
            overflow_y="auto",
            overscroll_behavior="contain",
            # One that is opened or written to does not make the page behind it work.
            contain="layout style",
            padding="0 1.25rem 1.25rem",
            box_shadow=f"0 24px 60px -20px {colour('shade')}",
            **{
                NARROW: {
                    "right": "0.5rem",
                    "bottom": "0.5rem",
                    "width": "calc(100vw - 1rem)",
                    "max_height": "calc(100dvh - 1rem)",
                    "padding": "0 1rem 1rem",
                }
            },
        )
    )


def debug_overlay(
    state: type[VoiceState], *more: rx.Component, focus_back: bool = False
) -> rx.Component:
    """The overlay and what opens it. Over the page's lower right corner, or all of a phone; `more`
    stands at its end. `focus_back`: closed, it gives the focus to the page's `figures_button`."""
    panel = rx.el.section(
        _head(state, focus_back),
        _session(state),
        figure_table(state),
        waterfall_view(state),
        _device(state),
        event_log_view(state),
        _references(),
        *more,
        id=PANEL_ID,
        aria_label="Figures",
        style=_panel_style(),
    )
    return rx.fragment(
        rx.window_event_listener(on_key_down=_on_key(state)),
        rx.el.span(on_mount=state.open_overlay_if_asked, hidden=True),
        rx.cond(state.overlay_open, panel),
    )

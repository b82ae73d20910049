"""What went wrong and what can be done, and smaller hints.

The sentence comes with the error, from the one table of codes; this module adds the button that
fits: try again (a click that starts a conversation, so the microphone can be asked for), reload the
page, or only put the card away. A wait counts down, and can be cut short or called off. Another
error inside a running conversation is told and not acted on.
"""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.errors import ERRORS
from voice_loop.ui.controls import one_of
from voice_loop.ui.parts import icon, stack
from voice_loop.ui.state import LOOP_NAME, VoiceState
from voice_loop.ui.theme import MONO, colour, icon_button, quiet_button, surface

RELOADING: Final = (
    *(code for code, row in ERRORS.items() if "Reload" in row.message),
    "worklet_failed",
)
"""Codes that a reload of the page helps with; the last is the browser's own."""


def _wait(state: type[VoiceState], waiting: Any, component_id: str) -> rx.Component:
    """The seconds pass for the eye; a screen reader hears them once, with the card, and can ask."""
    again = {"data-voice": "again", "data-voice-for": component_id}
    cancel = {"data-voice": "talk", "data-voice-for": component_id}
    return rx.cond(
        state.retry_in_s > 0,
        rx.fragment(
            rx.el.span(
                rx.cond(waiting, "Trying again in ", "Try again in "),
                state.retry_label,
                role="timer",
                aria_live="off",
                style={
                    "font_size": "0.9375rem",
                    "color": colour("soft"),
                    "font_variant_numeric": "tabular-nums",
                },
            ),
            rx.cond(
                waiting,
                rx.fragment(
                    rx.el.button(
                        "Try now", type="button", custom_attrs=again, style=quiet_button()
                    ),
                    rx.el.button(
                        "Cancel", type="button", custom_attrs=cancel, style=quiet_button()
                    ),
                ),
            ),
        ),
    )


def _actions(state: type[VoiceState], component_id: str) -> rx.Component:
    code: Any = state.error_code
    status: Any = state.status
    waiting = one_of(status, ("connecting", "reconnecting"))
    return rx.el.div(
        rx.cond(
            one_of(code, RELOADING),
            # An empty address is this page's own: following it as a document reloads it.
            rx.el.a(
                icon("rotate-cw"),
                "Reload the page",
                href="",
                custom_attrs={"reloadDocument": True},
                style=quiet_button(text_decoration="none", border_color=colour("ink")),
            ),
            rx.cond(
                state.error_recoverable & one_of(status, ("idle", "error")),
                rx.el.button(
                    icon("rotate-cw"),
                    "Try again",
                    type="button",
                    custom_attrs={"data-voice": "talk", "data-voice-for": component_id},
                    style=quiet_button(border_color=colour("ink")),
                ),
            ),
        ),
        _wait(state, waiting, component_id),
        style={
            "display": "flex",
            "flex_wrap": "wrap",
            "align_items": "center",
            "gap": "0.75rem",
            "&:empty": {"display": "none"},
        },
    )


def _told(state: type[VoiceState], component_id: str) -> rx.Component:
    code = {
        "margin": "0.125rem 0 0",
        "font_family": MONO,
        "font_size": "0.8125rem",
        "color": colour("soft"),
    }
    return rx.el.div(
        rx.el.p(state.error_message, style={"margin": "0", "font_weight": "500"}),
        rx.el.p(state.error_code, style=code),
        _actions(state, component_id),
        style=stack("0.5rem", flex="1", min_width="0", padding="0.625rem 0"),
    )


def error_card(state: type[VoiceState], component_id: str = LOOP_NAME) -> rx.Component:
    """The last error, until it is put away or a conversation runs again."""
    mark = rx.el.span(
        icon("triangle-alert", 22), style={"color": colour("alarm"), "padding": "0.625rem 0"}
    )
    away = rx.el.button(
        icon("x"),
        type="button",
        aria_label="Dismiss this message",
        on_click=state.dismiss_error,
        style=icon_button(flex="none"),
    )
    return rx.cond(
        state.error_code != "",
        rx.el.div(
            mark,
            _told(state, component_id),
            away,
            role="alert",
            custom_attrs={"data-voice-error": state.error_code},
            style=surface(
                display="flex",
                align_items="flex-start",
                gap="0.875rem",
                width="100%",
                padding="0.375rem 0.375rem 0.375rem 1.125rem",
                border=f"1px solid {colour('alarm')}",
                border_radius="16px",
                background=colour("alarm-wash"),
            ),
        ),
    )


def notice(state: type[VoiceState]) -> rx.Component:
    """A hint that stops nothing, for example that the microphone is silent."""
    return rx.el.div(
        rx.cond(
            state.notice != "",
            rx.el.div(
                icon("info"),
                rx.el.span(state.notice),
                style={
                    "display": "flex",
                    "align_items": "center",
                    "gap": "0.75rem",
                    "padding": "0.75rem 1.125rem",
                    "border": f"1px solid {colour('edge')}",
                    "border_radius": "16px",
                    "background": colour("panel"),
                    "font_size": "0.9375rem",
                },
            ),
        ),
        role="status",
        style=surface(width="100%"),
    )

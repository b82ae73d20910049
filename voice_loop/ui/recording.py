"""Recording a conversation: the switch for whoever looks at figures, and the notice for everybody.

The notice comes with the component that does the talking, so it is on every page where a
conversation can be. It stays in view whatever is open or scrolled, and it stops the recording.
"""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.recording.recorder import TIMELINE_NAME, WAV_NAME
from voice_loop.ui.parts import icon, small_title, stack
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import FOCUS, NARROW, Style, colour, quiet_button, surface

RUNNING: Final = "This conversation is being recorded."
AWAITED: Final = "The conversation will be recorded."
_SMALL: Final[Style] = {"margin": "0", "font_size": "0.8125rem", "color": colour("soft")}


def recording_notice(state: type[VoiceState]) -> rx.Component:
    """Says for as long as it is so that the conversation is recorded."""
    running: Any = state.recording_phase == "running"
    told = rx.el.div(
        rx.el.span(icon("circle-dot"), style={"color": colour("alarm"), "display": "flex"}),
        rx.el.span(rx.cond(running, RUNNING, AWAITED), style={"font_weight": "500"}),
        rx.el.button(
            "Stop recording", type="button", on_click=state.stop_recording, style=quiet_button()
        ),
        custom_attrs={"data-voice-recording": rx.cond(running, "running", "awaited")},
        style={
            "display": "flex",
            "flex_wrap": "wrap",
            "align_items": "center",
            "justify_content": "center",
            "gap": "0.375rem 0.75rem",
            "padding": "0.375rem 0.5rem 0.375rem 1rem",
            "border": f"1px solid {colour('alarm')}",
            "border_radius": "16px",
            "background": colour("panel"),
            "color": colour("ink"),
            "font_size": "0.9375rem",
            "box_shadow": f"0 12px 32px -12px {colour('shade')}",
            # The layer lets clicks through to the page; this does not.
            "pointer_events": "auto",
        },
    )
    return rx.el.div(
        rx.cond(state.recording_notice, told),
        role="status",
        style=surface(
            position="fixed",
            z_index="50",
            top="0.75rem",
            left="0",
            right="0",
            display="flex",
            justify_content="center",
            padding="0 0.75rem",
            pointer_events="none",
            **{NARROW: {"top": "0.375rem"}},
        ),
    )


def _switch(state: type[VoiceState]) -> rx.Component:
    on: Any = state.recording_notice
    start: Any = state.set_recording
    return rx.el.button(
        rx.cond(on, icon("square", 16), icon("circle-dot", 16)),
        rx.cond(on, "Stop recording", "Record the conversation"),
        type="button",
        on_click=rx.cond(on, state.stop_recording, start(True)),
        style=quiet_button(),
    )


def _keep(state: type[VoiceState]) -> rx.Component:
    name = f"{state._loop_name}-recording-keep"
    row: Style = {"display": "flex", "align_items": "center", "gap": "0.5rem"}
    return rx.cond(
        state.recording_keep_min > 0,
        rx.el.div(
            rx.el.input(
                type="checkbox",
                id=name,
                checked=state.recording_keep,
                on_change=state.set_recording_keep,
                style={"width": "24px", "height": "24px", "margin": "0", "flex": "none", **FOCUS},
            ),
            rx.el.label(
                f"Keep it for {state.recording_keep_min} minutes after the conversation",
                html_for=name,
                style={"font_size": "0.875rem"},
            ),
            style={**row, "min_height": "44px"},
        ),
    )


def _file(state: type[VoiceState], words: str, file: str) -> rx.Component:
    save: Any = state.save_recording
    return rx.el.button(
        icon("download", 16),
        words,
        type="button",
        on_click=save(file),
        custom_attrs={"data-voice-file": file},
        style=quiet_button(),
    )


def _files(state: type[VoiceState]) -> rx.Component:
    return rx.cond(
        state.recording_phase == "ready",
        rx.el.div(
            _file(state, "Save the sound", WAV_NAME),
            _file(state, "Save the time line", TIMELINE_NAME),
            rx.cond(
                state.recording_length != "",
                rx.el.span(f"{state.recording_length} min", style=_SMALL),
            ),
            style={
                "display": "flex",
                "flex_wrap": "wrap",
                "gap": "0.5rem",
                "align_items": "center",
            },
        ),
    )


def recording_controls(state: type[VoiceState]) -> rx.Component:
    """Records the conversation, keeps and saves it: where the server allows that."""
    return rx.cond(
        state.recording_allowed,
        rx.el.section(
            rx.el.h3("Recording", style=small_title()),
            rx.el.p(
                "You on the left, the assistant as heard on the right, and what happened when. "
                "It stays on the server and is deleted when the conversation ends.",
                style=_SMALL,
            ),
            rx.el.div(_switch(state)),
            _keep(state),
            _files(state),
            rx.el.p(state.recording_message, aria_live="polite", style=_SMALL),
            aria_label="Recording",
            style=stack("0.5rem"),
        ),
    )

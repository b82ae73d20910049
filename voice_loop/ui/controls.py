"""What a person does besides talking: stop the answer, mute, type, end.

Stop, mute and end act in the browser at once, found by `data-voice`; no event, no server. They
stay where they are for the whole conversation and are only `aria-disabled` when there is nothing to
do, so that the keyboard's focus never falls into nothing.
"""

from __future__ import annotations

from typing import Any

import reflex as rx

from voice_loop.ui.parts import icon, spoken_only
from voice_loop.ui.phases import ANSWERING, LIVE
from voice_loop.ui.state import MAX_TEXT_CHARS, VoiceState
from voice_loop.ui.theme import FOCUS, SANS, VISUALLY_HIDDEN, Style, colour, quiet_button, surface

_DIMMED: Style = {
    '&[aria-disabled="true"]': {
        "color": colour("soft"),
        "border_color": colour("line"),
        "cursor": "default",
        "background": "transparent",
    }
}


def one_of(status: Any, names: tuple[str, ...]) -> Any:
    """Whether the status is one of these; a Var where the status is one."""
    found = status == names[0]
    for name in names[1:]:
        found = found | (status == name)
    return found


def _control(kind: str, component_id: str, *children: Any, **attributes: Any) -> rx.Component:
    style = attributes.pop("style", {})
    return rx.el.button(
        *children,
        type="button",
        custom_attrs={"data-voice": kind, "data-voice-for": component_id},
        style={**quiet_button(), **_DIMMED, **style},
        **attributes,
    )


def _not(condition: Any) -> Any:
    return rx.cond(condition, "false", "true")


def end_button(component_id: str) -> rx.Component:
    """Ends the conversation, where the Talk button is held and not clicked."""
    return _control("talk", component_id, icon("phone-off", 16), "End")


def buttons(state: type[VoiceState], component_id: str) -> rx.Component:
    """Stop and mute."""
    status: Any = state.status
    talking = one_of(status, (*LIVE, "reconnecting"))
    return rx.el.div(
        _control(
            "stop",
            component_id,
            icon("square", 16),
            "Stop",
            spoken_only(" the answer"),
            aria_disabled=_not(one_of(status, ANSWERING)),
            aria_keyshortcuts="Escape",
            title="Stop the answer (Escape)",
        ),
        _control(
            "mute",
            component_id,
            rx.cond(state.muted, icon("mic-off"), icon("mic")),
            rx.cond(state.muted, "Unmute", "Mute"),
            aria_disabled=_not(talking & rx.Var.create(state.microphone)),
        ),
        role="group",
        aria_label="Conversation controls",
        style={
            "display": "flex",
            "flex_wrap": "wrap",
            "align_items": "center",
            "justify_content": "center",
            "gap": "0.625rem",
        },
    )


def _field_style() -> Style:
    return {
        "flex": "1",
        "min_width": "0",
        "height": "52px",
        "padding": "0 1.25rem",
        "border": f"1px solid {colour('edge')}",
        "border_radius": "999px",
        "background": colour("raised"),
        "color": colour("ink"),
        "font_family": SANS,
        "font_size": "1rem",
        "&::placeholder": {"color": colour("soft"), "opacity": "1"},
        **FOCUS,
    }


def _send_style() -> Style:
    style = quiet_button(
        width="52px",
        height="52px",
        padding="0",
        flex="none",
        background=colour("ink"),
        border_color=colour("ink"),
        color=colour("on-ink"),
    )
    style["&:hover:not(:disabled)"] = {"background": colour("soft"), "border_color": colour("soft")}
    return style


def composer(state: type[VoiceState], component_id: str) -> rx.Component:
    """A typed message; it starts a conversation without microphone when none is going on."""
    field = f"{component_id}-message"
    return rx.el.form(
        rx.el.label("Message", html_for=field, style=VISUALLY_HIDDEN),
        rx.el.input(
            id=field,
            name="text",
            placeholder="Or type a message",
            max_length=MAX_TEXT_CHARS,
            auto_complete="off",
            style=_field_style(),
        ),
        rx.el.button(icon("arrow-up", 20), type="submit", aria_label="Send", style=_send_style()),
        on_submit=state.send_text,
        reset_on_submit=True,
        style=surface(display="flex", gap="0.625rem", width="100%"),
    )


def controls(state: type[VoiceState], component_id: str) -> rx.Component:
    """All of it, for a page that has no other place for them."""
    return rx.el.div(
        buttons(state, component_id),
        composer(state, component_id),
        style=surface(display="flex", flex_direction="column", gap="1rem", width="100%"),
    )

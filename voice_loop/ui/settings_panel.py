"""Devices, volume, voice, wishes and turn-taking, behind one button.

Native controls: they work with every keyboard, screen reader and phone, and need no theme of the
host app. Devices and volume are remembered by the browser; nothing here starts or ends a
conversation. Escape closes it (the component finds `data-voice="close"`).
"""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.ui.parts import card, count, icon, small_title, stack
from voice_loop.ui.state import VoiceState, settings_button_id
from voice_loop.ui.tab import MAX_WISHES_CHARS
from voice_loop.ui.theme import CALM, FOCUS, FORCED, NARROW, Style, colour, icon_button, surface

VOLUME_DEBOUNCE_MS: Final = 120
NO_NAMES: Final = "They appear once the microphone is allowed."
NO_CHOICE: Final = "This browser leaves the loudspeaker to your system's settings."
_FIELD: Final[Style] = {
    "width": "100%",
    "min_height": "44px",
    "padding": "0 0.75rem",
    "border": "1px solid var(--vl-edge)",
    "border_radius": "12px",
    "background": "var(--vl-raised)",
    "color": "var(--vl-ink)",
    "font": "inherit",
    "font_size": "0.9375rem",
    **FOCUS,
}


def _hint(text: Any, name: str) -> rx.Component:
    small: Style = {"margin": "0.25rem 0 0", "font_size": "0.8125rem", "color": colour("soft")}
    return rx.el.p(text, id=f"{name}-hint", style=small)


def _labelled(label: str, name: str, control: rx.Component, *more: rx.Component) -> rx.Component:
    return rx.el.div(
        rx.el.label(
            label,
            html_for=name,
            style={
                "display": "block",
                "margin_bottom": "0.25rem",
                "font_size": "0.9375rem",
                "font_weight": "500",
            },
        ),
        control,
        *more,
    )


def _devices(
    label: str, name: str, devices: Any, chosen: Any, handler: Any, none: Any = NO_NAMES
) -> rx.Component:
    """`none`: the sentence where there is no device to choose."""
    return _labelled(
        label,
        name,
        rx.el.select(
            rx.el.option("System default", value=""),
            rx.foreach(
                devices,
                lambda device: rx.el.option(
                    rx.cond(device["label"] != "", device["label"], "Unnamed device"),
                    value=device["id"],
                ),
            ),
            id=name,
            value=chosen,
            on_change=handler,
            aria_describedby=f"{name}-hint",
            style=_FIELD,
        ),
        rx.cond(count(devices) == 0, _hint(none, name)),
    )


def _voice(state: type[VoiceState], name: str) -> rx.Component:
    """Only where there is a choice: the offline assistant has one voice."""
    choose: Any = state.choose_voice
    return rx.cond(
        count(state.voices) > 0,
        _labelled(
            "Voice of the assistant",
            name,
            rx.el.select(
                rx.foreach(state.voices, lambda voice: rx.el.option(voice, value=voice)),
                id=name,
                value=state.voice_wish,
                on_change=choose,
                aria_describedby=f"{name}-hint",
                style=_FIELD,
            ),
            _hint("A conversation goes on with it in its next pause.", name),
        ),
    )


def _wishes(state: type[VoiceState], name: str) -> rx.Component:
    keep: Any = state.set_wishes
    return _labelled(
        "How the assistant should behave",
        name,
        rx.el.textarea(
            id=name,
            default_value=state.wishes,
            on_blur=keep,
            max_length=MAX_WISHES_CHARS,
            rows=2,
            placeholder="Speak slowly. Answer in Spanish.",
            aria_describedby=f"{name}-hint",
            style={
                **_FIELD,
                "padding": "0.5rem 0.75rem",
                "resize": "vertical",
                "&::placeholder": {"color": colour("soft"), "opacity": "1"},
            },
        ),
        _hint("In your words, from the next answer on.", name),
    )


def _switch_style() -> Style:
    return {
        "appearance": "none",
        "flex": "none",
        "position": "relative",
        "width": "48px",
        "height": "28px",
        "margin": "0.25rem 0 0",
        "border": f"1px solid {colour('edge')}",
        "border_radius": "999px",
        "background": colour("raised"),
        "cursor": "pointer",
        "transition": "background-color 140ms ease",
        "&::after": {
            "content": '""',
            "position": "absolute",
            "top": "3px",
            "left": "3px",
            "width": "20px",
            "height": "20px",
            "border_radius": "50%",
            "background": colour("edge"),
            "transition": "transform 140ms ease",
        },
        "&:checked": {"background": colour("lagoon"), "border_color": colour("lagoon")},
        "&:checked::after": {"transform": "translateX(20px)", "background": colour("on-colour")},
        **FOCUS,
        CALM: {"transition": "none", "&::after": {"transition": "none"}},
        # High contrast takes backgrounds away, and with them whether it is on.
        FORCED: {
            "forced_color_adjust": "none",
            "background": "Canvas",
            "border_color": "CanvasText",
            "&::after": {"background": "CanvasText"},
            "&:checked": {"background": "Highlight", "border_color": "CanvasText"},
            "&:checked::after": {"background": "HighlightText"},
        },
    }


def _switch(label: str, hint: str, name: str, checked: Any, handler: Any) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.label(
                label, html_for=name, style={"font_size": "0.9375rem", "font_weight": "500"}
            ),
            _hint(hint, name),
            style={"flex": "1"},
        ),
        rx.el.input(
            type="checkbox",
            role="switch",
            id=name,
            default_checked=checked,
            on_change=handler,
            aria_describedby=f"{name}-hint",
            style=_switch_style(),
        ),
        style={"display": "flex", "gap": "1rem", "align_items": "flex-start"},
    )


def _volume(state: type[VoiceState], name: str) -> rx.Component:
    heard: Any = state.volume
    change: Any = state.set_volume_percent
    return _labelled(
        "Volume of the answer",
        name,
        rx.el.input(
            type="range",
            id=name,
            min=0,
            max=100,
            step=5,
            default_value=heard * 100,
            on_change=lambda value: change([value.to(float)]).debounce(VOLUME_DEBOUNCE_MS),
            style={"width": "100%", "height": "32px", "accent_color": colour("lagoon"), **FOCUS},
        ),
    )


def _panel_style() -> Style:
    foot: Style = {
        "position": "fixed",
        "top": "auto",
        "left": "0.75rem",
        "right": "0.75rem",
        "bottom": "0.75rem",
        "width": "auto",
    }
    return card(
        **stack("1.125rem"),
        position="absolute",
        z_index="30",
        top="calc(100% + 0.5rem)",
        right="0",
        width="22rem",
        max_height="calc(100dvh - 6rem)",
        overflow_y="auto",
        padding="0.75rem 1.5rem 1.5rem",
        box_shadow=f"0 24px 60px -20px {colour('shade')}",
        **{NARROW: foot},
    )


def _head(state: type[VoiceState]) -> rx.Component:
    return rx.el.div(
        rx.el.h2("Settings", style=small_title(flex="1")),
        rx.el.button(
            icon("x"),
            type="button",
            aria_label="Close the settings",
            custom_attrs={"data-voice": "close"},
            on_click=state.close_settings,
            style=icon_button(),
        ),
        style={"display": "flex", "align_items": "center", "margin_right": "-0.75rem"},
    )


def _panel(state: type[VoiceState], component_id: str) -> rx.Component:
    source, sink = f"{component_id}-input", f"{component_id}-output"
    return rx.el.section(
        _head(state),
        _devices("Microphone", source, state.inputs, state.input_id, state.choose_input),
        _devices(
            "Loudspeaker",
            sink,
            state.outputs,
            state.output_id,
            state.choose_output,
            rx.cond(count(state.inputs) == 0, NO_NAMES, NO_CHOICE),
        ),
        _volume(state, f"{component_id}-volume"),
        _voice(state, f"{component_id}-voice"),
        _wishes(state, f"{component_id}-wishes"),
        _switch(
            "Talk over the answer",
            "Your voice stops it at once. Switch it off in a loud room.",
            f"{component_id}-barge-in",
            state.barge_in,
            state.set_barge_in,
        ),
        _switch(
            "Hold to talk",
            "From the next conversation on: hold the big button, or press Space on it, and speak.",
            f"{component_id}-push-to-talk",
            state.push_to_talk,
            state.set_push_to_talk,
        ),
        id=f"{component_id}-settings",
        aria_label="Settings",
        style=_panel_style(),
    )


def settings_panel(state: type[VoiceState], component_id: str) -> rx.Component:
    """A button, and the panel that it opens."""
    return rx.el.div(
        rx.el.button(
            icon("sliders-horizontal", 20),
            id=settings_button_id(component_id),
            type="button",
            aria_label="Settings",
            title="Settings",
            aria_expanded=rx.cond(state.settings_open, "true", "false"),
            aria_controls=f"{component_id}-settings",
            on_click=state.toggle_settings,
            style=icon_button(),
        ),
        rx.cond(state.settings_open, _panel(state, component_id)),
        style=surface(position="relative", display="inline-block"),
    )

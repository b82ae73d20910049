"""The Talk button: a dial of sixty ticks around a real `<button>`.

The browser code writes `--voice-level` and `--voice-output-level` (0 to 1) onto the dial, which
lights ticks with them: the user's voice rises from the bottom, the assistant's comes down from the
top. So the level moves sixty times a second without an event, a render or the server. Starting and
stopping is the browser code's too, found by `data-voice`; this module only draws.
"""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.ui.controls import end_button
from voice_loop.ui.phases import HOLD, LIVE, LOOKS
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import (
    CALM,
    FOCUS,
    FORCED,
    LOW,
    NARROW,
    SERIF,
    VISUALLY_HIDDEN,
    Style,
    colour,
    surface,
    when,
)

ON_AIR: Final = "The conversation is on."

_TICKS = (
    "repeating-conic-gradient(from -0.75deg, #000 0 1.5deg, transparent 1.5deg 6deg), "
    "radial-gradient(closest-side, transparent 84%, #000 84.6% 99.4%, transparent 100%)"
)
_RING = "radial-gradient(closest-side, transparent 96.8%, #000 97.4% 99.4%, transparent 100%)"


def _lit(level: str, centre_deg: int, name: str) -> str:
    """A fan of light of at most 300° around `centre_deg`, as wide as `level`."""
    start = f"calc({centre_deg}deg - var({level}, 0) * 150deg)"
    return f"conic-gradient(from {start}, {colour(name)} calc(var({level}, 0) * 300deg), #0000 0)"


def _masked(mask: str) -> Style:
    return {
        "mask_image": mask,
        "mask_composite": "intersect",
        "-webkit-mask-composite": "source-in",
    }


def _dial_style() -> Style:
    user, assistant = _lit("--voice-level", 180, "ember"), _lit("--voice-output-level", 0, "lagoon")
    return {
        "position": "absolute",
        "inset": "0",
        "border_radius": "50%",
        "background": f"{user}, {assistant}, linear-gradient({colour('line')}, {colour('line')})",
        "transition": "opacity 300ms ease",
        **_masked(_TICKS),
        when("error"): {"opacity": "0.55"},
        # A system's high contrast takes every gradient away, and with it the level.
        FORCED: {
            "forced_color_adjust": "none",
            "--vl-line": "GrayText",
            "--vl-ember": "Highlight",
            "--vl-lagoon": "CanvasText",
        },
    }


def _halo_style() -> Style:
    """Soft light behind the button that grows with whoever speaks."""
    both = "(var(--voice-level, 0) * 0.5 + var(--voice-output-level, 0) * 0.5)"
    return {
        "position": "absolute",
        "inset": "7%",
        "border_radius": "50%",
        "opacity": "0",
        "background": f"radial-gradient(closest-side, {colour('halo')}, transparent 92%)",
        "transform": f"scale(calc(0.9 + {both} * 0.35))",
        "transition": "opacity 400ms ease",
        "will_change": "transform",
        "--vl-halo": colour("line"),
        when("listening"): {"opacity": "0.6"},
        when("user_speaking"): {"opacity": "1", "--vl-halo": colour("ember-wash")},
        when("speaking"): {"opacity": "1", "--vl-halo": colour("lagoon-wash")},
        CALM: {"transform": "none", "transition": "none"},
    }


def _sweep_style() -> Style:
    """A comet on the rim while something is awaited."""
    return {
        "position": "absolute",
        "inset": "9%",
        "border_radius": "50%",
        "opacity": "0",
        "background": f"conic-gradient(#0000 40%, {colour('ink')})",
        **_masked(_RING),
        "@keyframes vl-turn": {"to": {"transform": "rotate(1turn)"}},
        when("connecting"): {"opacity": "1", "animation": "vl-turn 1.3s linear infinite"},
        when("thinking"): {
            "opacity": "1",
            "background": f"conic-gradient(#0000 40%, {colour('lagoon')})",
            "animation": "vl-turn 1.6s cubic-bezier(0.5, 0.2, 0.5, 0.8) infinite",
        },
        when("reconnecting"): {
            "opacity": "1",
            "background": f"repeating-conic-gradient({colour('ink')} 0 10deg, #0000 10deg 20deg)",
            "animation": "vl-turn 12s linear infinite",
        },
        CALM: {"animation": "none !important"},
    }


def _core_statuses() -> Style:
    style: Style = {
        when(*LIVE, "connecting", "reconnecting"): {
            "background": colour("raised"),
            "color": colour("ink"),
            "font_size": "1.125rem",
        },
        when("user_speaking"): {
            "background": colour("ember"),
            "border_color": colour("ember"),
            "color": colour("on-colour"),
        },
        when("speaking"): {
            "background": colour("lagoon"),
            "border_color": colour("lagoon"),
            "color": colour("on-colour"),
        },
        when("thinking"): {"border_color": colour("lagoon")},
        when("loading"): {"cursor": "progress", "border_style": "dotted"},
        when("connecting", "reconnecting"): {"border_style": "dashed"},
        when("error"): {
            "background": colour("alarm-wash"),
            "border_color": colour("alarm"),
            "color": colour("alarm"),
        },
    }
    for status, look in LOOKS.items():
        if look.radius != "50%":
            style[when(status)] = {**style.get(when(status), {}), "border_radius": look.radius}
    return style


def _core_style() -> Style:
    return {
        "appearance": "none",
        "position": "absolute",
        "inset": "18%",
        "display": "flex",
        "flex_direction": "column",
        "align_items": "center",
        "justify_content": "center",
        "gap": "0.4rem",
        "border": f"2px solid {colour('ink')}",
        "border_radius": "50%",
        "background": colour("ink"),
        "color": colour("on-ink"),
        "font_family": SERIF,
        "font_size": "1.625rem",
        "line_height": "1.1",
        "cursor": "pointer",
        "touch_action": "manipulation",
        "user_select": "none",
        "-webkit-user-select": "none",
        "-webkit-touch-callout": "none",
        # A finger that holds must not scroll the page away.
        '&[data-voice="press"]': {"touch_action": "none", "font_size": "1.125rem"},
        "box_shadow": f"0 14px 34px -12px {colour('shade')}",
        "transition": (
            "background-color 220ms ease, color 220ms ease, border-color 220ms ease, "
            "border-radius 420ms cubic-bezier(0.3, 1.2, 0.4, 1), transform 120ms ease"
        ),
        "&:hover": {"transform": "scale(1.02)"},
        "&:active": {"transform": "scale(0.98)"},
        '&[data-voice="press"]:active': {"transform": "scale(0.94)"},
        **FOCUS,
        **_core_statuses(),
        CALM: {"transition": "none", "&:hover": {"transform": "none"}},
    }


def _icon(status: Any) -> rx.Component:
    shown = [(name, rx.icon(look.icon, size=44, stroke_width=1.5)) for name, look in LOOKS.items()]
    return rx.el.span(
        rx.match(status, *shown, rx.icon("mic", size=44, stroke_width=1.5)),
        aria_hidden="true",
        style={"display": "inline-flex"},
    )


def shown_status(status: Any) -> Any:
    """`status`, and "loading" while the page is drawn but not alive: a click would be lost. What
    goes on is never hidden by Reflex's own socket coming back."""
    return rx.cond(rx.State.is_hydrated | (status != "idle"), status, "loading")


def _label(status: Any, holds: Any) -> Any:
    clicked = [(name, look.action) for name, look in LOOKS.items()]
    held = [(name, action) for name, (action, _) in HOLD.items()]
    return _either(
        holds, rx.match(status, *held, "Hold to talk"), rx.match(status, *clicked, "Talk")
    )


def _either(holds: Any, held: Any, clicked: Any) -> Any:
    if isinstance(holds, bool):
        return held if holds else clicked
    return rx.cond(holds, held, clicked)


def talk_dial(
    status: Any, component_id: str, holds: Any = False, **attributes: Any
) -> rx.Component:
    """The button with its dial. `status` is a Var or one of the statuses of `LOOKS`; where it
    `holds`, it is pressed to talk and does not end the conversation."""
    return rx.el.div(
        rx.el.div(style=_halo_style(), aria_hidden="true"),
        rx.el.div(style=_dial_style(), aria_hidden="true"),
        rx.el.div(style=_sweep_style(), aria_hidden="true"),
        rx.el.button(
            _icon(status),
            rx.el.span(_label(status, holds)),
            type="button",
            custom_attrs={
                "data-voice": _either(holds, "press", "talk"),
                "data-voice-for": component_id,
            },
            style=_core_style(),
        ),
        custom_attrs={"data-voice-meter": component_id, "data-voice-status": status},
        style=surface(
            position="relative",
            width="clamp(232px, 30vw, 336px)",
            aspect_ratio="1",
            flex="none",
            **{NARROW: {"width": "min(60vw, 236px)"}, LOW: {"width": "clamp(208px, 54vh, 236px)"}},
        ),
        **attributes,
    )


def announcement(status: Any) -> rx.Component:
    """What a screen reader says of the status. While somebody talks it says nothing: it would talk
    into the microphone."""
    said = [
        (name, ON_AIR if name in LIVE else f"{look.headline}. {look.detail}")
        for name, look in LOOKS.items()
    ]
    return rx.el.p(rx.match(status, *said, ""), role="status", style=VISUALLY_HIDDEN)


def talk_button(state: type[VoiceState], component_id: str) -> rx.Component:
    """The dial alone on a host app's page: where it is held to talk, something must end it."""
    status = shown_status(state.status)
    return rx.fragment(
        talk_dial(status, component_id, state.holds),
        announcement(status),
        rx.cond(
            state.holds & (state.status != "idle") & (state.status != "error"),
            rx.el.div(end_button(component_id), style=surface()),
        ),
    )

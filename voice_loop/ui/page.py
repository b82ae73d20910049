"""The page: a dial to talk to, the conversation beside it, and little else.

Everything that is shown comes from VoiceState at run time; the page itself is the same whatever is
installed or set, so that it can be exported.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import reflex as rx
from reflex.config import get_config

from voice_loop.ui.badge import provider_badge
from voice_loop.ui.controls import buttons, composer, end_button, one_of
from voice_loop.ui.debug_overlay import debug_overlay, figures_button
from voice_loop.ui.notices import error_card, notice
from voice_loop.ui.parts import icon, stack
from voice_loop.ui.phases import HOLD, LIVE, LOOKS, MUTED
from voice_loop.ui.recording import recording_controls
from voice_loop.ui.settings_panel import settings_panel
from voice_loop.ui.state import VoiceState
from voice_loop.ui.talk_button import announcement, shown_status, talk_dial
from voice_loop.ui.theme import (
    CALM,
    DARK,
    LIGHT,
    LOW,
    NARROW,
    SERIF,
    STACKED,
    VISUALLY_HIDDEN,
    WIDE,
    Style,
    colour,
    icon_button,
    surface,
    when,
)
from voice_loop.ui.transcript import transcript

TITLE: Final = "Voice Loop"
DESCRIPTION: Final = "Talk to an assistant on a web page, and talk over it."
WIDTH: Final = "88rem"
SMALL: Final = "@media (max-width: 479px)"
TYPING: Final = "The microphone is off. Type, or end and click Talk."


class Voice(Protocol):
    """What the page needs of a VoiceLoop."""

    state: type[VoiceState]

    @property
    def component_id(self) -> str:
        """Id of the component that does the talking."""
        ...

    def audio(self) -> rx.Component:
        """The component itself."""
        ...


def wordmark() -> rx.Component:
    """Two voices that run into each other: the sign and the name."""
    arc: dict[str, Any] = {"fill": "none", "stroke_width": 3, "stroke_linecap": "round"}
    sign = rx.el.svg(
        rx.el.path(d="M4 14a10 10 0 0 1 18.4-5.4", style={"stroke": colour("ember")}, **arc),
        rx.el.path(d="M24 14a10 10 0 0 1-18.4 5.4", style={"stroke": colour("lagoon")}, **arc),
        rx.el.circle(cx=14, cy=14, r=3, style={"fill": colour("ink")}),
        view_box="0 0 28 28",
        width=28,
        height=28,
        aria_hidden="true",
    )
    return rx.el.div(
        sign,
        rx.el.h1(
            TITLE,
            style={
                "margin": "0",
                "font_family": SERIF,
                "font_size": "1.25rem",
                "font_weight": "500",
                "line_height": "1",
                "letter_spacing": "-0.01em",
                # On a phone the badge needs the room; the name stays for the ear.
                SMALL: VISUALLY_HIDDEN,
            },
        ),
        style={"display": "flex", "align_items": "center", "gap": "0.625rem", "flex": "none"},
    )


def mode_button() -> rx.Component:
    """Light or dark."""
    return rx.el.button(
        rx.color_mode_cond(icon("moon", 20), icon("sun", 20)),
        type="button",
        aria_label=rx.color_mode_cond("Switch to dark colours", "Switch to light colours"),
        title=rx.color_mode_cond("Switch to dark colours", "Switch to light colours"),
        on_click=rx.toggle_color_mode,
        style=icon_button(),
    )


def _header(voice: Voice) -> rx.Component:
    return rx.el.header(
        wordmark(),
        rx.el.div(
            provider_badge(voice.state),
            style={"flex": "1", "min_width": "0", "display": "flex", "justify_content": "flex-end"},
        ),
        rx.el.div(
            figures_button(voice.state),
            settings_panel(voice.state, voice.component_id),
            mode_button(),
            role="group",
            aria_label="Page",
            style={"display": "flex", "flex": "none"},
        ),
        style={
            "position": "relative",
            # Its settings open over the overlay; on a phone the overlay is over all.
            "z_index": "45",
            "display": "flex",
            "align_items": "center",
            "gap": "0.75rem",
            "width": "100%",
            "max_width": WIDTH,
            "margin": "0 auto",
            "padding": "1rem clamp(1rem, 4vw, 3rem)",
            NARROW: {"z_index": "20", "padding": "0.625rem 0.5rem 0.625rem 1rem", "gap": "0.5rem"},
            LOW: {"padding_top": "0.375rem", "padding_bottom": "0.375rem"},
        },
    )


def _words(state: type[VoiceState], status: Any) -> rx.Component:
    """What is going on, for the eye; and, less often, for the ear."""
    typing: Any = (status == "listening") & ~rx.Var.create(state.microphone)
    headlines = [(name, look.headline) for name, look in LOOKS.items()]
    details = rx.match(status, *((name, look.detail) for name, look in LOOKS.items()), "")
    held = rx.match(status, *((name, detail) for name, (_, detail) in HOLD.items()), "")
    muted: Any = rx.Var.create(state.muted) & one_of(status, LIVE) & ~typing
    return rx.el.div(
        rx.el.p(
            rx.cond(typing, "Your turn", rx.match(status, *headlines, "")),
            style={
                "margin": "0",
                "font_family": SERIF,
                "font_size": "clamp(1.75rem, 3vw, 2.25rem)",
                "font_weight": "500",
                "line_height": "1.2",
                "letter_spacing": "-0.015em",
                NARROW: {"font_size": "1.5rem"},
                LOW: {"font_size": "1.375rem"},
            },
        ),
        rx.el.p(
            rx.cond(typing, TYPING, rx.cond(muted, MUTED, rx.cond(state.holds, held, details))),
            style={
                "margin": "0.375rem 0 0",
                "font_size": "1.0625rem",
                "color": colour("soft"),
                "text_wrap": "balance",
                NARROW: {"font_size": "1rem"},
            },
        ),
        announcement(status),
        style={
            "text_align": "center",
            "min_height": "4.75rem",
            NARROW: {"min_height": "4rem"},
            LOW: {"min_height": "0"},
        },
    )


def _glow() -> rx.Component:
    """The room around the dial takes the colour of who speaks."""
    light: Style = {
        "position": "absolute",
        "inset": "-65%",
        "z_index": "-1",
        "pointer_events": "none",
        "opacity": "0",
        "transition": "opacity 700ms ease",
        CALM: {"transition": "none"},
    }
    return rx.fragment(
        *(
            rx.el.div(
                aria_hidden="true",
                style={
                    **light,
                    "background": f"radial-gradient(closest-side, {colour(wash)}, transparent)",
                    when(status): {"opacity": "1"},
                },
            )
            for status, wash in (("user_speaking", "ember-wash"), ("speaking", "lagoon-wash"))
        )
    )


_ROW: Final[Style] = {
    "display": "flex",
    "flex_wrap": "wrap",
    "justify_content": "center",
    "gap": "0.625rem",
    # Its place is kept, so that the dial does not jump; for an error, or on top of the transcript,
    # it is given.
    '&[data-usable="false"]': {"visibility": "hidden"},
    '&[data-usable="false"][data-failed="true"]': {"display": "none"},
    STACKED: {'&[data-usable="false"]': {"display": "none"}},
}


def _stage(voice: Voice, status: Any) -> rx.Component:
    talking = one_of(voice.state.status, (*LIVE, "reconnecting"))
    connecting: Any = one_of(voice.state.status, ("connecting",)) & voice.state.holds
    usable: Any = talking | connecting
    return rx.el.section(
        rx.el.div(
            rx.el.div(
                _glow(),
                talk_dial(status, voice.component_id, voice.state.holds),
                style={"position": "relative"},
            ),
            _words(voice.state, status),
            rx.el.div(
                buttons(voice.state, voice.component_id),
                rx.cond(voice.state.holds, end_button(voice.component_id)),
                custom_attrs={
                    "data-usable": rx.cond(usable, "true", "false"),
                    "data-failed": rx.cond(voice.state.error_code == "", "false", "true"),
                },
                style=_ROW,
            ),
            rx.el.div(
                error_card(voice.state, voice.component_id),
                notice(voice.state),
                style=stack("0.75rem", width="min(30rem, 100%)"),
            ),
            style=stack(
                "1.5rem",
                position="relative",
                isolation="isolate",
                align_items="center",
                width="100%",
                **{NARROW: {"gap": "0.75rem"}, LOW: {"gap": "0.5rem"}},
            ),
        ),
        aria_label="Talk",
        style={
            "position": "relative",
            "display": "flex",
            "align_items": "center",
            "justify_content": "center",
            "min_width": "0",
        },
    )


def _footer(state: type[VoiceState]) -> rx.Component:
    keys: Style = {NARROW: {"display": "none"}}
    return rx.el.footer(
        rx.el.span(
            state.privacy_note,
            " The assistant's voice is made by a computer.",
        ),
        rx.el.span("Esc stops the answer", style=keys),
        style={
            "position": "relative",
            "display": "flex",
            "flex_wrap": "wrap",
            "justify_content": "space-between",
            "gap": "0.25rem 2rem",
            "width": "100%",
            "max_width": WIDTH,
            "margin": "0 auto",
            "padding": "1rem clamp(1rem, 4vw, 3rem)",
            "font_size": "0.8125rem",
            "color": colour("soft"),
            NARROW: {"padding": "0.25rem 1rem 0.75rem"},
        },
    )


def _main(voice: Voice, status: Any) -> rx.Component:
    return rx.el.main(
        _stage(voice, status),
        rx.el.div(
            transcript(voice.state),
            composer(voice.state, voice.component_id),
            style={
                "position": "relative",
                "display": "flex",
                "flex_direction": "column",
                "gap": "0.875rem",
                "flex": "1",
                "min_width": "0",
            },
        ),
        style={
            "display": "flex",
            "flex_direction": "column",
            "flex": "1",
            "gap": "1.5rem",
            "width": "100%",
            "max_width": WIDTH,
            "margin": "0 auto",
            "padding": "0.5rem clamp(1rem, 4vw, 3rem)",
            NARROW: {"padding": "0 0.75rem 0.5rem", "gap": "1rem"},
            WIDE: {
                "display": "grid",
                "grid_template_columns": "minmax(0, 5fr) minmax(0, 6fr)",
                "gap": "clamp(2rem, 4vw, 4.5rem)",
            },
        },
    )


def _head() -> list[rx.Component]:
    """Icons and the browser's own colours: React puts these into the document's head."""
    path = get_config().prepend_frontend_path
    return [
        rx.el.link(rel="icon", href=path("/favicon.svg"), type="image/svg+xml"),
        rx.el.link(rel="alternate icon", href=path("/favicon.ico"), sizes="48x48"),
        rx.el.link(rel="apple-touch-icon", href=path("/apple-touch-icon.png")),
        *(
            rx.el.meta(name="theme-color", content=shade, media=f"(prefers-color-scheme: {mode})")
            for mode, shade in (("light", LIGHT["paper"]), ("dark", DARK["paper"]))
        ),
    ]


def page(voice: Voice) -> rx.Component:
    """The whole page of one voice loop."""
    state = voice.state
    away: Any = (state.status == "error") & (state.error_code == "")
    # An error that was put away leaves nothing behind that speaks of it.
    status: Any = shown_status(rx.cond(away, "idle", state.status))
    return rx.el.div(
        *_head(),
        _header(voice),
        _main(voice, status),
        _footer(state),
        debug_overlay(state, recording_controls(state), focus_back=True),
        voice.audio(),
        custom_attrs={"data-voice-status": status},
        style=surface(
            position="relative",
            display="flex",
            flex_direction="column",
            min_height="100dvh",
            overflow_x="clip",
            background=colour("paper"),
        ),
    )

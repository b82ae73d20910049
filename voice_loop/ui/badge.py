"""Who answers: the offline assistant or OpenAI, with its model. Known at run time, never frozen."""

from __future__ import annotations

import reflex as rx

from voice_loop.ui.parts import icon, spoken_only
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import NARROW, colour, surface


def provider_badge(state: type[VoiceState]) -> rx.Component:
    """A small label; nothing while nobody is known."""
    return rx.cond(
        state.provider_label != "",
        rx.el.span(
            rx.cond(state.provider == "openai", icon("cloud", 15), icon("house", 15)),
            spoken_only("Answered by: "),
            rx.el.span(
                state.provider_label, style={"overflow": "hidden", "text_overflow": "ellipsis"}
            ),
            custom_attrs={"data-voice-provider": state.provider},
            style=surface(
                display="inline-flex",
                align_items="center",
                gap="0.5rem",
                min_height="32px",
                max_width="100%",
                padding="0 0.875rem",
                border=f"1px solid {colour('line')}",
                border_radius="999px",
                background=colour("panel"),
                color=colour("soft"),
                font_size="0.875rem",
                font_weight="500",
                white_space="nowrap",
                **{NARROW: {"padding": "0 0.5rem", "gap": "0.375rem"}},
            ),
        ),
    )

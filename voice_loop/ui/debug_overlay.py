"""Live figures over the page: each latency against its target, who took how much, and the rest.

Opened by a button, by Ctrl+Shift+D, or with `?debug=1` in the address. Only that one chord leaves
the browser; what is typed elsewhere is never sent. The words come from `figures`.
"""

from __future__ import annotations

from typing import Any

import reflex as rx

from voice_loop.ui.parts import card, count, icon, small_title
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import MONO, NARROW, Style, colour, icon_button, quiet_button, surface

PANEL_ID = "voice-figures"
_OWNER_COLOUR = (
    ("provider", colour("lagoon")),
    ("relay", colour("ink")),
    ("network", colour("edge")),
    ("device", colour("ember")),
)


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
        style=icon_button(),
    )


def _cell(text: Any, **extra: Any) -> rx.Component:
    return rx.el.td(text, style={"padding": "0.3rem 0.5rem", "text_align": "right", **extra})


def _verdict(verdict: Any) -> rx.Component:
    def said(name: str, mark: str, shade: str) -> tuple[str, rx.Component]:
        inside: Style = {"display": "inline-flex", "gap": "0.3rem", "align_items": "center"}
        return name, rx.el.span(icon(mark, 14), name, style={**inside, "color": colour(shade)})

    return rx.match(
        verdict,
        said("met", "check", "lagoon"),
        said("missed", "x", "alarm"),
        said("unclear", "circle-dashed", "soft"),
        rx.el.span("–", style={"color": colour("soft")}),
    )


def _row(row: Any) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            row["name"],
            scope="row",
            title=row["meaning"],
            style={"padding": "0.3rem 0.5rem 0.3rem 0", "text_align": "left", "font_weight": "500"},
        ),
        _cell(row["last"], font_family=MONO),
        _cell(row["p50"], font_family=MONO),
        _cell(row["p95"], font_family=MONO),
        _cell(row["target"], color=colour("soft"), white_space="nowrap"),
        _cell(_verdict(row["verdict"]), padding_right="0"),
        style={"border_top": f"1px solid {colour('line')}"},
    )


def _table(state: type[VoiceState]) -> rx.Component:
    heads = ("Figure, ms", "Last", "p50", "p95", "Target", "Verdict")
    cells = [
        rx.el.th(
            head,
            scope="col",
            style={
                "padding": "0.3rem 0" if head in (heads[0], heads[-1]) else "0.3rem 0.5rem",
                "text_align": "right" if index else "left",
                "font_weight": "500",
                "color": colour("soft"),
            },
        )
        for index, head in enumerate(heads)
    ]
    return rx.el.table(
        rx.el.thead(rx.el.tr(*cells)),
        rx.el.tbody(rx.foreach(state.figure_rows, _row)),
        style={"width": "100%", "border_collapse": "collapse", "font_size": "0.875rem"},
    )


def _owner_colour(owner: Any) -> Any:
    return rx.match(owner, *_OWNER_COLOUR, colour("edge"))


def _piece(share: Any) -> rx.Component:
    return rx.el.span(
        style={"width": f"{share['percent']}%", "background": _owner_colour(share["owner"])}
    )


def _legend(share: Any) -> rx.Component:
    dot: Style = {
        "width": "0.65rem",
        "height": "0.65rem",
        "border_radius": "3px",
        "background": _owner_colour(share["owner"]),
    }
    return rx.el.span(
        rx.el.span(aria_hidden="true", style=dot),
        share["owner"],
        " ",
        share["value"],
        style={"display": "inline-flex", "gap": "0.375rem", "align_items": "center"},
    )


def _bar(state: type[VoiceState]) -> rx.Component:
    """The last turn's latency, one piece for each owner."""
    whole: Style = {
        "display": "flex",
        "gap": "2px",
        "height": "10px",
        "border_radius": "5px",
        "overflow": "hidden",
    }
    below: Style = {
        "display": "flex",
        "flex_wrap": "wrap",
        "gap": "0.25rem 1rem",
        "margin_top": "0.5rem",
    }
    return rx.cond(
        count(state.shares) > 0,
        rx.el.div(
            rx.el.div(rx.foreach(state.shares, _piece), aria_hidden="true", style=whole),
            rx.el.div(rx.foreach(state.shares, _legend), style=below),
            style={"font_size": "0.8125rem", "color": colour("soft")},
        ),
    )


def _facts(rows: Any, columns: str) -> rx.Component:
    return rx.el.dl(
        rx.foreach(
            rows,
            lambda row: rx.el.div(
                rx.el.dt(row["name"], style={"color": colour("soft")}),
                rx.el.dd(row["value"], style={"margin": "0", "font_family": MONO, "flex": "none"}),
                style={"display": "flex", "justify_content": "space-between", "gap": "1rem"},
            ),
        ),
        style={
            "display": "grid",
            "grid_template_columns": columns,
            "gap": "0.25rem 1.5rem",
            "margin": "0",
            "font_size": "0.8125rem",
            NARROW: {"grid_template_columns": "minmax(0, 1fr)"},
        },
    )


def _head(state: type[VoiceState]) -> rx.Component:
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
            on_click=state.toggle_overlay,
            style=icon_button(),
        ),
        style={"display": "flex", "align_items": "center", "gap": "0.25rem"},
    )


def _who(state: type[VoiceState]) -> rx.Component:
    return rx.el.p(
        rx.cond(state.provider_label != "", state.provider_label, "Nobody answers yet"),
        rx.cond(state.voice != "", f" · voice {state.voice}", ""),
        rx.cond(state.session_id != "", f" · session {state.session_id}", ""),
        style={
            "margin": "0",
            "font_size": "0.8125rem",
            "color": colour("soft"),
            "overflow_wrap": "anywhere",
        },
    )


def _references(state: type[VoiceState]) -> rx.Component:
    return rx.cond(
        count(state.reference_rows) > 0,
        rx.el.details(
            rx.el.summary("Published elsewhere", style={"cursor": "pointer", "min_height": "24px"}),
            _facts(state.reference_rows, "minmax(0, 1fr)"),
            style={"font_size": "0.8125rem", "color": colour("soft")},
        ),
    )


def debug_overlay(state: type[VoiceState]) -> rx.Component:
    """The overlay and what opens it. Over the page's lower right corner, or its lower edge."""
    panel = rx.el.section(
        _head(state),
        _who(state),
        rx.el.div(_table(state), style={"overflow_x": "auto"}),
        _bar(state),
        _facts(state.fact_rows, "repeat(2, minmax(0, 1fr))"),
        _references(state),
        id=PANEL_ID,
        aria_label="Figures",
        style=surface(
            **card(
                position="fixed",
                z_index="40",
                right="1rem",
                bottom="1rem",
                display="flex",
                flex_direction="column",
                gap="0.75rem",
                width="min(38rem, calc(100vw - 2rem))",
                max_height="min(44rem, calc(100dvh - 2rem))",
                overflow_y="auto",
                padding="0.75rem 1.25rem 1.25rem",
                box_shadow=f"0 24px 60px -20px {colour('shade')}",
            )
        ),
    )
    return rx.fragment(
        rx.window_event_listener(on_key_down=_on_key(state)),
        rx.el.span(on_mount=state.open_overlay_if_asked, hidden=True),
        rx.cond(state.overlay_open, panel),
    )

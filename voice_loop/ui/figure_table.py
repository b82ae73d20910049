"""The overlay's table of latencies: each against its target, with its newest values as a line.

A real table on every width: on a phone a row folds into two lines and each number brings its
column's name with it.
"""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from voice_loop.latency.budget import FIGURES
from voice_loop.ui.explained import explained_name, explained_row, explaining, explanations
from voice_loop.ui.parts import icon
from voice_loop.ui.sparkline import sparkline
from voice_loop.ui.state import VoiceState
from voice_loop.ui.theme import MONO, NARROW, VISUALLY_HIDDEN, Style, colour

SCOPE: Final = "voice-figure"
HEADS: Final = ("Figure, ms", "Last", "Trend", "p50", "p95", "Target", "Verdict")
HINT: Final = "Point at a figure, or tab to it, to read what it means."
_NUMBER: Final[Style] = {"font_family": MONO, "font_variant_numeric": "tabular-nums"}


def _cell(head: str, content: Any, area: str, **style: Any) -> rx.Component:
    return rx.el.td(
        content,
        role="cell",
        custom_attrs={"data-head": head},
        style={
            "padding": "0.3rem 0.5rem",
            "text_align": "right",
            "white_space": "nowrap",
            NARROW: {
                "grid_area": area,
                "padding": "0",
                "text_align": "left",
                "&::before": {
                    "content": "attr(data-head) ' '",
                    "font_size": "0.75rem",
                    "font_weight": "400",
                    "color": colour("soft"),
                    "font_family": "inherit",
                },
            },
            **style,
        },
    )


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
            explained_name(SCOPE, row["key"], row["name"]),
            scope="row",
            role="rowheader",
            style={
                "padding": "0.3rem 0.5rem 0.3rem 0",
                "text_align": "left",
                "font_weight": "500",
                "white_space": "nowrap",
                NARROW: {"grid_area": "name", "padding": "0"},
            },
        ),
        _cell("Last", row["last"], "last", **_NUMBER, font_weight="600"),
        _trend(row),
        _cell("p50", row["p50"], "p50", **_NUMBER),
        _cell("p95", row["p95"], "p95", **_NUMBER),
        _cell("Target", row["target"], "target", color=colour("soft")),
        rx.el.td(
            _verdict(row["verdict"]),
            role="cell",
            style={
                "padding": "0.3rem 0 0.3rem 0.5rem",
                "text_align": "right",
                NARROW: {"grid_area": "verdict", "padding": "0"},
            },
        ),
        role="row",
        custom_attrs=explained_row(row["key"]),
        style={
            "border_top": f"1px solid {colour('line')}",
            "&:hover": {"background": colour("raised")},
            NARROW: {
                "display": "grid",
                "grid_template_columns": "1fr 1fr 1fr",
                "grid_template_areas": '"name name verdict" "trend target target" "last p50 p95"',
                "align_items": "center",
                "gap": "0.125rem 0.75rem",
                "padding": "0.5rem 0",
            },
        },
    )


def _trend(row: Any) -> rx.Component:
    return rx.el.td(
        sparkline(row),
        role="cell",
        style={
            "padding": "0.15rem 0.5rem",
            "text_align": "center",
            NARROW: {"grid_area": "trend", "padding": "0", "text_align": "left"},
        },
    )


def figure_table(state: type[VoiceState]) -> rx.Component:
    """Every figure of the budget, and what the one that is pointed at means."""
    cells = [
        rx.el.th(
            head,
            scope="col",
            role="columnheader",
            style={
                "padding": "0.3rem 0" if head in (HEADS[0], HEADS[-1]) else "0.3rem 0.5rem",
                "text_align": "left" if not index else "center" if head == "Trend" else "right",
                "font_weight": "500",
                "color": colour("soft"),
            },
        )
        for index, head in enumerate(HEADS)
    ]
    table = rx.el.table(
        rx.el.thead(rx.el.tr(*cells, role="row"), role="rowgroup", style={NARROW: VISUALLY_HIDDEN}),
        rx.el.tbody(
            rx.foreach(state.figure_rows, _row),
            role="rowgroup",
            style={NARROW: {"display": "block"}},
        ),
        role="table",
        aria_label="Latencies",
        style={
            "width": "100%",
            "border_collapse": "collapse",
            "font_size": "0.875rem",
            NARROW: {"display": "block"},
        },
    )
    return rx.el.div(
        table,
        explanations(SCOPE, state.figure_rows, HINT),
        style={
            "display": "flex",
            "flex_direction": "column",
            "gap": "0.5rem",
            **explaining(FIGURES),
        },
    )

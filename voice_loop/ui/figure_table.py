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
_NUMBER: Final[Style] = {"font_family": MONO, "font_variant_numeric": "tabular-nums"}
HINT: Final = "Point at a figure, or tab to it, to read what it means."
_COLUMNS: Final = ("name", "last", "trend", "p50", "p95", "target", "verdict")
_WORDS: Final = (("met", "check"), ("missed", "x"), ("unclear", "circle-dashed"))


def _verdict(verdict: Any) -> rx.Component:
    told = [(word, rx.fragment(icon(mark, 14), word)) for word, mark in _WORDS]
    return rx.match(verdict, *told, rx.fragment("–"))


def _cell(content: Any, head: str = "", verdict: Any = "") -> rx.Component:
    return rx.el.td(content, role="cell", custom_attrs={"data-head": head, "data-verdict": verdict})


def _row(row: Any) -> rx.Component:
    return rx.el.tr(
        rx.el.th(explained_name(SCOPE, row["key"], row["name"]), scope="row", role="rowheader"),
        _cell(row["last"], "Last"),
        _cell(sparkline(row)),
        _cell(row["p50"], "p50"),
        _cell(row["p95"], "p95"),
        _cell(row["target"], "Target"),
        _cell(_verdict(row["verdict"]), verdict=row["verdict"]),
        role="row",
        custom_attrs=explained_row(row["key"]),
    )


def _wide_rows() -> Style:
    shades = {"met": "lagoon", "missed": "alarm", "unclear": "soft", "": "soft"}
    return {
        "& > tr": {"border_top": f"1px solid {colour('line')}"},
        "& > tr:hover": {"background": colour("raised")},
        "& > tr > *": {"padding": "0.3rem 0.5rem", "text_align": "right", "white_space": "nowrap"},
        "& > tr > th": {"padding_left": "0", "text_align": "left", "font_weight": "500"},
        "& > tr > :nth-of-type(2)": {"text_align": "center"},
        "& > tr > td:nth-child(2)": {**_NUMBER, "font_weight": "600"},
        "& > tr > td:nth-child(3)": {"color": colour("soft"), "padding_block": "0.15rem"},
        "& > tr > td:nth-child(4), & > tr > td:nth-child(5)": _NUMBER,
        "& > tr > td:nth-child(6)": {"color": colour("soft")},
        "& > tr > td:last-child": {"padding_right": "0"},
        "& svg": {"display": "inline-block", "vertical_align": "middle"},
        "& [data-verdict] > span": {"margin_right": "0.3rem", "vertical_align": "-2px"},
        **{
            f"& > tr > td:last-child[data-verdict='{verdict}']": {"color": colour(shade)}
            for verdict, shade in shades.items()
        },
    }


def _narrow_rows() -> Style:
    """Two lines a row, and each number with its column's name."""
    areas = {
        f"& > tr > :nth-child({place + 1})": {"grid_area": area}
        for place, area in enumerate(_COLUMNS)
    }
    return {
        "display": "block",
        "& > tr": {
            "display": "grid",
            "grid_template_columns": "1fr 1fr 1fr",
            "grid_template_areas": '"name name verdict" "trend target target" "last p50 p95"',
            "align_items": "center",
            "gap": "0.125rem 0.75rem",
            "padding": "0.5rem 0",
        },
        "& > tr > *:not(:last-child), & > tr > :nth-of-type(2)": {"text_align": "left"},
        "& > tr > *, & > tr > :nth-child(3)": {"padding": "0"},
        "& > tr > td[data-head]:not([data-head=''])::before": {
            "content": "attr(data-head) ' '",
            "font_size": "0.75rem",
            "font_weight": "400",
            "color": colour("soft"),
        },
        **areas,
    }


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
            style={**_wide_rows(), NARROW: _narrow_rows()},
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

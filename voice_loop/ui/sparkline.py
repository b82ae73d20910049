"""The newest values of one figure as a line no taller than a word, and the same in words.

The scale is the values' own, never narrower than a fifth of their middle: noise is not made to look
like a mountain. The target is drawn where it lies within the scale. Pure, but for `sparkline`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, TypedDict

import reflex as rx

from voice_loop.ui.theme import colour

SHOWN: Final = 30
WIDTH: Final = 80
HEIGHT: Final = 22
NOTHING: Final = "–"
_MARGIN: Final = 3
_LEAST_SPAN: Final = 0.2


class Trend(TypedDict):
    """A line of `WIDTH` by `HEIGHT`; without values its words are empty."""

    path: str
    dot_x: str
    dot_y: str
    target_y: str
    """Height of the target; empty where there is none in sight."""
    words: str


def trend(values: Sequence[float], limit_ms: float | None = None) -> Trend:
    """The newest `SHOWN` of `values`, in milliseconds; what is no finite number is left out."""
    shown = [value for value in values if math.isfinite(value)][-SHOWN:]
    if not shown:
        return Trend(path="", dot_x="", dot_y="", target_y="", words="")
    low, high = _scale(shown)

    def height(value: float) -> str:
        inside = (value - low) / (high - low)
        return f"{HEIGHT - _MARGIN - inside * (HEIGHT - 2 * _MARGIN):.1f}"

    step = (WIDTH - 2 * _MARGIN) / max(1, len(shown) - 1)
    across = [f"{_MARGIN + index * step:.1f}" for index in range(len(shown))]
    if len(shown) == 1:
        across = [f"{WIDTH / 2:.1f}"]
    in_sight = limit_ms is not None and low <= limit_ms <= high
    return Trend(
        path="M" + " ".join(f"{x},{height(value)}" for x, value in zip(across, shown, strict=True)),
        dot_x=across[-1],
        dot_y=height(shown[-1]),
        target_y=height(limit_ms) if limit_ms is not None and in_sight else "",
        words=_words(shown),
    )


def _scale(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    middle = (low + high) / 2
    half = max((high - low) / 2, abs(middle) * _LEAST_SPAN / 2, 0.05)
    return middle - half, middle + half


def _words(values: Sequence[float]) -> str:
    def told(value: float) -> str:
        return f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}"

    if len(values) == 1:
        return f"One value, {told(values[0])} ms"
    return (
        f"Newest {len(values)} values, from {told(min(values))} to {told(max(values))} ms, "
        f"last {told(values[-1])} ms"
    )


def sparkline(row: Any) -> rx.Component:
    """A row's trend, drawn; `row` holds the keys of `Trend`. Attributes and no styles: those would
    be worked out anew with every update."""
    drawing = rx.el.svg(
        rx.cond(
            row["target_y"] != "",
            rx.el.line(
                x1="0",
                x2=str(WIDTH),
                y1=row["target_y"],
                y2=row["target_y"],
                stroke=colour("alarm"),
                stroke_dasharray="2 3",
            ),
        ),
        rx.el.path(
            d=row["path"],
            fill="none",
            stroke=colour("lagoon"),
            stroke_width="1.5",
            stroke_linejoin="round",
            stroke_linecap="round",
        ),
        rx.el.circle(cx=row["dot_x"], cy=row["dot_y"], r="2.25", fill=colour("lagoon")),
        role="img",
        aria_label=row["words"],
        view_box=f"0 0 {WIDTH} {HEIGHT}",
        width=str(WIDTH),
        height=str(HEIGHT),
    )
    return rx.cond(row["words"] != "", drawing, rx.fragment(NOTHING))

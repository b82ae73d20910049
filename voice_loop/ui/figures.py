"""The overlay's figures as words: what `metrics.update` carries, made into rows to be read. Pure.

A figure that is missing is a dash with its reason, never a zero. Data in any other shape than
`latency.session_metrics` describes gives dashes too, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict

from voice_loop.latency.budget import BUDGET, FIGURES

NONE: Final = "–"
NAMES: Final[Mapping[str, str]] = {
    "ttfb_ms": "First audio",
    "turn_latency_ms": "First sound",
    "voice_to_voice_ms": "Voice to voice",
    "barge_in_stop_ms": "Interruption",
    "relay_up_ms": "Relay, up",
    "relay_down_ms": "Relay, down",
}
MEANINGS: Final[Mapping[str, str]] = {
    "ttfb_ms": "End of your turn to the first audio of the answer, at the server",
    "turn_latency_ms": "End of your turn to the first sound at the loudspeaker",
    "voice_to_voice_ms": "Your last sound to the first sound of the answer",
    "barge_in_stop_ms": "Your first sound to the last sound of the interrupted answer",
    "relay_up_ms": "How long the server held a chunk from the microphone",
    "relay_down_ms": "How long the server held a chunk for the loudspeaker",
}
OWNERS: Final = ("provider", "relay", "network", "device")
VALUES: Final[Mapping[str, str]] = {
    "round_trip_ms": "Round trip",
    "output_latency_ms": "Output latency",
    "jitter_buffer_ms": "Jitter buffer",
    "leading_silence_ms": "Leading silence",
}
COUNTERS: Final[Mapping[str, str]] = {
    "underruns": "Underruns",
    "dropped_chunks": "Dropped chunks",
    "false_onsets": "False onsets",
    "clock_jumps": "Clock jumps",
}


class FigureRow(TypedDict):
    """One latency."""

    name: str
    meaning: str
    last: str
    p50: str
    p95: str
    target: str
    verdict: str
    """met, missed, unclear, or nothing without a target or a value."""


class Share(TypedDict):
    """What one owner has of the last turn's latency."""

    owner: str
    value: str
    percent: float


class FactRow(TypedDict):
    """Anything else that is shown."""

    name: str
    value: str


def _map(data: Any, *path: str) -> Mapping[str, Any]:
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def _number(data: Any) -> float | None:
    if isinstance(data, bool) or not isinstance(data, int | float):
        return None
    return float(data)


def ms(data: Any, unit: bool = False) -> str:
    """Milliseconds to read: one decimal below ten; a dash for what is no number."""
    value = _number(data)
    if value is None:
        return NONE
    return (f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}") + (" ms" if unit else "")


def _target(figure: str) -> str:
    wanted = [
        f"p{target.percent} < {target.limit_ms:,.0f}"
        for target in BUDGET
        if target.figure == figure
    ]
    return ", ".join(wanted) or NONE


def _verdict(metrics: Mapping[str, Any], figure: str) -> str:
    """Of the session where it can be judged: missed as soon as one of its targets is."""
    rows = metrics.get("verdicts")
    found = [
        str(row.get("verdict"))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, Mapping) and row.get("figure") == figure and row.get("verdict")
    ]
    if found:
        return "missed" if "missed" in found else found[0]
    return str(_map(metrics, "figures", figure).get("verdict") or "")


def figure_rows(metrics: Mapping[str, Any]) -> list[FigureRow]:
    """A row for every figure of the budget, whether there is a value or not."""
    return [
        FigureRow(
            name=NAMES.get(figure, figure),
            meaning=str(_map(metrics, "absent").get(figure) or MEANINGS.get(figure, "")),
            last=ms(_map(metrics, "figures", figure).get("value_ms")),
            p50=ms(_map(metrics, "session", figure).get("p50")),
            p95=ms(_map(metrics, "session", figure).get("p95")),
            target=_target(figure),
            verdict=_verdict(metrics, figure),
        )
        for figure in FIGURES
    ]


def shares(metrics: Mapping[str, Any]) -> list[Share]:
    """Who took how much of the last turn's latency; empty without a figure."""
    found = _map(metrics, "figures", "turn_latency_ms", "shares")
    parts = {owner: _number(found.get(owner)) or 0.0 for owner in OWNERS}
    whole = sum(max(part, 0.0) for part in parts.values())
    if whole <= 0:
        return []
    return [
        Share(
            owner=owner, value=ms(part, unit=True), percent=round(100 * max(part, 0.0) / whole, 2)
        )
        for owner, part in parts.items()
    ]


def _clock(metrics: Mapping[str, Any]) -> str:
    clock = _map(metrics, "clock")
    offset, uncertainty = _number(clock.get("offset_ms")), _number(clock.get("uncertainty_ms"))
    return NONE if offset is None or uncertainty is None else f"± {ms(uncertainty, unit=True)}"


def fact_rows(metrics: Mapping[str, Any]) -> list[FactRow]:
    """Connection and device facts, and the session's counters."""
    values, counters = _map(metrics, "values"), _map(metrics, "counters")
    rows = [
        FactRow(name=name, value=ms(values.get(key), unit=True)) for key, name in VALUES.items()
    ]
    rows.append(FactRow(name="Clocks agree", value=_clock(metrics)))
    for key, name in COUNTERS.items():
        count = _number(counters.get(key))
        rows.append(FactRow(name=name, value=NONE if count is None else f"{count:,.0f}"))
    return rows


def reference_rows(metrics: Mapping[str, Any]) -> list[FactRow]:
    """Figures published elsewhere, to compare."""
    rows = metrics.get("references")
    return [
        FactRow(
            name=f"{NAMES.get(str(row.get('figure')), '')}, {row.get('what', '')}",
            value=ms(row.get("value_ms"), unit=True),
        )
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, Mapping)
    ]

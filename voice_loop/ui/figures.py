"""The overlay's figures as words: what `metrics.update` carries, made into rows to be read. Pure.

A figure that is missing is a dash, and its explanation says why; it is never a zero. Data in any
other shape than `latency.session_metrics` describes gives dashes too, never an exception.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

from voice_loop.latency.budget import BUDGET, FIGURES, REFERENCES
from voice_loop.latency.definitions import COUNTED, DEFINITIONS, REASONS
from voice_loop.latency.definitions import VALUES as VALUE_MEANINGS
from voice_loop.ui.sparkline import Trend, trend

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
OWNERS: Final[Mapping[str, str]] = {
    "provider": "provider",
    "tools": "tools",
    "relay": "relay",
    "network": "network",
    "device": "device",
    "unsplit": "not split",
}
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


class FigureRow(Trend):
    """One latency, with its newest values as a line."""

    key: str
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
    """Anything else that is shown; `key` and `meaning` are empty where the name says it all."""

    key: str
    name: str
    meaning: str
    value: str


def as_map(data: Any, *path: str) -> Mapping[str, Any]:
    """What lies at `path`; nothing where there is no such mapping."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def as_number(data: Any, name: str) -> float | None:
    """The finite number of this name; None for anything else."""
    value = data.get(name) if isinstance(data, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def ms(data: Any, unit: bool = False) -> str:
    """Milliseconds to read: one decimal below ten; a dash for what is no number."""
    value = as_number({"ms": data}, "ms")
    if value is None:
        return NONE
    return (f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}") + (" ms" if unit else "")


def why_absent(metrics: Mapping[str, Any], figure: str) -> str:
    """Why the turn has no such figure, in words."""
    reason = as_map(metrics, "absent").get(figure)
    if not isinstance(reason, str) or not reason:
        return "no figure yet"
    kind, _, mark = reason.partition(": ")
    told = REASONS.get(kind)
    if told is None:
        return reason
    return f"{told} ({mark.replace('_', ' ')})" if mark and kind != "implausible" else told


def limit_ms(figure: str) -> float | None:
    """The outermost target of a figure."""
    return max((one.limit_ms for one in BUDGET if one.figure == figure), default=None)


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
    return str(as_map(metrics, "figures", figure).get("verdict") or "")


def _meaning(metrics: Mapping[str, Any], figure: str) -> str:
    clock = next((one.clock for name, one in DEFINITIONS.items() if name == figure), "")
    known = f"{MEANINGS.get(figure, figure)}. Clock: {clock}."
    if as_map(metrics, "figures", figure) or figure not in as_map(metrics, "absent"):
        return known
    return f"{known} Not in this turn: {why_absent(metrics, figure)}."


def figure_rows(
    metrics: Mapping[str, Any], recent: Mapping[str, Sequence[float]] | None = None
) -> list[FigureRow]:
    """A row for every figure of the budget, whether there is a value or not; `recent` holds the
    newest values of each."""
    return [
        FigureRow(
            key=figure,
            name=NAMES.get(figure, figure),
            meaning=_meaning(metrics, figure),
            last=ms(as_map(metrics, "figures", figure).get("value_ms")),
            p50=ms(as_map(metrics, "session", figure).get("p50")),
            p95=ms(as_map(metrics, "session", figure).get("p95")),
            target=_target(figure),
            verdict=_verdict(metrics, figure),
            **trend((recent or {}).get(figure, ()), limit_ms(figure)),
        )
        for figure in FIGURES
    ]


def shares(metrics: Mapping[str, Any]) -> list[Share]:
    """Who took how much of the last turn's latency; who took nothing is left out."""
    found = as_map(metrics, "figures", "turn_latency_ms", "shares")
    parts = {owner: as_number(found, owner) or 0.0 for owner in OWNERS}
    parts = {owner: part for owner, part in parts.items() if part > 0}
    whole = sum(parts.values())
    return [
        Share(
            owner=OWNERS[owner],
            value=ms(part, unit=True),
            percent=round(100 * part / whole, 2),
        )
        for owner, part in parts.items()
    ]


def _round_trip(metrics: Mapping[str, Any]) -> str:
    """There and back, and how well the two clocks are known to agree by it."""
    told = ms(as_map(metrics, "values").get("round_trip_ms"), unit=True)
    uncertainty = as_number(as_map(metrics, "clock"), "uncertainty_ms")
    return told if uncertainty is None else f"{told}, clocks ± {ms(uncertainty, unit=True)}"


def fact_rows(metrics: Mapping[str, Any]) -> list[FactRow]:
    """Connection and device facts, and the session's counters."""
    values, counters = as_map(metrics, "values"), as_map(metrics, "counters")
    rows = [
        FactRow(
            key=key,
            name=name,
            meaning=_sentence(VALUE_MEANINGS.get(key, "")),
            value=_round_trip(metrics)
            if key == "round_trip_ms"
            else ms(values.get(key), unit=True),
        )
        for key, name in VALUES.items()
    ]
    for key, name in COUNTERS.items():
        count = as_number(counters, key)
        told = NONE if count is None else f"{count:,.0f}"
        meaning = _sentence(COUNTED.get(key, ""))
        rows.append(FactRow(key=key, name=name, meaning=meaning, value=told))
    return rows


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def reference_rows() -> list[tuple[str, str]]:
    """Figures published elsewhere, to compare: what, and the value."""
    return [(f"{NAMES[one.figure]}, {one.what}", ms(one.value_ms, unit=True)) for one in REFERENCES]

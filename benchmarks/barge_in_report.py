"""The tables of the interruption benchmark, from what came of its trials."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.lab import LabState
from benchmarks.measure import percentile
from benchmarks.trials import Outcome

BEDS = {"quiet": -62.0, "white": -50.0, "pink": -46.0, "babble": -48.0}
"""Level of each bed, dB of full scale."""
QUANTUM_SAMPLES = 128
FRAME_MS = 10.0
OWN_VOICE_COUNTS = ("candidate", "confirmed", "cut_by_page", "cut_by_server")


@dataclass
class Findings:
    """What one run, or several, found."""

    outcomes: list[Outcome] = field(default_factory=list)
    echo: list[dict[str, Any]] = field(default_factory=list)
    rate_hz: int = 48_000
    output_latency_ms: float = 0.0
    runs: list[dict[str, Any]] = field(default_factory=list)
    """Seed, size and time of each run."""

    def note(self, state: LabState) -> None:
        """The page's audio."""
        self.rate_hz = state.rate
        self.output_latency_ms = state.output_latency_ms

    def write(self, path: Path) -> None:
        """Everything, and the tables made of it."""
        full = {**summary(self), **dataclasses.asdict(self)}
        path.write_text(json.dumps(full, indent=1), encoding="utf-8")


def merge(paths: Sequence[Path]) -> Findings:
    """Several runs as one."""
    return together([_read(path) for path in paths])


def _read(path: Path) -> Findings:
    found = json.loads(path.read_text(encoding="utf-8"))
    given = {field.name: found[field.name] for field in dataclasses.fields(Findings)}
    given["outcomes"] = [Outcome(**outcome) for outcome in given["outcomes"]]
    return Findings(**given)


def together(parts: Sequence[Findings], run: dict[str, Any] | None = None) -> Findings:
    """All as one; the seconds of each echo level add up."""
    whole = Findings(runs=[] if run is None else [run])
    levels: dict[float, dict[str, Any]] = {}
    for part in parts:
        whole.outcomes += part.outcomes
        whole.runs += part.runs
        whole.rate_hz = part.rate_hz
        whole.output_latency_ms = max(whole.output_latency_ms, part.output_latency_ms)
        for row in part.echo:
            level = levels.setdefault(row["level_db"], {"level_db": row["level_db"]})
            for name in ("seconds", *OWN_VOICE_COUNTS):
                level[name] = level.get(name, 0) + row[name]
    whole.echo = [levels[level] for level in sorted(levels, reverse=True)]
    return whole


def describe(outcome: Outcome) -> str:
    """One line."""
    if outcome.problem:
        return f"{outcome.kind:8} no figure: {outcome.problem} ({outcome.name})"
    verdict = "detector" if outcome.interrupted else "transcript" if outcome.second_chance else "-"
    times = "  ".join(
        f"{name} {_ms(value)}"
        for name, value in (
            ("first", outcome.first_silence_ms),
            ("stop", outcome.stop_ms),
            ("second", outcome.second_stop_ms),
            ("decided", outcome.decided_ms),
            ("lag", outcome.pause_lag_ms),
            ("trunc", outcome.truncation_error_ms),
        )
    )
    where = f"{outcome.bed}, echo {outcome.echo_db}, {outcome.into_answer_ms:.0f} ms in"
    return (
        f"{outcome.kind:8} {verdict:10} {times}  pauses {outcome.pauses}  "
        f"snr {outcome.snr_db:.0f}  {where}: {outcome.name}: {' '.join(outcome.phases)}"
    )


def _ms(value: float | None) -> str:
    return "    -" if value is None else f"{value:5.0f}"


def speech_row(name: str, outcomes: list[Outcome]) -> dict[str, Any]:
    """Figures of a group of interruptions."""
    valid = [outcome for outcome in outcomes if outcome.problem is None]
    stops = [o.stop_ms for o in valid if o.stop_ms is not None]
    with_output = [o.stop_ms + (o.output_latency_ms or 0.0) for o in valid if o.stop_ms is not None]
    truncation = [abs(o.truncation_error_ms) for o in valid if o.truncation_error_ms is not None]
    first = [o.first_silence_ms for o in valid if o.first_silence_ms is not None]
    missed = [o for o in valid if not o.confirmed and not o.interrupted]
    return {
        "row": name,
        "count": len(valid),
        "no_figure": len(outcomes) - len(valid),
        "first_p50": percentile(first, 0.5),
        "first_p95": percentile(first, 0.95),
        "stop_p50": percentile(stops, 0.5),
        "stop_p95": percentile(stops, 0.95),
        "stop_max": max(stops, default=None),
        "with_output_p95": percentile(with_output, 0.95),
        "missed": len(missed),
        "for_good": sum(not o.second_chance for o in missed),
        "second_p50": percentile(
            [o.second_stop_ms for o in missed if o.second_stop_ms is not None], 0.5
        ),
        "stutters": sum(o.pauses > 0 for o in valid),
        "trunc_p95": percentile(truncation, 0.95),
        "trunc_max": max(truncation, default=None),
        "trunc_n": len(truncation),
    }


def noise_row(kind: str, outcomes: list[Outcome]) -> dict[str, Any]:
    """Figures of a kind of noise."""
    valid = [outcome for outcome in outcomes if outcome.problem is None]
    lags = [o.pause_lag_ms for o in valid if o.pause_lag_ms is not None]
    return {
        "row": kind,
        "count": len(valid),
        "no_figure": len(outcomes) - len(valid),
        "false_stops": sum(o.interrupted or o.second_chance for o in valid),
        "with_false_pauses": sum(o.pauses > 0 for o in valid),
        "false_pauses": sum(o.pauses for o in valid),
        "resume_p50_ms": percentile(lags, 0.5),
        "resume_p95_ms": percentile(lags, 0.95),
        "resume_max_ms": max(lags, default=None),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Columns as wide as they need."""
    if not rows:
        return ""
    cells = [list(rows[0])] + [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in cells
    ]
    return "\n".join(lines)


def show_table(title: str, rows: list[dict[str, Any]]) -> str:
    """A table under its title."""
    return f"\n{title}\n{table(rows)}"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def summary(found: Findings) -> dict[str, Any]:
    """All tables."""
    spoken = [o for o in found.outcomes if o.kind in ("long", "short")]
    hops = [o.hop_ms for o in spoken if o.hop_ms is not None]
    groups = {
        "all": spoken,
        "long (>= 700 ms)": [o for o in spoken if o.kind == "long"],
        "short (300-700 ms)": [o for o in spoken if o.kind == "short"],
        "first second": [o for o in spoken if o.first_second],
        "later": [o for o in spoken if not o.first_second],
        "with echo": [o for o in spoken if o.echo_db is not None],
        **{f"bed {bed}": [o for o in spoken if o.bed == bed] for bed in BEDS},
    }
    kinds = dict.fromkeys(o.kind for o in found.outcomes if o not in spoken)
    hop_ms = percentile(hops, 0.5) or 0.0
    quantum_ms = QUANTUM_SAMPLES * 1000 / found.rate_hz
    return {
        "floor": {
            "quantum_ms": quantum_ms,
            "frame_ms": FRAME_MS,
            "input_hop_ms": hop_ms,
            "output_latency_ms": found.output_latency_ms,
            "sum_ms": quantum_ms + FRAME_MS + hop_ms + found.output_latency_ms,
        },
        "speech": [speech_row(name, group) for name, group in groups.items() if group],
        "noises": [
            noise_row(kind, [o for o in found.outcomes if o.kind == kind]) for kind in kinds
        ],
        "own_voice": found.echo,
    }


def show(report: dict[str, Any]) -> None:
    """Print all tables."""
    print("\nThe floor:", {name: round(value, 1) for name, value in report["floor"].items()})
    for name in ("speech", "noises", "own_voice"):
        print(show_table(name, report[name]))

"""Talking over the assistant, measured: how soon it stops, what is missed, what stops it falsely.

    python -m benchmarks.barge_in --quick      two to three minutes
    python -m benchmarks.barge_in              100 long and 100 short interruptions, noises, echo

A real Chromium, the served app, the local Realtime server in this process. Speech of several
voices, levels and beds; noises; the assistant's own voice through a room without the browser's
echo cancellation. Prints tables, writes JSON to benchmarks/results/. The figures are those of this
machine; the sounds are seeded and none of them tuned the detector.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure, sounds
from benchmarks.harness import Stage, serve_with_assistant, visit
from benchmarks.lab import AUDIBLE, Sent
from benchmarks.measure import percentile
from benchmarks.trials import Outcome, Plan, Trials, is_cut, save_tape
from tests.speech import resample_double, say

RESULTS = Path(__file__).parent / "results"
BEDS = {"quiet": -62.0, "white": -50.0, "pink": -46.0, "babble": -48.0}
ROOMS: tuple[tuple[str, float | None], ...] = (
    ("quiet", None), ("white", None), ("pink", None), ("babble", None),
    ("quiet", -30.0), ("pink", -20.0),
)  # fmt: skip
"""Bed and echo. A room is entered once, and the page has time to learn it."""
LEARN_MS = 5_000
ECHO_LEVELS_DB = (-10.0, -20.0, -30.0)
QUANTUM_SAMPLES = 128
FRAME_MS = 10.0
ASSISTANT_DB = -20.0
"""Active level of the voice at the speaker; measured, it is -19.7 to -20.6."""


@dataclasses.dataclass(frozen=True)
class Size:
    """How much."""

    interruptions: int
    """Of each kind, long and short."""
    noises: int
    """Of each kind."""
    echo_s: float
    """At each level."""


QUICK = Size(10, 3, 12.0)
FULL = Size(100, 20, 200.0)


def speech_plans(kind: str, count: int, rng: np.random.Generator) -> Iterator[Plan]:
    """Every voice and sentence in turn, in every room; a quarter in a reply's first second."""
    words = sounds.words(kind)
    order = rng.permutation(len(words))
    for number in range(count):
        sound = words[order[number % len(words)]]
        bed, echo_db = ROOMS[number % len(ROOMS)]
        floor_db = BEDS[bed] + 10
        if echo_db is not None:
            floor_db = max(floor_db, ASSISTANT_DB + echo_db + 6)
        level_db = max(floor_db + rng.uniform(0, 12), -45.0)
        gain = 10 ** ((level_db - measure.active_level_db(sound.samples, sounds.RATE_HZ)) / 20)
        first = number // len(ROOMS) % 4 == 1
        delay_ms = rng.uniform(100, 900) if first else rng.uniform(150, 1_500)
        yield Plan(sound, kind, min(1.0, gain), bed, echo_db, delay_ms, first)


def noise_plans(count: int, rng: np.random.Generator) -> Iterator[Plan]:
    """Every kind, at levels people make them at."""
    for number, sound in enumerate(sounds.noises(count)):
        gain = 10 ** (rng.uniform(-26, -8) / 20)
        bed = ("quiet", "pink")[number % 2]
        yield Plan(sound, sound.kind, gain, bed, None, rng.uniform(100, 600))


class Benchmark:
    """All runs on one stage."""

    def __init__(self, on: Stage, seed: int, keep: Path | None) -> None:
        self._stage = on
        self._rng = np.random.default_rng(seed)
        self._keep = keep
        kick = sounds.Sound("kick", "kick", resample_double(say("Tell me a story, please.")))
        self._trials = Trials(on, kick, keep)
        self._room: tuple[str, float | None] | None = None
        self.outcomes: list[Outcome] = []
        self.echo: list[dict[str, Any]] = []
        for number, (bed, level_db) in enumerate(BEDS.items()):
            on.lab.load(bed, sounds.bed(bed, 12.0, level_db, seed=seed + number), sounds.RATE_HZ)
        on.lab.load_room("room", sounds.room(seed), sounds.RATE_HZ)

    def speech(self, count: int) -> None:
        """Long and short words, room by room."""
        plans = [
            *speech_plans("long", count, self._rng),
            *speech_plans("short", count, self._rng),
        ]
        for room in ROOMS:
            own = [plan for plan in plans if (plan.bed, plan.echo_db) == room]
            for index in self._rng.permutation(len(own)):
                self._run(own[index])

    def noises(self, count: int) -> None:
        """Kind by kind, first in the quiet room."""
        for plan in sorted(noise_plans(count, self._rng), key=lambda plan: plan.bed, reverse=True):
            self._run(plan)

    def _run(self, plan: Plan) -> None:
        self._enter(plan.bed, plan.echo_db)
        outcome = self._trials.run(plan, bed_db=BEDS[plan.bed])
        if outcome.problem:
            print(f"  (again: {outcome.problem}: {outcome.name})")
            outcome = self._trials.run(plan, bed_db=BEDS[plan.bed])
        self.outcomes.append(outcome)
        print(f"  {describe(outcome)}", flush=True)

    def _enter(self, bed: str, echo_db: float | None) -> None:
        if (bed, echo_db) == self._room:
            return
        self._room = (bed, echo_db)
        self._stage.lab.bed(bed, 1.0)
        self._stage.lab.echo("room", 0.0 if echo_db is None else 10 ** (echo_db / 20))
        self._trials.learn(LEARN_MS)

    def own_voice(self, length_s: float) -> None:
        """Nobody speaks; the assistant hears itself."""
        for level_db in ECHO_LEVELS_DB:
            self._echo_at(level_db, length_s)

    def _echo_at(self, level_db: float, length_s: float) -> None:
        heard_s = 0.0
        counts = dict.fromkeys(("candidate", "confirmed", "cut_by_page", "cut_by_server"), 0)
        self._enter("quiet", level_db)
        while heard_s < length_s:
            if not self._trials.make_it_speak():
                print("  the assistant does not speak")
                break
            tape, sent, lost = self._trials.watch(min(10.0, length_s) * 1000)
            sounding = np.abs(tape.speaker) > AUDIBLE
            heard_s += max(0.5, float(np.count_nonzero(sounding)) / tape.rate_hz)
            found = own_voice_counts(sent)
            counts = {name: counts[name] + found[name] for name in counts}
            if any(found.values()) and self._keep is not None:
                what = "stop" if lost else "pause"
                save_tape(self._keep / f"echo{level_db:.0f}-{what}-{int(heard_s)}.wav", tape)
        row = {"level_db": level_db, "seconds": heard_s, **counts}
        self.echo.append(row)
        print(f"  own voice {row}", flush=True)


def own_voice_counts(sent: list[Sent]) -> dict[str, int]:
    """What the page and the server made of the assistant's own voice."""
    phases = [message.body.get("phase") for message in sent]
    by_page = sum(message.body.get("type") == "user.barge_in" for message in sent)
    return {
        "candidate": phases.count("candidate"),
        "confirmed": phases.count("confirmed"),
        "cut_by_page": by_page,
        "cut_by_server": max(0, sum(map(is_cut, sent)) - by_page),
    }


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


def summary(benchmark: Benchmark, state: Any) -> dict[str, Any]:
    """All tables."""
    spoken = [o for o in benchmark.outcomes if o.kind in ("long", "short")]
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
    kinds = dict.fromkeys(o.kind for o in benchmark.outcomes if o not in spoken)
    hop_ms = percentile(hops, 0.5) or 0.0
    quantum_ms = QUANTUM_SAMPLES * 1000 / state.rate
    return {
        "floor": {
            "quantum_ms": quantum_ms,
            "frame_ms": FRAME_MS,
            "input_hop_ms": hop_ms,
            "output_latency_ms": state.output_latency_ms,
            "sum_ms": quantum_ms + FRAME_MS + hop_ms + state.output_latency_ms,
        },
        "speech": [speech_row(name, group) for name, group in groups.items() if group],
        "noises": [
            noise_row(kind, [o for o in benchmark.outcomes if o.kind == kind]) for kind in kinds
        ],
        "own_voice": benchmark.echo,
    }


def show(report: dict[str, Any]) -> None:
    print("\nThe floor:", {name: round(value, 1) for name, value in report["floor"].items()})
    for name in ("speech", "noises", "own_voice"):
        print(show_table(name, report[name]))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="two to three minutes")
    parser.add_argument("--interruptions", type=int, help="of each kind")
    parser.add_argument("--noises", type=int, help="of each kind")
    parser.add_argument("--echo-s", type=float, help="seconds of its own voice at each level")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder for recordings of what went wrong")
    return parser.parse_args()


def main() -> None:
    """Run and tell."""
    options = parse()
    base = QUICK if options.quick else FULL
    chosen = {
        "interruptions": options.interruptions, "noises": options.noises,
        "echo_s": options.echo_s,
    }  # fmt: skip
    size = dataclasses.replace(base, **{k: v for k, v in chosen.items() if v is not None})
    RESULTS.mkdir(exist_ok=True)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_with_assistant(Path(folder)) as url,
        visit(url) as on,
    ):
        benchmark = Benchmark(on, options.seed, options.keep)
        benchmark.speech(size.interruptions)
        benchmark.noises(size.noises)
        benchmark.own_voice(size.echo_s)
        report = summary(benchmark, on.lab.state())
        console = on.console
    show(report)
    if console:
        print("\nconsole:", console[:10])
    path = RESULTS / f"barge_in-{time.strftime('%Y%m%d-%H%M%S')}.json"
    full = {**report, "size": dataclasses.asdict(size), "seed": options.seed,
            "trials": [dataclasses.asdict(o) for o in benchmark.outcomes]}  # fmt: skip
    path.write_text(json.dumps(full, indent=1), encoding="utf-8")
    print(f"\n{path}")


if __name__ == "__main__":
    main()

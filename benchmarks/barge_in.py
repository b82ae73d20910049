"""Talking over the assistant, measured: how soon it stops, what is missed, what stops it falsely.

    python -m benchmarks.barge_in --quick                      two to three minutes
    python -m benchmarks.barge_in                              everything, most of an hour
    python -m benchmarks.barge_in --only speech --seed 101     a piece of it
    python -m benchmarks.barge_in --only people                recorded people, not a synthesiser
    python -m benchmarks.barge_in --merge results/a.json results/b.json

A real Chromium, the served app, the local Realtime server in this process. Speech of several
voices, levels and beds; noises; the assistant's own voice through a room without the browser's
echo cancellation. Prints tables, writes JSON to benchmarks/results/. The figures are those of this
machine; the sounds are seeded and none of them tuned the detector.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure, people, sounds
from benchmarks.barge_in_report import (
    BEDS,
    OWN_VOICE_COUNTS,
    Findings,
    describe,
    merge,
    show,
    summary,
    together,
)
from benchmarks.harness import Stage, serve_with_assistant, visit
from benchmarks.lab import AUDIBLE, Sent
from benchmarks.trials import Plan, Trials, is_cut, save_tape
from tests.speech import resample_double, say

PARTS = ("speech", "noises", "own_voice")
PEOPLE = "people"
"""Speech of recorded people instead; what the machine has of them."""
RESULTS = Path(__file__).parent / "results"
ROOMS: tuple[tuple[str, float | None], ...] = (
    ("quiet", None), ("white", None), ("pink", None), ("babble", None),
    ("quiet", -30.0), ("pink", -20.0),
)  # fmt: skip
"""Bed and echo. A room is entered once, and the page has time to learn it."""
LEARN_MS = 5_000
ECHO_LEVELS_DB = (-10.0, -20.0, -30.0)
ASSISTANT_DB = -20.0
"""Active level of the voice at the speaker; measured, it is -19.7 to -20.6."""


@dataclasses.dataclass(frozen=True)
class Size:
    """How much."""

    interruptions: int
    """Of each kind, long and short, on each page."""
    noises: int
    """Of each kind, on each page."""
    echo_s: float
    """At each level, one after the other."""
    pages: int = 2
    """At once. The counts are those of one page."""


QUICK = Size(10, 3, 12.0, 1)
FULL = Size(50, 10, 200.0)


def speech_plans(
    words: Sequence[sounds.Sound], kind: str, count: int, rng: np.random.Generator
) -> Iterator[Plan]:
    """Every voice and sentence in turn, in every room; a quarter in a reply's first second."""
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


def noise_plans(count: int, rng: np.random.Generator, seed: int) -> Iterator[Plan]:
    """Every kind, at levels people make them at."""
    for number, sound in enumerate(sounds.noises(count, seed)):
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
        self._seed = seed
        self.found = Findings()
        for number, (bed, level_db) in enumerate(BEDS.items()):
            on.lab.load(bed, sounds.bed(bed, 12.0, level_db, seed=seed + number), sounds.RATE_HZ)
        on.lab.load_room("room", sounds.room(seed), sounds.RATE_HZ)

    def close(self) -> None:
        """What was found; what the page complained of is shown."""
        self.found.note(self._stage.lab.state())
        if self._stage.console:
            print("\nconsole:", self._stage.console[:10])

    def speech(self, words: Callable[[str], list[sounds.Sound]], count: int) -> None:
        """Long and short words, room by room."""
        plans = [
            *speech_plans(words("long"), "long", count, self._rng),
            *speech_plans(words("short"), "short", count, self._rng),
        ]
        for room in ROOMS:
            own = [plan for plan in plans if (plan.bed, plan.echo_db) == room]
            for index in self._rng.permutation(len(own)):
                self._run(own[index])

    def noises(self, count: int) -> None:
        """Kind by kind, first in the quiet room."""
        plans = noise_plans(count, self._rng, self._seed)
        for plan in sorted(plans, key=lambda plan: plan.bed, reverse=True):
            self._run(plan)

    def _run(self, plan: Plan) -> None:
        self._enter(plan.bed, plan.echo_db)
        outcome = self._trials.run(plan, bed_db=BEDS[plan.bed])
        if outcome.problem:
            print(f"  (again: {outcome.problem}: {outcome.name})")
            outcome = self._trials.run(plan, bed_db=BEDS[plan.bed])
        self.found.outcomes.append(outcome)
        print(f"  {describe(outcome)}", flush=True)

    def _enter(self, bed: str, echo_db: float | None) -> None:
        if (bed, echo_db) == self._room:
            return
        self._room = (bed, echo_db)
        self._stage.lab.bed(bed, 1.0)
        self._stage.lab.echo("room", 0.0 if echo_db is None else 10 ** (echo_db / 20))
        self._trials.learn(LEARN_MS)

    def own_voice(self, level_db: float, length_s: float) -> None:
        """Nobody speaks; the assistant hears itself."""
        row: dict[str, Any] = {"level_db": level_db, "seconds": 0.0}
        row.update(dict.fromkeys(OWN_VOICE_COUNTS, 0))
        self.found.echo.append(row)
        self._enter("quiet", level_db)
        while row["seconds"] < length_s:
            if not self._trials.make_it_speak():
                print("  the assistant does not speak")
                break
            tape, sent, lost = self._trials.watch(min(10.0, length_s) * 1000)
            sounding = np.abs(tape.speaker) > AUDIBLE
            row["seconds"] += max(0.5, float(np.count_nonzero(sounding)) / tape.rate_hz)
            found = own_voice_counts(sent)
            for name in OWN_VOICE_COUNTS:
                row[name] += found[name]
            if any(found.values()) and self._keep is not None:
                what = "stop" if lost else "pause"
                save_tape(self._keep / f"echo{level_db:.0f}-{what}-{int(row['seconds'])}.wav", tape)
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


def said_by_people(kind: str) -> list[sounds.Sound]:
    """Words of recorded people instead of a synthesiser's."""
    return people.words(kind, held_out=True)


def on_pages(count: int, work: Callable[[int], None]) -> None:
    """`work(number)` on as many pages at once: it takes minutes, not an hour."""
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(work, range(count)):
            pass


def run(
    size: Size, only: Sequence[str], seed: int, keep: Path | None, found: list[Findings]
) -> None:
    """Serve, visit, play; each page's findings are in `found` from its beginning."""
    words = said_by_people if PEOPLE in only else sounds.words

    def talk(number: int) -> None:
        with visit(url) as on:
            benchmark = Benchmark(on, seed + 1000 * number, keep)
            found.append(benchmark.found)
            if "speech" in only or PEOPLE in only:
                benchmark.speech(words, size.interruptions)
            if "noises" in only:
                benchmark.noises(size.noises)
            benchmark.close()

    def listen(number: int) -> None:
        with visit(url) as on:
            benchmark = Benchmark(on, seed, keep)
            found.append(benchmark.found)
            benchmark.own_voice(ECHO_LEVELS_DB[number], size.echo_s)
            benchmark.close()

    with tempfile.TemporaryDirectory() as folder, serve_with_assistant(Path(folder)) as url:
        if {"speech", PEOPLE, "noises"} & set(only):
            on_pages(size.pages, talk)
        if "own_voice" in only:
            # One after the other: each is a minute of speech for the recogniser, all the time.
            for number in range(len(ECHO_LEVELS_DB)):
                listen(number)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="two to three minutes")
    parser.add_argument("--only", action="append", choices=(*PARTS, PEOPLE), help="may be repeated")
    parser.add_argument("--interruptions", type=int, help="of each kind, a page")
    parser.add_argument("--noises", type=int, help="of each kind, a page")
    parser.add_argument("--echo-s", type=float, help="seconds of its own voice at each level")
    parser.add_argument("--pages", type=int, help="pages at once; counts are those of one")
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--keep", type=Path, help="folder for recordings of what went wrong")
    parser.add_argument("--merge", type=Path, nargs="+", help="show what these runs found together")
    return parser.parse_args()


def size_of(options: argparse.Namespace) -> Size:
    base = QUICK if options.quick else FULL
    chosen = {
        "interruptions": options.interruptions, "noises": options.noises,
        "echo_s": options.echo_s, "pages": options.pages,
    }  # fmt: skip
    return dataclasses.replace(base, **{k: v for k, v in chosen.items() if v is not None})


def main() -> None:
    """Run and tell."""
    options = parse()
    RESULTS.mkdir(exist_ok=True)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"barge_in-{time.strftime('%Y%m%d-%H%M%S')}.json"
    if options.merge:
        tell(merge(options.merge), path)
        return
    size, only = size_of(options), options.only or PARTS
    asked = {"began": time.strftime("%Y-%m-%d %H:%M:%S"), "seed": options.seed, "only": list(only)}
    found: list[Findings] = []
    if PEOPLE in only and people.missing(held_out=True):
        print("not installed:", ", ".join(people.missing(held_out=True)))
    try:
        run(size, only, options.seed, options.keep, found)
    finally:
        # What was found before a page failed counts, too.
        load = {"load": os.getloadavg()}
        tell(together(found, {**asked, **dataclasses.asdict(size), **load}), path)


def tell(found: Findings, path: Path) -> None:
    """Show the tables and keep everything."""
    show(summary(found))
    found.write(path)
    print(f"\n{path}")


if __name__ == "__main__":
    main()

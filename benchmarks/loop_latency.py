"""From the end of a question to the first sound of the answer, over several networks.

    python -m benchmarks.loop_latency --quick      eight turns on two networks
    python -m benchmarks.loop_latency              fifty turns on each

A real Chromium, the served app, the local Realtime server in this process. A relay between browser
and server delays and jitters the voice socket; a think time stands for a remote model. Time to the
first byte and turn latency are the product's own figures, from its metrics; voice to voice is
measured here, from the sound file's end to the first sample at the speaker, on one sample clock.
The local figures say what the loop adds; they are not OpenAI's.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import measure, sounds
from benchmarks.barge_in import RESULTS, show_table
from benchmarks.harness import KEY, Stage, serve_with_assistant, talking_engines, visit
from benchmarks.measure import percentile
from benchmarks.shaping import PROFILES, Profile, relay_in_thread
from tests.browser.served_app import free_port
from tests.speech import resample_double, say
from voice_loop.local.options import LocalOptions
from voice_loop.protocol.events import MetricsUpdate

QUESTIONS = (
    "What is the weather like today?",
    "How far is it to the station?",
    "When does the museum open?",
    "Can you tell me something about the river?",
    "Which train should I take?",
)
ANSWER = ("I would have to look that up for you.",)
GAIN = 0.4
PATIENCE_MS = 15_000
FIGURES = ("ttfb_ms", "turn_latency_ms", "voice_to_voice_ms", "relay_up_ms", "relay_down_ms")
TARGETS = {"ttfb_ms": (400, 900), "turn_latency_ms": (None, 1_200)}


@dataclasses.dataclass
class Turn:
    """One question and its answer."""

    network: str
    question: str
    heard_ms: float | None
    """End of the question at the source → first sample of the answer at the tap."""
    figures: dict[str, float]
    """The product's own."""


def ask(stage: Stage, network: str, text: str) -> Turn:
    """Ask, and wait until the answer is over."""
    lab = stage.lab
    question = resample_double(say(text))
    lab.load(text, question, sounds.RATE_HZ)
    state = lab.state()
    stage.wire.events.clear()
    first = lab.play(text, GAIN)
    end = first + measure.sounding_end(question, sounds.RATE_HZ) * state.rate // sounds.RATE_HZ
    started = lab.next_start(state.frame, PATIENCE_MS)
    heard_ms = None if started is None else (started - end) * 1000 / state.rate
    _wait_until_over(stage)
    return Turn(network, text, heard_ms, _figures(stage))


def _wait_until_over(stage: Stage) -> None:
    deadline = stage.lab.state().frame + PATIENCE_MS * stage.lab.state().rate // 1000
    while stage.lab.state().speaking and stage.lab.state().frame < deadline:
        stage.page.wait_for_timeout(100)
    # The last report of the turn and its metrics.
    stage.page.wait_for_timeout(700)


def _figures(stage: Stage) -> dict[str, float]:
    updates = [event.metrics for event in stage.wire.events if isinstance(event, MetricsUpdate)]
    found: dict[str, float] = {}
    for metrics in updates:
        shown: Mapping[str, Any] = metrics.get("figures", {})
        found |= {name: float(one["value_ms"]) for name, one in shown.items()}
    return found


def converse(stage: Stage, network: str, turns: int) -> list[Turn]:
    """Questions in turn."""
    stage.lab.load("bed", sounds.bed("pink", 10.0, -58.0), sounds.RATE_HZ)
    stage.lab.bed("bed", 1.0)
    done = []
    for number in range(turns):
        turn = ask(stage, network, QUESTIONS[number % len(QUESTIONS)])
        print(f"  {network:8} heard {turn.heard_ms} {turn.figures}", flush=True)
        done.append(turn)
    return done


def run(profile: Profile, turns: int, think_ms: float) -> list[Turn]:
    """One network: app, assistant, relay and browser of its own."""
    page_port = free_port()
    options = LocalOptions(api_keys=frozenset({KEY}), think_ms=think_ms)
    with (
        tempfile.TemporaryDirectory() as folder,
        relay_in_thread(page_port, profile) as shaped,
        serve_with_assistant(
            Path(folder),
            engines=functools.partial(talking_engines, ANSWER),
            options=options,
            settings={"VOICE_WS_URL": f"ws://localhost:{shaped}/voice"},
            page_port=page_port,
        ) as url,
        visit(url) as stage,
    ):
        return converse(stage, profile.name, turns)


def row(network: str, figure: str, values: list[float]) -> dict[str, Any]:
    """Percentiles beside their targets."""
    p50, p95 = TARGETS.get(figure, (None, None))
    return {
        "network": network,
        "figure": figure,
        "count": len(values),
        "p50": percentile(values, 0.5),
        "p95": percentile(values, 0.95),
        "max": max(values, default=None),
        "target_p50": p50,
        "target_p95": p95,
    }


def rows(turns: list[Turn]) -> list[dict[str, Any]]:
    """All figures of all networks."""
    made = []
    for network in dict.fromkeys(turn.network for turn in turns):
        own = [turn for turn in turns if turn.network == network]
        heard = [turn.heard_ms for turn in own if turn.heard_ms is not None]
        made.append(row(network, "source to tap", heard))
        made += [
            row(network, name, [turn.figures[name] for turn in own if name in turn.figures])
            for name in FIGURES
        ]
    return made


def main() -> None:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="eight turns on two networks")
    parser.add_argument("--turns", type=int)
    parser.add_argument("--networks", nargs="+", choices=list(PROFILES))
    parser.add_argument("--think-ms", type=float, default=0.0, help="a remote model's delay")
    options = parser.parse_args()
    networks = options.networks or (["none", "mobile"] if options.quick else list(PROFILES))
    count = options.turns or (8 if options.quick else 50)
    turns: list[Turn] = []
    for name in networks:
        turns += run(PROFILES[name], count, options.think_ms)
    print(show_table("loop latency", rows(turns)))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"loop_latency-{time.strftime('%Y%m%d-%H%M%S')}.json"
    report = {
        "rows": rows(turns),
        "think_ms": options.think_ms,
        "turns": [dataclasses.asdict(turn) for turn in turns],
    }
    path.write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(f"\n{path}")


if __name__ == "__main__":
    main()

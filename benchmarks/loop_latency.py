"""From the end of a question to the first sound of the answer, over several networks.

    python -m benchmarks.loop_latency --quick            eight turns on two networks
    python -m benchmarks.loop_latency                    fifty turns on each
    python -m benchmarks.loop_latency --sharp --turns 10 whether the figures are true
    python -m benchmarks.loop_latency --merge A B ...    one table of earlier results

A real Chromium, the served app, the local Realtime server in this process. A relay delays, jitters
and stalls both ways of both sockets: browser to server, and server to provider. A think time stands
for a model's. The figures are the product's own, from its metrics; beside them stands what the
recorded audio says by itself, on one sample clock: from the last loud sample of the question as it
came to the page (the last 10 ms that stand 12 dB over the room) to the first sample of the answer
at the speaker, plus the latencies that the browser tells of both devices. When a fading "n" or "r"
is over is a matter of definition; `--sharp` cuts the questions off in mid-vowel. The local figures
say what the loop adds; they are not OpenAI's.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import measure, sounds
from benchmarks.harness import BUILD_FOLDER, KEY, Stage, assistant, talking_engines, visit
from benchmarks.measure import percentile
from benchmarks.shaping import PROFILES, Profile, relay_in_thread
from benchmarks.tables import load_average, save, table
from tests.browser.served_app import free_port, serve
from tests.listening import find, resample
from tests.speech import resample_double, say
from voice_loop.latency.budget import BUDGET
from voice_loop.local.options import LocalOptions
from voice_loop.protocol.events import MetricsUpdate

QUESTIONS = (
    "What is the weather like today?",
    "How far is it to the station?",
    "When does the museum open?",
    "Can you tell me something about the river?",
    "Which train should I take?",
)
ANSWER = ("I would have to look that up.",)
GAIN = 0.4
BED_DBFS = -58.0
OVER_BED_DB = 12.0
PATIENCE_MS = 15_000
THINK_MS = 150.0
LEGS = ("both", "browser", "provider")
NO_NETWORK = PROFILES["none"]
FIGURES = ("ttfb_ms", "turn_latency_ms", "voice_to_voice_ms", "relay_up_ms", "relay_down_ms")


@dataclasses.dataclass(frozen=True)
class Turn:
    """One question and its answer."""

    network: str
    question: str
    recorded_ms: float | None
    """By the recorded audio alone: end of the question to the answer's first sample, plus the
    latencies of both devices."""
    figures: dict[str, float]
    """The product's own."""

    @property
    def disagreement_ms(self) -> float | None:
        """The product's voice to voice, less what the recording says."""
        shown = self.figures.get("voice_to_voice_ms")
        return None if shown is None or self.recorded_ms is None else shown - self.recorded_ms


def ask(stage: Stage, network: str, text: str, *, sharp: bool = False) -> Turn:
    """Ask, and wait until the answer is over."""
    lab = stage.lab
    question = resample_double(say(text))
    if sharp:
        question = measure.sharp(question, sounds.RATE_HZ)
    lab.load(text, question, sounds.RATE_HZ)
    state = lab.state()
    rate = state.rate
    stage.wire.events.clear()
    first = lab.play(text, GAIN)
    heard = lab.take(first - rate // 10, first + len(question) * rate // sounds.RATE_HZ + rate // 4)
    arrived = heard.first + find(lab_rate(question, rate), heard.microphone).lag
    last = measure.audible_end(question * GAIN, sounds.RATE_HZ, BED_DBFS + OVER_BED_DB)
    end = arrived + last * rate // sounds.RATE_HZ
    started = lab.next_start(state.frame, PATIENCE_MS)
    _wait_until_over(stage)
    recorded_ms = None
    if started is not None:
        recorded_ms = (started - end) * 1000 / rate
        recorded_ms += lab.input_latency_ms() + lab.output_latency_ms()
    return Turn(network, text, recorded_ms, _figures(stage))


def lab_rate(samples: sounds.Samples, rate_hz: int) -> sounds.Samples:
    """At the rate of the page's audio context."""
    return samples if rate_hz == sounds.RATE_HZ else resample(samples, sounds.RATE_HZ, rate_hz)


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


def converse(stage: Stage, network: str, turns: int, *, sharp: bool) -> list[Turn]:
    """Questions in turn. The first one warms up and does not count."""
    stage.lab.load("bed", sounds.bed("pink", 10.0, BED_DBFS, seed=1), sounds.RATE_HZ)
    stage.lab.bed("bed", 1.0)
    ask(stage, network, QUESTIONS[-1])
    done = []
    for number in range(turns):
        turn = ask(stage, network, QUESTIONS[number % len(QUESTIONS)], sharp=sharp)
        print(f"  {network:8} recorded {turn.recorded_ms} {turn.figures}", flush=True)
        done.append(turn)
    return done


@contextlib.contextmanager
def everything(profile: Profile, leg: str, think_ms: float) -> Iterator[Stage]:
    """App, assistant, two relays and a browser of their own."""
    page_port = free_port()
    to_browser = profile if leg in ("both", "browser") else NO_NETWORK
    to_provider = profile if leg in ("both", "provider") else NO_NETWORK
    options = LocalOptions(api_keys=frozenset({KEY}), think_ms=think_ms)
    engines = functools.partial(talking_engines, ANSWER)
    with (
        tempfile.TemporaryDirectory() as folder,
        assistant(engines, options) as base_url,
        relay_in_thread(_port(base_url), to_provider, seed=2) as provider,
        relay_in_thread(page_port, to_browser) as shaped,
        serve(
            Path(folder) / "app.log",
            {
                "VOICE_PROVIDER": "openai",
                "OPENAI_API_KEY": KEY,
                "OPENAI_BASE_URL": f"http://127.0.0.1:{provider}/v1",
                "VOICE_WS_URL": f"ws://localhost:{shaped}/voice",
                "REFLEX_WEB_WORKDIR": BUILD_FOLDER,
            },
            page_port=page_port,
        ) as app,
        visit(app.url) as stage,
    ):
        yield stage


def _port(url: str) -> int:
    port = urllib.parse.urlsplit(url).port
    assert port is not None
    return port


def column(turns: list[Turn]) -> dict[str, Any]:
    """One network's percentiles, each beside its target."""
    made: dict[str, Any] = {"network": turns[0].network, "turns": len(turns)}
    for name in FIGURES:
        values = [turn.figures[name] for turn in turns if name in turn.figures]
        limits = {target.percent: target.limit_ms for target in BUDGET if target.figure == name}
        made |= {f"{name} n": len(values)}
        for percent in (50, 95):
            wanted = f" (< {limits[percent]:.0f})" if percent in limits else ""
            made[f"{name} p{percent}{wanted}"] = percentile(values, percent / 100)
    recorded = [turn.recorded_ms for turn in turns if turn.recorded_ms is not None]
    made["recorded p50"] = percentile(recorded, 0.5)
    made["recorded p95"] = percentile(recorded, 0.95)
    apart = [turn.disagreement_ms for turn in turns if turn.disagreement_ms is not None]
    made["voice to voice - recorded p50"] = percentile(apart, 0.5)
    made["|voice to voice - recorded| p95"] = percentile([abs(one) for one in apart], 0.95)
    return made


def columns(turns: list[Turn]) -> list[dict[str, Any]]:
    """All networks."""
    names = dict.fromkeys(turn.network for turn in turns)
    return [column([turn for turn in turns if turn.network == name]) for name in names]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="eight turns on two networks")
    parser.add_argument("--turns", type=int)
    parser.add_argument("--networks", nargs="+", choices=list(PROFILES))
    parser.add_argument(
        "--leg", choices=LEGS, default="both", help="which sockets the network is on"
    )
    parser.add_argument("--think-ms", type=float, default=THINK_MS, help="a model's delay")
    parser.add_argument("--sharp", action="store_true", help="questions that end in mid-vowel")
    parser.add_argument("--merge", nargs="+", type=Path, help="results to show as one table")
    return parser.parse_args()


def earlier(paths: list[Path]) -> list[Turn]:
    """The turns of results that were written before."""
    read = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return [Turn(**turn) for result in read for turn in result["turns"]]


def main() -> None:
    """Run and tell."""
    options = parse()
    if options.merge:
        print(table("loop latency", columns(earlier(options.merge))))
        return
    networks = options.networks or (["none", "80±20"] if options.quick else list(PROFILES))
    count = options.turns or (8 if options.quick else 50)
    turns: list[Turn] = []
    for name in networks:
        with everything(PROFILES[name], options.leg, options.think_ms) as stage:
            turns += converse(stage, name, count, sharp=options.sharp)
    print(table(f"loop latency (load average {load_average()})", columns(turns)))
    result = {
        "leg": options.leg,
        "sharp": options.sharp,
        "think_ms": options.think_ms,
        "columns": columns(turns),
        "turns": [dataclasses.asdict(turn) for turn in turns],
    }
    print(f"\n{save('loop_latency', result)}")


if __name__ == "__main__":
    main()

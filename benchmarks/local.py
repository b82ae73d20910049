"""The offline assistant in numbers: how soon it answers, how well it hears, how many it can serve.

    python -m benchmarks.local --quick         a minute or two
    python -m benchmarks.local                 some ten minutes
    python -m benchmarks.local --turns 200     memory over a long conversation

The server runs in a process of its own; questions are said by espeak-ng's voices and the bundled
one, in real time. "Beyond the window" is what the assistant itself adds to the silence that proves
the end of a turn. An underrun is audio that came later than a player without reserve needed it.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import numpy as np

from benchmarks import sounds
from benchmarks.local_peer import Turn, peer
from benchmarks.measure import active_level_db, percentile
from benchmarks.tables import load_average, save, table
from tests.listening import Samples, resample
from tests.speech import say
from voice_loop.local.brain.numbers import with_digits
from voice_loop.local.detector import SileroDetector
from voice_loop.local.ear import voice_in
from voice_loop.local.recogniser import MoonshineRecogniser

ROOT: Final = Path(__file__).resolve().parents[1]
WINDOW_MS: Final = 500
BUNDLED: Final = "bundled"
VOICES: Final = (BUNDLED, "en-us", "en-gb-x-rp", "en-us+f3")
NOISE_SNR_DB: Final = 10.0
QUESTIONS: Final = (
    "What is seventeen plus twenty five?",
    "What time is it?",
    "How many days until Christmas?",
    "What is nine times eight?",
    "How many kilometers are ten miles?",
    "What day is it tomorrow?",
)
SENTENCES: Final = (
    *QUESTIONS,
    "Please turn on the light in the kitchen.",
    "I would like to book a table for four people on Friday evening.",
    "The train to the airport leaves at half past nine.",
    "Could you tell me how the weather will be at the weekend?",
    "My sister has two small children and a big black dog.",
    "No, that is not what I wanted to know.",
    "Say that again, please.",
    "Let us talk about something else now.",
)
TARGETS: Final = {"beyond_window_p50_ms": 150, "wer_clean": 0.05, "wer_noise": 0.18}


def spoken(text: str, voice: str, rate_hz: int) -> Samples:
    """`text` by a voice, at a normal level."""
    if voice == BUNDLED:
        samples, from_hz = say(text), 24_000
    else:
        samples, from_hz = sounds.spoken(text, voice), sounds.RATE_HZ
    return np.asarray(resample(samples, from_hz, rate_hz) * 0.4, np.float32)


@functools.cache
def question(text: str, voice: str) -> bytes:
    """24 kHz s16le."""
    return (np.clip(spoken(text, voice, 24_000), -1, 1) * 32767).astype("<i2").tobytes()


class Host:
    """The server's process, asked through its pipes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def ask(self, what: str) -> dict[str, Any]:
        """`load` or `report`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._line())
        return answer


@contextmanager
def served() -> Iterator[Host]:
    """A host that ends with the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.local_host"], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:  # fmt: skip
        try:
            yield Host(process)
        finally:
            process.terminate()


async def hold(port: int, turns: int, seed: int, found: list[Turn]) -> None:
    """One conversation; pauses between its turns are as long as the answers, and some more."""
    dice = random.Random(seed)
    async with peer(port, WINDOW_MS) as person:
        await anyio.sleep(0.3 + dice.uniform(0, 2.0))
        for number in range(turns):
            text = QUESTIONS[(seed + number) % len(QUESTIONS)]
            turn = await person.talk(question(text, VOICES[(seed + number) % len(VOICES)]))
            found.append(turn)
            await anyio.sleep(min(turn.audio_s, 2.0) * dice.uniform(0.2, 1.0))


async def hold_together(port: int, count: int, turns: int) -> list[Turn]:
    """`count` conversations at once."""
    found: list[Turn] = []
    async with anyio.create_task_group() as tasks:
        for seed in range(count):
            tasks.start_soon(hold, port, turns, seed, found)
    return found


def figures_of(turns: Sequence[Turn]) -> dict[str, Any]:
    """Latencies of the turns that were answered; all in milliseconds."""
    answered = [turn for turn in turns if turn.first_audio is not None and turn.stopped is not None]
    whole = [(turn.first_audio - turn.speech_end) * 1000 for turn in answered if turn.first_audio]
    after = [
        (turn.first_audio - turn.stopped) * 1000
        for turn in answered
        if turn.first_audio and turn.stopped
    ]
    p50 = percentile(whole, 0.5)
    return {
        "turns": len(turns),
        "unanswered": len(turns) - len(answered),
        "speech_end_to_audio_p50_ms": p50,
        "speech_end_to_audio_p95_ms": percentile(whole, 0.95),
        "beyond_window_p50_ms": None if p50 is None else p50 - WINDOW_MS,
        "turn_end_to_audio_p50_ms": percentile(after, 0.5),
        "turn_end_to_audio_p95_ms": percentile(after, 0.95),
        "underruns": sum(turn.underruns for turn in turns),
    }


def measure_parallel(host: Host, count: int, turns: int) -> dict[str, Any]:
    """Figures of `count` conversations, with what they cost the server."""
    for number in range(len(QUESTIONS) * len(VOICES)):
        # Made before the clock runs: speaking takes the processor too.
        question(QUESTIONS[number % len(QUESTIONS)], VOICES[number % len(VOICES)])
    before = host.ask("report")
    began = anyio.run(anyio_now)
    found = anyio.run(hold_together, host.port, count, turns)
    wall_s = anyio.run(anyio_now) - began
    after = host.ask("report")
    return {
        "conversations": count,
        **figures_of(found),
        "cores": (after["cpu_s"] - before["cpu_s"]) / wall_s,
        "lag_p99_ms": after["lag_p99_ms"],
        "lag_max_ms": after["lag_max_ms"],
        "rss_mib": after["rss_mib"],
        "load_average": load_average(),
    }


async def anyio_now() -> float:
    """The clock of the measurements."""
    return anyio.current_time()


def words(text: str) -> list[str]:
    """Lower case, numbers as figures, no punctuation."""
    return re.findall(r"[a-z0-9']+", " ".join(with_digits(text.replace("+", " plus "))).lower())


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Substitutions, deletions and insertions."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        corner, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (word != other))
    return row[-1]


def with_noise(speech: Samples, snr_db: float, seed: int) -> Samples:
    """White noise below the level of the sounding parts."""
    level = 10 ** ((active_level_db(speech, 16_000) - snr_db) / 20)
    noise = np.random.default_rng(seed).normal(0, level, len(speech))
    return np.asarray(speech + noise, np.float32)


def measure_hearing(sentences: Sequence[str]) -> list[dict[str, Any]]:
    """Word error rates, a row for each voice and one for all."""
    recogniser, detector = MoonshineRecogniser(), SileroDetector()
    rows, totals = [], {"words": 0, "clean": 0, "noise": 0}
    for voice in VOICES:
        counts = {"words": 0, "clean": 0, "noise": 0}
        for number, text in enumerate(sentences):
            # As a turn comes out of the buffer: some of what was before it, and the pause.
            clip = np.pad(spoken(text, voice, 16_000), (4_800, 3_200))
            said = words(text)
            counts["words"] += len(said)
            for kind, sound in {
                "clean": clip,
                "noise": with_noise(clip, NOISE_SNR_DB, number),
            }.items():
                heard = recogniser.recognise(sound, voice_in(sound, detector))
                counts[kind] += word_errors(said, words(heard))
        rows.append(_rates(voice, counts))
        totals = {name: totals[name] + count for name, count in counts.items()}
    return [*rows, _rates("all", totals)]


def _rates(voice: str, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "voice": voice,
        "words": counts["words"],
        "wer_clean": counts["clean"] / counts["words"],
        "wer_noise": counts["noise"] / counts["words"],
    }


async def open_sessions(host: Host, count: int) -> dict[str, Any]:
    """Memory with `count` idle sessions open."""
    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(_idle, host.port)
        await anyio.sleep(3.0)
        state = host.ask("report")
        tasks.cancel_scope.cancel()
    return state


async def _idle(port: int) -> None:
    async with peer(port, WINDOW_MS):
        await anyio.sleep_forever()


def measure_memory(host: Host, turns: int) -> dict[str, Any]:
    """Once, per session, and over `turns` of one conversation."""
    began = host.ask("report")["rss_mib"]
    idle = anyio.run(open_sessions, host, 10)["rss_mib"]
    found: list[Turn] = []
    anyio.run(hold, host.port, turns // 4, 1, found)
    quarter = host.ask("report")["rss_mib"]
    anyio.run(hold, host.port, turns - turns // 4, 2, found)
    return {
        "before_mib": began,
        "per_idle_session_mib": (idle - began) / 10,
        "turns": len(found),
        "after_a_quarter_mib": quarter,
        "at_the_end_mib": host.ask("report")["rss_mib"],
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """All measurements."""
    result: dict[str, Any] = {"load_average_before": load_average(), "window_ms": WINDOW_MS}
    sentences = SENTENCES[:7] if arguments.quick else SENTENCES
    with served() as host:
        bare = host.ask("report")
        loaded = host.ask("load")
        result["load"] = {
            "load_ms": loaded["load_ms"],
            "rss_before_mib": bare["rss_mib"],
            "rss_after_mib": loaded["rss_mib"],
            "lag_p99_ms": loaded["lag_p99_ms"],
            "lag_max_ms": loaded["lag_max_ms"],
        }
        turns = 3 if arguments.quick else 10
        result["parallel"] = [
            measure_parallel(host, count, turns) for count in arguments.conversations
        ]
        if not arguments.quick or arguments.turns:
            result["memory"] = measure_memory(host, arguments.turns or 20)
    result["hearing"] = measure_hearing(sentences)
    return result


def show(result: Mapping[str, Any]) -> None:
    """The tables."""
    print(table("Loading", [result["load"]]))
    print(table(f"Conversations at once, window {WINDOW_MS} ms", result["parallel"]))
    if "memory" in result:
        print(table("Memory", [result["memory"]]))
    print(table("Hearing: word error rate", result["hearing"]))


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer turns and sentences")
    parser.add_argument("--turns", type=int, default=0, help="turns of the memory measurement")
    parser.add_argument("--conversations", type=int, nargs="*", default=[1, 4, 8])
    result = run(parser.parse_args(arguments))
    show(result)
    print(f"\nwritten to {save('local', result)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

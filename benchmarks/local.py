"""The offline assistant in numbers: how soon it answers, how well it hears, how many it can serve.

    python -m benchmarks.local --quick         a minute or two
    python -m benchmarks.local                 some ten minutes
    python -m benchmarks.local --turns 200     memory over a long conversation

The server runs in a process of its own; questions are said by flite's voices and the bundled one,
in real time. "Beyond the window" is what the assistant itself adds to the silence that proves
the end of a turn. An underrun is audio that came later than a player without reserve needed it.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import numpy as np

from benchmarks.local_hearing import (
    BUNDLED,
    FLITE,
    NATURAL,
    QUESTIONS,
    SYNTHESISERS,
    installed,
    measure_hearing,
    spoken,
)
from benchmarks.local_peer import Turn, peer
from benchmarks.measure import percentile
from benchmarks.tables import load_average, save, table

ROOT: Final = Path(__file__).resolve().parents[1]
WINDOW_MS: Final = 500
HASTE: Final = 8.0
SPEAKERS: Final = (BUNDLED, *FLITE)


@functools.cache
def question(number: int) -> bytes:
    """The questions and their speakers take turns; 24 kHz s16le."""
    speakers = [voice for voice in SPEAKERS if installed(voice)]
    text, voice = QUESTIONS[number % len(QUESTIONS)], speakers[number % len(speakers)]
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
            turn = await person.talk(question(seed + number))
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
    for number in range(count + turns):
        # Made before the clock runs: speaking takes the processor too.
        question(number)
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


async def memory_over_turns(host: Host, turns: int) -> list[float]:
    """MiB after each quarter of one conversation, which goes faster than life."""
    found: list[float] = []
    async with peer(host.port, WINDOW_MS, HASTE) as person:
        for number in range(1, turns + 1):
            await person.talk(question(number))
            if number * 4 // turns > len(found):
                found.append(host.ask("report")["rss_mib"])
    return found


def measure_memory(host: Host, turns: int) -> dict[str, Any]:
    """Once, per session, and over `turns` of one conversation."""
    before = host.ask("report")["rss_mib"]
    idle = anyio.run(open_sessions, host, 10)["rss_mib"]
    quarters = anyio.run(memory_over_turns, host, turns)
    return {
        "before_mib": before,
        "per_idle_session_mib": (idle - before) / 10,
        "turns": turns,
        **{f"after_{number}_quarters_mib": mib for number, mib in enumerate(quarters, 1)},
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """All measurements."""
    result: dict[str, Any] = {"load_average_before": load_average(), "window_ms": WINDOW_MS}
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
    result["hearing"] = measure_hearing(arguments.quick)
    result["absent_voices"] = [voice for voice in (*NATURAL, *SYNTHESISERS) if not installed(voice)]
    return result


def show(result: Mapping[str, Any]) -> None:
    """The tables."""
    print(table("Loading", [result["load"]]))
    print(table(f"Conversations at once, window {WINDOW_MS} ms", result["parallel"]))
    if "memory" in result:
        print(table("Memory", [result["memory"]]))
    print(table("Hearing: word error rate", result["hearing"]))
    if result["absent_voices"]:
        print(f"not installed: {', '.join(result['absent_voices'])}")


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

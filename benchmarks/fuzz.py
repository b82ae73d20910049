"""Hostile pages: random and mutated frames against a live endpoint.

    python -m benchmarks.fuzz                       20 000 frames
    python -m benchmarks.fuzz --frames 1000000      the long run

A real server (granian) with real sockets; sessions have a scripted provider that answers. Sockets
come with and without tickets, send what a broken or hostile page might, and leave in every way. One
well-behaved conversation runs beside them all the time and must not notice. Afterwards: no
traceback, no `internal` error, no task, descriptor or session left behind.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import anyio.abc
from websockets.exceptions import ConnectionClosed, WebSocketException

from benchmarks import footprint
from benchmarks.tables import load_average, save, table
from tests.server.hosts import ORIGIN, Host, serve
from tests.server.voice_client import VoiceClient
from voice_loop.config import Limits, Settings
from voice_loop.errors import ERRORS
from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import encode_client
from voice_loop.providers import base
from voice_loop.providers import scripted as script
from voice_loop.server.mount import VoiceServer

WORKERS: Final = 6
SPEECH: Final = bytes(24_000)
LIMITS: Final = Limits(resume_ms=50, start_timeout_ms=2_000, max_sessions=64)
ODD: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 0.5, 2**53, 2**53 + 1, 1e308, -1e308, "", "x", "\x00", "\ud800", "x" * 5_000,
    [], {}, [[]], {"type": "x"},
)  # fmt: skip


def answering() -> script.ScriptedProvider:
    """A provider that answers each request with half a second of speech."""
    numbers = iter(range(1, 1_000_000))

    def react(command: script.Command) -> list[base.ProviderEvent]:
        if not isinstance(command, script.CreateResponse):
            return []
        number = next(numbers)
        response, item = f"r{number}", f"a{number}"
        return [
            base.ResponseStarted(response),
            base.OutputStarted(response, item),
            base.OutputTranscript(response, item, "Hello there"),
            base.OutputAudio(response, item, SPEECH),
            base.OutputAudioDone(response, item),
            base.OutputTranscript(response, item, "", True, "Hello there"),
            base.ResponseDone(response, "completed"),
        ]

    return script.ScriptedProvider(react=react)


class Frames:
    """Frames as a broken or hostile page might send them."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._seq = 0

    def next(self) -> str | bytes:
        """One frame; about a third are right."""
        chance = self._chance
        kind = chance.random()
        if kind < 0.35:
            return self._right()
        if kind < 0.70:
            return self._mutated(self._right())
        if kind < 0.80:
            return chance.randbytes(chance.choice((0, 1, 15, 16, 17, 64, 976)))
        if kind < 0.85:
            return b"\x01\x01" + chance.randbytes(chance.randrange(64))
        if kind < 0.90:
            return "".join(chr(chance.randrange(1, 0x2FF)) for _ in range(chance.randrange(64)))
        if kind < 0.93:
            depth = chance.choice((10, 1_000, 7_000))
            return chance.choice(("[", '{"a":')) * depth
        if kind < 0.995:
            return json.dumps({"type": chance.choice(ODD), "seq": chance.choice(ODD)})
        return chance.choice((b"\x01\x01" + bytes(20_000), "y" * 17_000))

    def _right(self) -> str | bytes:
        self._seq += self._chance.choice((1, 1, 1, 1, 0, 5))
        if self._chance.random() < 0.3:
            return encode_client(wire.AudioChunk(0, 0, self._number(), bytes(960), seq=self._seq))
        return json.dumps(self._body(self._chance.choice(wire.CLIENT_EVENTS)))

    def _body(self, cls: type[Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"type": cls.TYPE}
        for entry in dataclasses.fields(cls):
            body[entry.name] = self._value(entry.name, str(entry.type))
        return {**body, "seq": self._seq}

    def _value(self, name: str, kind: str) -> Any:
        chance = self._chance
        if name == "phase":
            return chance.choice(("candidate", "confirmed", "rejected", "ended", "playing"))
        if "bool" in kind:
            return chance.random() < 0.5
        if "int" in kind or "float" in kind:
            return self._number()
        if kind == "BargeInSource":
            return chance.choice(("speech", "stop", "press", "text"))
        if "options" in name.lower() or "Resume" in kind:
            return None if "Resume" in kind else {}
        return chance.choice(("Hello", "no, wait", "", "a.b", "x" * 50))

    def _number(self) -> int:
        return self._chance.choice((0, 1, 2, 3, 20, 480, 1_000, 100_000, 2**31))

    def _mutated(self, frame: str | bytes) -> str | bytes:
        chance = self._chance
        if isinstance(frame, bytes):
            changed = bytearray(frame)
            for _ in range(chance.randrange(1, 4)):
                changed[chance.randrange(min(24, len(changed)))] = chance.randrange(256)
            return bytes(changed[: chance.choice((len(changed), chance.randrange(len(changed))))])
        body = json.loads(frame)
        how = chance.randrange(4)
        if how == 0:
            del body[chance.choice(list(body))]
        elif how == 1:
            body[chance.choice(list(body))] = chance.choice(ODD)
        elif how == 2:
            return frame[: chance.randrange(len(frame))]
        else:
            return frame.replace(":", chance.choice((":NaN,", ":-", "::", ": ")), 1)
        return json.dumps(body)


@dataclass
class Outcome:
    """What a run did and saw."""

    frames: int = 0
    sockets: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    """Errors and tracebacks in the log, unknown codes, internal errors: all must stay away."""
    beside: list[float] = field(default_factory=list)
    """Milliseconds of each turn of the well-behaved conversation."""
    leaks: list[str] = field(default_factory=list)
    growth_kb: int = 0
    seconds: float = 0.0


class _Listener(logging.Handler):
    """Whatever is logged as an error, anywhere in the process."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(logging.WARNING)
        self._outcome = outcome

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self._outcome.complaints.append(f"log: {record.name}: {record.getMessage()}"[:300])


async def run(frames: int, seed: int = 1) -> Outcome:
    """Throw `frames` frames at a server of our own."""
    outcome = Outcome()
    listener = _Listener(outcome)
    logging.getLogger().addHandler(listener)
    server = VoiceServer(Settings(limits=LIMITS), provider_factory=answering)
    began_s = time.monotonic()
    try:
        async with serve(server) as host:
            await _warm_up(host, outcome, seed)
            before = footprint.take()
            done = anyio.Event()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_behave, host, outcome, done)
                async with anyio.create_task_group() as hostile:
                    for number in range(WORKERS):
                        chance = random.Random(seed * 1_000 + number)
                        hostile.start_soon(_attack, host, outcome, frames, chance)
                done.set()
            after = await footprint.settled(before)
            outcome.leaks = after.leaks_since(before)
            outcome.growth_kb = after.rss_kb - before.rss_kb
    finally:
        logging.getLogger().removeHandler(listener)
    outcome.seconds = time.monotonic() - began_s
    return outcome


async def _warm_up(host: Host, outcome: Outcome, seed: int) -> None:
    """What is made once and kept (caches, a codec's tables) is no leak."""
    for number in range(5):
        await _socket(host, Outcome(), Frames(random.Random(seed + number)), 40, admitted=True)
    for _ in range(100):
        if not host.server.manager.sessions:
            break
        await anyio.sleep(0.05)
    outcome.complaints.clear()


async def _attack(host: Host, outcome: Outcome, frames: int, chance: random.Random) -> None:
    while outcome.frames < frames:
        count = chance.choice((1, 5, 20, 60, 150))
        admitted = chance.random() < 0.85
        await _socket(host, outcome, Frames(chance), count, admitted=admitted, chance=chance)


async def _socket(
    host: Host,
    outcome: Outcome,
    frames: Frames,
    count: int,
    *,
    admitted: bool,
    chance: random.Random | None = None,
) -> None:
    """One socket's life: frames until it has enough or is thrown out."""
    chance = chance or random.Random(0)
    outcome.sockets += 1
    visitor = f"v{outcome.sockets}"
    ticket = host.server.issue_ticket(visitor, ORIGIN, visitor) if admitted else None
    with suppress(ExceptionGroup, WebSocketException, OSError):
        async with VoiceClient.open(host.url, ticket=ticket, origin=ORIGIN) as client:
            with suppress(ConnectionClosed):
                for _ in range(count):
                    if client.close_code is not None:
                        break
                    await client.send_raw(frames.next())
                    outcome.frames += 1
                with anyio.move_on_after(chance.choice((0, 0.01, 0.1))):
                    await client.closed()
            if chance.random() < 0.3:
                client.drop()
            await client.close()
            _note(client, outcome)


def _note(client: VoiceClient, outcome: Outcome) -> None:
    for error in client.all_of(wire.ErrorEvent):
        outcome.codes[error.code] += 1
        if error.code not in ERRORS or error.code == "internal":
            outcome.complaints.append(f"told: {error.code}")
    if client.close_code is not None:
        outcome.closes[client.close_code] += 1
        if client.close_code == 1011:
            outcome.complaints.append("closed with 1011")


async def _behave(host: Host, outcome: Outcome, done: anyio.Event) -> None:
    """The conversation beside: turn after turn, each whole, none with an error."""
    ticket = host.server.issue_ticket("good", ORIGIN, "good")
    async with VoiceClient.open(host.url, ticket=ticket, origin=ORIGIN) as client:
        turn = 0
        while not done.is_set():
            turn += 1
            began_s = time.monotonic()
            await client.send(wire.InputText("Hello"))
            end = await client.expect(wire.AudioEnd)
            pcm = sum(len(c.pcm) for c in client.all_of(wire.AudioChunk) if c.turn == turn)
            if (end.turn, end.reason, pcm) != (turn, "completed", len(SPEECH)):
                outcome.complaints.append(f"beside: turn {turn} came as {end}, {pcm} bytes")
            outcome.beside.append((time.monotonic() - began_s) * 1_000)
            await client.report(turn, 0, "finished", 500)
            await client.ping()
            client.events = [e for e in client.events if not isinstance(e, wire.AudioChunk)]
            client._read = len(client.events)
            await anyio.sleep(0.02)
        if client.all_of(wire.ErrorEvent):
            outcome.complaints.append("beside: an error was told")


def main() -> int:
    """Run, print, save; the exit code says whether it was clean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    outcome = anyio.run(run, wanted.frames, wanted.seed)
    turns = sorted(outcome.beside)
    row = {
        "frames": outcome.frames,
        "sockets": outcome.sockets,
        "seconds": round(outcome.seconds),
        "turns beside": len(turns),
        "their median, ms": turns[len(turns) // 2],
        "closed with": dict(sorted(outcome.closes.items())),
        "told": dict(outcome.codes.most_common()),
        "tracebacks and internal errors": len(outcome.complaints),
        "left behind": ", ".join(outcome.leaks) or "nothing",
        "memory, kB": outcome.growth_kb,
    }
    print(table("Hostile pages", [row]))
    print(f"load average {load_average()}")
    for complaint in outcome.complaints[:20]:
        print(complaint)
    save("fuzz", {**row, "complaints": outcome.complaints[:100]})
    return 1 if outcome.complaints or outcome.leaks else 0


if __name__ == "__main__":
    raise SystemExit(main())

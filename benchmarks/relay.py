"""What the relay costs: time and CPU, against a bare echo route on the same server.

    python -m benchmarks.relay --quick      one and eight sessions, a few seconds each
    python -m benchmarks.relay              1, 8, 32 and 64 sessions

Each session sends a 20 ms chunk every 20 ms and gets one back, as in a conversation in which both
sides speak at once. The bare route is measured in turn with it, with the same chunks on the same
server process. Times are of one monotonic clock, read by the sender and the receiver of a frame, so
they hold two sockets and two schedulers besides the relay; what the relay says of itself (received
→ handed on) stands beside them. CPU is that of the server's worker process, from the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from benchmarks.relay_host import ORIGIN, PROVIDER_VARIABLE, settings
from benchmarks.relay_peer import STAMP
from benchmarks.tables import load_average, save, table
from tests.browser.served_app import free_port
from voice_loop.audio.pcm import SAMPLE_RATE_HZ, samples_to_ms
from voice_loop.latency.percentiles import nearest_rank
from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import encode_client
from voice_loop.protocol.frames import HEADER
from voice_loop.providers.scripted import ScriptedProviders
from voice_loop.server.mount import VoiceServer

ROOT: Final = Path(__file__).resolve().parents[1]
CHUNK_SAMPLES: Final = SAMPLE_RATE_HZ // 50
CHUNK_S: Final = 0.02
WARM_UP_S: Final = 1.5
OPEN_EVERY_S: Final = 0.04
"""The server lets few sockets of one address wait for admission."""
CALM_S: Final = 0.5
"""For the sessions of a round to end on the server, too."""
REPORT_EVERY: Final = 5
"""Chunks: a page reports every 100 ms while playing."""
PING_EVERY: Final = 100
BUFFERED_MS: Final = 100
START_TIMEOUT_S: Final = 30.0
TARGET_SESSIONS: Final = 8
TARGET_MS: Final = 5.0
TARGET_RATIO: Final = 2.5
REST: Final = bytes(2 * CHUNK_SAMPLES - STAMP.size)


@dataclasses.dataclass
class Phase:
    """What one route did with a number of sessions."""

    up_ms: list[float] = dataclasses.field(default_factory=list)
    down_ms: list[float] = dataclasses.field(default_factory=list)
    both_ms: list[float] = dataclasses.field(default_factory=list)
    late_ms: list[float] = dataclasses.field(default_factory=list)
    """How late the load itself was: beyond a few milliseconds its figures are its own."""
    cpu_s: float = 0.0
    measured_s: float = 0.0
    measuring: bool = False

    def heard(self, stamped: bytes) -> None:
        """A chunk came back."""
        if not self.measuring:
            return
        now_ms = time.monotonic() * 1000
        sent_ms, up_ms = STAMP.unpack_from(stamped)
        if up_ms:
            self.up_ms.append(up_ms)
            self.down_ms.append(now_ms - sent_ms)
            self.both_ms.append(up_ms + now_ms - sent_ms)
        else:
            self.both_ms.append(now_ms - sent_ms)


class Phases:
    """The same route, several times."""

    def __init__(self) -> None:
        self._phases: list[Phase] = []

    def add(self, phase: Phase) -> None:
        self._phases.append(phase)

    def all(self, name: Literal["up_ms", "down_ms", "both_ms", "late_ms"]) -> list[float]:
        return [value for phase in self._phases for value in getattr(phase, name)]

    def cost(self, sessions: int) -> list[float]:
        """CPU milliseconds a session-second, one a round."""
        return [1000 * one.cpu_s / (sessions * one.measured_s) for one in self._phases]

    @property
    def measured_s(self) -> float:
        return sum(phase.measured_s for phase in self._phases)


def percentile(values: list[float], percent: float) -> float | None:
    return nearest_rank(sorted(values), percent) if values else None


def stamped_chunk() -> bytes:
    return STAMP.pack(time.monotonic() * 1000, 0.0) + REST


async def every_chunk(
    offset_s: float, phase: Phase, send: Callable[[int], Awaitable[None]]
) -> None:
    """`send(number)` every 20 ms, on a grid that does not slip."""
    # On one grid for all, however long each took to open.
    begin_s = (time.monotonic() // CHUNK_S + 1) * CHUNK_S + offset_s
    number = 0
    while True:
        due_s = begin_s + number * CHUNK_S
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        if phase.measuring:
            phase.late_ms.append((time.monotonic() - due_s) * 1000)
        await send(number)
        number += 1


class Page:
    """One session of the product, played by the load."""

    def __init__(self, socket: ClientConnection, phase: Phase) -> None:
        self._socket = socket
        self._phase = phase
        self._seq = 0
        self._received_seq = 0
        self._received_samples = 0
        self._turn = 0

    async def begin(self, ticket: str) -> None:
        """Open a session and let the assistant speak."""
        await self._socket.send(encode_client(wire.SessionStart(0.0, ticket)))
        await self._until("session.ready")
        await self._send(wire.InputText("go", seq=self._next()))

    async def _until(self, kind: str) -> None:
        async for frame in self._socket:
            if isinstance(frame, str) and json.loads(frame)["type"] == kind:
                return

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    async def _send(self, event: wire.ClientEvent) -> None:
        await self._socket.send(encode_client(event))

    async def send(self, number: int) -> None:
        """A chunk; and what a page says besides."""
        chunk = wire.AudioChunk(0, 0, number * CHUNK_SAMPLES, stamped_chunk(), self._next())
        await self._send(chunk)
        if number % REPORT_EVERY == 0 and self._turn:
            played_ms = max(0.0, samples_to_ms(self._received_samples) - BUFFERED_MS)
            await self._send(
                wire.PlaybackReport(
                    self._turn, 0, "playing", played_ms, BUFFERED_MS, 0, 0, 20,
                    time.monotonic() * 1000, received_seq=self._received_seq, seq=self._next(),
                )
            )  # fmt: skip
        if number % PING_EVERY == 0:
            await self._send(wire.ClockPing(number, 0.0, 0.0, 1.0, received_seq=self._received_seq))

    async def listen(self) -> None:
        """Take what comes; the audio is measured."""
        async for frame in self._socket:
            if isinstance(frame, str):
                self._received_seq = max(self._received_seq, json.loads(frame).get("seq", 0))
                continue
            _, _, _, seq, self._turn, _ = HEADER.unpack_from(frame)
            self._received_seq = seq
            self._received_samples += (len(frame) - HEADER.size) // 2
            self._phase.heard(frame[HEADER.size :])


async def talk(url: str, ticket: str, offset_s: float, wait_s: float, phase: Phase) -> None:
    """One session of the product until cancelled."""
    await asyncio.sleep(wait_s)
    async with connect(
        f"{url}/voice", origin=Origin(ORIGIN), subprotocols=[Subprotocol(wire.SUBPROTOCOL)],
        compression=None, close_timeout=0.5,
    ) as socket:  # fmt: skip
        page = Page(socket, phase)
        await page.begin(ticket)
        await _both(page.listen(), every_chunk(offset_s, phase, page.send))


async def bounce(url: str, offset_s: float, phase: Phase) -> None:
    """One session of the bare route until cancelled."""
    async with connect(f"{url}/echo", compression=None, close_timeout=0.5) as socket:

        async def send(number: int) -> None:
            await socket.send(HEADER.pack(1, 1, 0, number, 0, 0) + stamped_chunk())

        async def listen() -> None:
            async for frame in socket:
                assert isinstance(frame, bytes)
                phase.heard(frame[HEADER.size :])

        await _both(listen(), every_chunk(offset_s, phase, send))


async def _both(*works: Awaitable[None]) -> None:
    with contextlib.suppress(ConnectionClosed):
        await asyncio.gather(*works)


async def measure(
    worker: psutil.Process, seconds: float, works: Sequence[Callable[[Phase], Awaitable[None]]]
) -> Phase:
    """Let all of them run, warm up, and look for `seconds`."""
    phase = Phase()
    tasks = [asyncio.ensure_future(work(phase)) for work in works]
    try:
        await asyncio.sleep(WARM_UP_S + len(works) * OPEN_EVERY_S)
        before, began_s = worker.cpu_times(), time.monotonic()
        phase.measuring = True
        await asyncio.sleep(seconds)
        phase.measuring = False
        after = worker.cpu_times()
        phase.measured_s = time.monotonic() - began_s
        phase.cpu_s = after.user + after.system - before.user - before.system
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    failed = [task for task in tasks if task.done() and not task.cancelled() and task.exception()]
    if failed:
        raise RuntimeError(f"{len(failed)} sessions broke") from failed[0].exception()
    await asyncio.sleep(CALM_S)
    return phase


@contextlib.contextmanager
def running(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ours; asked to end, then made to."""
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'custom_components'}", **environment},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[tuple[str, psutil.Process]]:
    """Peer and server; the server's address and its worker process."""
    peer_port, port = free_port(), free_port()
    peer = [sys.executable, "-m", "benchmarks.relay_peer", str(peer_port)]
    granian = [
        sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--workers", "1",
        "--host", "127.0.0.1", "--port", str(port), "--no-log", "benchmarks.relay_host:make_app",
    ]  # fmt: skip
    provider = {PROVIDER_VARIABLE: f"http://127.0.0.1:{peer_port}/v1"}
    with running(peer) as first, running(granian, **provider) as process:
        assert first.stdout is not None
        await asyncio.to_thread(first.stdout.readline)
        await asyncio.to_thread(_until_up, port)
        (worker,) = _workers(process.pid)
        yield f"127.0.0.1:{port}", worker


def _workers(pid: int) -> list[psutil.Process]:
    """The processes that serve, without Python's resource tracker."""
    children = psutil.Process(pid).children()
    return [one for one in children if "resource_tracker" not in " ".join(one.cmdline())]


def _until_up(port: int) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            _figures(f"127.0.0.1:{port}")
            return
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def _figures(address: str) -> dict[str, dict[str, float]]:
    with urllib.request.urlopen(f"http://{address}/figures", timeout=5) as response:
        found: dict[str, dict[str, float]] = json.load(response)
        return found


async def compare(sessions: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Both routes in turn with as many sessions, on one fresh server, `rounds` times."""
    issuer = VoiceServer(settings(), provider_factory=ScriptedProviders())
    bare, relay = Phases(), Phases()
    step_s = CHUNK_S / sessions
    async with served() as (address, worker):
        url = f"ws://{address}"
        for number in range(rounds):
            echoes = [partial(bounce, url, i * step_s) for i in range(sessions)]
            bare.add(await measure(worker, seconds, echoes))
            talks = []
            for i in range(sessions):
                ticket = issuer.issue_ticket(f"page{number}.{i}", ORIGIN, "192.0.2.1")
                talks.append(partial(talk, url, ticket, i * step_s, i * OPEN_EVERY_S))
            relay.add(await measure(worker, seconds, talks))
        own = await asyncio.to_thread(_figures, address)
    return row_of(sessions, bare, relay, own)


def row_of(
    sessions: int, bare: Phases, relay: Phases, own: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """The figures of one number of sessions."""
    ratios = [
        ours / floor
        for ours, floor in zip(relay.cost(sessions), bare.cost(sessions), strict=True)
        if floor
    ]
    expected = sessions * relay.measured_s / CHUNK_S
    return {
        "sessions": sessions,
        "own up p95 ms": own.get("relay_up_ms", {}).get("p95"),
        "own down p95 ms": own.get("relay_down_ms", {}).get("p95"),
        "up p50 ms": percentile(relay.all("up_ms"), 50),
        "up p95 ms": percentile(relay.all("up_ms"), 95),
        "down p50 ms": percentile(relay.all("down_ms"), 50),
        "down p95 ms": percentile(relay.all("down_ms"), 95),
        "bare there and back p50 ms": percentile(bare.all("both_ms"), 50),
        "bare there and back p95 ms": percentile(bare.all("both_ms"), 95),
        "relay CPU ms/s": statistics.median(relay.cost(sessions)),
        "bare CPU ms/s": statistics.median(bare.cost(sessions)),
        "CPU ratio": statistics.median(ratios) if ratios else None,
        "chunks back %": 100 * len(relay.all("down_ms")) / expected,
        "load late p95 ms": percentile(relay.all("late_ms"), 95),
        "machine load": load_average(),
    }


def verdicts_of(rows: list[dict[str, Any]]) -> list[str]:
    """The targets, on the row they are set for."""
    said = []
    for row in rows:
        if row["sessions"] != TARGET_SESSIONS:
            continue
        worst = max(row["own up p95 ms"] or 0.0, row["own down p95 ms"] or 0.0)
        said.append(_verdict("own p95 each way", worst, TARGET_MS, " ms"))
        if row["CPU ratio"] is not None:
            said.append(_verdict("CPU against the bare route", row["CPU ratio"], TARGET_RATIO, "x"))
    return said


def _verdict(what: str, value: float, limit: float, unit: str) -> str:
    word = "met" if value <= limit else "missed"
    return f"{TARGET_SESSIONS} sessions, {what}: {value:.2f}{unit}, target {limit:g}{unit}: {word}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="one and eight sessions, briefly")
    parser.add_argument("--sessions", type=int, nargs="+", default=None)
    parser.add_argument("--seconds", type=float, default=None, help="a round of one route")
    parser.add_argument("--rounds", type=int, default=None)
    given = parser.parse_args()
    counts = given.sessions or ([1, 8] if given.quick else [1, 8, 32, 64])
    seconds = given.seconds or (3.0 if given.quick else 5.0)
    rounds = given.rounds or (2 if given.quick else 3)
    rows = []
    for count in counts:
        rows.append(asyncio.run(compare(count, seconds, rounds)))
        print(f"  {count} sessions: {rows[-1]}", flush=True)
    verdicts = verdicts_of(rows)
    print(table("Relay against a bare echo route", rows))
    print("\n".join(verdicts))
    result = {"rows": rows, "verdicts": verdicts, "seconds": seconds, "rounds": rounds}
    print(f"-> {save('relay', result)}")


if __name__ == "__main__":
    main()

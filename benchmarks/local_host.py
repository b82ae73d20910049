"""The server side of `local.py`, in a process of its own, so that its memory and CPU are its own.

    python -m benchmarks.local_host

Prints its port, then answers each line of its input with a line of JSON: `load` loads the models,
`report` tells memory, CPU time and how late the event loop was since the last report.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Final

import anyio
import psutil
from anyio import to_thread

from voice_loop.config import Settings
from voice_loop.local.brain import make_responder
from voice_loop.local.engines import real_engines
from voice_loop.local.options import LocalOptions
from voice_loop.local.server import LocalServer, serve

TICK_S: Final = 0.005
MIB: Final = 1024 * 1024


class LagWatch:
    """How much later than asked the loop wakes up, every 5 ms."""

    def __init__(self) -> None:
        self.lags_ms: list[float] = []

    async def run(self) -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await anyio.sleep(TICK_S)
            self.lags_ms.append((time.perf_counter() - due) * 1000)

    def take(self) -> list[float]:
        """What was measured since the last time, sorted."""
        taken, self.lags_ms = sorted(self.lags_ms), []
        return taken


def report(watch: LagWatch, server: LocalServer, load_ms: float | None) -> dict[str, float | None]:
    """Memory in MiB, CPU time in seconds, lag in milliseconds."""
    process = psutil.Process()
    used = process.cpu_times()
    lags = watch.take()

    def share(part: float) -> float | None:
        return round(lags[int(part * (len(lags) - 1))], 2) if lags else None

    return {
        "rss_mib": round(process.memory_info().rss / MIB, 1),
        "cpu_s": round(used.user + used.system, 3),
        "lag_p50_ms": share(0.5),
        "lag_p99_ms": share(0.99),
        "lag_max_ms": share(1.0),
        "sessions": server.sessions,
        "load_ms": load_ms,
    }


async def host() -> None:
    """Serve until the input ends."""
    watch = LagWatch()
    options = LocalOptions(max_sessions=64)
    responder = make_responder(Settings())
    async with (
        serve(options, lambda: real_engines(responder)) as server,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(watch.run)
        print(server.port, flush=True)
        while line := await to_thread.run_sync(sys.stdin.readline):
            load_ms = None
            if line.strip() == "load":
                began = time.perf_counter()
                await server.load()
                load_ms = round((time.perf_counter() - began) * 1000, 1)
            print(json.dumps(report(watch, server, load_ms)), flush=True)
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(host)

"""Blocking work for many sessions on few threads: who runs dry first is served first.

A job comes with the instant by which its result is needed; among those that wait, the earliest
goes first, and of equals the one that came first. A worker is free again when its thread is, not
when the caller loses interest, so that no more than the given number ever run.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, cast

import anyio
from anyio import to_thread

_T = TypeVar("_T")


class Workers:
    """At most `count` jobs at once, in the order in which they are due."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: list[tuple[float, int, anyio.Event]] = []
        self._numbers = itertools.count()
        # Wider than the count: an abandoned thread gives this place back before it has ended.
        self._threads = anyio.CapacityLimiter(2 * count)

    @property
    def waiting(self) -> int:
        """Jobs that wait for a worker."""
        return len(self._waiting)

    async def run(self, job: Callable[[], _T], due: float) -> _T:
        """Run blocking `job` in a thread. `due`: when its result is needed, in seconds of anyio's
        clock. Cancelled at once: the thread finishes by itself and its result is dropped."""
        await self._turn(due)
        loop = asyncio.get_running_loop()
        begun = threading.Lock()

        def work() -> _T | None:
            if not begun.acquire(blocking=False):
                return None
            try:
                return job()
            finally:
                # The loop may be gone by the time an abandoned thread ends.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._next)

        try:
            result = await to_thread.run_sync(work, limiter=self._threads, abandon_on_cancel=True)
        finally:
            if begun.acquire(blocking=False):
                self._next()
        return cast("_T", result)

    async def _turn(self, due: float) -> None:
        if self._free and not self._waiting:
            self._free -= 1
            return
        place = (due, next(self._numbers), anyio.Event())
        heapq.heappush(self._waiting, place)
        try:
            await place[2].wait()
        except BaseException:
            if place[2].is_set():
                self._next()
            else:
                self._waiting.remove(place)
                heapq.heapify(self._waiting)
            raise

    def _next(self) -> None:
        if self._waiting:
            heapq.heappop(self._waiting)[2].set()
        else:
            self._free += 1

"""SIGTERM and SIGINT: end the sessions in order, then let the server do what it would have done.

The server (granian) cuts the sockets before the lifespan ends, so the sessions must be told before.
The server's own handler is kept and called when the grace is over; a second signal calls it now.
Where signals cannot be taken over (another thread, an unknown loop), the lifespan's end has to do.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger(__name__)


@asynccontextmanager
async def drain_on_signals(drain: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """While the body runs, a signal drains first. Restores what it found."""
    loop = asyncio.get_running_loop()
    former = {number: _handler_of(loop, number) for number in SIGNALS}
    taken: list[signal.Signals] = []
    async with anyio.create_task_group() as group:
        handler = _Drainer(drain, former)
        group.start_soon(handler.run)
        for number in SIGNALS:
            if former[number] is None:
                continue
            try:
                loop.add_signal_handler(number, handler.signalled, number)
            except (NotImplementedError, RuntimeError, ValueError):
                logger.debug("signal %s cannot be taken over here", number.name)
            else:
                taken.append(number)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)
                _restore(loop, number, former[number])
            group.cancel_scope.cancel()


class _Drainer:
    """Counts the signals: the first drains, the next does not wait."""

    def __init__(
        self,
        drain: Callable[[], Awaitable[None]],
        former: dict[signal.Signals, Callable[[], None] | None],
    ) -> None:
        self._drain = drain
        self._former = former
        self._first: signal.Signals | None = None
        # A task waits from the start: a signal handler runs in no task and could begin none.
        self._signalled = anyio.Event()

    def signalled(self, number: signal.Signals) -> None:
        if self._first is not None:
            self._pass_on(number)
            return
        self._first = number
        logger.info("%s: ending the sessions", number.name)
        self._signalled.set()

    async def run(self) -> None:
        await self._signalled.wait()
        try:
            await self._drain()
        finally:
            if self._first is not None:
                self._pass_on(self._first)

    def _pass_on(self, number: signal.Signals) -> None:
        call = self._former[number]
        if call is not None:
            call()


def _handler_of(
    loop: asyncio.AbstractEventLoop, number: signal.Signals
) -> Callable[[], None] | None:
    """What would happen at this signal, as a call; None when it cannot be kept."""
    # asyncio has no public way to read a loop's handler; without it granian could not be kept.
    handles = getattr(loop, "_signal_handlers", None)
    if isinstance(handles, dict) and number in handles:
        handle = handles[number]
        return lambda: handle._run()
    python = signal.getsignal(number)
    if not callable(python):
        return None
    return lambda: _call_python(python, number)


def _call_python(handler: Callable[..., object], number: signal.Signals) -> None:
    handler(int(number), None)


def _restore(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, call: Callable[[], None] | None
) -> None:
    if call is not None:
        loop.add_signal_handler(number, call)

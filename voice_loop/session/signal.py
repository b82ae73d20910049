"""A wake-up call for a task that looks at state: set from anywhere, waited for by one reader.

Unlike an Event of anyio it can be used again; unlike a queue it holds nothing. The reader looks at
the state first and waits afterwards, without an await between, so that no call is lost. It is on
the way of every chunk: asyncio's event costs a tenth of making a new one each time.
"""

from __future__ import annotations

import asyncio


class Signal:
    """Not thread safe: everything happens on one event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Return soon if it was set since the last wait returned; others run in any case."""
        if self._event.is_set():
            await asyncio.sleep(0)
        else:
            await self._event.wait()
        self._event.clear()

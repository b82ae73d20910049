"""A wake-up call for a task that looks at state: set from anywhere, waited for by one reader.

Unlike an Event it can be used again; unlike a queue it holds nothing. The reader looks at the state
first and waits afterwards, without an await between, so that no call is lost.
"""

from __future__ import annotations

import anyio


class Signal:
    """Not thread safe: everything happens on one event loop."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Return at once if it was set since the last wait returned."""
        await self._event.wait()
        self._event = anyio.Event()

"""Watchers of a session: tasks beside it that read its bus, and may fail without harm.

They listen before the first fact is told, and have a bounded moment after the last to write down
what they read. A failure is logged by its place: the words of an exception may quote a person.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

from voice_loop.session.signal import Signal

if TYPE_CHECKING:
    from voice_loop.session.session import Session
    from voice_loop.session.session_config import Watcher

GRACE_MS: Final = 1_000

logger = logging.getLogger(__name__)


@asynccontextmanager
async def watching(session: Session, watchers: Sequence[Watcher]) -> AsyncIterator[None]:
    """Run the watchers while the body runs, and a little longer."""
    left = Signal()
    running = len(watchers)

    async def watch(watcher: Watcher) -> None:
        nonlocal running
        try:
            await watcher(session)
        except Exception as error:
            # A boundary: who only looks on must not end the conversation.
            log_failure(logger, session.id, error)
        finally:
            running -= 1
            left.set()

    async with anyio.create_task_group() as group:
        for watcher in watchers:
            group.start_soon(watch, watcher)
        await anyio.lowlevel.checkpoint()
        yield
        with anyio.move_on_after(GRACE_MS / 1000):
            while running:
                await left.wait()
        group.cancel_scope.cancel()


def log_failure(to: logging.Logger, session_id: str, error: BaseException) -> None:
    """Name the kind and the place of a failure, never its words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
    to.error("session %s: %s at %s", session_id, type(error).__name__, place)

"""What a process holds: tasks, file descriptors, objects of a session, memory.

Taken before and after a run and compared: what a run leaves behind is a leak. Objects are counted
after a full collection, so that what only waits for it does not count.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from typing import Final

import anyio
import psutil

from voice_loop.providers.scripted import ScriptedProvider
from voice_loop.server.channel import WebSocketChannel
from voice_loop.session.conversation import Conversation
from voice_loop.session.session import Session

COUNTED: Final = (Session, Conversation, WebSocketChannel, ScriptedProvider)


@dataclass(frozen=True, slots=True)
class Footprint:
    """At one moment."""

    tasks: int
    descriptors: int
    objects: int
    """Living sessions, conversations, channels and providers."""
    rss_kb: int

    def leaks_since(self, before: Footprint) -> list[str]:
        """What there is more of now, memory apart: it is judged by its slope."""
        names = ("tasks", "descriptors", "objects")
        return [
            f"{name}: {getattr(before, name)} -> {getattr(self, name)}"
            for name in names
            if getattr(self, name) > getattr(before, name)
        ]


def take() -> Footprint:
    """Of this process, now."""
    gc.collect()
    process = psutil.Process()
    living = sum(isinstance(thing, COUNTED) for thing in gc.get_objects())
    return Footprint(
        len(asyncio.all_tasks()), process.num_fds(), living, process.memory_info().rss // 1024
    )


async def settled(before: Footprint, looks: int = 100) -> Footprint:
    """The footprint as soon as nothing is left of a run, or after so many looks, 0.1 s apart."""
    after = take()
    for _ in range(looks):
        if not after.leaks_since(before):
            break
        await anyio.sleep(0.1)
        after = take()
    return after

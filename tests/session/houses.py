"""A manager with scripted providers, and pages in memory that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.abc
import anyio.lowlevel

from tests.session.fakes import MemoryChannel
from voice_loop.config import Limits
from voice_loop.latency.clock import Clock, MonotonicClock
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.providers.retry import RetryPolicy
from voice_loop.providers.scripted import ScriptedProvider, ScriptedProviders
from voice_loop.session.manager import Plan, SessionManager
from voice_loop.session.operations import AppOperation
from voice_loop.session.session import Session
from voice_loop.session.session_config import Watcher, refuse_commands
from voice_loop.session.tools import ToolRunner, no_tools

SETTINGS = base.SessionSettings("Be kind.", "marin")
SPEECH = bytes(48_000)
QUICK = RetryPolicy(retries=3, first_delay_ms=1, max_delay_ms=1, jitter=0)


@dataclass
class House:
    """The manager and what a test needs around it."""

    manager: SessionManager
    providers: ScriptedProviders
    tasks: anyio.abc.TaskGroup
    reasons: list[str] = field(default_factory=list)
    """Why each served socket ended, in order."""
    _served: anyio.Event = field(default_factory=anyio.Event)

    def open(
        self,
        token: str = "page",
        address: str = "203.0.113.7",
        options: wire.StartOptions | None = None,
    ) -> Session:
        return self.manager.open(token, address, SETTINGS, options or wire.StartOptions())

    def connect(self, session: Session, received_seq: int | None = None) -> MemoryChannel:
        """A page that is served from now on."""
        channel = MemoryChannel()
        self.tasks.start_soon(self._serve, session, channel, received_seq)
        return channel

    async def _serve(
        self, session: Session, channel: MemoryChannel, received_seq: int | None
    ) -> None:
        self.reasons.append(await session.serve(channel, received_seq))
        channel.close_streams()
        self._served.set()
        self._served = anyio.Event()

    async def enter(self, token: str = "page") -> tuple[Session, MemoryChannel, ScriptedProvider]:
        """Open, connect, be ready."""
        count = len(self.providers.made) + 1
        session = self.open(token)
        channel = self.connect(session)
        await channel.expect(wire.SessionReady)
        return session, channel, await self.providers.wait_for(count)

    async def reason(self, number: int = 1) -> str:
        """Why the `number`-th socket that ended did."""
        with anyio.fail_after(30):
            while len(self.reasons) < number:
                await self._served.wait()
        return self.reasons[number - 1]

    async def empty(self) -> None:
        """Wait until no session is left."""
        with anyio.fail_after(30):
            while self.manager.sessions:
                await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def house(
    *providers: ScriptedProvider,
    limits: Limits | None = None,
    clock: Clock | None = None,
    tools: ToolRunner = no_tools,
    watchers: Sequence[Watcher] = (),
    operations: dict[str, AppOperation] | None = None,
    retry: RetryPolicy | None = None,
) -> AsyncIterator[House]:
    """A running manager; everything it made is closed on the way out."""
    made = ScriptedProviders(*providers)

    def verify(session_id: str, command: str) -> AppOperation:
        if operations is None or command not in operations:
            return refuse_commands(session_id, command)
        return operations[command]

    manager = SessionManager(
        Plan(
            made,
            clock or MonotonicClock(),
            limits or Limits(),
            tools=tools,
            verify_command=verify,
            watchers=watchers,
            retry=retry or QUICK,
        )
    )
    async with anyio.create_task_group() as tasks:
        async with manager.running():
            yield House(manager, made, tasks)
        assert manager.sessions == ()
        assert all(provider.closed for provider in made.made)
        tasks.cancel_scope.cancel()


def answer(response: str = "r1", item: str = "a1") -> list[base.ProviderEvent]:
    """One second of speech, complete."""
    return [
        base.ResponseStarted(response),
        base.OutputStarted(response, item),
        base.OutputTranscript(response, item, "Hello there"),
        base.OutputAudio(response, item, SPEECH),
        base.OutputAudioDone(response, item),
        base.OutputTranscript(response, item, "", True, "Hello there"),
        base.ResponseDone(response, "completed"),
    ]


def report(
    turn: int, phase: wire.PlaybackPhase, played_ms: float, received_seq: int = 0
) -> wire.PlaybackReport:
    return wire.PlaybackReport(turn, 0, phase, played_ms, 0, 0, 0, 10, 1, received_seq=received_seq)

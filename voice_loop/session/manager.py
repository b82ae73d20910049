"""All sessions of this process: who gets in, who is found again, and the end of all of them.

Admission is bounded by sessions, by address, and by talking time a day; a session is found by its
id (a resume) or by the client token of the page it belongs to (the app). A page has one session: a
second one replaces the first. It knows neither tickets nor sockets; `server` checks those before.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.abc

from voice_loop.config import Limits
from voice_loop.errors import AdmissionError
from voice_loop.latency.clock import Clock
from voice_loop.protocol.events import Resume, StartOptions
from voice_loop.providers.base import ProviderFactory, SessionSettings
from voice_loop.providers.retry import RetryPolicy
from voice_loop.session.session import Session
from voice_loop.session.session_config import (
    CommandVerifier,
    SessionConfig,
    Watcher,
    refuse_commands,
)
from voice_loop.session.signal import Signal
from voice_loop.session.tools import ToolRunner, no_tools
from voice_loop.session.usage import DailyUsage

STOP_MS: Final = 2_000
"""What ending the sessions themselves may take, inside of the grace."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What all sessions of a server have in common."""

    provider_factory: ProviderFactory
    clock: Clock
    limits: Limits
    tools: ToolRunner = no_tools
    verify_command: CommandVerifier = refuse_commands
    watchers: Sequence[Watcher] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class SessionManager:
    """Runs sessions between `running()`'s entry and exit."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sessions: dict[str, Session] = {}
        self._by_token: dict[str, Session] = {}
        self._usage = DailyUsage(plan.clock)
        self._tasks: anyio.abc.TaskGroup | None = None
        self._draining = False
        self._left = Signal()

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those that live now."""
        return tuple(self._sessions.values())

    @property
    def accepting(self) -> bool:
        return self._tasks is not None and not self._draining

    def find(self, client_token: str) -> Session | None:
        """The live session of a page, if this process holds it."""
        return self._by_token.get(client_token)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Own the sessions' tasks; on exit end them all, bounded."""
        async with anyio.create_task_group() as group:
            self._tasks = group
            self._draining = False
            try:
                yield
            finally:
                with anyio.move_on_after(STOP_MS / 1000, shield=True):
                    await self.drain(0)
                self._tasks = None
                group.cancel_scope.cancel()

    def admit(self, address: str) -> None:
        """Raises AdmissionError when no session may be opened from `address` now."""
        limits = self._plan.limits
        if not self.accepting:
            raise AdmissionError("server_restarting")
        from_there = sum(1 for s in self._sessions.values() if s.address == address)
        if len(self._sessions) >= limits.max_sessions or from_there >= limits.max_per_address:
            raise AdmissionError("at_capacity")
        if self._left_today_ms(address) <= 0:
            raise AdmissionError("daily_limit")

    def learn_usage(self, address: str, elsewhere_ms: float) -> None:
        """What an address used of its day on other workers."""
        self._usage.learn(address, elsewhere_ms)
        self._share_day(address)

    def _left_today_ms(self, address: str) -> float:
        cap_ms = self._plan.limits.max_minutes_per_day * 60_000
        if not cap_ms:
            return float("inf")
        running_ms = sum(s.age_ms for s in self._sessions.values() if s.address == address)
        return cap_ms - self._usage.used_ms(address) - running_ms

    def _share_day(self, address: str) -> None:
        """Sessions of one address use up its day together: each ends when all have used it up."""
        left_ms = self._left_today_ms(address)
        theirs = [s for s in self._sessions.values() if s.address == address]
        longest_ms = self._plan.limits.max_session_ms
        for session in theirs if math.isfinite(left_ms) else ():
            last_ms = session.age_ms + left_ms / len(theirs)
            code = "daily_limit" if last_ms < longest_ms else "session_limit"
            session.limit(min(last_ms, longest_ms), code)

    def open(
        self, client_token: str, address: str, settings: SessionSettings, options: StartOptions
    ) -> Session:
        """A new session, running. Raises AdmissionError."""
        former = self._by_token.pop(client_token, None)
        if former is not None:
            # Its place is free for the one that replaces it.
            former.end("replaced")
            self._sessions.pop(former.id, None)
        self.admit(address)
        assert self._tasks is not None
        if options.turn_detection == "push_to_talk":
            settings = dataclasses.replace(settings, voice_activity=None)
        elif settings.voice_activity is None:
            options = dataclasses.replace(options, turn_detection="push_to_talk")
        left_ms = self._left_today_ms(address)
        plan = self._plan
        session = Session(
            SessionConfig(
                id=secrets.token_urlsafe(12),
                client_token=client_token,
                address=address,
                settings=settings,
                options=options,
                limits=plan.limits,
                max_session_ms=min(plan.limits.max_session_ms, left_ms),
                provider_factory=plan.provider_factory,
                clock=plan.clock,
                tools=plan.tools,
                verify_command=plan.verify_command,
                watchers=plan.watchers,
                retry=plan.retry,
            )
        )
        self._sessions[session.id] = session
        self._by_token[client_token] = session
        self._share_day(address)
        self._tasks.start_soon(self._run, session)
        return session

    async def _run(self, session: Session) -> None:
        logger.info("session %s opened", session.id)
        try:
            await session.run()
        finally:
            self._usage.add(session.address, session.age_ms)
            self._sessions.pop(session.id, None)
            self._share_day(session.address)
            if self._by_token.get(session.client_token) is session:
                del self._by_token[session.client_token]
            self._left.set()
            logger.info("session %s ended: %s", session.id, session.end_code)

    def resume(self, resume: Resume) -> Session:
        """The session a broken socket belonged to. Raises AdmissionError."""
        session = self._sessions.get(resume.session_id)
        if session is None:
            raise AdmissionError("not_here")
        if not session.opens(resume.resume_key) or not session.can_resume(resume.received_seq):
            raise AdmissionError("resume_refused")
        return session

    async def drain(self, grace_ms: float | None = None) -> None:
        """Let nobody in; end each session as soon as it is silent, all when the grace is over."""
        self._draining = True
        grace_ms = self._plan.limits.drain_ms if grace_ms is None else grace_ms
        with anyio.move_on_after(max(0.0, grace_ms - STOP_MS) / 1000):
            while self._sessions:
                for session in self.sessions:
                    if session.phase == "listening" or not session.attached:
                        session.end("server_restarting")
                with anyio.move_on_after(0.1):
                    await self._left.wait()
        for session in self.sessions:
            session.end("server_restarting")
        with anyio.move_on_after(STOP_MS / 1000):
            while self._sessions:
                await self._left.wait()

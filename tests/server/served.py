"""A served VoiceServer with scripted providers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.server.hosts import Host, serve
from voice_loop.config import Limits, Settings
from voice_loop.providers.scripted import ScriptedProvider, ScriptedProviders
from voice_loop.server.desk import SessionHooks
from voice_loop.server.mount import VoiceServer
from voice_loop.server.signing import WallTime
from voice_loop.server.spent import SpentStore


@dataclass(frozen=True, slots=True)
class Served:
    """The host, and the providers its sessions talk to."""

    host: Host
    providers: ScriptedProviders

    @property
    def url(self) -> str:
        return self.host.url

    @property
    def server(self) -> VoiceServer:
        return self.host.server


@asynccontextmanager
async def served(
    *providers: ScriptedProvider,
    limits: Limits | None = None,
    hooks: SessionHooks | None = None,
    allowed_origins: Sequence[str] = ("*",),
    wall_time: WallTime | None = None,
    spent: SpentStore | None = None,
    secret: str | None = None,
) -> AsyncIterator[Served]:
    """On the way out nothing may be left: no session, no open provider."""
    made = ScriptedProviders(*providers)
    server = VoiceServer(
        Settings(limits=limits or Limits(), ticket_secret=secret),
        provider_factory=made,
        hooks=hooks,
        allowed_origins=allowed_origins,
        wall_time=wall_time or time.time,
        spent=spent,
    )
    async with serve(server) as host:
        yield Served(host, made)
    assert server.manager.sessions == ()
    assert all(provider.closed for provider in made.made)

"""A served VoiceServer with scripted providers, and what a socket at its door is told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from tests.server.hosts import ORIGIN, Host, serve
from tests.server.voice_client import VoiceClient
from voice_loop.config import Limits, Settings
from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import encode_client
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


async def refused(home: Served, first: str | bytes, origin: str | None = ORIGIN) -> tuple[str, int]:
    """What a socket that begins like this is told, and how it is closed."""
    async with VoiceClient.open(home.url, origin=origin) as client:
        await client.send_raw(first)
        error = await client.expect(wire.ErrorEvent)
        assert error.seq == 0
        return error.code, await client.closed()


def start(ticket: str | None = None, resume: wire.Resume | None = None) -> str | bytes:
    """A first frame."""
    return encode_client(wire.SessionStart(0, ticket, resume))


async def gone(home: Served) -> None:
    """Wait until no session is left."""
    manager = home.server.manager
    with anyio.fail_after(30):
        while manager.sessions:
            await manager._left.wait()

"""A host app around a VoiceServer, served by the real granian on a free port of this machine."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
import anyio.lowlevel
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.routing import Mount

from voice_loop.server.mount import VoiceServer

ORIGIN = "http://page.test"


@dataclass(frozen=True, slots=True)
class Host:
    """Where the server listens."""

    server: VoiceServer
    port: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{self.server.path}"

    def ticket(self, client_token: str = "page", origin: str = ORIGIN) -> str:
        return self.server.issue_ticket(client_token, origin, "203.0.113.7")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def host_app(server: VoiceServer) -> Starlette:
    """As Reflex composes it: an outer app with the lifespan, the voice app mounted at its root."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with server.lifespan():
            yield

    return Starlette(routes=[Mount("", app=server.app)], lifespan=lifespan)


@asynccontextmanager
async def serve(server: VoiceServer) -> AsyncIterator[Host]:
    """Serve it in this event loop, so that a test sees both ends."""
    port = free_port()
    app = host_app(server)
    granian = Server(
        app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False
    )
    stopped = anyio.Event()

    async def run() -> None:
        await granian.serve()
        stopped.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await listening(port)
        try:
            yield Host(server, port)
        finally:
            with anyio.move_on_after(10, shield=True):
                granian.stop()  # type: ignore[no-untyped-call]
                await stopped.wait()
            tasks.cancel_scope.cancel()


async def listening(port: int) -> None:
    """Wait until somebody takes connections. Granian's own threads tell nobody when they begin to
    listen: it is asked again as often as the loop turns."""
    with anyio.fail_after(30):
        while True:
            with suppress(OSError):
                stream = await anyio.connect_tcp("127.0.0.1", port)
                await stream.aclose()
                return
            await anyio.lowlevel.checkpoint()

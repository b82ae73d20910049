"""The server that comes with the app when there is no key: one per machine, whoever is first.

The first process to bind the loopback port serves all; the others use it, watch it, and the
quickest takes over when it ends. Models load in the background, so that a start stays quick.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import anyio

from voice_loop.config import Settings
from voice_loop.errors import ConfigError
from voice_loop.local.brain import make_responder
from voice_loop.local.engines import EngineLoader, Engines, check_installed, real_engines
from voice_loop.local.options import LocalOptions
from voice_loop.local.server import HEALTH_PATH, SERVER_NAME, LocalServer, serve

_log = logging.getLogger(__name__)
_WATCH_S: Final = 0.5
_HEALTH_TIMEOUT_S: Final = 2.0
_JOIN_TIMEOUT_S: Final = 4.0


@asynccontextmanager
async def embedded_server(
    settings: Settings, load: EngineLoader | None = None
) -> AsyncIterator[str]:
    """Have a local server for as long as the context lives; yields its base URL. `load` stands in
    for the real models. Raises ConfigError when the speech packages are missing or another program
    holds the port."""
    if load is None:
        check_installed()
    options = LocalOptions(port=settings.local_port, think_ms=settings.local_think_ms)
    keeper = _Keeper(options, load or _real(settings))
    async with AsyncExitStack() as stack:
        await keeper.claim_or_join(stack)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.keep, stack, name="keep the local server")
            try:
                yield f"ws://{options.host}:{options.port}/v1"
            finally:
                tasks.cancel_scope.cancel()


def _real(settings: Settings) -> EngineLoader:
    def load() -> Engines:
        return real_engines(make_responder(settings))

    return load


class _Keeper:
    """Serves, or waits until it may."""

    def __init__(self, options: LocalOptions, load: EngineLoader) -> None:
        self._options = options
        self._load = load
        self._server: LocalServer | None = None

    async def claim_or_join(self, stack: AsyncExitStack) -> None:
        """Serve, or find a server like this one. Raises ConfigError when there is neither."""
        with anyio.move_on_after(_JOIN_TIMEOUT_S):
            # Between the two questions the other process may have ended: ask again.
            while not await self._claim(stack):
                if await is_served(self._options.host, self._options.port):
                    return
                await anyio.sleep(0.05)
            return
        raise ConfigError(
            f"Port {self._options.port} is used by another program, so the offline assistant "
            "cannot listen there. Set VOICE_LOCAL_PORT to a free port."
        )

    async def _claim(self, stack: AsyncExitStack) -> bool:
        try:
            self._server = await stack.enter_async_context(serve(self._options, self._load))
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                raise
            return False
        return True

    async def keep(self, stack: AsyncExitStack) -> None:
        """Take over when the server that was joined is gone, then load the models."""
        while self._server is None:
            await anyio.sleep(_WATCH_S)
            if not await is_served(self._options.host, self._options.port):
                await self._claim(stack)
        try:
            await self._server.load()
        except ConfigError as problem:
            _log.error("the offline assistant cannot start: %s", problem.message)


async def is_served(host: str, port: int) -> bool:
    """A server of this kind answers there."""
    request = f"GET {HEALTH_PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    answer = b""
    with anyio.move_on_after(_HEALTH_TIMEOUT_S):
        try:
            async with await anyio.connect_tcp(host, port) as stream:
                await stream.send(request.encode("ascii"))
                while len(answer) < 4096:
                    answer += await stream.receive()
        except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
            pass
    _, _, body = answer.partition(b"\r\n\r\n")
    try:
        return bool(json.loads(body).get("server") == SERVER_NAME)
    except (ValueError, AttributeError):
        return False

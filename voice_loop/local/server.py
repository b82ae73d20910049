"""The listening side: handshake, authentication, one session per connection.

As the real service does, a bad key or model is answered after the handshake, with an `error` and a
close code. Loopback only unless told otherwise, and no web page may connect: browsers apply no
same-origin rule to WebSockets, but they name the page, and a named page is refused.
"""

from __future__ import annotations

import http
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.http11 import Response as HttpResponse

from voice_loop.errors import ConfigError
from voice_loop.local import events
from voice_loop.local.brain.builtin import BuiltinResponder
from voice_loop.local.engines import EngineLoader, EngineRoom, Engines, real_engines
from voice_loop.local.line import SocketLine
from voice_loop.local.options import Faults, LocalOptions
from voice_loop.local.session import Line, RealtimeSession

_log = logging.getLogger(__name__)
PATH: Final = "/v1/realtime"
HEALTH_PATH: Final = "/health"
SERVER_NAME: Final = "voice-loop-local"
MAX_FRAME_BYTES: Final = 21 * 1024 * 1024
"""15 MiB of audio in base64, and the frame around it."""
_KEEPALIVE_S: Final = 20.0


class LocalServer:
    """A server that listens; made by `serve`."""

    def __init__(self, options: LocalOptions, room: EngineRoom) -> None:
        self.options = options
        self._room = room
        self._listening: Server | None = None
        self._faults = options.faults
        self._faulty_left = options.faults.connections
        self.sessions = 0
        """Connections that are open."""

    @property
    def port(self) -> int:
        """The port it really listens on."""
        assert self._listening is not None
        return int(next(iter(self._listening.sockets)).getsockname()[1])

    @property
    def url(self) -> str:
        """Base for a Realtime client: `/realtime` is added by the client."""
        return f"ws://127.0.0.1:{self.port}/v1"

    @property
    def faults(self) -> Faults:
        """How connections to come misbehave; may be set at any time."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        self._faulty_left = faults.connections

    async def load(self) -> None:
        """Load the models now instead of with the first session. Raises ConfigError."""
        await self._room.engines()

    def _next_faults(self) -> Faults:
        if self._faulty_left is None:
            return self._faults
        if self._faulty_left == 0:
            return Faults()
        self._faulty_left -= 1
        return self._faults

    def check_handshake(
        self, connection: ServerConnection, request: Request
    ) -> HttpResponse | None:
        """An answer that ends the connection, or None to accept it."""
        path = urlsplit(request.path).path
        if path == HEALTH_PATH:
            return self._health()
        if path.rstrip("/") != PATH:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "Not found.\n")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self.options.origins:
            return connection.respond(
                http.HTTPStatus.FORBIDDEN, "Web pages may not use this server.\n"
            )
        if self.sessions >= self.options.max_sessions:
            return _refusal(503, 1.0)
        connection.faults = faults = self._next_faults()  # type: ignore[attr-defined]
        if faults.refuse_status is not None:
            return _refusal(faults.refuse_status, faults.retry_after_s)
        return None

    def _health(self) -> HttpResponse:
        state = {"server": SERVER_NAME, "loaded": self._room.loaded, "sessions": self.sessions}
        body = json.dumps(state).encode()
        headers = Headers(
            [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        )
        return HttpResponse(200, "OK", headers, body)

    async def handle(self, socket: ServerConnection) -> None:
        """One connection, from handshake to close."""
        faults: Faults = socket.faults  # type: ignore[attr-defined]
        line = SocketLine(socket, self.options.send_timeout_s, faults)
        self.sessions += 1
        try:
            await self._converse(socket, line, faults)
        except* ConnectionClosed:
            _log.debug("a client of the local server left without saying so")
        except* Exception as problems:
            _log.error("a session of the local server failed", exc_info=problems)
            await line.send(events.error("server_error", "The server failed.", kind="server_error"))
            await line.close(1011, "internal error")
        finally:
            self.sessions -= 1

    async def _converse(self, socket: ServerConnection, line: SocketLine, faults: Faults) -> None:
        if faults.silent_at_start:
            await socket.wait_closed()
            return
        model, code, message = self._judge(socket, faults)
        if code is not None:
            await line.send(events.error(code, message))
            close_code = faults.close_code if faults.error_at_start else _close_code(code)
            await line.close(close_code, f"invalid_request_error.{code}")
            return
        try:
            engines = await self._room.engines()
        except ConfigError as problem:
            await line.send(events.error("local_unavailable", problem.message, kind="server_error"))
            await line.close(1011, "server_error.local_unavailable")
            return
        session = RealtimeSession(
            Line(line.send, line.close),
            self._room,
            engines,
            replace(self.options, faults=faults),
            model,
        )
        await session.run(socket)

    def _judge(self, socket: ServerConnection, faults: Faults) -> tuple[str, str | None, str]:
        """Model, and the code and sentence of a refusal."""
        request = socket.request
        assert request is not None
        model = (parse_qs(urlsplit(request.path).query).get("model") or [""])[0]
        if faults.error_at_start is not None:
            return model, faults.error_at_start, "The server was told to refuse the session."
        if "OpenAI-Beta" in request.headers:
            return model, "beta_api_shape_disabled", "The beta of the Realtime API is gone."
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if self.options.api_keys is not None and token not in self.options.api_keys:
            return model, "invalid_api_key", "Incorrect API key provided."
        if not model:
            return model, "missing_model", "You must provide a model parameter."
        if self.options.models is not None and model not in self.options.models:
            return model, "invalid_model", f"Model '{model[:64]}' is not supported."
        return model, None, ""


def _close_code(code: str) -> int:
    return 3000 if code == "invalid_api_key" else 4000


def _refusal(status: int, retry_after_s: float | None) -> HttpResponse:
    body = json.dumps({"error": {"message": "Refused.", "code": "refused"}}).encode()
    headers = Headers([("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    if retry_after_s is not None:
        headers["Retry-After"] = f"{retry_after_s:g}"
    return HttpResponse(status, http.HTTPStatus(status).phrase, headers, body)


def _library_log() -> logging.Logger:
    """Of the library beneath; it tells a probe that connects and leaves with a traceback."""
    log = logging.getLogger("voice_loop.local.websockets")
    log.addFilter(_is_no_probe)  # Adding the same one again changes nothing.
    return log


def _is_no_probe(record: logging.LogRecord) -> bool:
    return record.msg != "opening handshake failed"


@asynccontextmanager
async def serve(
    options: LocalOptions | None = None, engines: Engines | EngineLoader | None = None
) -> AsyncIterator[LocalServer]:
    """Listen until the context ends. `engines` (or what loads them) are ready when the first
    session begins; the real models unless told otherwise. Raises OSError when the port is taken."""
    options = options or LocalOptions()

    def load() -> Engines:
        if engines is None:
            return real_engines(BuiltinResponder())
        return engines if isinstance(engines, Engines) else engines()

    server = LocalServer(options, EngineRoom(load))
    async with listen(
        server.handle,
        options.host,
        options.port,
        process_request=server.check_handshake,
        compression=None,
        max_size=MAX_FRAME_BYTES,
        ping_interval=_KEEPALIVE_S,
        ping_timeout=_KEEPALIVE_S * 2,
        close_timeout=2.0,
        server_header=SERVER_NAME,
        logger=_library_log(),
    ) as listening:
        server._listening = listening
        yield server


__all__ = ["Faults", "LocalOptions", "LocalServer", "serve"]

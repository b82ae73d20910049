"""The way of one socket: accept, first frame, admission or resume, session, close code.

The first frame is `session.start`, at most 16 kB, within 5 s. Every way out of here is a close code
of the table in `errors`; errors become close codes nowhere else. Nothing a page sends raises.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

import anyio
from starlette.websockets import WebSocket

from voice_loop.errors import ERRORS, AdmissionError, SessionClosed, VoiceLoopError, WireError
from voice_loop.latency.clock import Clock
from voice_loop.protocol.events import SUBPROTOCOL, SessionStart
from voice_loop.server.admission import client_address, place_of
from voice_loop.server.channel import WebSocketChannel
from voice_loop.server.desk import AdmissionDesk
from voice_loop.session.session import Session

MAX_UNADMITTED: Final = 128
"""Sockets that have not shown a ticket yet."""
MAX_UNADMITTED_PER_ADDRESS: Final = 32
NORMAL_CLOSE: Final = 1000

logger = logging.getLogger(__name__)


class VoiceEndpoint:
    """An ASGI endpoint for Starlette's WebSocketRoute."""

    def __init__(
        self,
        desk: AdmissionDesk,
        clock: Clock,
        start_timeout_ms: float,
        trusted_proxy_hops: int = 0,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._start_timeout_ms = start_timeout_ms
        self._trusted_proxy_hops = trusted_proxy_hops
        self._unadmitted: Counter[str] = Counter()

    async def __call__(self, websocket: WebSocket) -> None:
        """Serve one socket to its end."""
        if SUBPROTOCOL not in websocket.scope.get("subprotocols", ()):
            # Before accept: the client sees a refused handshake.
            await websocket.close(NORMAL_CLOSE)
            return
        await websocket.accept(subprotocol=SUBPROTOCOL)
        channel = WebSocketChannel(websocket, self._clock)
        code = "internal"
        try:
            code = await self._serve(websocket, channel)
        except VoiceLoopError as error:
            code = error.code
            await channel.refuse(error.code, error.message, error.recoverable)
        except Exception as error:
            # The connection's boundary. The kind alone: its words may quote the page.
            logger.error("socket failed: %s", type(error).__name__)
            await channel.refuse(code, ERRORS[code].message, ERRORS[code].recoverable)
        finally:
            await channel.close(close_code_of(code), code)

    async def _serve(self, websocket: WebSocket, channel: WebSocketChannel) -> str:
        """Until the socket or its session ends; the reason."""
        peer = websocket.client.host if websocket.client else ""
        address = client_address(peer, websocket.scope["headers"], self._trusted_proxy_hops)
        address = place_of(address)
        from_there = self._unadmitted[address]
        if from_there >= MAX_UNADMITTED_PER_ADDRESS or self._unadmitted.total() >= MAX_UNADMITTED:
            raise AdmissionError("at_capacity")
        self._unadmitted[address] += 1
        try:
            with anyio.fail_after(self._start_timeout_ms / 1000):
                start = await self._first_frame(channel)
                session = await self._session(websocket, start)
        except TimeoutError:
            raise AdmissionError("start_timeout") from None
        except SessionClosed:
            return "gone"
        finally:
            self._unadmitted[address] -= 1
            if not self._unadmitted[address]:
                del self._unadmitted[address]
        received_seq = start.resume.received_seq if start.resume else None
        return await session.serve(channel, received_seq)

    @staticmethod
    async def _first_frame(channel: WebSocketChannel) -> SessionStart:
        try:
            event = await channel.receive()
        except WireError as error:
            code = error.code if error.code == "frame_too_big" else "bad_start"
            raise AdmissionError(code) from None
        if not isinstance(event, SessionStart) or (event.ticket is None) == (event.resume is None):
            raise AdmissionError("bad_start")
        return event

    async def _session(self, websocket: WebSocket, start: SessionStart) -> Session:
        origin = websocket.headers.get("origin", "")
        if start.resume is not None:
            return self._desk.resume(start.resume, origin)
        return await self._desk.open(start.ticket or "", start.options, origin)


def close_code_of(reason: str) -> int:
    """The WebSocket close code for why a socket ends."""
    row = ERRORS.get(reason)
    if row is None:
        return NORMAL_CLOSE
    return row.close_code if row.close_code is not None else 1011

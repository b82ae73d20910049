"""One ASGI WebSocket as a session's channel: decoded, bounded in size and rate, closed once.

Facts of granian this stands on: a client that is gone is told by `receive` alone (`send` neither
raises nor waits); `close` does not return while a `receive` is pending and the client is silent, so
the reader has ended before `close` is called, and the close is bounded all the same.
"""

from __future__ import annotations

import logging
from typing import Final

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voice_loop.errors import SessionClosed, WireError
from voice_loop.latency.clock import Clock
from voice_loop.protocol.codec import decode_client, encode_server
from voice_loop.protocol.events import ClientEvent, ErrorEvent
from voice_loop.server.rate import FrameRate

CLOSE_MS: Final = 1_000

_CLOSED: Final = (WebSocketDisconnect, OSError, RuntimeError)
"""Starlette and servers say "closed" in several ways; all mean the same here."""

logger = logging.getLogger(__name__)


class WebSocketChannel:
    """Implements `session.page.ClientChannel`; not for several readers."""

    def __init__(self, websocket: WebSocket, clock: Clock) -> None:
        self._websocket = websocket
        self._clock = clock
        self._rate = FrameRate(clock.now_ms())
        self._gone = False

    async def receive(self) -> ClientEvent:
        """The next frame. Raises WireError for a bad one, SessionClosed when the page is gone."""
        if self._gone:
            raise SessionClosed("gone")
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self._gone = True
            raise SessionClosed("gone")
        text, data = message.get("text"), message.get("bytes")
        frame: str | bytes = text if text is not None else (data or b"")
        if not self._rate.allows(len(frame), self._clock.now_ms()):
            raise WireError("too_fast")
        return decode_client(frame)

    async def send(self, data: str | bytes) -> None:
        """Hand a frame to the server. Raises SessionClosed when the socket is closed."""
        if self._gone or self._websocket.application_state is not WebSocketState.CONNECTED:
            raise SessionClosed("gone")
        try:
            if isinstance(data, str):
                await self._websocket.send_text(data)
            else:
                await self._websocket.send_bytes(data)
        except _CLOSED:
            self._gone = True
            raise SessionClosed("gone") from None

    async def refuse(self, code: str, message: str, recoverable: bool) -> None:
        """Say why, before there is a session; bounded, and silent when the page is gone."""
        with anyio.move_on_after(CLOSE_MS / 1000):
            try:
                await self.send(encode_server(ErrorEvent(code, message, recoverable)))
            except SessionClosed:
                logger.debug("the page left before it was told %s", code)

    async def close(self, close_code: int, reason: str) -> None:
        """Close once; bounded and shielded, because it is the last thing on every way out."""
        if self._gone or self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        self._gone = True
        with anyio.move_on_after(CLOSE_MS / 1000, shield=True):
            try:
                await self._websocket.close(close_code, reason)
            except _CLOSED:
                logger.debug("the socket was closed already")

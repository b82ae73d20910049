"""The sending side of one connection: frames in order, bounded in time, wrong only on cue.

A client that takes nothing for `send_timeout_s` is cut off, so memory per client is what the socket
buffers. Once the connection is gone, sending is silent: the reader notices and ends the session.
"""

from __future__ import annotations

import json
import logging

import anyio
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from voice_loop.local.events import Event
from voice_loop.local.ids import new_id
from voice_loop.local.options import Faults

_log = logging.getLogger(__name__)
_CLOSE_TIMEOUT_S = 2.0


class SocketLine:
    """Sends events; `faults` decides which go missing or wrong."""

    def __init__(
        self, socket: ServerConnection, send_timeout_s: float, faults: Faults | None = None
    ) -> None:
        self._socket = socket
        self._send_timeout_s = send_timeout_s
        self._faults = faults or Faults()
        self._order = anyio.Lock()
        self._gone = False
        self._frames = 0
        self._audio_deltas = 0

    async def send(self, event: Event) -> None:
        """Send a frame whole: a cancelled caller is held until it is out."""
        with anyio.CancelScope(shield=True):
            async with self._order:
                if not self._gone:
                    await self._send_faulty(event)

    async def _send_faulty(self, event: Event) -> None:
        faults = self._faults
        if faults.stall_after_frames is not None and self._frames >= faults.stall_after_frames:
            return
        if self._frames == faults.malformed_after_frames:
            await self._send_text('{"type": "response.created", ')
        if self._frames == faults.unknown_event_after_frames:
            await self._send_text('{"type": "vendor.surprise", "event_id": "event_x", "n": 1}')
        self._frames += 1
        framed = {"type": event["type"], "event_id": new_id("event"), **event}
        await self._send_text(json.dumps(framed, separators=(",", ":")))
        if event["type"] == "response.output_audio.delta":
            self._audio_deltas += 1
            if self._audio_deltas == faults.cut_after_audio_deltas:
                self._cut()

    async def _send_text(self, text: str) -> None:
        try:
            with anyio.fail_after(self._send_timeout_s):
                await self._socket.send(text)
        except ConnectionClosed:
            self._gone = True
        except TimeoutError:
            _log.warning("a client of the local server reads nothing and is cut off")
            self._cut()

    def _cut(self) -> None:
        """No farewell: a close frame would wait behind what is not read."""
        self._gone = True
        self._socket.transport.abort()

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye, bounded."""
        self._gone = True
        with anyio.move_on_after(_CLOSE_TIMEOUT_S, shield=True):
            await self._socket.close(code, reason)

"""Reading one socket of the page: numbers, acknowledgements, pings, and bad frames.

A frame that came before (a resumed page sends again what it may have lost) is dropped by its `seq`.
A bad frame is answered and survived, a number of times; one that breaks a bound ends the socket.
What a frame means is not decided here.
"""

from __future__ import annotations

from typing import Final, Protocol

import anyio

from voice_loop.errors import ERRORS, SessionClosed, WireError
from voice_loop.latency.clock import Clock
from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import encode_server
from voice_loop.session.page import Attachment, Page

MAX_BAD_FRAMES: Final = 20
FAREWELL_MS: Final = 1_000


class ReceptionOwner(Protocol):
    """Whom frames are for."""

    def on_frame(self, event: wire.ClientEvent) -> None: ...
    def on_ping(self, ping: wire.ClockPing, received_ms: float, sent_ms: float) -> None: ...
    def on_command(self, command: str) -> None: ...
    def complain(self, code: str) -> None: ...


class Reception:
    """The reader of one attachment."""

    def __init__(self, page: Page, owner: ReceptionOwner, clock: Clock) -> None:
        self._page = page
        self._owner = owner
        self._clock = clock
        self._bad_frames = 0

    async def read(self, attachment: Attachment) -> None:
        """Until the socket is gone or has to go; the attachment knows why."""
        while True:
            try:
                event = await attachment.channel.receive()
            except WireError as error:
                code = self._refuse(attachment, error)
                if ERRORS[code].close_code is not None:
                    with anyio.move_on_after(FAREWELL_MS / 1000):
                        await self._page.flush()
                    attachment.end(code)
                    return
            except SessionClosed as error:
                attachment.end(error.code)
                return
            else:
                self._take(event)

    def _refuse(self, attachment: Attachment, error: WireError) -> str:
        """Answer a bad frame; the code that was said."""
        self._bad_frames += 1
        code = error.code if self._bad_frames <= MAX_BAD_FRAMES else "too_many_bad_frames"
        row = ERRORS[code]
        attachment.urgent.append(encode_server(wire.ErrorEvent(code, row.message, row.recoverable)))
        self._page.wake()
        return code

    def _take(self, event: wire.ClientEvent) -> None:
        if isinstance(event, wire.ClockPing):
            self._ping(event)
            return
        if event.seq:
            if event.seq <= self._page.received_seq:
                return
            self._page.received_seq = event.seq
            self._page.forget_former_key()
        if isinstance(event, wire.PlaybackReport):
            self._acknowledge(event.received_seq)
        if isinstance(event, wire.AppCommand):
            self._owner.on_command(event.command)
        else:
            self._owner.on_frame(event)

    def _ping(self, ping: wire.ClockPing) -> None:
        received_ms = self._clock.now_ms()
        self._acknowledge(ping.received_seq)
        sent_ms = self._clock.now_ms()
        self._page.send_now(
            wire.ClockPong(
                ping.id, ping.client_sent_ms, received_ms, sent_ms, self._page.received_seq
            )
        )
        self._owner.on_ping(ping, received_ms, sent_ms)

    def _acknowledge(self, received_seq: int) -> None:
        if not self._page.outbox.acknowledge(received_seq):
            self._owner.complain("bad_frame")

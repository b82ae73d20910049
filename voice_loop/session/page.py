"""The page's side of a session: whichever socket it has now, and what it still lacks.

One writer takes frames from the outbox to the present channel; a frame stays in the outbox until
the page acknowledges it, so a new socket goes on where the old one broke. The newest socket wins.
A page that does not read is noticed by what it leaves unacknowledged, and by a send that hangs.
"""

from __future__ import annotations

import math
import secrets
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import anyio

from voice_loop.errors import SessionClosed
from voice_loop.protocol.codec import encode_server
from voice_loop.protocol.events import ClientEvent, ErrorEvent, ServerControl
from voice_loop.session.outbox import Outbox, Outgoing
from voice_loop.session.signal import Signal

SEND_TIMEOUT_MS: Final = 5_000
"""At least; a send that hangs is cut off before twice as long."""
MAX_URGENT: Final = 32


class ClientChannel(Protocol):
    """One socket of a page."""

    async def receive(self) -> ClientEvent:
        """The next frame. Raises WireError for a bad one, SessionClosed when the page is gone."""
        ...

    async def send(self, data: str | bytes) -> None:
        """Hand a frame to the socket. Raises SessionClosed when it is closed."""
        ...


class Attachment:
    """A channel in use by a session."""

    def __init__(self, channel: ClientChannel) -> None:
        self.channel = channel
        self.scope = anyio.CancelScope()
        self.urgent: deque[str | bytes] = deque(maxlen=MAX_URGENT)
        """Frames outside of the numbering: handshake and clock."""
        self.ready = False
        """`session.ready` is on its way: numbered frames may follow."""
        self.reason = "gone"
        self._ended = False

    def end(self, reason: str) -> None:
        """Stop serving this socket; `reason` becomes its close code."""
        if not self._ended:
            self._ended = True
            self.reason = reason
            self.scope.cancel()


class Page:
    """The outbox, the present attachment, and the keys to come back with."""

    def __init__(self, on_sent: Callable[[Outgoing], None]) -> None:
        self.outbox = Outbox()
        self.attachment: Attachment | None = None
        self.received_seq = 0
        """Highest number had from the page."""
        self.key = ""
        self._former_key = ""
        self._on_sent = on_sent
        self._wake = Signal()
        self._idle = anyio.Event()
        self._sending: Attachment | None = None
        """Who has not taken a frame yet."""

    def attach(self, channel: ClientChannel) -> Attachment:
        """The newest socket wins; the one before is told so."""
        if self.attachment is not None:
            self.attachment.end("replaced")
        self.attachment = Attachment(channel)
        return self.attachment

    def detach(self, attachment: Attachment) -> bool:
        """False when a newer socket has taken over already."""
        if self.attachment is not attachment:
            return False
        self.attachment = None
        self._wake.set()
        return True

    def new_key(self) -> str:
        """The key for the next resume; the one before works until the page has shown this one."""
        self._former_key, self.key = self.key, secrets.token_urlsafe(24)
        return self.key

    def opens(self, key: str) -> bool:
        """Constant time, for either key."""
        given = key.encode()
        present = secrets.compare_digest(given, self.key.encode())
        former = secrets.compare_digest(given, self._former_key.encode())
        return (present and bool(self.key)) or (former and bool(self._former_key))

    def forget_former_key(self) -> None:
        self._former_key = ""

    def send_now(self, event: ServerControl) -> None:
        """Past the numbered frames, to the present socket alone."""
        if self.attachment is not None:
            self.attachment.urgent.append(encode_server(event))
            self._wake.set()

    def tell(self, event: ErrorEvent) -> None:
        """Numbered, or past the numbers while the page was not greeted: it would get no others."""
        if self.attachment is None or self.attachment.ready:
            self.outbox.push(event)
        else:
            self.send_now(event)

    @property
    def was_greeted(self) -> bool:
        """Some page has a key to come back with."""
        return bool(self.key)

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    async def pump(self) -> None:
        """Write frames to whatever socket there is, for ever."""
        while True:
            # One scope for many frames, because a scope costs more than a frame: its deadline is
            # moved on while frames go out. When it runs out between two of them nothing is lost.
            with anyio.CancelScope() as scope:
                await self._write(scope)
            stalled, self._sending = self._sending, None
            if stalled is not None:
                stalled.end("client_stalled")
                self.detach(stalled)

    async def _write(self, scope: anyio.CancelScope) -> None:
        while True:
            attachment = self.attachment
            frame = self._next(attachment)
            if attachment is None or frame is None:
                self._idle.set()
                await self._wake.wait()
                continue
            now_s, bound_s = anyio.current_time(), SEND_TIMEOUT_MS / 1000
            if scope.deadline - now_s < bound_s or math.isinf(scope.deadline):
                scope.deadline = now_s + 2 * bound_s
            self._sending = attachment
            try:
                await attachment.channel.send(frame.data if isinstance(frame, Outgoing) else frame)
            except SessionClosed:
                attachment.end("gone")
                self.detach(attachment)
            else:
                if isinstance(frame, Outgoing):
                    self._on_sent(frame)
            self._sending = None

    def _next(self, attachment: Attachment | None) -> Outgoing | str | bytes | None:
        if attachment is None:
            return None
        if attachment.urgent:
            return attachment.urgent.popleft()
        return self.outbox.next() if attachment.ready else None

    async def flush(self) -> None:
        """Wait until the pump has nothing more to send; the caller bounds it."""
        self._idle = anyio.Event()
        self._wake.set()
        await self._idle.wait()

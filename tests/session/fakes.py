"""A page in memory: the other end of a session's channel, speaking decoded events."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import anyio

from voice_loop.errors import SessionClosed, WireError
from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import decode_server

EventT = TypeVar("EventT", bound=wire.ServerEvent)


class MemoryChannel:
    """A ClientChannel without a socket; also the page that uses it."""

    def __init__(self, *, capacity: int = 10_000) -> None:
        self._to_server, self._inbox = anyio.create_memory_object_stream[
            wire.ClientEvent | WireError
        ](capacity)
        self.received: list[wire.ServerEvent] = []
        self._read = 0
        self._arrived = anyio.Event()
        self._seq = 0
        self._blocked: anyio.Event | None = None
        self.closed = False

    # The server's end.

    async def receive(self) -> wire.ClientEvent:
        try:
            event = await self._inbox.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            raise SessionClosed("gone") from None
        if isinstance(event, WireError):
            raise event
        return event

    async def send(self, data: str | bytes) -> None:
        if self._blocked is not None:
            await self._blocked.wait()
        if self.closed:
            raise SessionClosed("gone")
        self.received.append(decode_server(data))
        self._arrived.set()
        self._arrived = anyio.Event()

    # The page's end.

    def send_event(self, event: wire.ClientEvent) -> None:
        """Numbered, unless it is a clock frame."""
        if not isinstance(event, wire.ClockPing):
            self._seq += 1
            event = dataclasses.replace(event, seq=self._seq)
        self._to_server.send_nowait(event)

    def send_raw(self, event: wire.ClientEvent | WireError) -> None:
        self._to_server.send_nowait(event)

    def go_on_from(self, seq: int) -> None:
        """Number on from another socket of the same session."""
        self._seq = seq

    def hang_up(self) -> None:
        self.closed = True
        self._to_server.close()

    def block(self) -> None:
        """Stop reading: the server's sends hang."""
        self._blocked = anyio.Event()

    def close_streams(self) -> None:
        self._to_server.close()
        self._inbox.close()

    @property
    def last_seq(self) -> int:
        return max((event.seq for event in self.received), default=0)

    async def expect(
        self, kind: type[EventT], accept: Callable[[EventT], bool] = lambda _: True
    ) -> EventT:
        """The next event of this kind, passing over others."""
        with anyio.fail_after(30):
            while True:
                while self._read == len(self.received):
                    await self._arrived.wait()
                event = self.received[self._read]
                self._read += 1
                if isinstance(event, kind) and accept(event):
                    return event

    def all_of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.received if isinstance(event, kind)]

"""A page in Python: speaks the wire of `/voice` over a real WebSocket, with seq, ack and resume.

    async with VoiceClient.open(url, ticket=..., origin=...) as client:
        await client.send(InputText("hello"))
        chunk = await client.expect(AudioChunk)
        client.drop()                      # the socket breaks
        await client.resume()              # a new one goes on; nothing lost, nothing twice

It keeps what it sent until it is acknowledged, drops what it knows by `seq`, and reports playback
only when told to. For tests and benchmarks; it does not keep time.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
import anyio.abc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import decode_server, encode_client

EventT = TypeVar("EventT", bound=wire.ServerEvent)

UNNUMBERED = (wire.SessionStart, wire.ClockPing)


class VoiceClient:
    """One conversation, over as many sockets as it takes. Made by `open`."""

    def __init__(self, url: str, origin: str | None, tasks: anyio.abc.TaskGroup) -> None:
        self._url = url
        self._origin = origin
        self._tasks = tasks
        self._socket: ClientConnection | None = None
        self._read = 0
        self._changed = anyio.Event()
        self._sent_seq = 0
        self._kept: deque[wire.ClientEvent] = deque()
        self.events: list[wire.ServerEvent] = []
        """Everything new, in order; repeated frames are not in it."""
        self.repeated = 0
        """Frames that came again after a resume."""
        self.received_seq = 0
        self.ready: wire.SessionReady | None = None
        self.close_code: int | None = None
        """Of the present socket, when it is closed."""
        self.close_reason = ""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        ticket: str | None = None,
        origin: str | None = None,
        options: wire.StartOptions | None = None,
        wait_ready: bool = True,
    ) -> AsyncIterator[VoiceClient]:
        """Connect and start a session; closes the socket on the way out."""
        async with anyio.create_task_group() as tasks:
            client = cls(url, origin, tasks)
            try:
                await client.connect()
                if ticket is not None:
                    start = wire.SessionStart(0.0, ticket, options=options or wire.StartOptions())
                    await client.send(start)
                    if wait_ready:
                        client.ready = await client.expect(wire.SessionReady)
                yield client
            finally:
                tasks.cancel_scope.cancel()
                with anyio.move_on_after(2, shield=True):
                    await client.close()

    async def connect(self) -> None:
        """A socket, without a first frame."""
        self.close_code = None
        self._socket = await connect(
            self._url,
            origin=Origin(self._origin) if self._origin is not None else None,
            subprotocols=[Subprotocol(wire.SUBPROTOCOL)],
            compression=None,
            max_size=2**20,
            open_timeout=5,
            close_timeout=1,
        )
        self._tasks.start_soon(self._receive, self._socket)

    async def _receive(self, socket: ClientConnection) -> None:
        try:
            async for data in socket:
                self._take(decode_server(data))
        except ConnectionClosed:
            pass
        finally:
            if socket is self._socket:
                self.close_code = socket.close_code
                self.close_reason = socket.close_reason or ""
            self._wake()

    def _take(self, event: wire.ServerEvent) -> None:
        if event.seq:
            if event.seq <= self.received_seq:
                self.repeated += 1
                return
            self.received_seq = event.seq
        if isinstance(event, wire.ClockPong):
            self._forget(event.received_seq)
        if isinstance(event, wire.SessionReady):
            self.ready = event
        self.events.append(event)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _forget(self, received_seq: int) -> None:
        while self._kept and self._kept[0].seq <= received_seq:
            self._kept.popleft()

    async def send(self, event: wire.ClientEvent) -> None:
        """Number it, keep it, send it if there is a socket."""
        if not isinstance(event, UNNUMBERED):
            self._sent_seq += 1
            event = dataclasses.replace(event, seq=self._sent_seq)
            self._kept.append(event)
        if self._socket is not None:
            await self._socket.send(encode_client(event))

    async def send_raw(self, data: str | bytes) -> None:
        """Anything at all."""
        assert self._socket is not None
        await self._socket.send(data)

    async def speak(self, pcm: bytes, chunk_bytes: int = 960, position: int = 0) -> int:
        """Audio in chunks; the position behind it."""
        for start in range(0, len(pcm), chunk_bytes):
            chunk = pcm[start : start + chunk_bytes]
            await self.send(wire.AudioChunk(0, 0, position, chunk))
            position += len(chunk) // 2
        return position

    async def ping(self) -> wire.ClockPong:
        """Exchange clocks and acknowledgements."""
        number = sum(isinstance(event, wire.ClockPong) for event in self.events) + 1
        await self.send(wire.ClockPing(number, 0.0, received_seq=self.received_seq))
        return await self.expect(wire.ClockPong, lambda pong: pong.id == number)

    async def report(
        self, turn: int, item: int, phase: wire.PlaybackPhase, played_ms: float
    ) -> None:
        """Tell what was rendered."""
        await self.send(
            wire.PlaybackReport(
                turn, item, phase, played_ms, 0, 0, 0, 10, 0, received_seq=self.received_seq
            )
        )

    async def expect(
        self, kind: type[EventT], accept: Callable[[EventT], bool] = lambda _: True
    ) -> EventT:
        """The next new event of this kind, passing over others. Fails when the socket closes."""
        with anyio.fail_after(30):
            while True:
                while self._read < len(self.events):
                    event = self.events[self._read]
                    self._read += 1
                    if isinstance(event, kind) and accept(event):
                        return event
                if self.close_code is not None:
                    raise AssertionError(f"closed with {self.close_code} {self.close_reason!r}")
                await self._changed.wait()

    async def closed(self) -> int:
        """Wait for the server to close the socket; its code."""
        with anyio.fail_after(30):
            while self.close_code is None:
                await self._changed.wait()
        return self.close_code

    def all_of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]

    def drop(self) -> None:
        """The network is gone: no close frame, no more reading."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.transport.abort()

    async def resume(self, *, resume_key: str | None = None, session_id: str | None = None) -> None:
        """A new socket for the same session; sends again what was not acknowledged."""
        await self.start_resume(resume_key=resume_key, session_id=session_id)
        ready = await self.expect(wire.SessionReady)
        self._forget(ready.received_seq)
        for event in list(self._kept):
            await self.send_raw(encode_client(event))

    async def start_resume(
        self, *, resume_key: str | None = None, session_id: str | None = None
    ) -> None:
        """The first frame of a resume, without waiting for the answer."""
        assert self.ready is not None
        await self.connect()
        resume = wire.Resume(
            session_id or self.ready.session_id,
            resume_key or self.ready.resume_key,
            self.received_seq,
        )
        await self.send(wire.SessionStart(0.0, resume=resume))

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

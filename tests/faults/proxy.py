"""A network that fails on cue: a TCP proxy between a page and the server, in a thread of its own.

    with FaultProxy(server_port) as proxy:
        ...                    # connect to proxy.port
        proxy.cut()            # every connection breaks, without a farewell
        proxy.stall()          # those open carry nothing any more, and stay open
        proxy.closed = True    # new ones are refused
        proxy.slow_to(30_000)  # bytes a second, each way

It copies bytes and knows no protocol. Its switches may be used from any thread.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from types import TracebackType

import anyio
import anyio.abc
import anyio.from_thread

PIECE_BYTES = 4_096


class _Pair:
    """One connection and its other half."""

    def __init__(self, near: anyio.abc.SocketStream, far: anyio.abc.SocketStream) -> None:
        self.near = near
        self.far = far
        self.stalled = False
        self.scope = anyio.CancelScope()


class FaultProxy:
    """Listens on a free port of this machine while it is entered."""

    def __init__(self, target_port: int, host: str = "127.0.0.1") -> None:
        self._target = (host, target_port)
        self._portal: anyio.from_thread.BlockingPortal | None = None
        self._pairs: set[_Pair] = set()
        self._bytes_per_s: float | None = None
        self.port = 0
        self.closed = False
        """Refuse whoever comes now."""
        self.accepted = 0
        self.refused = 0

    def __enter__(self) -> FaultProxy:
        self._context = anyio.from_thread.start_blocking_portal()
        self._portal = self._context.__enter__()
        self._serving, self.port = self._portal.start_task(self._serve)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._serving.cancel()
        self._context.__exit__(None, None, None)

    # The switches.

    def cut(self) -> None:
        """The network is gone for all that is open: reset, no close frame."""
        assert self._portal is not None
        self._portal.call(self._cut)

    def stall(self) -> None:
        """All that is open carries nothing any more, either way; nobody is told."""
        assert self._portal is not None
        self._portal.call(self._stall)

    def slow_to(self, bytes_per_s: float | None) -> None:
        """So much each way for each connection, also for those that are open; None: no limit."""
        self._bytes_per_s = bytes_per_s

    @property
    def open(self) -> int:
        """Connections that live."""
        return len(self._pairs)

    def _cut(self) -> None:
        for pair in list(self._pairs):
            for stream in (pair.near, pair.far):
                _reset(stream)
            pair.scope.cancel()

    def _stall(self) -> None:
        for pair in self._pairs:
            pair.stalled = True

    # The wire.

    async def _serve(
        self, *, task_status: anyio.abc.TaskStatus[int] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with listener:
            task_status.started(port)
            await listener.serve(self._carry)

    async def _carry(self, near: anyio.abc.SocketStream) -> None:
        if self.closed:
            self.refused += 1
            _reset(near)
            return
        self.accepted += 1
        try:
            far = await anyio.connect_tcp(*self._target)
        except OSError:
            _reset(near)
            return
        pair = _Pair(near, far)
        self._pairs.add(pair)
        try:
            with pair.scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._copy, pair, near, far)
                    tasks.start_soon(self._copy, pair, far, near)
        finally:
            self._pairs.discard(pair)
            with anyio.move_on_after(1, shield=True):
                await near.aclose()
                await far.aclose()

    async def _copy(
        self, pair: _Pair, source: anyio.abc.SocketStream, sink: anyio.abc.SocketStream
    ) -> None:
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            while True:
                piece = await source.receive(PIECE_BYTES)
                if self._bytes_per_s is not None:
                    # The slowness itself: what a link of this rate needs for the piece.
                    await anyio.sleep(len(piece) / self._bytes_per_s)
                if pair.stalled:
                    await anyio.sleep_forever()
                await sink.send(piece)
        pair.scope.cancel()


def _reset(stream: anyio.abc.SocketStream) -> None:
    """Close with RST, as a network that is gone looks in the end."""
    raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport = getattr(stream, "_transport", None)
    if transport is not None:
        transport.abort()

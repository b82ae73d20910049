"""A real WebSocket server on loopback that plays what a test tells it: the other end of the link.

A `Part` is a coroutine that gets the `Stage` of one connection. Nothing of the code under test is
used here, so that a shared mistake cannot hide.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import anyio
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Frame = dict[str, Any]


class Stage:
    """One connection as seen from the server."""

    def __init__(self, connection: ServerConnection, peer: RealtimePeer) -> None:
        self.connection = connection
        self._peer = peer

    async def send(self, *frames: Mapping[str, Any] | str | bytes) -> None:
        for frame in frames:
            await self.connection.send(
                frame if isinstance(frame, str | bytes) else json.dumps(frame)
            )

    async def receive(self, kind: str | None = None) -> Frame:
        """The next frame of the client, which must be of this kind."""
        with anyio.fail_after(30):
            frame: Frame = json.loads(await self.connection.recv())
        self._peer.heard(frame)
        assert kind is None or frame["type"] == kind, frame["type"]
        return frame

    async def ready(self, **session: Any) -> Frame:
        """The usual opening; returns the client's settings."""
        await self.send(created(**session))
        update = await self.receive("session.update")
        await self.send(updated(update))
        return update

    async def close(self, code: int, reason: str = "") -> None:
        await self.connection.close(code, reason)

    async def until_closed(self) -> None:
        await self.connection.wait_closed()


Part = Callable[[Stage], Awaitable[None]]


class RealtimePeer:
    """What the server saw."""

    def __init__(self) -> None:
        self.url = ""
        self.frames: list[Frame] = []
        self.requests: list[Request] = []
        self.failures: list[AssertionError] = []
        self._changed = anyio.Event()

    def heard(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._changed.set()
        self._changed = anyio.Event()

    async def frames_up_to(self, count: int) -> list[Frame]:
        """The frames received, as soon as there are `count` of them."""
        with anyio.fail_after(30):
            while len(self.frames) < count:
                await self._changed.wait()
        return self.frames


def created(**session: Any) -> Frame:
    body = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-rt-1"}
    return {"type": "session.created", "event_id": "event_1", "session": {**body, **session}}


def updated(update: Frame) -> Frame:
    return {"type": "session.updated", "event_id": "event_2", "session": update["session"]}


def error(code: str | None, *, event_id: str | None = None, **more: Any) -> Frame:
    body = {
        "type": "invalid_request_error",
        "code": code,
        "message": "m",
        "param": None,
        "event_id": event_id,
    }
    return {"type": "error", "event_id": "event_3", "error": {**body, **more}}


async def stay(stage: Stage) -> None:
    """Come up and keep quiet until the client goes."""
    await stage.ready()
    await stage.until_closed()


@asynccontextmanager
async def realtime_peer(
    part: Part = stay,
    *,
    status: HTTPStatus | None = None,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[RealtimePeer]:
    """Serve `part` to each connection, or refuse each upgrade with `status`."""
    peer = RealtimePeer()

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        peer.requests.append(request)
        if status is None:
            return None
        answer = Headers({"Content-Length": str(len(body)), **(headers or {})})
        return Response(status.value, status.phrase, answer, body)

    async def handler(connection: ServerConnection) -> None:
        try:
            await part(Stage(connection, peer))
        except AssertionError as failure:
            peer.failures.append(failure)
        except (ConnectionClosed, TimeoutError):
            pass

    async with serve(handler, "127.0.0.1", 0, process_request=refuse, close_timeout=0.2) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        peer.url = f"http://127.0.0.1:{port}/v1"
        yield peer
    if peer.failures:
        raise peer.failures[0]

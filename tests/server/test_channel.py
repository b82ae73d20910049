"""The channel over Starlette's own WebSocket, with an ASGI server that misbehaves."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import anyio
import pytest
from starlette.websockets import WebSocket

from voice_loop.errors import SessionClosed, WireError
from voice_loop.latency.clock import ManualClock
from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import encode_client
from voice_loop.server.channel import WebSocketChannel

pytestmark = pytest.mark.anyio

Message = MutableMapping[str, Any]


class Server:
    """The other end of an ASGI application: gives messages, takes them, or breaks."""

    def __init__(self, *incoming: Message) -> None:
        self._incoming = [{"type": "websocket.connect"}, *incoming]
        self.sent: list[Message] = []
        self.fails: Exception | None = None
        self.hangs = False

    async def receive(self) -> Message:
        return self._incoming.pop(0)

    async def send(self, message: Message) -> None:
        if self.hangs:
            await anyio.sleep_forever()
        if self.fails is not None:
            raise self.fails
        self.sent.append(message)


async def accepted(server: Server) -> WebSocketChannel:
    websocket = WebSocket({"type": "websocket", "headers": []}, server.receive, server.send)
    await websocket.accept()
    return WebSocketChannel(websocket, ManualClock())


def text(data: str) -> Message:
    return {"type": "websocket.receive", "text": data}


def binary(data: bytes) -> Message:
    return {"type": "websocket.receive", "bytes": data}


async def test_frames_come_decoded_and_the_end_is_told_once_and_for_all() -> None:
    mute = encode_client(wire.InputMute(True, seq=3))
    chunk = encode_client(wire.AudioChunk(0, 0, 480, bytes(960), seq=4))
    assert isinstance(mute, str) and isinstance(chunk, bytes)
    server = Server(text(mute), binary(chunk), {"type": "websocket.disconnect", "code": 1006})
    channel = await accepted(server)
    assert await channel.receive() == wire.InputMute(True, seq=3)
    assert await channel.receive() == wire.AudioChunk(0, 0, 480, bytes(960), seq=4)
    for _ in range(2):
        with pytest.raises(SessionClosed):
            await channel.receive()
    with pytest.raises(SessionClosed):
        await channel.send("late")
    await channel.close(1000, "late")
    assert [message["type"] for message in server.sent] == ["websocket.accept"]


async def test_an_empty_message_is_a_bad_frame() -> None:
    channel = await accepted(Server({"type": "websocket.receive", "text": None, "bytes": None}))
    with pytest.raises(WireError) as error:
        await channel.receive()
    assert error.value.code == "bad_frame"


async def test_a_message_beyond_the_rate_is_refused_before_it_is_decoded() -> None:
    channel = await accepted(Server(binary(bytes(3_000_000))))
    with pytest.raises(WireError) as error:
        await channel.receive()
    assert error.value.code == "too_fast"


@pytest.mark.parametrize("failure", [OSError("reset"), RuntimeError("closed already")])
async def test_however_a_server_says_closed_it_means_gone(failure: Exception) -> None:
    server = Server()
    channel = await accepted(server)
    server.fails = failure
    with pytest.raises(SessionClosed):
        await channel.send(b"x")
    await channel.refuse("internal", "Sorry.", True)


async def test_closing_survives_a_server_that_closed_already() -> None:
    server = Server()
    channel = await accepted(server)
    server.fails = RuntimeError("closed already")
    await channel.close(1000, "user")
    await channel.close(1000, "user")


async def test_closing_is_bounded_when_the_server_does_not_return() -> None:
    server = Server()
    channel = await accepted(server)
    server.hangs = True
    with anyio.fail_after(30):
        await channel.close(1000, "user")


async def test_a_refusal_is_one_error_frame() -> None:
    server = Server()
    channel = await accepted(server)
    await channel.refuse("at_capacity", "Full.", True)
    await channel.close(4013, "at_capacity")
    assert '"at_capacity"' in server.sent[1]["text"]
    assert server.sent[2] == {"type": "websocket.close", "code": 4013, "reason": "at_capacity"}

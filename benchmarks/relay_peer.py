"""The provider side of `relay.py`: a Realtime server that answers each chunk with a chunk.

As cheap as it can be, because it shares the machine with what is measured. The first 16 bytes of
the audio carry times of the machine's monotonic clock: of the sender, and how long it took so far.

    python -m benchmarks.relay_peer PORT
"""

from __future__ import annotations

import asyncio
import binascii
import json
import struct
import sys
import time
from typing import Final

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

STAMP: Final = struct.Struct("<dd")
"""Sent at (ms), and the upward delay (ms) once it is known."""
_HEAD: Final = 24
"""Base64 of 18 bytes: the first whole group behind the stamp."""
_MARK: Final = '"audio":"'
_SESSION: Final = {"type": "realtime", "object": "realtime.session", "id": "s", "model": "bench"}
_DELTA: Final = (
    '{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"i",'
    '"output_index":0,"content_index":0,"delta":"'
)


def answer(append: str) -> str:
    """The audio back as a delta, with the time now and the delay so far."""
    start = append.index(_MARK) + len(_MARK)
    audio = append[start : append.index('"', start)]
    head = binascii.a2b_base64(audio[:_HEAD])
    now_ms = time.monotonic() * 1000
    sent_ms, _ = STAMP.unpack_from(head)
    head = STAMP.pack(now_ms, now_ms - sent_ms) + head[STAMP.size :]
    return f'{_DELTA}{binascii.b2a_base64(head, newline=False).decode()}{audio[_HEAD:]}"}}'


async def converse(connection: ServerConnection) -> None:
    """One session: one answer that never ends."""
    speaking = False
    try:
        await connection.send(json.dumps({"type": "session.created", "session": _SESSION}))
        async for frame in connection:
            if not isinstance(frame, str):
                continue
            if frame.startswith('{"type":"input_audio_buffer.append"'):
                if speaking:
                    await connection.send(answer(frame))
                continue
            kind = json.loads(frame)["type"]
            if kind == "session.update":
                await connection.send(json.dumps({"type": "session.updated", "session": _SESSION}))
            elif kind == "response.create":
                for event in _OPENING:
                    await connection.send(json.dumps(event))
                speaking = True
    except ConnectionClosed:
        return


_OPENING: Final = (
    {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
    {
        "type": "response.output_item.added",
        "response_id": "r",
        "output_index": 0,
        "item": {"id": "i", "type": "message", "role": "assistant", "content": []},
    },
)


async def main(port: int) -> None:
    async with serve(converse, "127.0.0.1", port, compression=None, close_timeout=0.5):
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

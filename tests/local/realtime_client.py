"""A Realtime client that distrusts: every frame is held against the SDK's own types.

Plain websockets, so that nothing between the test and the wire repairs a frame.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, get_args

import anyio
import anyio.lowlevel
import numpy as np
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.client import ClientConnection, connect

from voice_loop.audio.pcm import from_float, ms_to_bytes, ms_to_samples
from voice_loop.local import LocalOptions, LocalServer, serve
from voice_loop.local.brain.base import Responder
from voice_loop.local.engines import scripted_engines
from voice_loop.local.recogniser import ScriptedRecogniser
from voice_loop.local.voice import ToneVoice

Frame = dict[str, Any]
WAIT_S = 10.0
MAX_FRAME_BYTES = 1024 * 1024


def _adapters() -> dict[str, TypeAdapter[Any]]:
    union = get_args(RealtimeServerEvent)[0]
    found = {}
    for model in get_args(union):
        for kind in get_args(model.model_fields["type"].annotation):
            found[kind] = TypeAdapter(model)
    return found


ADAPTERS = _adapters()
RESPONSE_KEYS = {
    "object",
    "id",
    "status",
    "status_details",
    "output",
    "conversation_id",
    "output_modalities",
    "max_output_tokens",
    "audio",
    "usage",
    "metadata",
}


ITEM_CLOSES = (
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
)
"""How an answer of one item ends, after the last of what it says."""
SPEECH_CLOSES = (
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    *ITEM_CLOSES,
)
"""The same of a spoken one."""


def judge(frame: Frame) -> None:
    """Fails for a frame that the GA protocol does not know."""
    adapter = ADAPTERS[frame["type"]]
    adapter.validate_python(frame, strict=True)
    assert frame["event_id"].startswith("event_")
    if "response" in frame:
        assert set(frame["response"]) == RESPONSE_KEYS


def tone(ms: float, level: float = 0.3) -> bytes:
    """What the level detector takes for speech."""
    at = np.arange(ms_to_samples(ms))
    return from_float(level * np.sin(2 * np.pi * 300 * at / 24_000))


def silence(ms: float) -> bytes:
    return bytes(ms_to_bytes(ms))


async def eventually(condition: Callable[[], object]) -> None:
    """Bounded: let everything else run until the condition holds."""
    with anyio.fail_after(WAIT_S):
        for _ in iter(lambda: bool(condition()), True):
            await anyio.lowlevel.checkpoint()


class RealtimeClient:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Frame] = []
        """Everything received, in order."""

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def next(self) -> Frame:
        with anyio.fail_after(WAIT_S):
            text = await self.socket.recv()
        assert isinstance(text, str)
        assert len(text) < MAX_FRAME_BYTES
        frame: Frame = json.loads(text)
        judge(frame)
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, **fields: Any) -> list[Frame]:
        """Frames up to and with the first of `kind` whose fields are these."""
        seen: list[Frame] = []
        while True:
            seen.append(await self.next())
            if seen[-1]["type"] == kind and fields.items() <= seen[-1].items():
                return seen

    async def expect(self, kind: str, **fields: Any) -> Frame:
        """The next such frame, skipping others; an `error` that is not wanted fails."""
        frames = await self.until(kind, **fields)
        if kind != "error":
            errors = [frame["error"] for frame in frames if frame["type"] == "error"]
            assert not errors, errors
        return frames[-1]

    async def error(self) -> Frame:
        """The body of the next `error`."""
        body: Frame = (await self.until("error"))[-1]["error"]
        return body

    async def update(self, **session: Any) -> Frame:
        await self.send("session.update", session={"type": "realtime", **session})
        frame = await self.expect("session.updated")
        session_object: Frame = frame["session"]
        return session_object

    async def turn_detection(self, **fields: Any) -> None:
        """Server VAD with these fields, and transcription on."""
        wanted = {"type": "server_vad", "silence_duration_ms": 200, **fields}
        await self.update(
            audio={"input": {"turn_detection": wanted, "transcription": {"model": "whisper-1"}}}
        )

    async def push_to_talk(self) -> None:
        await self.update(audio={"input": {"turn_detection": None}})

    async def append(self, pcm: bytes, chunk_ms: float = 20) -> None:
        size = ms_to_bytes(chunk_ms)
        for start in range(0, len(pcm), size):
            audio = base64.b64encode(pcm[start : start + size]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def say(self, speech_ms: float = 600, silence_ms: float = 400) -> None:
        """A spoken turn of the user, faster than real time."""
        await self.append(tone(speech_ms) + silence(silence_ms))

    async def type(self, text: str, **fields: Any) -> Frame:
        """A typed message; returns its item."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields}
        await self.send("conversation.item.create", item=item)
        done = await self.expect("conversation.item.done")
        made: Frame = done["item"]
        return made

    async def ask(self, text: str, **response: Any) -> list[Frame]:
        """A typed question, answered: the frames of the whole response."""
        await self.type(text)
        await self.respond(**response)
        return await self.until("rate_limits.updated")

    async def respond(self, **response: Any) -> None:
        await self.send("response.create", **({"response": response} if response else {}))


def kinds(frames: list[Frame]) -> list[str]:
    """The types, repeated deltas counted once."""
    found: list[str] = []
    for frame in frames:
        if not (frame["type"].endswith(".delta") and frame["type"] in found[-2:]):
            found.append(frame["type"])
    return found


def audio_of(frames: list[Frame], item_id: str | None = None) -> bytes:
    """The speech in the frames."""
    return b"".join(
        base64.b64decode(frame["delta"])
        for frame in frames
        if frame["type"] == "response.output_audio.delta" and item_id in (None, frame["item_id"])
    )


def transcript_of(frames: list[Frame]) -> str:
    return "".join(
        frame["delta"]
        for frame in frames
        if frame["type"] == "response.output_audio_transcript.delta"
    )


def last(frames: list[Frame], kind: str) -> Frame:
    return next(frame for frame in reversed(frames) if frame["type"] == kind)


def only(frames: list[Frame], wanted: Callable[[str], bool]) -> list[Frame]:
    return [frame for frame in frames if wanted(frame["type"])]


@asynccontextmanager
async def scripted_server(
    responder: Responder | None = None,
    *,
    hears: tuple[str, ...] = ("Hello there.",),
    options: LocalOptions | None = None,
    ms_per_word: float = 200.0,
) -> AsyncIterator[LocalServer]:
    """A server with quick engines."""
    engines = scripted_engines(
        responder, recogniser=ScriptedRecogniser(hears), voice=ToneVoice(ms_per_word)
    )
    async with serve(options, engines) as server:
        yield server


@asynccontextmanager
async def client_of(
    server: LocalServer, *, query: str = "?model=gpt-realtime", greeted: bool = True, **more: Any
) -> AsyncIterator[RealtimeClient]:
    """A connected client, which has read `session.created` unless told otherwise."""
    async with connect(f"{server.url}/realtime{query}", compression=None, **more) as socket:
        client = RealtimeClient(socket)
        if greeted:
            frame = await client.next()
            assert frame["type"] == "session.created"
        yield client


@asynccontextmanager
async def conversation(
    responder: Responder | None = None, **options: Any
) -> AsyncIterator[RealtimeClient]:
    """A quick server and one client of it."""
    async with scripted_server(responder, **options) as server, client_of(server) as client:
        yield client

"""A person who talks to the local server: paced audio up, one spoken turn after the other.

A turn's figures come from one clock, the peer's: the instant at which the last sounding sample of
the question was sent, when the server said that speech stopped, and when audio arrived.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
from websockets.asyncio.client import ClientConnection, connect

CHUNK_MS: Final = 20
CHUNK_BYTES: Final = 960
SILENT_CHUNK: Final = base64.b64encode(bytes(CHUNK_BYTES)).decode()
BYTES_PER_S: Final = 48_000
TURN_TIMEOUT_S: Final = 40.0


@dataclass
class Turn:
    """Times in seconds of the peer's clock; None when it did not happen."""

    speech_end: float
    stopped: float | None = None
    first_audio: float | None = None
    heard: str = ""
    said: str = ""
    audio_s: float = 0.0
    underruns: int = 0
    _plays_until: float = field(default=0.0, repr=False)

    def take_audio(self, now: float, seconds: float) -> None:
        """A delta arrived; a player without any reserve would run dry when it comes too late."""
        if self.first_audio is None:
            self.first_audio = self._plays_until = now
        elif now > self._plays_until:
            self.underruns += 1
            self._plays_until = now
        self._plays_until += seconds
        self.audio_s += seconds


class Peer:
    """One session. `talk` needs the microphone task of `peer` to run."""

    def __init__(self, socket: ClientConnection, haste: float = 1.0) -> None:
        self._socket = socket
        self._chunk_s = CHUNK_MS / 1000 / haste
        self._speech = b""
        self._speech_over = anyio.Event()
        self._ended_at = 0.0

    async def microphone(self) -> None:
        """20 ms every 20 ms, or as much sooner as wanted: the question, or silence."""
        due = anyio.current_time()
        while True:
            chunk, self._speech = self._speech[:CHUNK_BYTES], self._speech[CHUNK_BYTES:]
            audio = base64.b64encode(chunk).decode() if chunk else SILENT_CHUNK
            await self._send("input_audio_buffer.append", audio=audio)
            if chunk and not self._speech:
                self._ended_at = anyio.current_time()
                self._speech_over.set()
            due += self._chunk_s
            await anyio.sleep_until(due)

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def set_up(self, window_ms: int) -> None:
        """Turns end after `window_ms` of silence, and are transcribed."""
        detection = {"type": "server_vad", "silence_duration_ms": window_ms}
        sound = {"turn_detection": detection, "transcription": {"model": "whisper-1"}}
        await self._send("session.update", session={"type": "realtime", "audio": {"input": sound}})

    async def talk(self, question: bytes) -> Turn:
        """Say it and take the answer in. Raises TimeoutError when none comes."""
        self._speech_over = anyio.Event()
        self._speech = question
        turn = Turn(0.0)
        with anyio.fail_after(TURN_TIMEOUT_S):
            async for frame in self._socket:
                event = json.loads(frame)
                self._note(turn, event, anyio.current_time())
                if event["type"] == "error":
                    raise RuntimeError(event["error"]["code"])
                if event["type"] == "response.done":
                    break
        turn.speech_end = self._ended_at
        return turn

    def _note(self, turn: Turn, event: dict[str, Any], now: float) -> None:
        kind = event["type"]
        if kind == "input_audio_buffer.speech_stopped":
            turn.stopped = now
        elif kind == "response.output_audio.delta":
            turn.take_audio(now, len(event["delta"]) * 3 / 4 / BYTES_PER_S)
        elif kind == "conversation.item.input_audio_transcription.completed":
            turn.heard = event["transcript"]
        elif kind == "response.output_audio_transcript.done":
            turn.said = event["transcript"]


@asynccontextmanager
async def peer(port: int, window_ms: int, haste: float = 1.0) -> AsyncIterator[Peer]:
    """A connected peer whose microphone is open, `haste` times as fast as time."""
    url = f"ws://127.0.0.1:{port}/v1/realtime?model=local"
    async with connect(url, compression=None) as socket, anyio.create_task_group() as tasks:
        one = Peer(socket, haste)
        await one.set_up(window_ms)
        tasks.start_soon(one.microphone)
        yield one
        tasks.cancel_scope.cancel()

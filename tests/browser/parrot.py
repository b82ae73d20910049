"""A server of our own making that speaks `voice-loop.v1`, written from docs/protocol.md alone.

It says back what it hears, once the speaker is silent, and hums for what is typed. It knows nothing
of this project's server: what passes against it passes against any server of the protocol.
"""

from __future__ import annotations

import contextlib
import json
import math
import struct
from array import array
from collections.abc import Iterator
from threading import Thread
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

HEADER = struct.Struct("<BBHIII")
RATE_HZ = 24_000
LOUD = 600
SILENCE_SAMPLES = RATE_HZ // 2
CHUNK_BYTES = 9_600


class Parrot:
    """One conversation."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.seq = 0
        self.received = 0
        self.turn = 0
        self.heard = bytearray()
        self.silent_samples = 0
        self.speaking = False

    def send(self, kind: str, *, numbered: bool = True, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind, "seq": self._next(numbered), **fields}))

    def _next(self, numbered: bool) -> int:
        self.seq += numbered
        return self.seq if numbered else 0

    def greet(self, start: dict[str, Any]) -> None:
        assert start["type"] == "session.start"
        assert start["ticket"] == "open sesame"
        self.send(
            "session.ready", numbered=False, session_id="parrot", resume_key="none",
            resumed=False, received_seq=0, provider="parrot", model="feathers", voice="squawk",
            options=start["options"], max_session_ms=600_000, max_ahead_ms=3_000,
            server_time_ms=0,
        )  # fmt: skip
        self.send("turn.state", state="listening", turn=0)

    def on_frame(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            self.received = HEADER.unpack_from(frame)[3]
            self.hear(frame[HEADER.size :])
            return
        event = json.loads(frame)
        self.received = event["seq"] or self.received
        match event["type"]:
            case "clock.ping":
                self.send(
                    "clock.pong", numbered=False, id=event["id"],
                    client_sent_ms=event["client_sent_ms"], server_received_ms=0,
                    server_sent_ms=0, received_seq=self.received,
                )  # fmt: skip
            case "input.text":
                self.turn += 1
                self.write("user", event["text"])
                self.answer(hum(1.0), "Hmm.")
            case "user.barge_in":
                self.send("audio.end", turn=event["turn"], item=0, reason="interrupted")
                self.speaking = False
                self.send("turn.state", state="listening", turn=self.turn)
            case "playback.report" if event["phase"] == "finished":
                self.speaking = False
                self.send("turn.state", state="listening", turn=self.turn)
            case "session.end":
                self.socket.close(1000)

    def hear(self, pcm: bytes) -> None:
        samples = array("h", pcm)
        loud = max(map(abs, samples)) > LOUD
        self.silent_samples = 0 if loud else self.silent_samples + len(samples)
        if loud and not self.heard:
            self.turn += 1
            self.send("turn.state", state="user_speaking", turn=self.turn)
        if loud or self.heard:
            self.heard += pcm
        if self.heard and self.silent_samples >= SILENCE_SAMPLES and not self.speaking:
            said, self.heard = bytes(self.heard), bytearray()
            self.write("user", f"{len(said) / 2 / RATE_HZ:.1f} seconds")
            self.answer(said, "The same.")

    def write(self, role: str, text: str) -> None:
        self.send(
            "transcript.update", line=f"{role}-{self.turn}", role=role, turn=self.turn,
            text=text, final=True, item=0, interrupted=False, estimated=False, removed=False,
            typed=False,
        )  # fmt: skip

    def answer(self, pcm: bytes, text: str) -> None:
        """At most three seconds: what may be sent ahead."""
        self.speaking = True
        self.send("turn.state", state="speaking", turn=self.turn)
        pcm = pcm[: 3 * 2 * RATE_HZ]
        for at in range(0, len(pcm), CHUNK_BYTES):
            header = HEADER.pack(1, 2, 0, self._next(True), self.turn, at // 2)
            self.socket.send(header + pcm[at : at + CHUNK_BYTES])
        self.send("audio.end", turn=self.turn, item=0, reason="completed")
        self.write("assistant", text)


def hum(seconds: float) -> bytes:
    """A tone of 220 Hz."""
    count = int(seconds * RATE_HZ)
    wave = (8_000 * math.sin(2 * math.pi * 220 * at / RATE_HZ) for at in range(count))
    return array("h", map(int, wave)).tobytes()


def talk(socket: ServerConnection) -> None:
    """One socket, from its first frame to its end."""
    parrot = Parrot(socket)
    with contextlib.suppress(ConnectionClosed):
        parrot.greet(json.loads(socket.recv(timeout=5)))
        for frame in socket:
            parrot.on_frame(frame)


@contextlib.contextmanager
def parrot_server() -> Iterator[str]:
    """Its address, until the block ends."""
    server: Server = serve(talk, "127.0.0.1", 0, subprotocols=[Subprotocol("voice-loop.v1")])
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://localhost:{server.socket.getsockname()[1]}/"
    finally:
        server.shutdown()
        thread.join(10)

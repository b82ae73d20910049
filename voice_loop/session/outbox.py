"""The outbox: frames for the page, numbered, kept until acknowledged, sent again after a resume.

`seq` rises by one a frame. A frame that is dropped (audio of an interrupted answer) leaves a gap,
which is allowed: the page only drops what it knows already. Audio that waits behind audio it
continues joins its frame: a provider's burst of small deltas is a few frames, not dozens. Bounded
in bytes and frames; when it is full the page has stopped listening, and the session must say so
rather than grow.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import dataclass
from typing import Final

from voice_loop.audio.pcm import BYTES_PER_SAMPLE, ms_to_bytes
from voice_loop.protocol.codec import encode_server
from voice_loop.protocol.events import AudioChunk, AudioEnd, ServerEvent

MAX_BYTES: Final = 2_000_000
"""The pacing window is 144 kB; the rest is room for text while a socket is gone."""
MAX_FRAMES: Final = 4_096
MAX_JOINED_BYTES: Final = ms_to_bytes(400)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One encoded frame."""

    seq: int
    data: str | bytes
    audio_turn: int | None = None
    """The turn, of audio and its end: what an interruption drops."""
    is_chunk: bool = False
    received_ms: float | None = None


class Outbox:
    """Order of frames: acknowledged and forgotten | sent, kept | waiting."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_frames: int = MAX_FRAMES) -> None:
        self._max_bytes = max_bytes
        self._max_frames = max_frames
        self._kept: deque[Outgoing] = deque()
        self._waiting: deque[Outgoing] = deque()
        self._bytes = 0
        self._last_seq = 0
        self._unsent_chunk: AudioChunk | None = None
        """In the last waiting frame, which no socket ever had."""
        self.acknowledged = 0

    @property
    def last_seq(self) -> int:
        return self._last_seq

    @property
    def full(self) -> bool:
        frames = len(self._kept) + len(self._waiting)
        return self._bytes > self._max_bytes or frames > self._max_frames

    @property
    def kept(self) -> int:
        """Frames sent and not acknowledged."""
        return len(self._kept)

    @property
    def waiting(self) -> int:
        """Frames not yet handed to a socket."""
        return len(self._waiting)

    def push(self, event: ServerEvent, received_ms: float | None = None) -> None:
        """Number, encode and queue one event; `received_ms`: when its audio came in."""
        if isinstance(event, AudioChunk) and self._continues(event):
            earlier = self._waiting.pop()
            self._bytes -= len(earlier.data)
            assert self._unsent_chunk is not None
            event = dataclasses.replace(
                event,
                position_samples=self._unsent_chunk.position_samples,
                pcm=self._unsent_chunk.pcm + event.pcm,
            )
            received_ms = received_ms if earlier.received_ms is None else earlier.received_ms
        else:
            self._last_seq += 1
        self._unsent_chunk = event if isinstance(event, AudioChunk) else None
        data = encode_server(dataclasses.replace(event, seq=self._last_seq))
        turn = event.turn if isinstance(event, AudioChunk | AudioEnd) else None
        frame = Outgoing(self._last_seq, data, turn, isinstance(event, AudioChunk), received_ms)
        self._waiting.append(frame)
        self._bytes += len(data)

    def _continues(self, chunk: AudioChunk) -> bool:
        """It begins where the audio ends that waits last."""
        before = self._unsent_chunk
        if before is None or (before.turn, before.item) != (chunk.turn, chunk.item):
            return False
        end = before.position_samples + len(before.pcm) // BYTES_PER_SAMPLE
        return end == chunk.position_samples and len(before.pcm + chunk.pcm) <= MAX_JOINED_BYTES

    def next(self) -> Outgoing | None:
        """The next frame to send; it is kept until it is acknowledged."""
        if not self._waiting:
            return None
        frame = self._waiting.popleft()
        if not self._waiting:
            self._unsent_chunk = None
        self._kept.append(frame)
        return frame

    def acknowledge(self, received_seq: int) -> bool:
        """The page has everything up to `received_seq`. False when it cannot have it."""
        if received_seq > self._last_seq:
            return False
        self.acknowledged = max(self.acknowledged, received_seq)
        while self._kept and self._kept[0].seq <= received_seq:
            self._bytes -= len(self._kept.popleft().data)
        return True

    def rewind(self, received_seq: int) -> bool:
        """A new socket took over: send again what the page lacks. False when it cannot be."""
        if not self.acknowledge(received_seq):
            return False
        self._unsent_chunk = None
        while self._kept:
            self._waiting.appendleft(self._kept.pop())
        # A frame that waits may have reached the page by the socket that broke.
        while self._waiting and self._waiting[0].seq <= received_seq:
            self._bytes -= len(self._waiting.popleft().data)
        # It waited for a socket: that is no delay of the relay's.
        self._waiting = deque(dataclasses.replace(f, received_ms=None) for f in self._waiting)
        return True

    def drop_audio(self, turn: int) -> int:
        """Forget the audio of a turn, sent or not; the frames dropped."""
        self._unsent_chunk = None
        before = len(self._kept) + len(self._waiting)
        self._kept = deque(f for f in self._kept if f.audio_turn != turn)
        self._waiting = deque(f for f in self._waiting if f.audio_turn != turn)
        self._bytes = sum(len(f.data) for queue in (self._kept, self._waiting) for f in queue)
        return before - len(self._kept) - len(self._waiting)

"""Pacing: audio leaves for the browser a bounded time before it is heard.

Providers send faster than real time. At most `max_ahead` samples beyond the position last reported
are let go, the rest is held here per item up to `max_held`; so nothing dead stands in the socket
when the user interrupts, and memory stays bounded. It does not know time: reports move it on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from voice_loop.audio.pcm import BYTES_PER_SAMPLE
from voice_loop.protocol.events import AudioChunk, AudioEnd, AudioEndReason

CHUNK_SAMPLES: Final = 4_800
"""Largest chunk, 200 ms: small beside the window, large beside the header."""


@dataclass(slots=True)
class _Held:
    turn: int
    item: int
    pcm: bytes
    end: AudioEndReason | None = None


class Pacer:
    """Audio of all items in order, and the position each has reached."""

    def __init__(self, max_ahead_samples: int, max_held_samples: int) -> None:
        self._max_ahead = max_ahead_samples
        self._max_held = max_held_samples
        self._queue: deque[_Held] = deque()
        self._held: dict[tuple[int, int], int] = {}
        self._odd: dict[tuple[int, int], bytes] = {}
        self._position: dict[tuple[int, int], int] = {}

    @property
    def empty(self) -> bool:
        return not self._queue

    def hold(self, turn: int, item: int, pcm: bytes) -> int | None:
        """Take audio in; the samples it adds, or None when the item has grown too long."""
        key = (turn, item)
        pcm = self._odd.pop(key, b"") + pcm
        whole = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
        if whole < len(pcm):
            self._odd[key] = pcm[whole:]
        samples = whole // BYTES_PER_SAMPLE
        held = self._held.get(key, 0) + samples
        if held > self._max_held:
            return None
        self._held[key] = held
        if samples:
            self._queue.append(_Held(turn, item, pcm[:whole]))
        return samples

    def end(self, turn: int, item: int, reason: AudioEndReason) -> None:
        """No more audio of the item comes."""
        self._odd.pop((turn, item), None)
        self._queue.append(_Held(turn, item, b"", reason))

    def release(self, ahead_samples: int) -> list[AudioChunk | AudioEnd]:
        """What may go now, when `ahead_samples` are out and not yet heard."""
        budget = self._max_ahead - ahead_samples
        out: list[AudioChunk | AudioEnd] = []
        while self._queue:
            first = self._queue[0]
            if first.end is not None:
                self._queue.popleft()
                self._forget(first.turn, first.item)
                out.append(AudioEnd(first.turn, first.item, first.end))
                continue
            samples = min(CHUNK_SAMPLES, len(first.pcm) // BYTES_PER_SAMPLE)
            if samples > budget:
                break
            out.append(self._cut(first, samples))
            budget -= samples
        return out

    def _cut(self, held: _Held, samples: int) -> AudioChunk:
        key = (held.turn, held.item)
        size = samples * BYTES_PER_SAMPLE
        position = self._position.get(key, 0)
        chunk = AudioChunk(held.turn, held.item, position, held.pcm[:size])
        self._position[key] = position + samples
        self._held[key] -= samples
        held.pcm = held.pcm[size:]
        if not held.pcm:
            self._queue.popleft()
        return chunk

    def _forget(self, turn: int, item: int) -> None:
        for table in (self._held, self._position):
            table.pop((turn, item), None)
        self._odd.pop((turn, item), None)

    def drop(self, turn: int) -> int:
        """Throw away what is held of a turn; the samples lost."""
        lost = sum(len(h.pcm) for h in self._queue if h.turn == turn) // BYTES_PER_SAMPLE
        self._queue = deque(h for h in self._queue if h.turn != turn)
        for key in [key for key in self._held if key[0] == turn]:
            self._forget(*key)
        return lost

"""The way to the disk: what is to be written waits in a bounded queue, and one thread writes it.

Putting never waits and never touches a file, so it may be done on the way of every chunk. What the
disk is too slow for is dropped, counted, and said on the time line where it is missing.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import anyio
import anyio.to_thread

from voice_loop.recording.recorder import Recorder
from voice_loop.session.signal import Signal

MAX_WAITING_BYTES: Final = 4_000_000
"""40 s of both sides."""
MAX_WAITING: Final = 8_000
BATCH_S: Final = 0.25
Write = Callable[[], None]


class Tape:
    """One recording while it is made; `run` writes until `stop`, or until it cannot."""

    def __init__(self, recorder: Recorder, *, max_waiting_bytes: int = MAX_WAITING_BYTES) -> None:
        self._recorder = recorder
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting: deque[Write] = deque()
        self._waiting_bytes = 0
        self._changed = Signal()
        self._stopping = False
        self._missing = 0
        self.dropped = 0
        """Chunks and lines that found no room."""

    def user(self, position: int, pcm: bytes) -> None:
        """Captured audio at its place on the tape."""
        self._put(functools.partial(self._recorder.user_audio, position, pcm), len(pcm))

    def assistant(self, turn: int, item: int, position: int, pcm: bytes) -> None:
        """Audio on its way to the page."""
        write = functools.partial(self._recorder.assistant_audio, turn, item, position, pcm)
        self._put(write, len(pcm))

    def heard(self, turn: int, item: int, first: int, to: int, at_ms: float) -> None:
        """So much of it was heard, the last sample at `at_ms`."""
        self._put(functools.partial(self._recorder.heard, turn, item, first, to, at_ms))

    def anchor(self, position: int, at_ms: float) -> None:
        """The sample at `position` was captured at `at_ms`."""
        self._put(functools.partial(self._recorder.anchor, position, at_ms))

    def event(self, event: str, at_ms: float | None, **fields: Any) -> None:
        """A line of the time line."""
        self._put(functools.partial(self._recorder.event, event, at_ms, **fields))

    def stop(self) -> None:
        """Write what waits, then end."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> str:
        """Write until `stop`; why it ended otherwise, as a wire code. Does not close the files."""
        limiter = anyio.CapacityLimiter(1)
        while True:
            if not self._waiting and not self._stopping:
                await self._changed.wait()
            last = self._stopping
            code = await anyio.to_thread.run_sync(self._write, self._take(), limiter=limiter)
            if code or last:
                self._stopping = True
                return code
            with anyio.move_on_after(BATCH_S):
                while not self._stopping:
                    await self._changed.wait()

    def _put(self, write: Write, size: int = 0) -> None:
        if self._stopping:
            return
        if (
            len(self._waiting) >= MAX_WAITING
            or self._waiting_bytes + size > self._max_waiting_bytes
        ):
            self.dropped += 1
            self._missing += 1
            return
        self._waiting.append(write)
        self._waiting_bytes += size
        self._changed.set()

    def _take(self) -> list[Write]:
        batch = list(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._missing:
            said = functools.partial(
                self._recorder.event, "recording_dropped", None, count=self._missing
            )
            batch.append(said)
            self._missing = 0
        return batch

    def _write(self, batch: list[Write]) -> str:
        """In the thread."""
        try:
            for write in batch:
                write()
            self._recorder.flush()
        except (OSError, ValueError, TypeError):
            return "recording_failed"
        return "recording_full" if self._recorder.full else ""

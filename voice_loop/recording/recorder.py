"""One conversation on its way to disk, on the time line of the captured samples.

User audio brings its place with it. The assistant's is held in memory until a playback report says
that a piece was heard, and when; only then it is written, there. So pauses, interruptions and late
audio look as they sounded. All times are of one clock, the browser's; `anchor` ties it to the
captured positions.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from voice_loop.audio.pcm import BYTES_PER_SAMPLE, ms_to_samples, samples_to_ms
from voice_loop.recording.timeline import Timeline
from voice_loop.recording.wav import Channel, StereoWav

WAV_NAME: Final = "conversation.wav"
TIMELINE_NAME: Final = "timeline.jsonl"
DEFAULT_MAX_BYTES: Final = 320_000_000
"""55 minutes of stereo."""
TIMELINE_MAX_BYTES: Final = 8_000_000
MAX_HELD_BYTES: Final = 24_000_000
"""Assistant audio not yet heard: two items of the longest length a session holds."""
MAX_WAITING: Final = 1_000
SAME_PLACE_MS: Final = 40
"""Reports are taken at quantum edges on another clock: closer pieces belong together."""

_Key = tuple[int, int]


@dataclass(slots=True)
class _Item:
    """Audio of one item that may still be heard; `start` is its first sample."""

    start: int = 0
    pcm: bytearray = field(default_factory=bytearray)

    @property
    def end(self) -> int:
        return self.start + len(self.pcm) // BYTES_PER_SAMPLE

    def put(self, position: int, pcm: bytes) -> None:
        gap = position - self.end
        if gap > 0:
            self.pcm += bytes(gap * BYTES_PER_SAMPLE)
        self.pcm += pcm[max(0, -gap) * BYTES_PER_SAMPLE :]

    def take(self, first: int, to: int) -> bytes:
        piece = self.pcm[
            max(0, first - self.start) * BYTES_PER_SAMPLE : max(0, to - self.start)
            * BYTES_PER_SAMPLE
        ]
        gone = min(max(0, to - self.start), self.end - self.start)
        del self.pcm[: gone * BYTES_PER_SAMPLE]
        self.start += gone
        return bytes(piece)


class Recorder:
    """Not thread safe. Raises OSError where the disk does; the caller stops recording then."""

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Two new files in `folder`. Raises OSError, also when they are there."""
        self.folder = folder
        self._wav = StereoWav(folder / WAV_NAME, max_bytes)
        self._timeline = Timeline(folder / TIMELINE_NAME, TIMELINE_MAX_BYTES)
        self._items: dict[_Key, _Item] = {}
        self._held = 0
        self._anchor: tuple[int, float] | None = None
        self._waiting: deque[tuple[int, int, int, int, float]] = deque(maxlen=MAX_WAITING)
        self._assistant_end = 0
        self.full = False
        """The bound was reached; what lies behind it is not recorded."""

    @property
    def length_ms(self) -> float:
        """Duration so far."""
        return samples_to_ms(self._wav.frames)

    def anchor(self, position: int, at_ms: float) -> None:
        """The captured sample at `position` was captured at `at_ms`. The newest word counts."""
        self._anchor = (position, at_ms)
        while self._waiting:
            self.heard(*self._waiting.popleft())

    def user_audio(self, position: int, pcm: bytes) -> None:
        """Captured audio (mono s16le) at its place."""
        self._write("left", position, pcm)

    def assistant_audio(self, turn: int, item: int, position: int, pcm: bytes) -> None:
        """Audio on its way to the browser; `position` is its first sample within the item."""
        if self._held + len(pcm) > MAX_HELD_BYTES:
            self._forget_before(turn)
        entry = self._items.setdefault((turn, item), _Item(start=position))
        before = len(entry.pcm)
        # A gap is filled with silence: a wrong position must not fill the memory with it.
        if position - entry.end > ms_to_samples(10_000):
            return
        if self._held + len(pcm) + max(0, position - entry.end) * 2 <= MAX_HELD_BYTES:
            entry.put(position, pcm)
            self._held += len(entry.pcm) - before

    def heard(self, turn: int, item: int, from_samples: int, to_samples: int, at_ms: float) -> None:
        """Samples `from_samples` up to `to_samples` of an item were heard, the last at `at_ms`."""
        if self._anchor is None:
            self._waiting.append((turn, item, from_samples, to_samples, at_ms))
            return
        self._forget_before(turn)
        entry = self._items.get((turn, item))
        if entry is None or to_samples <= from_samples:
            return
        before = len(entry.pcm)
        first = max(from_samples, entry.start)
        piece = entry.take(first, to_samples)
        self._held -= before - len(entry.pcm)
        if not piece:
            return
        # Placed by its end: that is what the report's time belongs to.
        end = self._place(at_ms) - (to_samples - first - len(piece) // BYTES_PER_SAMPLE)
        start = end - len(piece) // BYTES_PER_SAMPLE
        if abs(start - self._assistant_end) < ms_to_samples(SAME_PLACE_MS):
            start = self._assistant_end
        start = max(0, start)
        self._write("right", start, piece)
        self._assistant_end = start + len(piece) // BYTES_PER_SAMPLE

    def dropped(self, turn: int) -> None:
        """Nothing more of `turn` and those before it will be heard."""
        self._forget_before(turn + 1)

    def event(self, event: str, at_ms: float | None, **fields: Any) -> None:
        """A line of the time line. Without an anchor or a time its place is null.

        Raises TypeError or ValueError for fields that JSON cannot carry.
        """
        known = self._anchor is not None and at_ms is not None
        place = samples_to_ms(self._place(at_ms or 0.0)) if known else None
        if not self._timeline.write(place, event, fields):
            self.full = True

    def flush(self) -> None:
        """Make both files readable as they are now."""
        self._wav.flush()
        self._timeline.flush()

    def close(self) -> None:
        """Finish both files. Idempotent."""
        self._items.clear()
        self._held = 0
        try:
            self._wav.close()
        finally:
            self._timeline.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _place(self, at_ms: float) -> int:
        assert self._anchor is not None
        position, anchor_ms = self._anchor
        return position + round((at_ms - anchor_ms) * ms_to_samples(1))

    def _write(self, channel: Channel, position: int, pcm: bytes) -> None:
        if not self._wav.write(channel, position, pcm):
            self.full = True

    def _forget_before(self, turn: int) -> None:
        for key in [key for key in self._items if key[0] < turn]:
            self._held -= len(self._items.pop(key).pcm)

"""Where things lie on the tape: captured positions and two clocks, brought to one line of samples.

The tape begins with the first captured sample that comes. A captured position is tied to the
browser's clock by what its detector said of a sound (exact); before it said anything, by when
chunks came at the earliest, less half the round trip. Pure; whoever lies spoils their own tape.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_loop.audio.pcm import ms_to_samples, samples_to_ms
from voice_loop.protocol.events import AudioChunk, UserSpeech
from voice_loop.session.facts import ClockSample


@dataclass(frozen=True, slots=True)
class Anchor:
    """The sample at `position` of the tape was captured at `at_ms` of the browser's clock."""

    position: int
    at_ms: float


class Placement:
    """Of one session; it listens from the start, and the tape begins when it is told to."""

    def __init__(self) -> None:
        self._offset_ms: float | None = None
        self._one_way_ms = 0.0
        self._base: int | None = None
        self._earliest_ms: float | None = None
        """Server clock minus captured time, at the least."""
        self._spoken: tuple[int, float] | None = None
        self._line: Anchor | None = None

    def begin(self) -> None:
        """A new tape."""
        self._base = None
        self._earliest_ms = None
        self._line = None

    def clock(self, sample: ClockSample) -> None:
        """The browser measured its clock against the server's."""
        if sample.offset_ms is not None:
            self._offset_ms = sample.offset_ms
            self._one_way_ms = (sample.round_trip_ms or 0.0) / 2

    def speech(self, speech: UserSpeech) -> None:
        """The detector ties a position to a time."""
        self._spoken = (speech.position_samples, speech.client_onset_ms)

    def chunk(self, chunk: AudioChunk, now_ms: float) -> int:
        """Where captured audio that came at server time `now_ms` lies on the tape."""
        samples = len(chunk.pcm) // 2
        lag_ms = now_ms - samples_to_ms(chunk.position_samples + samples)
        if self._earliest_ms is None or lag_ms < self._earliest_ms:
            self._earliest_ms = lag_ms
        if self._base is None:
            self._base = chunk.position_samples - self._begun_before(chunk.position_samples)
        return chunk.position_samples - self._base

    def without_microphone(self, at_ms: float) -> None:
        """Something is heard and nothing was captured yet: the tape begins at `at_ms`."""
        if self._base is None and self._line is None:
            self._line = Anchor(0, at_ms)

    def anchor(self) -> Anchor | None:
        """The best that is known by now."""
        captured = self._captured()
        if self._base is None or captured is None:
            return self._line
        position, at_ms = captured
        return Anchor(position - self._base, at_ms)

    def client_ms(self, server_ms: float) -> float | None:
        """A time of the server's clock on the browser's; None before it was measured."""
        return None if self._offset_ms is None else server_ms - self._offset_ms

    def _captured(self) -> tuple[int, float] | None:
        if self._spoken is not None:
            return self._spoken
        if self._earliest_ms is None or self._offset_ms is None:
            return None
        return 0, self._earliest_ms - self._offset_ms - self._one_way_ms

    def _begun_before(self, position: int) -> int:
        """Samples of the tape before the first captured one: it was muted, and something heard."""
        captured = self._captured()
        if self._line is None or captured is None:
            return 0
        at_ms = captured[1] + samples_to_ms(position - captured[0])
        return max(0, ms_to_samples(at_ms - self._line.at_ms))

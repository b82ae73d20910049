"""From playback reports to pieces that were heard: which samples, and when their last one sounded.

A report says how much of an item could be heard at its time; what had been rendered by then goes on
sounding for one output latency. So when playing pauses or is cut, the rest of what sounds is placed
before the silence, and nothing after it. Pure; the reports' own clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_loop.audio.pcm import ms_to_samples, samples_to_ms
from voice_loop.protocol.events import PlaybackReport


@dataclass(frozen=True, slots=True)
class Heard:
    """Samples `first` up to `to` of an item were heard, the last one at `at_ms`."""

    turn: int
    item: int
    first: int
    to: int
    at_ms: float


class Hearing:
    """Follows one item at a time: the page plays them in order."""

    def __init__(self) -> None:
        self._key = (0, 0)
        self._heard = 0
        self._tail_to = 0
        """What still sounds when it pauses ends here, at `_silent_ms`."""
        self._silent_ms = 0.0

    def take(self, report: PlaybackReport) -> list[Heard]:
        """What became known to have been heard, in order."""
        key = (report.turn, report.item)
        if key != self._key:
            self._key, self._heard, self._tail_to = key, 0, 0
        to = max(self._heard, ms_to_samples(report.played_ms))
        pieces = self._tail(min(to, self._tail_to))
        if to > self._heard:
            pieces.append(Heard(*key, self._heard, to, report.client_at_ms))
            self._heard = to
        self._tail_to = 0
        stopped_ms = report.client_stopped_ms
        if stopped_ms is not None and report.phase in ("paused", "stopped"):
            left_ms = min(stopped_ms - report.client_at_ms, report.output_latency_ms)
            self._tail_to = self._heard + max(0, ms_to_samples(left_ms))
            self._silent_ms = stopped_ms
            if report.phase == "stopped":
                # No more of it is reported.
                pieces += self._tail(self._tail_to)
        return pieces

    def _tail(self, to: int) -> list[Heard]:
        """Up to `to` it sounded on after the last report, until the silence."""
        if to <= self._heard:
            return []
        at_ms = self._silent_ms - samples_to_ms(self._tail_to - to)
        piece = Heard(*self._key, self._heard, to, at_ms)
        self._heard = to
        return [piece]

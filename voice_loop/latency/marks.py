"""Named instants of one turn, each of one clock.

Marks are recorded as they come, in any order and any number; which of several counts is decided by
the mark's rule when a figure is asked for. A mark that must come once and came with different
times is ambiguous: it gives nothing rather than a wrong number. Recording never raises, and names
that are not in the table are ignored: the session marks more than latency needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

ClockName = Literal["server", "client"]
Pick = Literal["first", "last", "only"]
MAX_TIMES: Final = 16
"""Of one mark in one turn; more are not kept."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Whose clock the mark is of, and which of several counts."""

    clock: ClockName
    pick: Pick


RULES: Final[dict[str, Rule]] = {
    # A person may pause and go on: the last end before the answer was asked for is the end.
    "speech_ended": Rule("client", "last"),
    "speech_stopped": Rule("server", "last"),
    "press_released": Rule("server", "last"),
    "text_received": Rule("server", "last"),
    "input_committed": Rule("server", "last"),
    "committed_for_silence": Rule("server", "last"),
    # A turn with tools has several responses; the person waits for the first sound of any.
    "response_asked": Rule("server", "first"),
    "first_delta": Rule("server", "first"),
    "first_chunk_sent": Rule("server", "first"),
    "first_chunk_received": Rule("client", "first"),
    "first_chunk_queued": Rule("client", "first"),
    "first_sound": Rule("client", "only"),
    "barge_in_onset": Rule("client", "only"),
    "barge_in_detected": Rule("client", "only"),
    "barge_in_stopped": Rule("client", "only"),
}


class Absent(Exception):
    """There is no figure; the text says why, in words for the record."""


class Marks:
    """The marks of one turn."""

    def __init__(self) -> None:
        self._times: dict[str, list[float]] = {}

    def record(self, name: str, at_ms: float) -> None:
        """`name` happened at `at_ms` of its clock. Not a number: not recorded."""
        if name not in RULES or not math.isfinite(at_ms):
            return
        times = self._times.setdefault(name, [])
        if len(times) < MAX_TIMES and at_ms not in times:
            times.append(at_ms)

    def __contains__(self, name: str) -> bool:
        return name in self._times

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Everything recorded."""
        for name, times in self._times.items():
            for at_ms in times:
                yield name, at_ms

    def at(self, name: str, *, not_after_ms: float = math.inf) -> float:
        """The time that counts. Raises Absent: missing, doubled, or all too late."""
        times = self._times.get(name)
        if not times:
            raise Absent(f"missing: {name}")
        pick = RULES[name].pick
        if pick == "only" and len(times) > 1:
            raise Absent(f"doubled: {name}")
        in_time = [time for time in times if time <= not_after_ms]
        if not in_time:
            raise Absent(f"out of order: {name}")
        return min(in_time) if pick == "first" else max(in_time)

    def maybe(self, name: str, *, not_after_ms: float = math.inf) -> float | None:
        """Like `at`, with None for Absent."""
        try:
            return self.at(name, not_after_ms=not_after_ms)
        except Absent:
            return None

"""Who was heard how far: the playing line's accounts, per item.

Every queued sample has an index on one line that never runs backwards. `rendered` says how far the
output has come; `heard` what that was one output latency ago. Segments map the line to items.
Knows no audio: `playout` has the samples.
"""

from __future__ import annotations

import math
from typing import Any

from .jsapi import Array, Float64Array

HISTORY: int = 1024


class Segment:
    """A stretch of one item that lies in one piece on the playing line."""

    def __init__(self, turn: int, item: int, position: int, begin: int, time: float) -> None:
        self.turn = turn
        self.item = item
        self.position = position
        self.begin = begin
        self.queued_time = time
        self.length = 0
        self.ended: bool = False
        self.started: bool = False


class Ledger:
    """Segments in order, and when the line had been rendered how far."""

    def __init__(self) -> None:
        self.segments = Array()
        self.queued = 0
        self.rendered = 0
        self.latency = 0.0
        self.now = 0.0
        self.history_time = Float64Array(HISTORY)
        self.history_rendered = Float64Array(HISTORY)
        self.history_last = 0

    def last(self) -> Any:
        """The segment queued last, or None."""
        count = len(self.segments)
        if count == 0:
            return None
        return self.segments[count - 1]

    def open_segment(self, turn: int, item: int, position: int) -> Segment:
        """Begin a segment at the end of the line; another item before it is complete."""
        last = self.last()
        segment = Segment(turn, item, position, self.queued, self.now)
        if last is not None:
            if last.turn == turn and last.item == item:
                # Its item begins with the segment before it.
                segment.started = True
            else:
                last.ended = True
        self.segments.push(segment)
        return segment

    def end_item(self, turn: int, item: int) -> None:
        """No more audio comes for the item."""
        for i in range(len(self.segments)):
            segment = self.segments[i]
            if segment.turn == turn and segment.item == item:
                segment.ended = True

    def is_ended(self) -> bool:
        """Whether what is queued is complete: nothing more is promised."""
        last = self.last()
        return last is None or last.ended is True

    def at(self, index: int) -> Any:
        """The segment that holds the sample before `index`; the first when none does yet."""
        found = None
        for i in range(len(self.segments)):
            segment = self.segments[i]
            if found is None or segment.begin < index:
                found = segment
        return found

    def drop(self, turn: int) -> int:
        """Forget every segment up to `turn`; returns where on the line the rest begins."""
        kept = Array()
        first = self.queued
        for i in range(len(self.segments)):
            segment = self.segments[i]
            if segment.turn > turn:
                first = min(first, segment.begin)
                kept.push(segment)
        self.segments = kept
        return first

    def remember(self) -> None:
        """Note how far the line is rendered now."""
        at = self.history_last + 1
        if at == HISTORY:
            at = 0
        self.history_time[at] = self.now
        self.history_rendered[at] = self.rendered
        self.history_last = at

    def heard(self) -> int:
        """How far the line had been rendered one output latency ago."""
        instant = self.now - self.latency
        later_time = self.now
        later: float = self.rendered
        at = self.history_last
        for _ in range(HISTORY):
            earlier_time = self.history_time[at]
            earlier = self.history_rendered[at]
            if earlier_time <= instant:
                if later_time <= earlier_time:
                    return math.floor(later)
                share = (instant - earlier_time) / (later_time - earlier_time)
                line: float = earlier + min(1.0, share) * (later - earlier)
                return math.floor(line)
            later_time = earlier_time
            later = earlier
            at -= 1
            if at < 0:
                at = HISTORY - 1
        return math.floor(later)

    def message(self, kind: str, segment: Any, heard: int) -> Any:
        """Where playing stands in `segment`, as a message."""
        turn = 0
        item = 0
        rendered = 0
        played = 0
        if segment is not None:
            end = segment.begin + segment.length
            turn = segment.turn
            item = segment.item
            rendered = segment.position
            played = segment.position
            rendered += max(0, min(self.rendered, end) - segment.begin)
            played += max(0, min(heard, end) - segment.begin)
        return {
            "type": kind,
            "turn": turn,
            "item": item,
            "rendered": rendered,
            "heard": played,
            "time": self.now,
        }

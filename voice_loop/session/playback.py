"""The playback ledger: per audio item, what was received, sent and heard.

It keeps heard ≤ sent ≤ received, each only growing, whatever the browser reports: what was heard
decides where an interrupted answer is truncated, so a wrong report costs precision, never sanity.
Counts are samples of 24 kHz. It does not hold audio (see `pacing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from voice_loop.audio.pcm import SAMPLE_RATE_HZ, ms_to_samples, samples_to_ms
from voice_loop.protocol.events import PlaybackReport

REPORT_TOLERANCE_MS: Final = 250
"""A report may run ahead of what was sent by rounding and clock skew; more is an error."""
MAX_KEPT_ITEMS: Final = 64

ReportVerdict = Literal["ok", "stale", "unknown_turn", "bad_played_time"]


@dataclass(slots=True)
class ItemAudio:
    """One audio item of an answer."""

    turn: int
    item: int
    item_id: str
    """The provider's id."""
    received: int = 0
    sent: int = 0
    heard: int = 0
    complete: bool = False
    """The provider sends no more of it."""
    finished: bool = False
    """Heard to its end."""
    cut: bool = False
    """Interrupted or failed: nothing more of it is played."""

    @property
    def over(self) -> bool:
        return self.finished or self.cut

    @property
    def heard_ms(self) -> int:
        """Whole milliseconds heard: where a truncation goes."""
        return int(samples_to_ms(self.heard))


class PlaybackLedger:
    """All items that are still of interest, by turn and index."""

    def __init__(self) -> None:
        self._items: dict[tuple[int, int], ItemAudio] = {}
        self._by_id: dict[str, ItemAudio] = {}

    def __iter__(self) -> Iterator[ItemAudio]:
        return iter(self._items.values())

    def by_id(self, item_id: str) -> ItemAudio | None:
        return self._by_id.get(item_id)

    def at(self, turn: int, item: int) -> ItemAudio | None:
        return self._items.get((turn, item))

    def open(self, turn: int, item_id: str) -> ItemAudio:
        """The item, made with the next index of its turn when it is new."""
        known = self._by_id.get(item_id)
        if known is not None:
            return known
        index = sum(1 for entry in self if entry.turn == turn)
        entry = ItemAudio(turn, index, item_id)
        self._items[turn, index] = entry
        self._by_id[item_id] = entry
        self._forget_old()
        return entry

    def _forget_old(self) -> None:
        newest = max(turn for turn, _ in self._items)
        for key, entry in list(self._items.items()):
            if len(self._items) <= MAX_KEPT_ITEMS:
                return
            if entry.over and entry.turn < newest:
                del self._items[key]
                del self._by_id[entry.item_id]

    def receive(self, entry: ItemAudio, samples: int) -> None:
        entry.received += samples

    def send(self, turn: int, item: int, samples: int) -> None:
        """So much of the item was handed to the browser's socket."""
        entry = self._items[turn, item]
        entry.sent = min(entry.received, entry.sent + samples)

    def report(self, report: PlaybackReport) -> ReportVerdict:
        """Take in what the browser says it rendered."""
        entry = self._items.get((report.turn, report.item))
        if entry is None:
            newest = max((turn for turn, _ in self._items), default=0)
            return "unknown_turn" if report.turn > newest else "stale"
        if entry.over:
            return "stale"
        verdict = self.hear(entry, report.played_ms)
        if report.phase == "finished":
            self._finish(entry)
        self.finish_before(entry)
        return verdict

    def finish_before(self, entry: ItemAudio) -> None:
        """`entry` is being heard: the browser keeps the order, so those before it were played."""
        for other in self.open_items():
            if (other.turn, other.item) < (entry.turn, entry.item):
                self._finish(other)

    def hear(self, entry: ItemAudio, played_ms: float) -> ReportVerdict:
        """So many milliseconds of the item were heard; held to what was sent."""
        played = ms_to_samples(played_ms)
        entry.heard = max(entry.heard, min(entry.sent, played))
        if entry.complete and entry.sent == entry.received and entry.heard == entry.received:
            entry.finished = True
        tolerance = ms_to_samples(REPORT_TOLERANCE_MS)
        return "ok" if 0 <= played <= entry.sent + tolerance else "bad_played_time"

    def _finish(self, entry: ItemAudio) -> None:
        entry.heard = entry.sent
        if entry.complete and entry.sent == entry.received:
            entry.finished = True

    def complete(self, entry: ItemAudio) -> None:
        """The provider sent the last of the item; one without audio is finished by that."""
        entry.complete = True
        if entry.received == entry.heard:
            entry.finished = True

    def open_items(self) -> list[ItemAudio]:
        """Items that are neither heard to the end nor cut, in order of playing."""
        return sorted((e for e in self if not e.over), key=lambda e: (e.turn, e.item))

    def finish_all_sent(self) -> None:
        """The browser fell silent about what it must have played: count it as heard."""
        for entry in self.open_items():
            self._finish(entry)

    @property
    def ahead(self) -> int:
        """Samples sent and not yet heard."""
        return sum(entry.sent - entry.heard for entry in self if not entry.over)

    @property
    def audible(self) -> bool:
        """Something was sent that has not been heard to its end."""
        return any(entry.sent > 0 for entry in self if not entry.over)

    @property
    def remaining_ms(self) -> float:
        """How long what was sent still plays, at the most."""
        return self.ahead * 1000 / SAMPLE_RATE_HZ

"""One stretch of speech that the provider cut out, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["open", "waiting", "adopted", "dropped"]


@dataclass(slots=True)
class Utterance:
    """By the id of its item; positions are of the up-stream's sample line."""

    item_id: str
    onset: int | None = None
    end: int | None = None
    audible: bool = False
    """Assistant audio was playing when it began."""
    meant: bool = False
    """It interrupted, or went on into silence: no backchannel."""
    started_ms: float | None = None
    stopped_ms: float | None = None
    interrupts_at_ms: float | None = None
    decide_by_ms: float | None = None
    verdict: Verdict = "open"
    text: str = ""
    final: bool = False
    line: str | None = None
    turn: int = 0

    @property
    def going_on(self) -> bool:
        started = self.started_ms is not None and self.stopped_ms is None
        return started and self.verdict == "open"

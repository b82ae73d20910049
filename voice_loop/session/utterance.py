"""One stretch of speech that the provider cut out, and what became of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

MAX_COMMITS: Final = 32

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


@dataclass(frozen=True, slots=True)
class OwnCommit:
    """A commit that we asked for."""

    until_ms: float
    """A later item is not its."""
    answered_in: int | None
    """The turn whose answer was asked for right behind it."""


class OwnCommits:
    """Our commits that are not acknowledged yet; the provider answers them in order."""

    def __init__(self) -> None:
        self._waiting: deque[OwnCommit] = deque(maxlen=MAX_COMMITS)

    def add(self, until_ms: float, *, answered_in: int | None = None) -> None:
        self._waiting.append(OwnCommit(until_ms, answered_in))

    def take(self, now_ms: float) -> OwnCommit | None:
        """The one that an item belongs to, if it came of a commit of ours."""
        while self._waiting:
            own = self._waiting.popleft()
            if now_ms <= own.until_ms:
                return own
        return None

    def clear(self) -> None:
        self._waiting.clear()

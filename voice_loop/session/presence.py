"""Whether somebody is at the other end: a page that went, and one that is there but reads nothing.

A page that went may come back within `limits.resume_ms`. One that is there must acknowledge: it is
looked at every `limits.unread_ms`, and when between two looks it was sent something and took note
of nothing it counts as stalled. Looking seldom costs nothing for each frame. Pure: time comes in.
"""

from __future__ import annotations

import math
from typing import Literal

from voice_loop.config import Limits
from voice_loop.session.outbox import Outbox


class Presence:
    """Of the page of one session; it begins away."""

    def __init__(self, limits: Limits, outbox: Outbox, now_ms: float) -> None:
        self._limits = limits
        self._outbox = outbox
        self._away_since_ms: float | None = now_ms
        self._look_ms = math.inf
        self._unread: int | None = None
        """Acknowledged at the last look, when more had been sent."""

    def came(self, now_ms: float) -> None:
        """A socket serves the page from now on."""
        self._away_since_ms = None
        self._look_ms = now_ms + self._limits.unread_ms
        self._unread = None

    def went(self, now_ms: float) -> None:
        """The page has no socket any more."""
        self._away_since_ms = now_ms

    @property
    def deadline_ms(self) -> float:
        """When `verdict` is to be asked."""
        if self._away_since_ms is not None:
            return self._away_since_ms + self._limits.resume_ms
        return self._look_ms

    def verdict(self, now_ms: float) -> Literal["gone", "client_stalled"] | None:
        """Why the session has to end now, if it has to."""
        if now_ms < self.deadline_ms:
            return None
        if self._away_since_ms is not None:
            return "gone"
        acknowledged = self._outbox.acknowledged
        if self._unread == acknowledged:
            return "client_stalled"
        self._unread = acknowledged if self._outbox.kept else None
        self._look_ms = now_ms + self._limits.unread_ms
        return None

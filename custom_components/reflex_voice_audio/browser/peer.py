"""What the playback worklet tells the capture worklet: whether an answer is playing.

A sentence may pause for breath, an item may end before the next begins; the reference is silent
then, but who speaks still speaks over an answer. Tells changes only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Peer:
    """The other worklet, once the page has joined the two."""

    def __init__(self) -> None:
        self.tell: Any = None
        self.is_told_playing: bool = False

    def join(self, tell: Callable[[Any], None]) -> None:
        """`tell` posts to the capture worklet."""
        self.tell = tell
        self.is_told_playing = False
        # A player that this one replaces may have been playing.
        tell({"type": "playing", "value": False})

    def follow(self, is_playing: bool) -> None:
        """Whether something is queued, or rendered and not yet heard."""
        if self.tell is not None and is_playing != self.is_told_playing:
            self.is_told_playing = is_playing
            self.tell({"type": "playing", "value": is_playing})

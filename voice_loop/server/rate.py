"""How much a page may send: token buckets over frames and bytes, with room for a burst.

A page that resumes sends up to 15 s of held audio at once; one that talks sends 50 frames a second.
"""

from __future__ import annotations

from typing import Final

FRAMES_PER_S: Final = 200.0
FRAME_BURST: Final = 2_000.0
BYTES_PER_S: Final = 150_000.0
BYTE_BURST: Final = 2_500_000.0


class TokenBucket:
    """Refills steadily; pure, the time comes in."""

    def __init__(self, per_s: float, burst: float, now_ms: float) -> None:
        self._per_ms = per_s / 1000
        self._burst = burst
        self._level = burst
        self._at_ms = now_ms

    def take(self, amount: float, now_ms: float) -> bool:
        """False when that is more than is there; nothing is taken then."""
        self._level = min(self._burst, self._level + (now_ms - self._at_ms) * self._per_ms)
        self._at_ms = now_ms
        if amount > self._level:
            return False
        self._level -= amount
        return True


class FrameRate:
    """The bound on one socket."""

    def __init__(self, now_ms: float) -> None:
        self._frames = TokenBucket(FRAMES_PER_S, FRAME_BURST, now_ms)
        self._bytes = TokenBucket(BYTES_PER_S, BYTE_BURST, now_ms)

    def allows(self, size_bytes: int, now_ms: float) -> bool:
        return self._frames.take(1, now_ms) and self._bytes.take(size_bytes, now_ms)

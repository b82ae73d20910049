"""Who records a session gets its audio here: the one thing that is not told on the bus.

Called on the way of every chunk, so an implementation only notes the chunk and returns: it never
waits, never touches a file and never raises.
"""

from __future__ import annotations

from typing import Protocol

from voice_loop.protocol.events import AudioChunk


class AudioTap(Protocol):
    """Set as `Session.audio_tap` while it records."""

    def user_audio(self, chunk: AudioChunk) -> None:
        """As it came from the page."""
        ...

    def assistant_audio(self, chunk: AudioChunk) -> None:
        """On its way to the page, in order; whether it is heard is told by playback reports."""
        ...

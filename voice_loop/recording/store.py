"""Where recordings lie: in the system's temporary folder, never in the project.

A recording has a name nobody can guess. It goes with its session unless it is kept; kept ones go
after their time, or with `close`.
"""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from voice_loop.latency.clock import Clock
from voice_loop.recording.recorder import DEFAULT_MAX_BYTES, TIMELINE_NAME, WAV_NAME, Recorder

FILES: Final = (WAV_NAME, TIMELINE_NAME)
KEEP_MS: Final = 60 * 60_000.0
MAX_KEPT: Final = 16
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


class Recordings:
    """The recordings of one server process."""

    def __init__(
        self,
        clock: Clock,
        *,
        parent: Path | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        keep_ms: float = KEEP_MS,
    ) -> None:
        """Touches nothing: the folder is made with the first recording. `parent`: the system's
        temporary folder unless given."""
        self._clock = clock
        self._parent = parent
        self._max_bytes = max_bytes
        self._keep_ms = keep_ms
        self._root: Path | None = None
        self._kept: dict[str, float] = {}

    @contextmanager
    def record(self, *, keep: bool = False) -> Iterator[tuple[str, Recorder]]:
        """A new recording: its name and its recorder, closed at the end; gone too unless kept.

        Raises OSError when the files cannot be made.
        """
        self.sweep()
        name = secrets.token_urlsafe(16)
        folder = self._folder() / name
        folder.mkdir(mode=0o700)
        try:
            with Recorder(folder, max_bytes=self._max_bytes) as recorder:
                yield name, recorder
        finally:
            if keep:
                self._kept[name] = self._clock.now_ms()
                self.sweep()
            else:
                self.delete(name)

    def find(self, name: str, file: str) -> Path | None:
        """A file of a recording, of one that runs too; None for anything else whatever."""
        self.sweep()
        if self._root is None or file not in FILES or not _NAME.fullmatch(name):
            return None
        path = self._root / name / file
        return path if path.is_file() else None

    def delete(self, name: str) -> None:
        """Away with it; one that is gone is fine."""
        self._kept.pop(name, None)
        if self._root is not None and _NAME.fullmatch(name):
            shutil.rmtree(self._root / name, ignore_errors=True)

    def sweep(self) -> None:
        """Away with kept recordings whose time is over, and with the oldest beyond the bound."""
        now_ms = self._clock.now_ms()
        for name, since_ms in list(self._kept.items()):
            if now_ms - since_ms >= self._keep_ms or len(self._kept) > MAX_KEPT:
                self.delete(name)

    def close(self) -> None:
        """Away with all of them. Idempotent."""
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = None
        self._kept.clear()

    def _folder(self) -> Path:
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="voice-loop-", dir=self._parent))
        return self._root

"""Where recordings lie: in the system's temporary folder, never in the project.

A folder a worker, claimed while it lives; in it a folder a recording, with a name nobody can guess
and a note of whose it is. A recording goes with its session unless it is kept; kept ones go after
their time, all of them with the worker, and what a worker that crashed left goes when the next one
starts. Workers of one machine find each other's. Calls touch the disk: make them in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from voice_loop.errors import VoiceLoopError
from voice_loop.latency.clock import Clock
from voice_loop.recording.claim import Claim
from voice_loop.recording.recorder import DEFAULT_MAX_BYTES, TIMELINE_NAME, WAV_NAME, Recorder

FILES: Final = (WAV_NAME, TIMELINE_NAME)
KEEP_MS: Final = 60 * 60_000.0
MAX_RECORDINGS: Final = 16
"""Of one worker, running and kept: with the bound of one, a bound on the disk."""
PREFIX: Final = "voice-loop-recordings-"
NOTE_NAME: Final = "note.json"
MAX_NOTE_CHARS: Final = 1_000
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")

Stage = Literal["running", "ready"]


def owner_of(client_token: str) -> str:
    """Whose a recording is, without saying who."""
    return hashlib.sha256(client_token.encode()).hexdigest()


class Recordings:
    """The recordings of one server process. Thread safe."""

    def __init__(
        self,
        clock: Clock,
        *,
        parent: Path | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        keep_ms: float = KEEP_MS,
    ) -> None:
        """Touches nothing: the folder is made with the first recording. `parent`: the system's
        temporary folder unless given. `keep_ms`: how long one may be kept; 0: not at all."""
        self._clock = clock
        self._given_parent = parent
        self._max_bytes = max_bytes
        self._keep_ms = keep_ms
        self._root: Path | None = None
        self._claim: Claim | None = None
        self._owners: dict[str, str] = {}
        self._kept: dict[str, float] = {}
        self._lock = threading.RLock()

    def begin(self, owner: str) -> tuple[str, Recorder]:
        """A new recording of `owner`: its name and its recorder. The oldest kept one goes when
        there is no room. Raises OSError, and VoiceLoopError `recordings_full`."""
        with self._lock:
            self.sweep()
            if len(self._owners) >= MAX_RECORDINGS:
                if not self._kept:
                    raise VoiceLoopError("recordings_full")
                self.delete(next(iter(self._kept)))
            name = secrets.token_urlsafe(16)
            folder = self._folder() / name
            folder.mkdir(mode=0o700)
            self._owners[name] = owner
            try:
                self._note(name, "running")
                return name, Recorder(folder, max_bytes=self._max_bytes)
            except BaseException:
                self.delete(name)
                raise

    def finish(self, name: str) -> None:
        """Its files are whole: it may be fetched now. Raises OSError."""
        with self._lock:
            if name in self._owners:
                self._note(name, "ready")

    def keep(self, name: str) -> bool:
        """Let it outlive its session for its time; False where nothing may be kept."""
        with self._lock:
            if self._keep_ms <= 0 or name not in self._owners:
                return False
            self._kept[name] = self._clock.now_ms()
            return True

    def find(self, name: str, file: str, owner: str) -> tuple[Path, Stage] | None:
        """A file of a recording of `owner` on this machine; None for anything else whatever."""
        self.sweep()
        if file not in FILES or not _NAME.fullmatch(name):
            return None
        for root in self._roots():
            note = _read_note(root / name)
            path = root / name / file
            if note is not None and note[0] == owner and path.is_file():
                return path, note[1]
        return None

    def delete(self, name: str) -> None:
        """Away with it; one that is gone is fine."""
        with self._lock:
            self._kept.pop(name, None)
            self._owners.pop(name, None)
            if self._root is not None and _NAME.fullmatch(name):
                shutil.rmtree(self._root / name, ignore_errors=True)

    def sweep(self) -> None:
        """Away with kept recordings whose time is over."""
        with self._lock:
            now_ms = self._clock.now_ms()
            for name, since_ms in list(self._kept.items()):
                if now_ms - since_ms >= self._keep_ms:
                    self.delete(name)

    def sweep_orphans(self) -> int:
        """Away with what workers left that are gone; how many folders that were."""
        swept = 0
        for root in self._roots():
            if root == self._root:
                continue
            with contextlib.suppress(OSError):
                claim = Claim.take(root)
                if claim is not None:
                    shutil.rmtree(root, ignore_errors=True)
                    claim.release()
                    swept += 1
        return swept

    def close(self) -> None:
        """Away with all of them. Idempotent."""
        with self._lock:
            if self._root is not None:
                shutil.rmtree(self._root, ignore_errors=True)
                self._root = None
            if self._claim is not None:
                self._claim.release()
                self._claim = None
            self._kept.clear()
            self._owners.clear()

    @property
    def _parent(self) -> Path:
        return self._given_parent or Path(tempfile.gettempdir())

    def _folder(self) -> Path:
        while self._root is None:
            root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent))
            self._claim = Claim.take(root)
            # Without it another worker took the folder for an orphan in that moment.
            self._root = root if self._claim is not None else None
        return self._root

    def _roots(self) -> Iterator[Path]:
        """Folders of workers on this machine: ours alone, never somebody else's trap."""
        for root in self._parent.glob(PREFIX + "*"):
            with contextlib.suppress(OSError):
                about = root.lstat()
                ours = not hasattr(os, "getuid") or about.st_uid == os.getuid()
                if ours and root.is_dir() and not root.is_symlink():
                    yield root

    def _note(self, name: str, stage: Stage) -> None:
        """Written beside and moved: whoever reads it finds a whole one."""
        folder = self._folder() / name
        part = folder / f"{NOTE_NAME}.part"
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump({"owner": self._owners[name], "stage": stage}, out)
        part.replace(folder / NOTE_NAME)


def _read_note(folder: Path) -> tuple[str, Stage] | None:
    try:
        with (folder / NOTE_NAME).open() as note:
            said = json.loads(note.read(MAX_NOTE_CHARS))
        return str(said["owner"]), "ready" if said["stage"] == "ready" else "running"
    except (OSError, ValueError, KeyError, TypeError):
        return None

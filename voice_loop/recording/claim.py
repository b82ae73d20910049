"""A worker's claim on its folder: a lock that the system lets go of when the worker dies.

So a folder whose lock can be had belonged to a worker that is gone, however it went; a number of
a process could have been given to another one since.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

CLAIM_NAME: Final = "claim"


class Claim:
    """Held from `take` to `release`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, folder: Path) -> Claim | None:
        """The claim on `folder`; None while somebody else has it. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(folder / CLAIM_NAME, flags, 0o600)
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> None:
    """Raises OSError when it is locked already."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

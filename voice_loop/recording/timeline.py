"""A time line as JSON Lines: one object a line, its place in the recording first.

Bounded: the line that would go beyond the bound is not written, and nothing after it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Timeline:
    """`{"at_ms": 1234.5, "event": "…", …}`, in the order of the calls."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Makes the file, readable by its owner alone. Raises OSError, also when it is there."""
        self.path = path
        self._left = max_bytes
        self._file = open(  # noqa: SIM115
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        )

    def write(self, at_ms: float | None, event: str, fields: dict[str, Any]) -> bool:
        """False when it is full. Raises TypeError or ValueError for what JSON cannot carry."""
        entry = {
            "at_ms": None if at_ms is None else round(at_ms, 3),
            "event": event,
            **{name: value for name, value in fields.items() if name not in ("at_ms", "event")},
        }
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        if len(line) > self._left:
            self._left = 0
            return False
        self._left -= len(line)
        self._file.write(line)
        return True

    def flush(self) -> None:
        """Make what was written readable."""
        self._file.flush()

    def close(self) -> None:
        """Idempotent."""
        self._file.close()

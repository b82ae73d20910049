"""What every benchmark ends with: a table for people, JSON for programs, and how busy it was here.

Results go to `benchmarks/results/`, which git ignores: they belong to one machine and one hour.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results"


def load_average() -> float | None:
    """Processes that wanted to run, on average over the last minute; None where nobody counts."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """A table under its title: figures are rows, so that it stays narrow."""
    if not rows:
        return f"\n{title}\n(nothing measured)"
    columns = [[str(name), *(_cell(row.get(name)) for row in rows)] for name in rows[0]]
    widths = [max(len(column[i]) for column in columns) for i in range(len(rows) + 1)]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(column, widths, strict=True))
        )
        for column in columns
    ]
    return "\n".join(["", title, lines[0], "-" * len(lines[0]), *lines[1:]])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def save(name: str, result: Mapping[str, Any]) -> Path:
    """Write the result as JSON; where it lies."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_average": load_average(),
    }
    path.write_text(json.dumps({"machine": machine, **result}, indent=1), encoding="utf-8")
    return path

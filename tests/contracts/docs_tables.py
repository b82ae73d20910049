"""The parts of the documentation that are made from the code.

`python -m tests.contracts.docs_tables` writes them; the test beside it fails when they are stale.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from voice_loop.errors import ERRORS
from voice_loop.latency.budget import BUDGET, FIGURES
from voice_loop.latency.definitions import COUNTED, DEFINITIONS, REASONS, VALUES
from voice_loop.protocol import events
from voice_loop.protocol.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    AudioChunk,
    Resume,
    StartOptions,
)
from voice_loop.telemetry.process import COUNTERS
from voice_loop.telemetry.prometheus import FIGURE_HELP, PREFIX, metric_name

ROOT = Path(__file__).resolve().parents[2]


def field_notes(module: ModuleType, name: str) -> dict[str, str]:
    """Docstrings under the fields of a dataclass: the text that Python itself forgets."""
    tree = ast.parse(inspect.getsource(module))
    (body,) = (n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)
    notes: dict[str, str] = {}
    for before, after in zip(body, body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            notes[before.target.id] = " ".join(str(after.value.value).split())
    return notes


def _spelled_out(kind: str) -> str:
    """A named set of words as its words."""
    words = get_args(getattr(events, kind, None))
    if words and all(isinstance(word, str) for word in words):
        return " ".join(f"`{word}`" for word in words)
    return kind


def _event(cls: type[Any], arrow: str) -> str:
    summary = inspect.getdoc(cls) or ""
    if summary.startswith(f"{cls.__name__}("):
        summary = ""  # the signature a dataclass writes when it has no docstring
    notes = field_notes(events, cls.__name__)
    lines = [f"### {arrow} `{getattr(cls, 'TYPE', cls.__name__)}`", ""]
    if summary:
        lines += [" ".join(summary.split()), ""]
    lines += ["| field | type | default | |", "| --- | --- | --- | --- |"]
    for field in dataclasses.fields(cls):
        default = (
            "" if field.default is dataclasses.MISSING else f"`{field.default!r}`".replace("'", "")
        )
        kind = _spelled_out(str(field.type)).replace("|", "\\|")
        lines.append(f"| `{field.name}` | {kind} | {default} | {notes.get(field.name, '')} |")
    return "\n".join([*lines, ""])


def protocol_events() -> str:
    """A section per event, and the objects inside them."""
    parts = [_event(cls, "→") for cls in CLIENT_EVENTS]
    parts += [_event(AudioChunk, "↔")]
    parts += [_event(cls, "←") for cls in SERVER_EVENTS]
    parts += [_event(cls, "·") for cls in (StartOptions, Resume)]
    return "\n".join(parts)


def error_codes() -> str:
    """A row per error code."""
    rows = ["| code | what the person reads | recoverable | close |", "| --- | --- | --- | --- |"]
    for code, row in ERRORS.items():
        close = "" if row.close_code is None else str(row.close_code)
        rows.append(
            f"| `{code}` | {row.message} | {'yes' if row.recoverable else 'no'} | {close} |"
        )
    return "\n".join(rows)


def figures() -> str:
    """A row per latency."""
    rows = ["| figure | from | to | clock | target | absent when |", "| --- " * 6 + "|"]
    for name in FIGURES:
        one = DEFINITIONS[name]
        wanted = [f"p{t.percent} < {t.limit_ms:g} ms" for t in BUDGET if t.figure == name]
        target = ", ".join(wanted) or "none"
        rows.append(
            f"| `{name}` | {one.begins} | {one.ends} | {one.clock} | {target} | {one.absent} |"
        )
    return "\n".join(rows)


def _meanings(heading: str, rows: dict[str, str]) -> str:
    lines = [f"| {heading} | |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{name}` | {what} |" for name, what in rows.items())])


def values() -> str:
    """What is shown beside the latencies."""
    return _meanings("value", {**VALUES, **COUNTED})


def reasons() -> str:
    """Why a figure is absent."""
    return _meanings("reason", REASONS)


def prometheus() -> str:
    """A row per metric."""
    rows = ["| metric | kind | label | |", "| --- | --- | --- | --- |"]
    rows.append(f"| `{PREFIX}sessions` | gauge | | Sessions alive. |")
    for name, counter in COUNTERS.items():
        label = f"`{counter.label}`" if counter.label else ""
        rows.append(f"| `{PREFIX}{name}_total` | counter | {label} | {counter.help} |")
    rows += [f"| `{metric_name(name)}` | histogram | | {FIGURE_HELP[name]} |" for name in FIGURES]
    return "\n".join(rows)


TABLES = {
    ("docs/metrics.md", "figures"): figures,
    ("docs/metrics.md", "values"): values,
    ("docs/metrics.md", "reasons"): reasons,
    ("docs/metrics.md", "prometheus"): prometheus,
    ("docs/protocol.md", "events"): protocol_events,
    ("docs/protocol.md", "errors"): error_codes,
}


def between(name: str) -> re.Pattern[str]:
    """The part of a document between its two markers."""
    return re.compile(
        rf"(<!-- {name}: made from the code -->\n).*?(\n<!-- {name}: end -->)", re.DOTALL
    )


def write() -> None:
    """Bring every made part up to date."""
    for (document, name), make in TABLES.items():
        path = ROOT / document
        text = path.read_text(encoding="utf-8")
        made = make()
        path.write_text(
            between(name).sub(lambda m, made=made: m[1] + made + m[2], text),  # type: ignore[misc]  # a lambda's default has no annotation
            encoding="utf-8",
        )


if __name__ == "__main__":
    write()

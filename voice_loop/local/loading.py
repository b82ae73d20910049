"""Loading in a worker thread without stopping the event loop beside it.

What one C call does while it holds the interpreter's lock stops every thread. Two such calls matter
here: the linking of a large library on import, and the parsing of a dictionary of megabytes. The
first is done beforehand through a call that lets go of the lock, the second in small steps. Where
either is not possible, loading is as it was: right, with a pause in the loop.
"""

from __future__ import annotations

import ctypes
import gc
import gzip
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_STEP_CHARS: Final = 32_768
_TRIES: Final = 6
_BETWEEN_MEMBERS: Final = re.compile(r',\s*(?=")')


def open_library(package: str, pattern: str) -> None:
    """Link a package's shared library ahead of its import. Nothing where there is none."""
    spec = find_spec(package)
    if spec is None or os.name != "posix":
        return
    link = ctypes.CDLL(None).dlopen
    link.restype = ctypes.c_void_p
    for place in spec.submodule_search_locations or []:
        for path in Path(place).glob(pattern):
            # Not ctypes.CDLL(path): that keeps the lock. Never closed, as an import never is.
            link(os.fsencode(path), os.RTLD_NOW)


def parse_in_steps(text: str) -> Any:
    """What `json.loads` gives, in calls of some milliseconds each: a flat object member by member
    in pieces, others with a look around at each object inside. Raises ValueError."""
    found: dict[str, Any] = {}
    start = len(text) - len(text.lstrip())
    if not text.startswith("{", start):
        return _parsed(text)
    at = start + 1
    while (end := _next_cut(text, at)) is not None:
        cut, members = end
        found.update(members)
        at = cut
    if not found:
        return _parsed(text)
    found.update(_parsed("{" + text[at:]))
    return found


def _next_cut(text: str, at: int) -> tuple[int, dict[str, Any]] | None:
    """Where the members after this piece begin, and the piece; None when the rest is one piece.
    A piece that parses by itself ends between two members of the outermost object."""
    cuts = _BETWEEN_MEMBERS.finditer(text, at + _STEP_CHARS)
    for _, cut in zip(range(_TRIES), cuts, strict=False):
        try:
            return cut.end(), _parsed("{" + text[at : cut.start()] + "}")
        except ValueError:
            continue
    return None


def _parsed(text: str) -> Any:
    return json.loads(text, object_hook=_look_around)


def _look_around(members: dict[str, Any]) -> dict[str, Any]:
    """A call into Python: here another thread may take the interpreter's lock."""
    return members


@contextmanager
def parsed_in_steps(module: ModuleType) -> Iterator[None]:
    """While it lasts, hibari's pronunciation module reads its dictionaries in steps."""
    assets, original = getattr(module, "ASSETS", None), getattr(module, "_load_json", None)
    if assets is None or original is None:
        yield
        return

    def load(name: str) -> Any:
        opened = gzip.open if name.endswith(".gz") else open
        with opened(Path(assets, name), "rt", encoding="utf-8") as source:
            return parse_in_steps("".join(iter(lambda: source.read(_STEP_CHARS), "")))

    vars(module)["_load_json"] = load
    collecting = gc.isenabled()
    # Walking through all that has just been made is one more call that stops everyone.
    gc.disable()
    try:
        yield
    finally:
        vars(module)["_load_json"] = original
        if collecting:
            gc.enable()

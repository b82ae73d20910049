"""What a docstring says: the description of a function and of each argument.

Reads the two shapes people write: a Google section (`Args:`) and Sphinx fields (`:param city: …`).
Anything else is left to the description. A package for this would read twenty styles that no tool
of a voice assistant needs.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from typing import Final

_SECTION: Final = re.compile(
    r"^(Args|Arguments|Parameters|Returns?|Raises|Yields|Examples?|Notes?):\s*$"
)
_ARGUMENT_SECTIONS: Final = {"Args", "Arguments", "Parameters"}
_GOOGLE: Final = re.compile(r"^\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)$")
_SPHINX: Final = re.compile(
    r"^:(?P<field>\w+)(?:\s+[^:]*?)??(?:\s+(?P<name>\w+))?:\s*(?P<text>.*)$"
)


@dataclass(slots=True)
class Docstring:
    """A parsed docstring."""

    description: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def parse(text: str | None) -> Docstring:
    """Description and arguments of `text`; both empty for None."""
    reader = _Reader()
    for line in inspect.cleandoc(text or "").splitlines():
        reader.read(line)
    return Docstring(
        " ".join(" ".join(reader.description).split()),
        {name: " ".join(" ".join(parts).split()) for name, parts in reader.arguments.items()},
    )


class _Reader:
    """Line by line: which part are we in?"""

    def __init__(self) -> None:
        self.description: list[str] = []
        self.arguments: dict[str, list[str]] = {}
        self._target: list[str] | None = self.description
        self._in_arguments = False
        self._indent: int | None = None

    def read(self, line: str) -> None:
        if section := _SECTION.match(line):
            self._in_arguments = section[1] in _ARGUMENT_SECTIONS
            self._indent = None
            self._target = None
        elif sphinx := _SPHINX.match(line):
            self._in_arguments = False
            self._target = self._argument(sphinx) if sphinx["field"] == "param" else None
        elif self._in_arguments and line.strip():
            self._read_argument(line)
        elif self._target is not None:
            self._target.append(line)

    def _argument(self, match: re.Match[str]) -> list[str] | None:
        if match["name"] is None:
            return None
        return self.arguments.setdefault(match["name"], [match["text"]])

    def _read_argument(self, line: str) -> None:
        indent = len(line) - len(line.lstrip())
        self._indent = indent if self._indent is None else self._indent
        if indent == 0:
            # Prose after the section: it belongs to no argument.
            self._in_arguments = False
            self._target = self.description
            self.description.append(line)
        elif indent <= self._indent and (match := _GOOGLE.match(line.strip())):
            self._target = self._argument(match)
        elif self._target is not None:
            self._target.append(line)

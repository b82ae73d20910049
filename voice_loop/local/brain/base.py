"""The responder port: a conversation in, sentences and tool calls out.

A responder keeps nothing between two answers. Everything it knows stands in the context, so that a
deleted or truncated item is really forgotten. It never sees audio.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the conversation. An empty user line is speech that could not be understood."""

    role: Literal["user", "assistant"]
    text: str
    cut: bool = False
    """The user interrupted it; `text` is what was heard."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """A system item."""

    text: str


@dataclass(frozen=True, slots=True)
class CalledTool:
    call_id: str
    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    call_id: str
    output: str


Entry = Said | Instruction | CalledTool | ToolOutput


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the client offers."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """Everything an answer is made from."""

    entries: Sequence[Entry]
    instructions: str = ""
    tools: Sequence[Tool] = ()
    must_call: str | None = None
    """Name of the tool that must be called; `*` for any."""
    now: datetime = field(default_factory=lambda: datetime.now().astimezone())
    can_hear: bool = True
    """Speech is recognised on this machine."""

    @property
    def last_user_text(self) -> str | None:
        """The user's newest line, None when there is none."""
        for entry in reversed(self.entries):
            if isinstance(entry, Said) and entry.role == "user":
                return entry.text
        return None


@dataclass(frozen=True, slots=True)
class Say:
    """Text to be spoken; pieces follow each other as they are made."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool to be called."""

    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the assistant speaks from now on, as a factor."""

    factor: float


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause for thinking; only scripted answers need it."""

    ms: float


@dataclass(frozen=True, slots=True)
class Fail:
    """The answer cannot be made: `response.done` is failed with this code."""

    code: str
    message: str


Step = Say | Call | Pace | Wait | Fail


class Responder(Protocol):
    """Makes answers. One object serves all sessions at once."""

    def respond(self, context: Context) -> AsyncGenerator[Step, None]:
        """The next answer to the conversation. Closed early when the user interrupts."""
        ...


@runtime_checkable
class Foreseeing(Protocol):
    """A responder that can tell ahead what it would say, at no cost and with no effect."""

    def foresee(self, context: Context) -> str | None:
        """What the answer would say first; None when it would not begin with speech."""
        ...

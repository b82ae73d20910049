"""The port of a tool: what the runner asks of anything that the model may call.

A plain function is one (`FunctionTool`); whoever runs a tool elsewhere, for example as an event
handler in the user's state, implements `ToolAdapter` and puts it into the same `ToolSet`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class ToolContext:
    """In whose name a tool is called. A function gets it by a parameter of this type."""

    client_token: str = field(repr=False)


class ToolError(Exception):
    """Raised by a tool: its sentence is told to the model, which can act on it or say it.

    Any other exception is told as "the tool failed", because its words may hold anything.
    """

    def __init__(self, message: str, *, code: str = "tool_error") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@runtime_checkable
class ToolAdapter(Protocol):
    """Something the model can call."""

    @property
    def name(self) -> str:
        """Letters, digits, `_` and `-`; at most 64."""
        ...

    @property
    def description(self) -> str:
        """When to use it and what it gives, for the model."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON Schema of the arguments object."""
        ...

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Run with parsed, not yet validated arguments; returns what JSON can carry.

        Raises ToolError with a sentence for the model; anything else counts as a failure.
        """
        ...

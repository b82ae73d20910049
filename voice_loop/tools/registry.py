"""The tools of one app: checked when they are put together, so that a mistake stops the start.

A `ToolSet` never changes; another set of tools for a live session is another `ToolSet`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import anyio

from voice_loop.errors import ConfigError
from voice_loop.providers.base import ToolSpec
from voice_loop.tools.function import MAX_THREADS, FunctionTool
from voice_loop.tools.port import ToolAdapter

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MAX_TOOLS: Final = 128


class ToolSet:
    """Functions and adapters by name."""

    def __init__(self, tools: Iterable[Callable[..., Any] | ToolAdapter] = ()) -> None:
        """Raises ConfigError with a sentence that says what to write."""
        threads = anyio.CapacityLimiter(MAX_THREADS)
        self._tools: dict[str, ToolAdapter] = {}
        for tool in tools:
            self._add(_adapt(tool, threads))
        if len(self._tools) > MAX_TOOLS:
            raise ConfigError(
                f"There are {len(self._tools)} tools; a model is offered at most {MAX_TOOLS}. "
                "Offer fewer."
            )

    def _add(self, tool: ToolAdapter) -> None:
        if not _NAME.fullmatch(tool.name):
            raise ConfigError(
                f'"{tool.name}" cannot be the name of a tool. Use at most 64 letters, digits, '
                '"_" or "-".'
            )
        if tool.name in self._tools:
            raise ConfigError(
                f'Two tools are named "{tool.name}". Rename one, or wrap it: '
                "voice_loop.tool(function, name=...)."
            )
        self._tools[tool.name] = tool

    @property
    def specs(self) -> list[ToolSpec]:
        """As the provider wants them, in the order they were given."""
        return [
            ToolSpec(tool.name, tool.description, tool.parameters) for tool in self._tools.values()
        ]

    def get(self, name: str) -> ToolAdapter | None:
        """The tool of that name."""
        return self._tools.get(name)

    def __iter__(self) -> Iterator[ToolAdapter]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)


def _adapt(tool: Callable[..., Any] | ToolAdapter, threads: anyio.CapacityLimiter) -> ToolAdapter:
    if isinstance(tool, ToolAdapter) and not inspect.isclass(tool):
        return tool
    if inspect.isclass(tool) or not callable(tool):
        raise ConfigError(
            f"{tool!r} cannot be a tool. Give a function with type hints, or an object with name, "
            "description, parameters and call()."
        )
    return FunctionTool(tool, threads=threads)

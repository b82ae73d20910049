"""A plain Python function as a tool.

The name, the docstring and the type hints are the tool; nothing else is to be written. A `def` runs
in a worker thread, an `async def` on the session's loop.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
import anyio.to_thread

from voice_loop.errors import ConfigError
from voice_loop.tools import docstring
from voice_loop.tools.port import ToolContext
from voice_loop.tools.schema import ArgumentsSchema

MAX_THREADS: Final = 16
"""Of one tool set. A function that never returns keeps its thread; this many can do that."""


class FunctionTool:
    """`ToolAdapter` around one function."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        threads: anyio.CapacityLimiter | None = None,
    ) -> None:
        """Raises ConfigError when the function cannot be described to a model."""
        own_name = name or getattr(function, "__name__", "")
        if not own_name or own_name == "<lambda>":
            raise ConfigError(
                "A tool has no name. Write it with `def`, or give FunctionTool a name."
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigError(
                f'Tool "{own_name}" is a generator. Return the whole result with `return`.'
            )
        self._function = function
        self._name = own_name
        self._description = description or _describe(own_name, function)
        self._schema = ArgumentsSchema(own_name, function)
        self._threads = threads
        self._is_async = inspect.iscoroutinefunction(function)

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        return self._description

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self._schema.json_schema

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Validate and run. Raises ToolError for wrong arguments, else what the function raises."""
        values = self._schema.validate(arguments)
        if self._schema.context_parameter is not None:
            values[self._schema.context_parameter] = context
        bound = functools.partial(self._function, **values)
        if self._is_async:
            return await bound()
        # Abandoned when time is up: a thread cannot be stopped, and the conversation goes on.
        result = await anyio.to_thread.run_sync(
            bound, abandon_on_cancel=True, limiter=self._limiter()
        )
        return await result if inspect.isawaitable(result) else result

    def _limiter(self) -> anyio.CapacityLimiter:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(MAX_THREADS)
        return self._threads


def _describe(name: str, function: Callable[..., Any]) -> str:
    return docstring.parse(function.__doc__).description or name.replace("_", " ")

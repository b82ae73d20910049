"""Event handlers of the host app as tools of the model.

The handler runs as if the person had triggered it: through Reflex's own queue, in the state of
their tab, with its locks, background tasks and deltas, so the page changes while the assistant
speaks. A call is over when the handler is. By Reflex's rules a handler returns events, so what the
model shall know is said with `tool_result`. An abandoned call never stops a handler half-way.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import reflex as rx
from reflex.event import Event, EventHandler, EventSpec
from reflex_base.event.context import EventContext
from reflex_base.utils.format import format_event_handler

from voice_loop.errors import ConfigError
from voice_loop.tools import (
    ArgumentsSchema,
    FunctionTool,
    ToolAdapter,
    ToolContext,
    ToolError,
    ToolSet,
    docstring,
)

DONE: Final = "Done."

if TYPE_CHECKING:
    from reflex_base.event import EventNamespace

_CALLS: Final[dict[str, list[Any]]] = {}
"""Transaction id of a running call → what its handler told the model last; bounded by the sessions'
bound on calls."""

Target: TypeAlias = "Callable[..., Any] | EventHandler | EventNamespace"
"""A function, or a state's event handler; the last is what mypy takes Reflex's handlers for."""


def tool_result(value: Any) -> None:
    """Tell the model what came of the event handler that calls this; the last word counts.

    `value` is what JSON can carry. Where the handler was triggered by the page it does nothing, so
    the same handler serves a button and the assistant. For a failure raise nothing: say it here.
    """
    try:
        told = _CALLS.get(EventContext.get().txid)
    except LookupError:
        return
    if told is not None:
        told[:] = [value]


class HandlerTool:
    """`ToolAdapter` around one event handler."""

    def __init__(
        self, handler: EventHandler, *, name: str | None = None, description: str | None = None
    ) -> None:
        """Raises ConfigError when the handler cannot be described to a model."""
        function = handler.fn.func if isinstance(handler.fn, partial) else handler.fn
        own_name = str(name or getattr(function, "__name__", ""))
        if handler.state is None:
            raise ConfigError(
                f'Tool "{own_name}" is an event handler of no state. Give a method of a state '
                "class, or a plain function."
            )
        self._handler = handler
        self._name = own_name
        self._description = description or _describe(own_name, function)
        state_parameter = next(iter(inspect.signature(function).parameters))
        self._schema = ArgumentsSchema(own_name, function, skip={state_parameter})
        if self._schema.context_parameter is not None:
            raise ConfigError(
                f'Tool "{own_name}": an event handler has its state and needs no ToolContext. '
                f'Remove the argument "{self._schema.context_parameter}".'
            )
        self.app: rx.App | None = None
        """Set when the VoiceLoop is attached."""

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
        """Run in the state of the tab. Raises ToolError for wrong arguments or from the handler,
        else what the handler raises."""
        if self.app is None:
            raise RuntimeError("not attached")
        event = Event(
            name=format_event_handler(self._handler), payload=self._schema.validate(arguments)
        )
        # The state has its own router data, newer than any that could be kept here.
        with self.app.set_contexts():
            future = await self.app.event_processor.enqueue(context.client_token, event)
        told: list[Any] = []
        # Nothing was awaited that could let the handler begin before this.
        _CALLS[future.txid] = told
        try:
            # Not `await future`: cancelling that would cancel the handler between two writes.
            await asyncio.wait((future,))
        finally:
            del _CALLS[future.txid]
        if future.cancelled():
            raise ToolError("It was given up for a newer call.", code="superseded")
        error = future.exception()
        if error is not None:
            raise error
        return told[0] if told else DONE


def tool(target: Target, *, name: str | None = None, description: str | None = None) -> ToolAdapter:
    """A function or event handler as a tool, under another name or with other words.

    Raises ConfigError when it cannot be described to a model.
    """
    handler: Any = target
    if isinstance(handler, EventHandler):
        return HandlerTool(handler, name=name, description=description)
    if isinstance(handler, EventSpec):
        raise ConfigError(
            "A tool was given with its arguments filled in. Give the event handler itself, "
            "for example TodoState.add_item without brackets."
        )
    return FunctionTool(handler, name=name, description=description)


def tool_set(targets: Iterable[Target | ToolAdapter]) -> ToolSet:
    """The tools of one VoiceLoop. Raises ConfigError with a sentence that says what to write."""
    return ToolSet(_adapted(target) for target in targets)


def _adapted(target: Any) -> Any:
    known: Any = EventHandler | EventSpec
    return tool(target) if isinstance(target, known) else target


def attach(tools: ToolSet, app: rx.App) -> None:
    """From now on event handlers among `tools` run in `app`."""
    for each in tools:
        if isinstance(each, HandlerTool):
            each.app = app


def names_of(tools: ToolSet, wanted: Iterable[Target | ToolAdapter | str]) -> list[str]:
    """Names of `wanted`, which are tools of the set or their names. Raises ValueError."""
    names = []
    for each in wanted:
        name = each if isinstance(each, str) else _name_of(each)
        if tools.get(name) is None:
            raise ValueError(
                f'"{name}" is no tool of this VoiceLoop. Give it to VoiceLoop(tools=[...]) first; '
                "set_tools chooses among those."
            )
        names.append(name)
    return names


def _name_of(target: Target | ToolAdapter) -> str:
    if isinstance(target, EventHandler):
        return str(getattr(target.fn, "__name__", ""))
    return str(getattr(target, "name", None) or getattr(target, "__name__", ""))


def _describe(name: str, function: Callable[..., Any]) -> str:
    return docstring.parse(function.__doc__).description or name.replace("_", " ")

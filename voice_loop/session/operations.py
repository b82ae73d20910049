"""What the app may do with a live session: the operations of an `app.command`.

The command was signed by the server and only carried by the page; here it is verified already. Its
arguments come from the app, and are checked for their shape all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from voice_loop.errors import WireError
from voice_loop.event_bus import EventBus
from voice_loop.providers.base import ToolSpec
from voice_loop.session.facts import Fact, RecordingOrder


@dataclass(frozen=True, slots=True)
class AppOperation:
    """A command of the app, verified; `counter` rises within a session."""

    counter: int
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)


class CommandGate:
    """Lets each command of one session through once, and none that is older than the last."""

    def __init__(self, session_id: str, verify: Callable[[str, str], AppOperation]) -> None:
        self._session_id = session_id
        self._verify = verify
        self._counter = 0

    def open(self, command: str) -> AppOperation:
        """What it says. Raises WireError when it is forged, replayed, late or for another."""
        operation = self._verify(self._session_id, command)
        if operation.counter <= self._counter:
            raise WireError("command_refused")
        self._counter = operation.counter
        return operation


class Operable(Protocol):
    """What operations act on: a session."""

    bus: EventBus[Fact]

    def say(self, text: str) -> None: ...
    def message(self, text: str) -> None: ...
    def change(
        self,
        *,
        instructions: str | None = None,
        tools: Sequence[ToolSpec] | None = None,
        voice: str | None = None,
    ) -> None: ...
    def interrupt(self) -> None: ...
    def end(self, code: str = "user") -> None: ...


def execute(command: AppOperation, session: Operable) -> None:
    """Do it. Raises WireError for an operation or arguments that do not exist."""
    arguments = command.arguments
    match command.operation:
        case "say":
            session.say(_text(arguments))
        case "message":
            session.message(_text(arguments))
        case "instructions":
            session.change(instructions=_text(arguments))
        case "tools":
            session.change(tools=_tools(arguments))
        case "voice":
            session.change(voice=_text(arguments))
        case "record":
            # A watcher records, where this server allows it.
            on, keep = arguments.get("on") is True, arguments.get("keep") is True
            session.bus.publish(RecordingOrder(on, keep))
        case "interrupt":
            session.interrupt()
        case "end":
            session.end()
        case _:
            raise WireError("command_refused")


def _text(arguments: Mapping[str, Any]) -> str:
    text = arguments.get("text")
    if not isinstance(text, str) or not text:
        raise WireError("command_refused")
    return text


def _tools(arguments: Mapping[str, Any]) -> list[ToolSpec]:
    tools = arguments.get("tools")
    if not isinstance(tools, list):
        raise WireError("command_refused")
    specs = []
    for tool in tools:
        if not isinstance(tool, dict):
            raise WireError("command_refused")
        name, parameters = tool.get("name"), tool.get("parameters", {})
        if not isinstance(name, str) or not name or not isinstance(parameters, dict):
            raise WireError("command_refused")
        specs.append(ToolSpec(name, str(tool.get("description", "")), parameters))
    return specs

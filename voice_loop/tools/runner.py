"""One call of a tool: parsed, validated, bounded in time, total in outcome.

Whatever happens, the model gets a short JSON text: the result, or an error that it can act on.
Exceptions' words, arguments and results are never logged: only the tool's name and a code.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any, Final

import anyio
from pydantic_core import PydanticSerializationError, to_json

from voice_loop.session.tools import ToolFailed
from voice_loop.tools.port import ToolAdapter, ToolContext, ToolError
from voice_loop.tools.registry import ToolSet

CALL_TIMEOUT_MS: Final = 20_000
MAX_ARGUMENT_CHARS: Final = 100_000
MAX_RESULT_CHARS: Final = 30_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a call came to."""

    output: str
    """JSON for the model."""
    error: str | None = None
    """`unknown_tool`, `invalid_arguments`, `timeout`, `failed`, `result_too_long`,
    `result_not_json`, or a ToolError's code; None for a result."""

    @property
    def failed(self) -> bool:
        return self.error is not None


class Runner:
    """Runs the tools of a set; it is a session's `ToolRunner`."""

    def __init__(self, tools: ToolSet, *, timeout_ms: float = CALL_TIMEOUT_MS) -> None:
        self._tools = tools
        self._timeout_ms = timeout_ms

    async def __call__(self, client_token: str, name: str, arguments: str) -> str:
        """The output for the model. Raises ToolFailed and cancellation, nothing else."""
        outcome = await self.run(client_token, name, arguments)
        if outcome.failed:
            raise ToolFailed(outcome.output)
        return outcome.output

    async def run(self, client_token: str, name: str, arguments: str) -> ToolOutcome:
        """As `__call__`, with the word whether it failed."""
        tool = self._tools.get(name)
        if tool is None:
            # The name is the model's invention and may hold what the user said.
            logger.warning("tool call failed: unknown_tool")
            known = ", ".join(each.name for each in self._tools) or "none"
            return _failure("unknown_tool", f"There is no such tool. Tools: {known}.")
        outcome = await self._run(tool, arguments, ToolContext(client_token))
        if outcome.failed:
            logger.warning("tool %s failed: %s", tool.name, outcome.error)
        return outcome

    async def _run(self, tool: ToolAdapter, arguments: str, context: ToolContext) -> ToolOutcome:
        try:
            parsed = parse_arguments(arguments)
            with anyio.move_on_after(self._timeout_ms / 1000) as scope:
                result = await tool.call(parsed, context)
        except ToolError as error:
            return _failure(error.code, error.message)
        except Exception:
            # A boundary: the app's code may raise anything, and its words may hold anything.
            return _failure("failed", "The tool failed.")
        if scope.cancelled_caught:
            return _failure("timeout", f"The tool took longer than {self._timeout_ms / 1000:g} s.")
        return _outcome(result)


def parse_arguments(arguments: str) -> dict[str, Any]:
    """The arguments object of a call; nothing at all counts as no arguments. Raises ToolError."""
    if len(arguments) > MAX_ARGUMENT_CHARS:
        raise ToolError("The arguments are too long.", code="invalid_arguments")
    if not arguments.strip():
        return {}
    try:
        parsed = json.loads(arguments)
    except (ValueError, RecursionError):
        raise ToolError("The arguments are not valid JSON.", code="invalid_arguments") from None
    if not isinstance(parsed, dict):
        raise ToolError("The arguments must be a JSON object.", code="invalid_arguments")
    return parsed


def _outcome(result: Any) -> ToolOutcome:
    try:
        output = to_json(result, inf_nan_mode="null").decode()
    except (PydanticSerializationError, ValueError, RecursionError):
        return _failure("result_not_json", "The tool's result cannot be told.")
    if len(output) > MAX_RESULT_CHARS:
        return _failure("result_too_long", "The tool's result is too long. Ask it for less.")
    return ToolOutcome(output)


def _failure(code: str, message: str) -> ToolOutcome:
    return ToolOutcome(json.dumps({"error": code, "message": message}, ensure_ascii=False), code)

"""Running a tool for a session: bounded in time, total in outcome.

The tools themselves are the app's; a session knows a runner. Whatever happens, the model is owed an
output: a failure becomes one it can speak about, without the exception's words, which may hold
anything.
"""

from __future__ import annotations

import json
import logging
from typing import Final, Protocol

import anyio

TOOL_TIMEOUT_MS: Final = 30_000
MAX_OUTPUT_CHARS: Final = 32_000

logger = logging.getLogger(__name__)


class ToolRunner(Protocol):
    """Runs one call in the name of the user of `client_token`."""

    async def __call__(self, client_token: str, name: str, arguments: str) -> str:
        """`arguments` is JSON as the model wrote it, not validated; returns the output.

        Raises ToolFailed for a call that came to nothing.
        """
        ...


class ToolFailed(Exception):
    """A call that failed, with what the model is told of it."""

    def __init__(self, output: str) -> None:
        super().__init__("the tool failed")
        self.output = output


async def no_tools(client_token: str, name: str, arguments: str) -> str:
    """The runner of an app without tools."""
    raise LookupError(name)


async def run_tool(
    runner: ToolRunner,
    client_token: str,
    name: str,
    arguments: str,
    timeout_ms: float = TOOL_TIMEOUT_MS,
) -> tuple[str, bool]:
    """The output for the model, and whether the call failed."""
    try:
        with anyio.fail_after(timeout_ms / 1000):
            output = await runner(client_token, name, arguments)
    except TimeoutError:
        return json.dumps({"error": "the tool took too long"}), True
    except ToolFailed as failure:
        return failure.output, True
    except Exception as error:
        # A boundary: the app's code may raise anything, and the conversation goes on.
        logger.warning("tool %s failed: %s", name, type(error).__name__)
        return json.dumps({"error": "the tool failed"}), True
    if len(output) > MAX_OUTPUT_CHARS:
        return json.dumps({"error": "the tool's output is too long"}), True
    return output, False

"""Tools of the model from plain Python functions: schema, validation, calls. Pure.

`ToolSet([...])` takes functions (or `ToolAdapter`s) and checks them at construction; `.specs` goes
to the provider, `Runner(tool_set)` is what a session calls. Knows neither Reflex nor ASGI.
"""

from voice_loop.tools.function import FunctionTool
from voice_loop.tools.port import ToolAdapter, ToolContext, ToolError
from voice_loop.tools.registry import ToolSet
from voice_loop.tools.runner import Runner, ToolOutcome
from voice_loop.tools.schema import ArgumentsSchema

__all__ = [
    "ArgumentsSchema",
    "FunctionTool",
    "Runner",
    "ToolAdapter",
    "ToolContext",
    "ToolError",
    "ToolOutcome",
    "ToolSet",
]

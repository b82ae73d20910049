"""Voice Loop: talk to an assistant on a web page, and talk over it.

Importing this package loads neither Reflex nor the app: the public names below are resolved
when they are first used (PEP 562), so that tools, tests and the local Realtime server stay light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voice_loop.config import Settings
    from voice_loop.embed import VoiceLoop
    from voice_loop.errors import VoiceLoopError
    from voice_loop.tools import ToolContext, ToolError
    from voice_loop.ui.tools import tool, tool_result

__version__ = "0.1.0"

__all__ = [
    "Settings",
    "ToolContext",
    "ToolError",
    "VoiceLoop",
    "VoiceLoopError",
    "__version__",
    "tool",
    "tool_result",
]

_HOMES = {
    "Settings": "voice_loop.config",
    "ToolContext": "voice_loop.tools",
    "ToolError": "voice_loop.tools",
    "VoiceLoop": "voice_loop.embed",
    "VoiceLoopError": "voice_loop.errors",
    "tool": "voice_loop.ui.tools",
    "tool_result": "voice_loop.ui.tools",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)

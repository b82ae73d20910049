"""Hatch build hook: a wheel carries the browser's built files.

Also how `reflex_voice_audio.build` tells a checkout from an installed wheel: this file is beside
the package only in the source tree.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BrowserBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before the wheel's files are collected."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Translate browser Python into the package's `_generated` folder."""
        folder = str(Path(self.root) / "custom_components")
        sys.path.insert(0, folder)
        try:
            # The package's own __init__ needs Reflex, which a build environment does not have.
            build = _load_build(Path(folder) / "reflex_voice_audio")
            build.build()
        finally:
            sys.path.remove(folder)


def _load_build(package: Path) -> Any:
    """`reflex_voice_audio.build` without running the package's `__init__`."""
    import importlib
    import types

    shell = types.ModuleType("reflex_voice_audio")
    shell.__path__ = [str(package)]
    known = sys.modules.get("reflex_voice_audio")
    sys.modules["reflex_voice_audio"] = shell
    try:
        return importlib.import_module("reflex_voice_audio.build")
    finally:
        if known is None:
            del sys.modules["reflex_voice_audio"]
        else:
            sys.modules["reflex_voice_audio"] = known

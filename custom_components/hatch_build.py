"""Hatch build hook: a wheel carries the browser's built files.

Also how `reflex_voice_audio.build` tells a checkout from an installed wheel: this file is beside
the package only in the source tree.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BrowserBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before the wheel's files are collected."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Translate browser Python into the package's `_generated` folder."""
        with _without_its_init(Path(self.root) / "custom_components" / "reflex_voice_audio"):
            importlib.import_module("reflex_voice_audio.build").build()


@contextlib.contextmanager
def _without_its_init(package: Path) -> Iterator[None]:
    """Let the package's modules be imported without its `__init__`.

    That one needs Reflex, which a build environment does not have.
    """
    shell = types.ModuleType(package.name)
    shell.__path__ = [str(package)]
    before = {name: module for name, module in sys.modules.items() if _is_of(name, package)}
    for name in before:
        del sys.modules[name]
    sys.modules[package.name] = shell
    try:
        yield
    finally:
        for name in [name for name in sys.modules if _is_of(name, package)]:
            del sys.modules[name]
        sys.modules.update(before)


def _is_of(name: str, package: Path) -> bool:
    return name == package.name or name.startswith(f"{package.name}.")

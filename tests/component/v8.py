"""Runs browser Python as the JavaScript it becomes, in V8: the other half of the agreement tests.

    run(folder, "scene_worklet.py")

translates the module with everything it imports, calls its `main()` and returns what that returns
(as JSON). A module of `tests` can be run with `run_beside_browser`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from reflex_voice_audio.build import BROWSER
from reflex_voice_audio.transpile import translate

NODE = Path(sys.executable).parent / "node"
TIMEOUT_S = 50


def run(folder: Path, entry: str, *, small: bool = True, is_worklet: bool = True) -> Any:
    """What `main()` of the module `entry` in `folder` returns in V8."""
    translation = translate(
        folder, entry, is_worklet=is_worklet, keep=frozenset({"main"}), small=small
    )
    program = f"{translation.code}\nprocess.stdout.write(JSON.stringify(main()));\n"
    done = subprocess.run(
        [str(NODE), "-"],
        input=f'"use strict";\n{program}',
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def run_beside_browser(module: Path, folder: Path, *, small: bool = True) -> Any:
    """The same for a module of the tests that uses the component's browser modules."""
    copy_browser(folder)
    text = module.read_text(encoding="utf-8")
    entry = f"{module.stem}_worklet.py"
    (folder / entry).write_text(
        text.replace("from reflex_voice_audio.browser.", "from ."), encoding="utf-8"
    )
    return run(folder, entry, small=small)


def copy_browser(folder: Path) -> None:
    """The component's browser modules, so that a test's own can import them."""
    for source in BROWSER.glob("*.py"):
        shutil.copy(source, folder)

"""Runs browser Python as the JavaScript it becomes, in V8, beside the tests that run it in CPython.

    run(folder, "entry.py", {"Thing"}, 'return new Thing(3).double();')

translates, appends a script that sees the kept names, and returns what the script returns (JSON).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from reflex_voice_audio.transpile import translate

NODE = Path(sys.executable).parent / "node"
TIMEOUT_S = 50


def run(
    folder: Path,
    entry: str,
    keep: set[str],
    script: str,
    *,
    is_worklet: bool = True,
    small: bool = True,
    arguments: tuple[str, ...] = (),
) -> Any:
    """What `script` returns, run after the translation of `entry`."""
    code = translate(folder, entry, is_worklet=is_worklet, keep=frozenset(keep), small=small).code
    program = (
        '"use strict";\n'
        + code
        + "\nconst result = (function (require, argv) {\n"
        + script
        + "\n})(require, process.argv.slice(2));\n"
        + "process.stdout.write(JSON.stringify(result === undefined ? null : result));\n"
    )
    return _node(program, arguments)


def _node(program: str, arguments: tuple[str, ...]) -> Any:
    done = subprocess.run(
        [str(NODE), "-", *arguments],
        input=program,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)

"""Writes the browser's JavaScript: two static files from the Python in `browser/`.

The rule: the files are a pure function of the sources, so building twice or in two processes gives
the same bytes, and each file is replaced whole. A wheel carries the files; in a checkout they are
written at import when a stamp of the sources' content does not match. Run it by hand with
`python -m reflex_voice_audio.build`; with `--readable` it keeps names and lines, for debugging,
until the sources change.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .transpile import Bundle, bundle

PACKAGE: Final = Path(__file__).parent
BROWSER: Final = PACKAGE / "browser"
GENERATED: Final = PACKAGE / "_generated"
STAMP: Final = "stamp"
TOOLS: Final = (
    "build.py",
    "dialect.py",
    "dialect_kinds.py",
    "dialect_loops.py",
    "dialect_rules.py",
    "js_classes.py",
    "js_names.py",
    "js_print.py",
    "js_shrink.py",
    "js_tree.py",
    "members.py",
    "minify.py",
    "normalise.py",
    "transpile.py",
)
BUNDLES: Final = (
    Bundle("audio-worklet.js", "audio_worklet.py", is_worklet=True),
    Bundle("voice-component.js", "entry.py", is_worklet=False),
)


class BuildError(RuntimeError):
    """The browser's files are not there and cannot be made; the message says what to do."""


def build(
    target: Path = GENERATED, source: Path = BROWSER, *, readable: bool = False
) -> dict[str, int]:
    """Translate every bundle into `target`; returns bytes by file name. Raises DialectError."""
    made = {spec.output: bundle(source, spec, small=not readable).encode() for spec in BUNDLES}
    target.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        _replace(target / name, content)
    # Last, so that a build that broke off is repeated.
    _replace(target / STAMP, fingerprint(source).encode())
    return {name: len(content) for name, content in made.items()}


def fingerprint(source: Path = BROWSER) -> str:
    """A hash of everything the built files depend on."""
    digest = hashlib.sha256(_pscript_version().encode())
    tools = [PACKAGE / name for name in TOOLS]
    for path in [*tools, *sorted(source.glob("*.py"))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def ensure_built(target: Path = GENERATED, source: Path = BROWSER) -> bool:
    """Rebuild if this is a checkout whose sources changed; True when files were written.

    Raises BuildError when files are missing and cannot be made, DialectError when the sources
    cannot be translated.
    """
    complete = all((target / spec.output).exists() for spec in BUNDLES)
    if complete and not is_checkout():
        return False
    if complete and _read(target / STAMP) == fingerprint(source):
        return False
    if find_spec("pscript") is None:
        if complete:
            return False
        raise BuildError(
            "The browser's files are not built and PScript is not installed: "
            "run `pip install pscript==0.8.1` and start again."
        )
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        if complete:
            return False
        raise BuildError(f"The browser's files are not built and {target} cannot be written.")
    build(target, source)
    return True


def is_checkout() -> bool:
    """Whether the package lies in its source tree: the wheel does not carry the build hook."""
    return (PACKAGE.parent / "hatch_build.py").exists()


def _pscript_version() -> str:
    try:
        return metadata.version("pscript")
    except metadata.PackageNotFoundError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _replace(path: Path, content: bytes) -> None:
    """Put `content` there in one step; a file that is right already keeps its time."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # Static files are served by whoever runs the front end.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def main() -> None:
    """Build and say what came out."""
    for name, size in build(readable="--readable" in sys.argv[1:]).items():
        sys.stdout.write(f"{name}: {size} bytes\n")


if __name__ == "__main__":
    main()

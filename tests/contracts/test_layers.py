"""The import layers hold: a line of the layout imports only from the lines above it.

Walks the source, imports nothing: it also sees imports inside functions.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "voice_loop"
COMPONENT = ROOT / "custom_components" / "reflex_voice_audio"

# From the ground up. `config` names types of the wire and the port, so it stands above them.
LAYERS = (
    "errors",
    "protocol",
    "audio",
    "latency",
    "event_bus",
    "providers",
    "config",
    "local",
    "session",
    "tools",
    "recording",
    "telemetry",
    "server",
    "ui",
    "embed",
    "voice_loop",
    "__main__",
)
REFLEX_LAYERS = {"ui", "embed", "voice_loop", "__main__"}
MAX_LINES = 400


def modules(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*.py")) if "__pycache__" not in path.parts)


def layer_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything the module imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or "browser" in path.parts or COMPONENT in path.parents, (
                f"{path}:{node.lineno}: relative import"
            )
            base = node.module or ""
            yield node.lineno, base
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


PACKAGE_MODULES = [path for path in modules(PACKAGE) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", PACKAGE_MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_the_layers_below_it(path: Path) -> None:
    layer = layer_of(path)
    assert layer in LAYERS, f"{layer} has no place in the layout"
    own = LAYERS.index(layer)
    for line, name in imports(path):
        parts = name.split(".")
        if parts[0] != "voice_loop" or len(parts) < 2 or parts[1] not in LAYERS:
            continue
        if parts[1] == layer:
            continue
        assert LAYERS.index(parts[1]) < own, f"{path}:{line}: {layer} imports {name}"


@pytest.mark.parametrize("path", PACKAGE_MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_foreign_worlds_stay_in_their_layer(path: Path) -> None:
    layer = layer_of(path)
    for line, name in imports(path):
        world = name.split(".")[0]
        where = f"{path}:{line}: {name}"
        if world in {"reflex", "reflex_base", "reflex_voice_audio"}:
            assert layer in REFLEX_LAYERS, where
        if world in {"starlette", "granian"}:
            assert layer == "server", where
        if world == "openai":
            assert layer in {"providers", "local"}, where
        if name.startswith("voice_loop.providers.") and layer == "session":
            assert name.split(".")[2] in {"base", "commands", "retry"}, where
        assert name != "voice_loop.voice_loop", f"{where}: only Reflex imports the entry"


@pytest.mark.parametrize(
    "path", list(modules(COMPONENT)), ids=lambda p: str(p.relative_to(COMPONENT))
)
def test_the_component_works_without_voice_loop(path: Path) -> None:
    for line, name in imports(path):
        assert name.split(".")[0] != "voice_loop", f"{path}:{line}: {name}"


@pytest.mark.parametrize(
    "path",
    [*modules(PACKAGE), *modules(COMPONENT)],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_a_module_stays_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{path} has {lines} lines: split it"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("voice_loop", {"reflex", "openai", "numpy", "starlette"}),
        ("voice_loop.protocol.codec", {"reflex", "openai", "numpy", "starlette"}),
        ("voice_loop.config", {"reflex", "openai", "starlette"}),
        ("voice_loop.session.manager", {"reflex", "openai", "starlette"}),
        ("voice_loop.server.mount", {"reflex", "openai"}),
        ("voice_loop.local", {"reflex", "onnxruntime", "hibari", "moonshine_voice"}),
    ],
)
def test_a_light_import_stays_light(module: str, heavy: set[str]) -> None:
    program = f"import sys, {module}; print(' '.join(m for m in {heavy!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.split() == []


def test_the_repository_holds_no_javascript() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    ).stdout.split()  # fmt: skip
    endings = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx")
    assert [name for name in tracked if name.endswith(endings)] == []


SCRIPT_SIGNS = ("=>", "function(", "function (", "document.", "window.", "addEventListener")


@pytest.mark.parametrize(
    "path",
    [p for p in (*modules(PACKAGE), *modules(COMPONENT)) if "browser" not in p.parts],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_no_python_string_of_the_product_holds_a_script(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if id(node) in prose or path == COMPONENT / "transpile.py":
            continue  # a docstring; and the builder's module wrapper is the one exception
        if node.value in SCRIPT_SIGNS:
            continue  # the builder's printer knows the operator; alone it is no script
        for sign in SCRIPT_SIGNS:
            assert sign not in node.value, f"{path}:{node.lineno}: a script in a string"

"""Browser Python → JavaScript: joins the modules of one bundle and hands them to PScript.

Every module is checked (`dialect`), brought to where PScript is faithful (`normalise`) and given
short names (`minify`, `members`); what PScript makes of it gets native classes (`js_classes`) and
is said in fewer words (`js_shrink`). The modules of a bundle share one scope, and only what the
entry reaches is kept. Anything that would need PScript's imitation of Python's library is refused.
Writes no file: `build` does.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .browser import jsapi
from .dialect import DialectError, Problem, check
from .js_classes import modernise
from .js_names import shorten_names
from .js_print import to_text
from .js_shrink import shrink
from .js_tree import UnknownJavaScriptError, parse
from .members import drop_dead_methods, rename_members, short_members, strings_of
from .minify import shorten
from .normalise import Normaliser

EXTERNAL_MODULES: Final = {"react_api": "react"}
"""Stub module → the JavaScript module its names really come from."""


@dataclass(slots=True)
class Module:
    """One browser file, parsed."""

    name: str
    path: Path
    tree: ast.Module
    siblings: list[str] = field(default_factory=list)
    browser_names: set[str] = field(default_factory=set)
    external: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """One file that the browser loads."""

    output: str
    entry: str
    is_worklet: bool


@dataclass(frozen=True, slots=True)
class Translation:
    """PScript's output with what the wrapper around it needs."""

    code: str
    exports: list[str]
    imports: dict[str, list[str]]


def bundle(folder: Path, spec: Bundle, *, small: bool = True) -> str:
    """The complete JavaScript of one bundle; `small=False` to be read. Raises DialectError."""
    translation = translate(folder, spec.entry, is_worklet=spec.is_worklet, small=small)
    if spec.is_worklet:
        # A worklet is a module: strict, and with names of its own.
        return translation.code + "\n"
    heads = [
        f'import{{{",".join(names)}}}from"{module}";'
        for module, names in translation.imports.items()
    ]
    return "".join(heads) + f"{translation.code}export{{{','.join(translation.exports)}}};\n"


def translate(
    folder: Path,
    entry: str,
    *,
    is_worklet: bool,
    keep: frozenset[str] = frozenset(),
    small: bool = True,
) -> Translation:
    """Translate `entry` and what it imports.

    `keep` names definitions to hold though nothing uses them; `small=False` keeps all names
    and methods.
    """
    modules = _collect(folder, entry)
    exports = sorted(_exports(modules[-1])) if not is_worklet else []
    body = _reachable(modules, set(exports) | keep)
    code, free = _javascript(body, strings_of(_trees(folder)), entry, keep | set(exports), small)
    allowed = {name for module in modules for name in module.browser_names}
    external: dict[str, set[str]] = {}
    for module in modules:
        for target, names in module.external.items():
            external.setdefault(target, set()).update(names & free)
    allowed |= {name for names in external.values() for name in names} | {
        "Math",
        "Reflect",
        "undefined",
    }
    unknown = sorted(free - allowed)
    if unknown:
        raise DialectError(
            [Problem(entry, 1, 1, f"{name} is neither defined nor imported") for name in unknown]
        )
    imports = {target: sorted(names) for target, names in sorted(external.items()) if names}
    return Translation(code, exports, imports)


def _javascript(
    body: list[ast.stmt], strings: frozenset[str], entry: str, keep: frozenset[str], small: bool
) -> tuple[str, set[str]]:
    """The statements as JavaScript, and the names it leaves free."""
    short: dict[str, str] = {}
    if small:
        drop_dead_methods(body, strings)
        short = short_members(body, strings)
    tree = ast.Module(body=body, type_ignores=[])
    Normaliser().visit(tree)
    if small:
        tree.body = shorten(tree.body, keep)
    code, free = _pscript(ast.unparse(ast.fix_missing_locations(tree)), entry)
    try:
        program = modernise(parse(code))
    except UnknownJavaScriptError as err:
        raise DialectError([Problem(entry, 1, 1, str(err))]) from err
    rename_members(program, short)
    if small:
        shorten_names(program, keep)
        program = shrink(program)
    return to_text(program, readable=not small), free


def _trees(folder: Path) -> list[ast.Module]:
    """All browser modules: what one bundle writes as a string, another may read as a field."""
    own = (path for path in sorted(folder.glob("*.py")) if path.stem not in ("jsapi", "react_api"))
    return [ast.parse(path.read_text(encoding="utf-8")) for path in own]


def _collect(folder: Path, entry: str) -> list[Module]:
    """The entry's module and those it imports, each after what it needs; all checked."""
    ordered: list[Module] = []
    states: dict[str, bool] = {}
    problems: list[Problem] = []
    worklet = entry.endswith("_worklet.py")

    def add(name: str, importer: str) -> None:
        if name in states:
            if not states[name]:
                problems.append(Problem(importer, 1, 1, f"{name} is imported in a circle"))
            return
        states[name] = False
        path = folder / f"{name}.py"
        if not path.exists():
            problems.append(Problem(importer, 1, 1, f"there is no module {name}"))
            return
        source = path.read_text(encoding="utf-8")
        problems.extend(check(source, str(path)))
        if any(problem.message.startswith("not Python") for problem in problems):
            return
        module = _read_imports(Module(name, path, ast.parse(source)), worklet, problems)
        for sibling in module.siblings:
            add(sibling, str(path))
        states[name] = True
        ordered.append(module)

    add(entry.removesuffix(".py"), entry)
    _check_joined(ordered, problems)
    if problems:
        raise DialectError(problems)
    return ordered


def _read_imports(module: Module, worklet: bool, problems: list[Problem]) -> Module:
    known = jsapi.WORKLET_NAMES if worklet else jsapi.PAGE_NAMES
    for node in module.tree.body:
        if not (isinstance(node, ast.ImportFrom) and node.level == 1 and node.module):
            continue
        names = {alias.name for alias in node.names}
        if node.module == "jsapi":
            for name in sorted(names - known):
                where = "a worklet" if worklet else "the page"
                message = f"{name} does not exist in {where}"
                problems.append(Problem(str(module.path), node.lineno, 1, message))
            module.browser_names |= names
        elif node.module in EXTERNAL_MODULES:
            module.external.setdefault(EXTERNAL_MODULES[node.module], set()).update(names)
        else:
            module.siblings.append(node.module)
    return module


def _check_joined(modules: list[Module], problems: list[Problem]) -> None:
    """Joined modules share one scope: no name twice, and every imported name exists."""
    owners: dict[str, str] = {}
    names_of: dict[str, set[str]] = {}
    for module in modules:
        names_of[module.name] = set()
        for node in module.tree.body:
            for name in _defined(node):
                names_of[module.name].add(name)
                if owners.setdefault(name, module.name) != module.name:
                    message = f"{name} is also defined in {owners[name]}: bundles share one scope"
                    problems.append(Problem(str(module.path), node.lineno, 1, message))
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module in names_of and node.level == 1:
                for alias in node.names:
                    if alias.name not in names_of[node.module]:
                        message = f"{node.module} has no {alias.name}"
                        problems.append(Problem(str(module.path), node.lineno, 1, message))


def _defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return [name]
    return []


def _exports(entry: Module) -> set[str]:
    """The entry's functions that begin with a capital: React components."""
    return {
        node.name
        for node in entry.tree.body
        if isinstance(node, ast.FunctionDef) and node.name[:1].isupper()
    }


def _reachable(modules: list[Module], roots: set[str]) -> list[ast.stmt]:
    """The statements the bundle needs, in order: module-level calls, `roots`, what they use."""
    owner: dict[str, ast.stmt] = {}
    statements: list[ast.stmt] = []
    for module in modules:
        for node in module.tree.body:
            match node:
                case ast.Import() | ast.ImportFrom() | ast.If():
                    continue
                case ast.Expr(value=ast.Constant()):
                    continue
            statements.append(node)
            owner.update(dict.fromkeys(_defined(node), node))
    wanted: set[int] = set()
    pending = [node for node in statements if isinstance(node, ast.Expr)]
    queue: list[ast.stmt] = [*pending, *(owner[name] for name in roots if name in owner)]
    while queue:
        node = queue.pop()
        if id(node) in wanted:
            continue
        wanted.add(id(node))
        for inner in ast.walk(_without_annotations(node)):
            name = inner.id if isinstance(inner, ast.Name) else ""
            queue.extend([owner[name]] if name in owner else [])
    return [node for node in statements if id(node) in wanted]


def _without_annotations(node: ast.stmt) -> ast.AST:
    copy = ast.parse(ast.unparse(node))
    for inner in ast.walk(copy):
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner.returns = None
        elif isinstance(inner, ast.arg):
            inner.annotation = None
        elif isinstance(inner, ast.AnnAssign):
            inner.annotation = ast.Constant(None)
    return copy


def _pscript(source: str, entry: str) -> tuple[str, set[str]]:
    """PScript's output and the names it leaves free."""
    with warnings.catch_warnings():
        # It names ast classes that newer Pythons deprecate.
        warnings.simplefilter("ignore")
        import pscript

        try:
            js = pscript.py2js(source, docstrings=False, inline_stdlib=False)
        except Exception as err:
            raise DialectError([Problem(entry, 1, 1, f"PScript refuses it: {err}")]) from err
    library = (set(js.meta["std_functions"]) | set(js.meta["std_methods"])) - {"op_instantiate"}
    if library:
        names = ", ".join(sorted(library))
        message = f"it would need PScript's imitation of Python ({names}): say it in the dialect"
        raise DialectError([Problem(entry, 1, 1, message)])
    free = {name.split(".")[0] for name in js.meta["vars_unknown"]}
    return str(js), free

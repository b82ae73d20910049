"""Browser Python → JavaScript: joins the modules of one bundle and hands them to PScript.

Before PScript sees it, the tree is brought to where its translation is faithful: comparisons become
strict, `is None` also means undefined, loop bounds are evaluated once, f-strings become sums,
methods are JavaScript's own, operator overloading is off in every function, and what only CPython
needs (annotations, docstrings, imports) is gone. Only definitions that the entry reaches are kept.
Writes no file: `build.py` does.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .dialect import DialectError, Problem, check, words

EXTERNAL_MODULES: Final = {"react_api": "react"}
"""Stub module → the JavaScript module its names really come from."""

_MATH_RENAMES: Final = {"fabs": "abs", "pi": "PI"}
_PSCRIPT_METHODS: Final = words(
    "clear copy count find get index join keys pop remove repeat replace reverse sort split "
    "splitlines title translate update values capitalize center partition rfind"
)


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


def bundle(folder: Path, spec: Bundle) -> str:
    """The complete JavaScript of one bundle. Raises DialectError."""
    translation = translate(folder, spec.entry, is_worklet=spec.is_worklet)
    if spec.is_worklet:
        return f'(function () {{\n"use strict";\n{translation.code}\n}})();\n'
    heads = [
        f'import {{ {", ".join(names)} }} from "{module}";\n'
        for module, names in translation.imports.items()
    ]
    return "".join(heads) + f"{translation.code}\nexport {{ {', '.join(translation.exports)} }};\n"


def translate(
    folder: Path, entry: str, *, is_worklet: bool, keep: frozenset[str] = frozenset()
) -> Translation:
    """Translate `entry` and what it imports; `keep` names definitions to hold though unused."""
    modules = _collect(folder, entry)
    exports = sorted(_exports(modules[-1])) if not is_worklet else []
    body = _reachable(modules, set(exports) | keep)
    tree = ast.Module(body=body, type_ignores=[])
    _Normaliser().visit(tree)
    code, free = _pscript(ast.unparse(ast.fix_missing_locations(tree)), entry)
    allowed = {name for module in modules for name in module.browser_names}
    external: dict[str, set[str]] = {}
    for module in modules:
        for target, names in module.external.items():
            external.setdefault(target, set()).update(names & free)
    allowed |= {name for names in external.values() for name in names} | {"Math", "undefined"}
    unknown = sorted(free - allowed)
    if unknown:
        raise DialectError(
            [Problem(entry, 1, 1, f"{name} is neither defined nor imported") for name in unknown]
        )
    imports = {target: sorted(names) for target, names in sorted(external.items()) if names}
    return Translation(_compact(code), exports, imports)


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
    from .browser import jsapi

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


def _overload_off() -> ast.stmt:
    return ast.parse("PSCRIPT_OVERLOAD = False").body[0]


class _Normaliser(ast.NodeTransformer):
    """Rewrites the tree to where PScript's translation means what Python means."""

    def __init__(self) -> None:
        self.bounds = 0

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        for argument in [*node.args.posonlyargs, *node.args.args]:
            argument.annotation = None
        if ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        self.generic_visit(node)
        node.body = [_overload_off(), *node.body]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [
            statement
            for statement in node.body
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
        ] or [ast.Pass()]
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        self.generic_visit(node)
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)

    def visit_For(self, node: ast.For) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        call = node.iter
        assert isinstance(call, ast.Call)
        index = 0 if len(call.args) == 1 else 1
        end = call.args[index]
        changed = {
            inner.id
            for part in node.body
            for inner in ast.walk(part)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        }
        if isinstance(end, (ast.Constant, ast.UnaryOp)) or (
            isinstance(end, ast.Name) and end.id not in changed
        ):
            return node
        self.bounds += 1
        name = f"end{self.bounds}_"
        call.args[index] = ast.Name(id=name, ctx=ast.Load())
        hoisted = ast.Assign(targets=[ast.Name(id=name, ctx=ast.Store())], value=end)
        return [ast.copy_location(hoisted, node), node]

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        sides = [node.left, *node.comparators]
        operators: list[ast.cmpop] = []
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            missing = any(isinstance(s, ast.Constant) and s.value is None for s in (left, right))
            if isinstance(operator, (ast.Eq, ast.Is)):
                operators.append(ast.Eq() if missing else ast.Is())
            elif isinstance(operator, (ast.NotEq, ast.IsNot)):
                operators.append(ast.NotEq() if missing else ast.IsNot())
            else:
                operators.append(operator)
        node.ops = operators
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "math":
            if node.attr == "inf":
                return ast.Name(id="Infinity", ctx=ast.Load())
            name = _MATH_RENAMES.get(node.attr, node.attr)
            return ast.Attribute(
                value=ast.Name(id="Math", ctx=ast.Load()), attr=name, ctx=ast.Load()
            )
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Name(id="cast") if len(node.args) == 2:
                return node.args[1]
            case ast.Name(id="bound") if len(node.args) == 2:
                bind = ast.Attribute(value=node.args[0], attr="bind", ctx=ast.Load())
                return ast.Call(func=bind, args=[node.args[1]], keywords=[])
            case ast.Name(id="str") if len(node.args) == 1:
                return ast.BinOp(left=ast.Constant(""), op=ast.Add(), right=node.args[0])
            case ast.Name(id="abs" | "int" as name):
                attr = "abs" if name == "abs" else "trunc"
                node.func = ast.Attribute(
                    value=ast.Name(id="Math", ctx=ast.Load()), attr=attr, ctx=ast.Load()
                )
            case ast.Attribute(attr=name, value=value) if name in _PSCRIPT_METHODS:
                node.func = ast.Subscript(value=value, slice=ast.Constant(name), ctx=ast.Load())
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        total: ast.expr | None = None
        for part in node.values:
            value = part.value if isinstance(part, ast.FormattedValue) else part
            if total is None:
                is_text = isinstance(part, ast.Constant)
                total = part if is_text else ast.BinOp(ast.Constant(""), ast.Add(), value)
            else:
                total = ast.BinOp(left=total, op=ast.Add(), right=value)
        return total if total is not None else ast.Constant("")

    def visit_Raise(self, node: ast.Raise) -> ast.AST | list[ast.stmt]:
        # PScript would put the class's name into the message.
        self.generic_visit(node)
        if not isinstance(node.exc, ast.Call):
            return node
        name = "thrown_"
        made = ast.Assign(targets=[ast.Name(id=name, ctx=ast.Store())], value=node.exc)
        return [ast.copy_location(made, node), ast.Raise(exc=ast.Name(id=name, ctx=ast.Load()))]

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):
            return None
        self.generic_visit(node)
        return node


def _pscript(source: str, entry: str) -> tuple[str, set[str]]:
    """PScript's output and the names it leaves free."""
    with warnings.catch_warnings():
        # It names ast classes that newer Pythons deprecate.
        warnings.simplefilter("ignore")
        import pscript

        try:
            js = pscript.py2js(source, docstrings=False)
        except Exception as err:
            raise DialectError([Problem(entry, 1, 1, f"PScript refuses it: {err}")]) from err
    library = (set(js.meta["std_functions"]) | set(js.meta["std_methods"])) - {"op_instantiate"}
    if library:
        names = ", ".join(sorted(library))
        message = f"it would need PScript's imitation of Python ({names}): say it in the dialect"
        raise DialectError([Problem(entry, 1, 1, message)])
    free = {name.split(".")[0] for name in js.meta["vars_unknown"]}
    return str(js), free


def _compact(code: str) -> str:
    """The same code without indentation, blank lines and the library's comments."""
    lines = [re.sub(r"\s*// nargs: [\d ]*$", "", line).strip() for line in code.split("\n")]
    return "\n".join(line for line in lines if line and not line.startswith("//"))

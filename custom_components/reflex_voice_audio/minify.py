"""Makes the built files small: short names for what only the bundle can see, less white space.

The rule: a name is shortened only where every use of it is known. Locals of a function are; an
attribute is when it belongs to a class of the bundle, is never read from something whose class
is unknown, and is not written as a string. What crosses a port or belongs to the browser keeps
its name. What the code does stays the same.
"""

from __future__ import annotations

import ast
import itertools
import re
import string
from collections.abc import Iterable, Iterator

from .dialect_rules import RESERVED

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def shorten(body: list[ast.stmt], keep: frozenset[str], is_worklet: bool) -> list[ast.stmt]:
    """The statements with short names; those in `keep` stay.

    Attributes only in a worklet: a page's objects are shared with React and the app.
    """
    body = _inline_numbers(body, keep)
    if is_worklet:
        _shorten_attributes(body)
    _shorten_module_names(body, keep)
    module_names = {name for node in body for name in _bound_at_module(node)}
    for node in body:
        for function in _outer_functions(node):
            _shorten_locals(function, module_names)
    return body


def _inline_numbers(body: list[ast.stmt], keep: frozenset[str]) -> list[ast.stmt]:
    """Put the value of every constant that is a number where its name is read."""
    numbers: dict[str, ast.expr] = {}
    rest: list[ast.stmt] = []
    for node in body:
        names = list(_bound_at_module(node))
        value = getattr(node, "value", None)
        plain = isinstance(value, ast.Constant) and isinstance(value.value, (int, float))
        if len(names) == 1 and names[0] not in keep and plain:
            assert isinstance(value, ast.Constant)
            numbers[names[0]] = value
        else:
            rest.append(node)
    inliner = _Inliner(numbers)
    return [inliner.visit(node) for node in rest]


class _Inliner(ast.NodeTransformer):
    def __init__(self, numbers: dict[str, ast.expr]) -> None:
        self.numbers = numbers

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.numbers.get(node.id, node)


def _shorten_module_names(body: list[ast.stmt], keep: frozenset[str]) -> None:
    """Classes, functions and tables of the bundle; capitals stay capitals."""
    used = {name.id for node in body for name in ast.walk(node) if isinstance(name, ast.Name)}
    names = [n for node in body for n in _bound_at_module(node) if n not in keep]
    classes = {node.name for node in body if isinstance(node, ast.ClassDef)}
    # The underscore keeps them apart from the locals' short names.
    taken = used - set(names)
    renamed = {}
    for index, name in enumerate(names):
        letter = string.ascii_uppercase if name in classes else string.ascii_lowercase
        short = letter[index % 26] + "_" + (str(index // 26) if index >= 26 else "")
        if short not in taken:
            renamed[name] = short
    renamer = _Renamer(renamed, {})
    for node in body:
        renamer.visit(node)


def _bound_at_module(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        yield node.name
    for target in getattr(node, "targets", []) or [getattr(node, "target", None)]:
        if isinstance(target, ast.Name):
            yield target.id


def _outer_functions(node: ast.stmt) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    if isinstance(node, _FUNCTIONS):
        yield node
    elif isinstance(node, ast.ClassDef):
        yield from (inner for inner in node.body if isinstance(inner, _FUNCTIONS))


def _short_names(taken: Iterable[str]) -> Iterator[str]:
    used = {*taken, *RESERVED, "self", "if", "in", "is", "as", "or"}
    for length in (1, 2, 3):
        for letters in itertools.product(string.ascii_letters, repeat=length):
            name = "".join(letters)
            # PScript takes a capitalised call for a class.
            if name not in used and name[0].islower():
                yield name


def _shorten_locals(function: ast.FunctionDef | ast.AsyncFunctionDef, module: set[str]) -> None:
    bound: dict[str, None] = {}
    seen: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            bound[node.arg] = None
        elif isinstance(node, ast.Name):
            seen.add(node.id)
            if isinstance(node.ctx, ast.Store):
                bound[node.id] = None
        elif isinstance(node, _FUNCTIONS) and node is not function:
            bound[node.name] = None
        elif isinstance(node, ast.ExceptHandler):
            bound[node.name or "_"] = None
    # A nested function that begins with a capital is called with `new`.
    keep = module | {"self"} | {name for name in bound if name[:1].isupper()}
    locals_ = [name for name in bound if name not in keep]
    short = _short_names((seen | keep) - set(locals_))
    _Renamer(dict(zip(locals_, short, strict=False)), {}).visit(function)


class _Classes:
    """What is known about the bundle's own classes."""

    def __init__(self, body: list[ast.stmt]) -> None:
        everything = [node for node in body if isinstance(node, ast.ClassDef)]
        self.own = {node.name: node for node in everything if not node.bases}
        self.members: set[str] = set()
        self.kinds: dict[tuple[str, str], str] = {}
        for name, node in self.own.items():
            for inner in ast.walk(node):
                if isinstance(inner, _FUNCTIONS) and inner in node.body:
                    self.members.add(inner.name)
                elif isinstance(inner, (ast.Assign, ast.AnnAssign)):
                    self._note_member(name, inner)

    def _note_member(self, owner: str, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if _is_self(target):
                assert isinstance(target, ast.Attribute)
                self.members.add(target.attr)
                kind = self.made_by(node.value)
                if kind is not None:
                    self.kinds[owner, target.attr] = kind

    def made_by(self, value: ast.expr | None) -> str | None:
        """The own class that `value` makes an instance of."""
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            return value.func.id if value.func.id in self.own else None
        return None

    def kind_of(self, node: ast.expr, owner: str | None, local: dict[str, str]) -> str | None:
        """The own class of what `node` evaluates to, if that is certain."""
        if isinstance(node, ast.Name):
            return owner if node.id == "self" else local.get(node.id)
        if isinstance(node, ast.Attribute):
            inner = self.kind_of(node.value, owner, local)
            return self.kinds.get((inner, node.attr)) if inner is not None else None
        return None


def _is_self(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def _shorten_attributes(body: list[ast.stmt]) -> None:
    classes = _Classes(body)
    foreign: set[str] = {"__init__"}
    attributes: dict[str, int] = {}
    for node in body:
        owner = node.name if isinstance(node, ast.ClassDef) and node.name in classes.own else None
        for function in _outer_functions(node):
            local = {
                arg.arg: arg.annotation.id
                for arg in function.args.args
                if isinstance(arg.annotation, ast.Name) and arg.annotation.id in classes.own
            }
            for inner in ast.walk(function):
                if isinstance(inner, ast.Attribute):
                    attributes[inner.attr] = attributes.get(inner.attr, 0) + 1
                    if classes.kind_of(inner.value, owner, local) is None:
                        foreign.add(inner.attr)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                foreign.add(inner.value)
            elif isinstance(inner, ast.ClassDef) and inner.name not in classes.own:
                foreign.update(part.name for part in inner.body if isinstance(part, _FUNCTIONS))
    ours = sorted(classes.members - foreign, key=lambda name: (-attributes.get(name, 0), name))
    short = _short_names({*attributes, *foreign})
    renamer = _Renamer({}, dict(zip(ours, short, strict=False)))
    for node in body:
        renamer.visit(node)


class _Renamer(ast.NodeVisitor):
    """Renames names, attributes and the methods of classes."""

    def __init__(self, names: dict[str, str], attributes: dict[str, str]) -> None:
        self.names = names
        self.attributes = attributes

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        node.name = self.names.get(node.name, node.name)
        for part in node.body:
            if isinstance(part, _FUNCTIONS):
                part.name = self.attributes.get(part.name, part.name)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        node.arg = self.names.get(node.arg, node.arg)

    def visit_Name(self, node: ast.Name) -> None:
        node.id = self.names.get(node.id, node.id)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        node.names = [self.names.get(name, name) for name in node.names]

    def visit_Attribute(self, node: ast.Attribute) -> None:
        node.attr = self.attributes.get(node.attr, node.attr)
        self.generic_visit(node)


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_NOISE = re.compile(r"^\w+\.prototype\.(?:_base_class|__name__) = [^;]*;$")


def compact(code: str) -> str:
    """The same JavaScript without indentation, comments and what nothing reads."""
    lines = []
    for line in code.split("\n"):
        bare = re.sub(r"\s*// nargs: [\d ]*$", "", line).strip()
        if bare and not bare.startswith("//") and not _NOISE.match(bare):
            lines.append(_squeeze(re.sub(r"\bfunction flx_\w+", "function", bare)))
    # A function that ends without a value: undefined does as well as null.
    joined = re.sub(r"return null;\n(?=\};|\}\))", "", "\n".join(lines))
    return re.sub(r"([;{,])\n", r"\1", joined)


def _squeeze(line: str) -> str:
    """White space around operators goes; strings stay as they are."""
    parts = []
    end = 0
    for match in _STRING.finditer(line):
        parts += [_tighten(line[end : match.start()]), match.group()]
        end = match.end()
    return "".join([*parts, _tighten(line[end:])])


def _tighten(code: str) -> str:
    # `a - -b` must not become a decrement, so signs keep a space before a sign.
    tight = re.sub(r"\s*([{}()\[\],;:=<>*/?!&|])\s*", r"\1", code)
    return re.sub(r"(?<![+-])\s*([+-])\s*(?![+-])", r"\1", tight)

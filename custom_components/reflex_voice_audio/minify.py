"""Makes the built files small: short names for what only the bundle or a function can see.

The rule: what the code does stays the same. Numbers that have a name are put where it is read.
The names of attributes and methods are shortened by `members`.
"""

from __future__ import annotations

import ast
import itertools
import string
from collections.abc import Iterable, Iterator

from .dialect_rules import RESERVED

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def shorten(body: list[ast.stmt], keep: frozenset[str]) -> list[ast.stmt]:
    """The statements with short names; those in `keep` stay."""
    body = _inline_numbers(body, keep)
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
    renamer = _Renamer(dict(zip(locals_, short, strict=False)))
    # Not the function itself: its name belongs to what is around it.
    renamer.generic_visit(function)


class _Renamer(ast.NodeVisitor):
    """Renames whatever is bound to a name."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        node.name = self.names.get(node.name, node.name)
        for part in node.body:
            # A method has no name that stands alone: it is a member.
            self.generic_visit(part)

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

"""Short names for the attributes and methods of the bundle's own classes, and none for dead ones.

The rule: a name is shortened only when nothing outside can mean something by it. It stays when it
is written as a string anywhere in the browser's code (a message's field, a payload's key), when it
is read from a bare name whose class is not certain (an event, the props), or when the web platform
has it, too: an object of ours may stand in for one of the browser's. Two names share a short one
if no class has both. Local names are `minify`'s.
"""

from __future__ import annotations

import ast
import itertools
import string
from collections.abc import Iterable, Iterator
from typing import Final

from .dialect_rules import RESERVED, words
from .js_tree import Node

Function = ast.FunctionDef | ast.AsyncFunctionDef
CALLED_BY_THE_PLATFORM: Final = words("__init__ process")
PLATFORM: Final = words(
    "accept adopt available body cancel close commit connect context control count delay drop "
    "encode finish floor frame frames gain head high join last length listener measure name node "
    "now number observe open part pending ping pitch play port pressed push rate ready release "
    "reset restore reversed scale segments send start state stream table take toggle total "
    "track unit unlock url wait weight window write"
)
"""Names of our classes that some object of the browser has as well; a test asks the browser."""


def _is_the_platforms(name: str) -> bool:
    """Whether something outside may call it: our own names have no capitals, its have."""
    return name in PLATFORM or name in CALLED_BY_THE_PLATFORM or name != name.lower()


def strings_of(trees: Iterable[ast.AST]) -> frozenset[str]:
    """Every string written in `trees`."""
    return frozenset(
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def drop_dead_methods(body: list[ast.stmt], strings: frozenset[str]) -> None:
    """Take out the methods that nothing names, until none is left."""
    while True:
        named = {n.attr for top in body for n in ast.walk(top) if isinstance(n, ast.Attribute)}
        named |= strings
        found = False
        for node in body:
            if isinstance(node, ast.ClassDef):
                kept = [
                    part
                    for part in node.body
                    if not isinstance(part, Function)
                    or part.name in named
                    or _is_the_platforms(part.name)
                ]
                found = found or len(kept) < len(node.body)
                node.body = kept
        if not found:
            return


def rename_members(program: list[Node], short: dict[str, str]) -> None:
    """Give every member its short name, in place."""
    for top in program:
        for node in top.walk():
            if node.kind in ("member", "method", "async method"):
                node.text = short.get(node.text, node.text)
            elif node.kind == "index" and node.parts[1].kind == "string":
                # What PScript would take for a method of Python's is written like this.
                name = node.parts[1].text[1:-1]
                node.parts[1].text = f'"{short.get(name, name)}"'


def short_members(body: list[ast.stmt], strings: frozenset[str]) -> dict[str, str]:
    """The short name of every member that may have one; the most used have the shortest."""
    classes = {node.name: _members(node) for node in body if isinstance(node, ast.ClassDef)}
    members = set().union(*classes.values())
    foreign = strings | _read_from_unknown(body, set(classes))
    foreign |= {name for name in members if _is_the_platforms(name)}
    uses: dict[str, int] = {}
    for top in body:
        for node in ast.walk(top):
            if isinstance(node, ast.Attribute):
                uses[node.attr] = uses.get(node.attr, 0) + 1
    ours = members - foreign
    taken: dict[str, set[str]] = {
        name: set().union(*(all_of for all_of in classes.values() if name in all_of))
        for name in ours
    }
    reserved = {*uses, *strings, *foreign, *RESERVED}
    short: dict[str, str] = {}
    for name in sorted(ours, key=lambda name: (-uses.get(name, 0), name)):
        neighbours = {short[other] for other in taken[name] if other in short}
        short[name] = next(n for n in _names() if n not in neighbours and n not in reserved)
    return short


def _names() -> Iterator[str]:
    for length in (1, 2):
        for letters in itertools.product(string.ascii_letters, repeat=length):
            yield "".join(letters)


def _members(node: ast.ClassDef) -> set[str]:
    found = {part.name for part in node.body if isinstance(part, Function)}
    for inner in ast.walk(node):
        match inner:
            case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()):
                found.add(inner.attr)
    return found


def _read_from_unknown(body: list[ast.stmt], classes: set[str]) -> set[str]:
    """Attributes of bare names that are not certainly instances of the bundle's classes."""
    found: set[str] = set()
    for top in body:
        outer = top.body if isinstance(top, ast.ClassDef) else [top]
        for statement in outer:
            known = {"self", *_instances(statement, classes)}
            for node in ast.walk(statement):
                match node:
                    case ast.Attribute(value=ast.Name(id=name)) if name not in known:
                        found.add(node.attr)
    return found


def _instances(statement: ast.stmt, classes: set[str]) -> set[str]:
    """Names that hold nothing but instances of own classes: by annotation or by their making."""
    known: set[str] = set()
    unsure: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.arg):
            kind = node.annotation
            is_own = isinstance(kind, ast.Name) and kind.id in classes
            (known if is_own else unsure).add(node.arg)
        elif isinstance(node, ast.Assign):
            value = node.value
            is_made = (
                isinstance(value, ast.Call)
                and isinstance(value.func, ast.Name)
                and value.func.id in classes
            )
            for target in node.targets:
                if isinstance(target, ast.Name):
                    (known if is_made else unsure).add(target.id)
    return known - unsure

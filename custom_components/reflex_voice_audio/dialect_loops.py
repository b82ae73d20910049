"""What a loop variable may not be used for, because JavaScript's goes on one further.

PScript's loop is `for (i = a; i < b; i += 1)`: after it, and for a closure, `i` is not what it is
in Python, and assigning to it changes the loop.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .dialect_kinds import own_nodes


def loop_problems(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[tuple[ast.AST, str]]:
    """Every wrong use of a loop variable in `function`, with what to say about it."""
    loops = [node for node in own_nodes(function) if isinstance(node, ast.For)]
    inside: dict[str, set[int]] = {}
    targets = {id(loop.target) for loop in loops}
    for loop in loops:
        if isinstance(loop.target, ast.Name):
            within = {id(node) for part in loop.body for node in ast.walk(part)}
            inside.setdefault(loop.target.id, set()).update(within, {id(loop.target)})
    for node in ast.walk(function):
        if not (isinstance(node, ast.Name) and node.id in inside):
            continue
        if id(node) not in inside[node.id]:
            yield (
                node,
                f"the loop variable {node.id} has another value after the loop in JavaScript: "
                "copy it to another name inside",
            )
        elif isinstance(node.ctx, ast.Store) and id(node) not in targets:
            yield node, f"assigning to the loop variable {node.id} changes the loop"
    for loop in loops:
        yield from _closures(loop)


def _closures(loop: ast.For) -> Iterator[tuple[ast.AST, str]]:
    if not isinstance(loop.target, ast.Name):
        return
    for part in loop.body:
        for node in ast.walk(part):
            if isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)) and any(
                isinstance(inner, ast.Name) and inner.id == loop.target.id
                for inner in ast.walk(node)
            ):
                yield node, "a closure over a loop variable sees one more than Python's"

"""What a module shows about the kinds of its names: which are booleans, which are dicts.

The dialect has no types; where a rule needs one it goes by assignments and annotations in the
same module, and what is not certain is not assumed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .dialect_rules import BOOLEAN_METHODS


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions inside it."""
    stack = list(ast.iter_child_nodes(function))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))


def assignments(root: Iterator[ast.AST]) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """(target, value) of every assignment; None where the value is not a plain expression."""
    for node in root:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Tuple):
                    for element in target.elts:
                        yield element, None
                else:
                    yield target, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield node.target, node.value
        elif isinstance(node, ast.AugAssign):
            yield node.target, None


def is_bool_annotation(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "bool"


class Kinds:
    """Which names hold nothing but booleans, as far as this module shows."""

    def __init__(self, tree: ast.Module) -> None:
        self.functions = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and is_bool_annotation(node.returns)
        }
        self.attributes: set[str] = set()
        self.dict_attributes: set[str] = set()
        assigned: dict[str, list[ast.expr | None]] = {}
        declared: set[str] = set()
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, (ast.Name, ast.Attribute))
                and is_bool_annotation(node.annotation)
            ):
                named = node.target
                declared.add(named.attr if isinstance(named, ast.Attribute) else named.id)
        for target, value in assignments(ast.walk(tree)):
            if isinstance(target, ast.Attribute):
                assigned.setdefault(target.attr, []).append(value)
        self.attributes = declared
        for name, values in assigned.items():
            if any(isinstance(value, ast.Dict) for value in values):
                self.dict_attributes.add(name)
            if all(value is not None and self.is_boolean(value, set()) for value in values):
                self.attributes.add(name)

    def is_boolean(self, node: ast.expr, names: set[str]) -> bool:
        """Whether `node` can only be True or False; `names` are the local ones known to be."""
        match node:
            case ast.Constant(value=bool()) | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return True
            case ast.BoolOp(values=values):
                return all(self.is_boolean(value, names) for value in values)
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_boolean(body, names) and self.is_boolean(orelse, names)
            case ast.Name(id=name):
                return name in names
            case ast.Attribute(attr=name):
                return name in self.attributes
            case ast.Await(value=value):
                return self.is_boolean(value, names)
            case ast.Call(func=ast.Name(id=name)):
                return name in self.functions or name == "isinstance" or name.startswith("is")
            case ast.Call(func=ast.Attribute(attr=name)):
                return name in self.functions or name in BOOLEAN_METHODS or name.startswith("is")
        return False

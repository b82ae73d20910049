"""Rewrites a checked tree to where PScript's translation means what Python means.

Comparisons become strict, `is None` also means undefined, loop bounds are evaluated once,
f-strings become sums, methods are JavaScript's own, operator overloading is off in every function,
and what only CPython needs (annotations, docstrings) is gone.
"""

from __future__ import annotations

import ast
from typing import Final

from .dialect_rules import PSCRIPT_METHODS

_MATH_RENAMES: Final = {"fabs": "abs", "pi": "PI"}


def _overload_off() -> ast.stmt:
    return ast.parse("PSCRIPT_OVERLOAD = False").body[0]


class Normaliser(ast.NodeTransformer):
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
            case ast.Attribute(attr="keys", value=ast.Name(id="Object")):
                # A subscript of a capitalised name would be called with `new`.
                node.func = ast.parse("Reflect.ownKeys", mode="eval").body
            case ast.Attribute(attr=name, value=value) if name in PSCRIPT_METHODS:
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

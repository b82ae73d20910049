"""The subset of Python that means the same in the browser, and the check that holds code to it.

PScript translates much more than it translates faithfully. What CPython and JavaScript understand
differently is refused here, at build time, with a sentence that says what to write instead; what
the translation can repair silently (`==`, `is None`, loop bounds, f-strings) is allowed and
repaired in `transpile.py`. Types are not known here: where a rule needs one (truth of a bare name,
`len` of a dict) it goes by the assignments and annotations in the same module, and refuses a doubt.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .dialect_kinds import Kinds, assignments, is_bool_annotation, own_nodes
from .dialect_loops import loop_problems
from .dialect_rules import (
    IMPORTABLE,
    LARGEST_INTEGER,
    MATH_NAMES,
    PSCRIPT_METHODS,
    REFUSED_CALLS,
    REFUSED_METHODS,
    REFUSED_NODES,
    RESERVED,
    UNBOUND_METHODS,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One place that breaks the dialect."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class DialectError(Exception):
    """Browser Python that cannot be translated faithfully; the message has every place."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


def check(source: str, path: str) -> list[Problem]:
    """Every place in `source` that breaks the dialect, in order."""
    try:
        tree = ast.parse(source)
    except SyntaxError as err:
        return [Problem(path, err.lineno or 1, err.offset or 1, f"not Python: {err.msg}")]
    except ValueError as err:
        # A null byte, before Python 3.11.4.
        return [Problem(path, 1, 1, f"not Python: {err}")]
    checker = _Checker(path, tree)
    checker.visit(tree)
    return sorted(checker.problems, key=lambda problem: (problem.line, problem.column))


class _Checker(ast.NodeVisitor):
    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self.kinds = Kinds(tree)
        self.booleans: list[set[str]] = [set()]
        self.dicts: list[set[str]] = [set()]

    def refuse(self, node: ast.AST, message: str) -> None:
        line = getattr(node, "lineno", 1)
        column = getattr(node, "col_offset", 0) + 1
        self.problems.append(Problem(self.path, line, column, message))

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, (ast.operator, ast.cmpop, ast.unaryop)):
            # They have no place of their own: refused with the expression around them.
            return
        for field in (node, getattr(node, "op", None), *getattr(node, "ops", ())):
            message = REFUSED_NODES.get(type(field))
            if message is not None:
                self.refuse(node, message)
        if "TryStar" in type(node).__name__:
            self.refuse(node, "no except*")
        super().generic_visit(node)

    # Module level.

    def visit_Module(self, node: ast.Module) -> None:
        for statement in node.body:
            match statement:
                case (
                    ast.Import()
                    | ast.ImportFrom()
                    | ast.FunctionDef()
                    | ast.AsyncFunctionDef()
                    | ast.ClassDef()
                ):
                    self.visit(statement)
                case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=[]):
                    pass
                case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(target=ast.Name()):
                    self.visit(statement)
                case ast.Expr(value=ast.Constant() | ast.Call()):
                    self.visit(statement)
                case _:
                    self.refuse(
                        statement, "only constants, functions, classes and calls at module level"
                    )

    def visit_Import(self, node: ast.Import) -> None:
        if [(name.name, name.asname) for name in node.names] != [("math", None)]:
            self.refuse(node, "import only math, jsapi, the React stub and sibling modules")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0 and (node.module not in IMPORTABLE or node.module == "math"):
            self.refuse(node, "import only math, jsapi, the React stub and sibling modules")
        if node.level > 1 or (node.level == 1 and (node.module is None or "." in node.module)):
            self.refuse(node, "write from .module import name")
        for name in node.names:
            if name.asname is not None or name.name == "*":
                self.refuse(node, "import names as they are: all modules of a bundle are joined")

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if node.decorator_list:
            self.refuse(node, "no decorators on classes")
        if len(node.bases) > 1 or node.keywords:
            self.refuse(node, "one base class at most")
        self._check_name(node, node.name)
        if not node.name.lstrip("_")[:1].isupper():
            self.refuse(node, "a class name begins with a capital: that is how `new` is chosen")
        for statement in node.body:
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    if name in UNBOUND_METHODS:
                        self.refuse(statement, f"a method named {name} is not bound: rename it")
                    self.visit(statement)
                case ast.AnnAssign(value=None) | ast.Expr(value=ast.Constant(value=str())):
                    pass
                case ast.Pass():
                    pass
                case _:
                    self.refuse(statement, "no class attributes: set the state in __init__")

    # Functions.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._check_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._check_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._check_arguments(node.args)
        for inner in ast.walk(node.body):
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, (ast.Add, ast.Mult)):
                self.refuse(node, "no + or * in a lambda: write a nested function")
                break
        self.visit(node.body)

    def _check_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.decorator_list:
            self.refuse(node, "no decorators")
        self._check_name(node, node.name)
        self._check_arguments(node.args)
        for place, message in loop_problems(node):
            self.refuse(place, message)
        booleans, dicts = self._local_kinds(node)
        self.booleans.append(self.booleans[-1] | booleans)
        self.dicts.append(dicts)
        for statement in node.body:
            self.visit(statement)
        self.booleans.pop()
        self.dicts.pop()

    def _check_arguments(self, arguments: ast.arguments) -> None:
        for extra in (arguments.vararg, arguments.kwarg):
            if extra is not None:
                self.refuse(extra, "no *args or **kwargs: name the arguments")
        for only in arguments.kwonlyargs:
            self.refuse(only, "no keyword-only arguments: JavaScript has positions")
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            simple = default.operand if isinstance(default, ast.UnaryOp) else default
            if simple is not None and not isinstance(simple, ast.Constant):
                self.refuse(simple, "a default is a constant: JavaScript evaluates it at each call")
        for argument in [*arguments.posonlyargs, *arguments.args]:
            self._check_name(argument, argument.arg)

    def _local_kinds(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> tuple[set[str], set[str]]:
        booleans = {arg.arg for arg in node.args.args if is_bool_annotation(arg.annotation)}
        dicts: set[str] = set()
        assigned: dict[str, list[ast.expr | None]] = {}
        for target, value in assignments(own_nodes(node)):
            if isinstance(target, ast.Name):
                assigned.setdefault(target.id, []).append(value)
        for name, values in assigned.items():
            if any(isinstance(value, ast.Dict) for value in values):
                dicts.add(name)
            known = booleans | self.booleans[-1]
            if all(v is not None and self.kinds.is_boolean(v, known) for v in values):
                booleans.add(name)
            else:
                booleans.discard(name)
        return booleans, dicts

    # Statements.

    def visit_For(self, node: ast.For) -> None:
        if node.orelse:
            self.refuse(node, "no else on a loop")
        if not isinstance(node.target, ast.Name):
            self.refuse(node.target, "one loop variable")
        match node.iter:
            case ast.Call(func=ast.Name(id="range"), args=arguments, keywords=[]):
                for argument in arguments:
                    self.visit(argument)
                if len(arguments) == 3:
                    step = arguments[2]
                    if isinstance(step, ast.UnaryOp):
                        step = step.operand
                    if not (isinstance(step, ast.Constant) and isinstance(step.value, int)):
                        self.refuse(step, "the step of a range is a constant")
            case _:
                self.refuse(node.iter, "loop over range(n) only: `for` over an object gives keys")
        self.visit(node.target)
        for statement in node.body:
            self.visit(statement)

    def visit_While(self, node: ast.While) -> None:
        if node.orelse:
            self.refuse(node, "no else on a loop")
        self._check_condition(node.test)
        for statement in node.body:
            self.visit(statement)

    def visit_If(self, node: ast.If) -> None:
        self._check_condition(node.test)
        for statement in [*node.body, *node.orelse]:
            self.visit(statement)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._check_condition(node.test)
        self.visit(node.body)
        self.visit(node.orelse)

    def visit_Try(self, node: ast.Try) -> None:
        if node.orelse:
            self.refuse(node, "no else on try")
        if len(node.handlers) > 1:
            self.refuse(node, "one except Exception only")
        for handler in node.handlers:
            if not (isinstance(handler.type, ast.Name) and handler.type.id == "Exception"):
                self.refuse(handler, "write except Exception: JavaScript throws anything")
            if handler.name is not None:
                self._check_name(handler, handler.name)
            for statement in handler.body:
                self.visit(statement)
        for statement in [*node.body, *node.finalbody]:
            self.visit(statement)

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.exc is None or node.cause is not None:
            self.refuse(node, "raise an Error, without `from`")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, (ast.FloorDiv, ast.Mod, ast.Pow)):
            self.refuse(node, "the precedence is lost: write x = x // y")
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    # Expressions.

    def _check_condition(self, node: ast.expr) -> None:
        match node:
            case ast.BoolOp(values=values):
                for value in values:
                    self._check_condition(value)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self._check_condition(operand)
            case _:
                if not self.kinds.is_boolean(node, self.booleans[-1]):
                    self.refuse(
                        node,
                        "an empty list is true in JavaScript: compare (`is True`, `is not None`, "
                        "`len(x) > 0`) or annotate it as bool",
                    )
                self.visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._check_condition(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._check_condition(node.operand)
        else:
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for side in [node.left, *node.comparators]:
            if isinstance(side, (ast.Dict, ast.List, ast.Tuple)):
                self.refuse(side, "JavaScript compares objects by identity: compare their parts")
        for middle in node.comparators[:-1]:
            if not isinstance(middle, (ast.Name, ast.Constant)):
                self.refuse(middle, "the middle of a chained comparison is evaluated twice")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            self.refuse(keyword.value, "positional arguments only: JavaScript has no keywords")
        match node.func:
            case ast.Name(id=name):
                self._check_called_name(node, name)
            case ast.Attribute(attr=name, value=owner):
                capital = isinstance(owner, ast.Name) and owner.id[:1].isupper()
                if capital and name in PSCRIPT_METHODS and ast.unparse(node.func) != "Object.keys":
                    self.refuse(node, f".{name}() of a class would be called with `new`")
                if name in REFUSED_METHODS:
                    self.refuse(node, f".{name}(): {REFUSED_METHODS[name]}")
        self.generic_visit(node)

    def _check_called_name(self, node: ast.Call, name: str) -> None:
        if name in REFUSED_CALLS:
            self.refuse(node, f"{name}(): {REFUSED_CALLS[name]}")
        elif name in ("min", "max") and len(node.args) < 2:
            self.refuse(node, f"{name}() of two or more numbers only")
        elif name in ("int", "str", "abs", "len") and len(node.args) != 1:
            self.refuse(node, f"{name}() takes one argument")
        elif name == "range":
            self.refuse(node, "range() belongs into a for loop")
        elif name == "isinstance":
            kind = node.args[1] if len(node.args) == 2 else None
            named = isinstance(kind, ast.Name) and (kind.id == "str" or kind.id[:1].isupper())
            if not named:
                self.refuse(node, "isinstance() with str or a class of jsapi only")
        if name == "len" and len(node.args) == 1:
            self._check_length(node.args[0])

    def _check_length(self, node: ast.expr) -> None:
        is_dict = (
            isinstance(node, ast.Dict)
            or (isinstance(node, ast.Name) and node.id in self.dicts[-1])
            or (isinstance(node, ast.Attribute) and node.attr in self.kinds.dict_attributes)
        )
        if is_dict:
            self.refuse(node, "a dict has no length in JavaScript: use Map and .size")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        of_math = isinstance(node.value, ast.Name) and node.value.id == "math"
        if of_math and node.attr not in MATH_NAMES:
            self.refuse(node, f"math.{node.attr} is not in the dialect")
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.UnaryOp) and isinstance(node.slice.op, ast.USub):
            self.refuse(node, "no negative index: JavaScript finds nothing there")
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key in node.keys:
            if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
                self.refuse(node, "the keys of a dict literal are string constants")
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                if part.format_spec is not None or part.conversion != -1:
                    self.refuse(part, "no format in an f-string: use toFixed or padStart")
                self.visit(part.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, (bytes, complex)) or node.value is Ellipsis:
            self.refuse(node, "no bytes, complex or ... constants")
        elif isinstance(node.value, int) and abs(node.value) > LARGEST_INTEGER:
            self.refuse(node, "JavaScript's integers are exact up to 2**53 only")

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._check_name(node, node.id)

    def _check_name(self, node: ast.AST, name: str) -> None:
        if name in RESERVED or name.startswith("_pyfunc") or name.startswith("_pymeth"):
            self.refuse(node, f"{name} means something else in JavaScript: choose another name")

"""Says the same program with fewer words: conditions as operators, sums of constants as numbers.

The rule: what is evaluated, in which order and how often stays as it was, and so does what a
function returns; only a function that never returns anything but null comes to return undefined,
which the dialect cannot tell apart. Names are `minify`'s and `members`', brackets `js_print`'s.
"""

from __future__ import annotations

import math
from typing import Final

from .js_print import number
from .js_tree import Node

_FUNCTIONS: Final = frozenset({"method", "async method", "arrow", "async arrow", "function"})
_OPPOSITE: Final = {"==": "!=", "!=": "==", "===": "!==", "!==": "==="}
_JUMPS: Final = frozenset({"return", "throw", "break", "continue"})


def shrink(statements: list[Node]) -> list[Node]:
    """The program in fewer words; the given one is used up."""
    return [_shrink(node) for node in statements]


def _shrink(node: Node) -> Node:
    if node.kind in _FUNCTIONS and node.parts[1].kind == "block":
        _return_nothing(node.parts[1])
    node.parts = [_shrink(part) for part in node.parts]
    match node.kind:
        case "name" if node.text in ("true", "false"):
            return _not(Node("number", "0" if node.text == "true" else "1"))
        case "binary" if node.text == "===" and (asked := _asked_kind(node.parts[0])) is not None:
            return Node("binary", "==", [Node("unary", "typeof", [asked]), node.parts[1]])
        case "binary" | "call" | "unary":
            return _folded(node)
        case "index":
            return _member(node)
        case "assign" if node.text in ("+=", "-=") and _is_number(node.parts[1], 1):
            return Node("update", node.text[0] * 2, node.parts[:1])
        case "block":
            node.parts = _joined(node.parts)
        case "if":
            return _if(node)
        case "for" | "while":
            node.parts[-1] = _single(node.parts[-1])
        case _ if node.kind in _FUNCTIONS and node.parts[1].kind == "block":
            _finish_function(node)
    return node


# Expressions.


def _not(node: Node) -> Node:
    return Node("unary", "!", [node])


def _is_number(node: Node, value: float) -> bool:
    return node.kind == "number" and float(node.text) == value


def _member(node: Node) -> Node:
    owner, key = node.parts
    if key.kind == "string" and key.text[1:-1].isidentifier():
        return Node("member", key.text[1:-1], [owner])
    return node


def _asked_kind(node: Node) -> Node | None:
    """x of `Object.prototype.toString.call(x).slice(8,-1).toLowerCase()`, PScript's typeof."""
    named = []
    argument = None
    while node.kind in ("call", "member"):
        if node.kind == "member":
            named.append(node.text)
        elif node.parts[0].text == "call":
            argument = node.parts[1]
        node = node.parts[0]
    is_typeof = named == ["toLowerCase", "slice", "call", "toString", "prototype"]
    return argument if is_typeof else None


def _folded(node: Node) -> Node:
    """Constants are calculated here, where the number is no longer than the sum."""
    if node.kind == "unary" and node.text == "!" and node.parts[0].kind == "unary":
        return node
    value = _value(node)
    if value is None or not math.isfinite(value):
        return node
    made = Node("number", repr(abs(value)))
    text = number(abs(value))
    whole = "".join(number(float(n.text)) for n in node.walk() if n.kind == "number")
    if len(text) > len(whole) + 1:
        return node
    return Node("unary", "-", [made]) if math.copysign(1, value) < 0 else made


def _value(node: Node) -> float | None:
    """What a constant expression comes to; JavaScript and Python calculate alike."""
    if node.kind == "number":
        return float(node.text)
    if node.kind == "unary" and node.text == "-":
        inner = _value(node.parts[0])
        return None if inner is None else -inner
    if node.kind == "call" and len(node.parts) == 2:
        callee = node.parts[0]
        inner = _value(node.parts[1])
        is_floor = callee.kind == "member" and callee.text == "floor"
        return float(math.floor(inner)) if is_floor and inner is not None else None
    if node.kind != "binary":
        return None
    left, right = (_value(part) for part in node.parts)
    if left is None or right is None:
        return None
    match node.text:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if right != 0:
            return left / right
    return None


def _opposite(node: Node) -> Node:
    """`!node`, for a test."""
    if node.kind == "unary" and node.text == "!":
        return node.parts[0]
    if node.kind == "binary" and node.text in _OPPOSITE:
        return Node("binary", _OPPOSITE[node.text], node.parts)
    return _not(node)


def _is_optional(test: Node, action: Node) -> bool:
    """Whether `test` asks if there is what `action` then calls something of; `?.` does both."""
    if test.kind != "binary" or test.text != "!=" or not test.parts[1].is_name("null"):
        return False
    wanted = test.parts[0]
    if any(node.kind not in ("member", "name") for node in wanted.walk()):
        return False
    node = action
    if node.kind != "call":
        return False
    while node.kind in ("call", "member"):
        inner = node.parts[0]
        if node.kind == "member" and inner == wanted:
            node.kind = "optional"
            return True
        node = inner
    return False


# Statements.


def _single(node: Node) -> Node:
    if node.kind == "block" and len(node.parts) == 1:
        return node.parts[0]
    return node


def _joined(statements: list[Node]) -> list[Node]:
    """Expressions in a row become one, blocks open, and nothing follows a jump."""
    flat: list[Node] = []
    for statement in statements:
        flat += statement.parts if statement.kind == "block" else [statement]
    joined: list[Node] = []
    for node in flat:
        before = joined[-1] if joined else None
        if before is not None and before.kind in _JUMPS:
            break
        if before is None or before.kind != "expression":
            joined.append(node)
        elif node.kind in ("expression", "for") or (
            node.kind in ("return", "throw", "if") and node.parts
        ):
            if node.kind == "for" and node.parts[0].kind == "block":
                joined.append(node)
                continue
            first = _sequence(before.parts[0], node.parts[0])
            node.parts[0] = first
            joined[-1] = node
        else:
            joined.append(node)
    return joined


def _sequence(first: Node, second: Node) -> Node:
    parts = first.parts if first.kind == "sequence" else [first]
    more = second.parts if second.kind == "sequence" else [second]
    return Node("sequence", "", [*parts, *more])


def _if(node: Node) -> Node:
    test, first = node.parts[0], _single(node.parts[1])
    other = _single(node.parts[2]) if len(node.parts) > 2 else Node("block")
    if first.kind == "block" and not first.parts:
        test, first, other = _opposite(test), other, first
    nothing = other.kind == "block" and not other.parts
    if nothing and first.kind == "expression":
        if test.kind == "unary" and test.text == "!":
            made = Node("binary", "||", [test.parts[0], first.parts[0]])
        elif _is_optional(test, first.parts[0]):
            made = first.parts[0]
        else:
            made = Node("binary", "&&", [test, first.parts[0]])
        return Node("expression", "", [made])
    if nothing and first.kind == "if" and len(first.parts) == 2:
        return Node("if", "", [Node("binary", "&&", [test, first.parts[0]]), first.parts[1]])
    if nothing:
        return Node("if", "", [test, first])
    if test.kind == "unary" and test.text == "!":
        test, first, other = test.parts[0], other, first
    if first.kind == other.kind == "expression":
        return Node("expression", "", [Node("ternary", "", [test, first.parts[0], other.parts[0]])])
    if first.kind == other.kind == "return" and first.parts and other.parts:
        return Node("return", "", [Node("ternary", "", [test, first.parts[0], other.parts[0]])])
    return Node("if", "", [test, first, other])


# Functions.


def _own(block: Node) -> list[Node]:
    """The nodes of a function without those of the functions in it."""
    found: list[Node] = []
    for part in block.parts:
        found.append(part)
        if part.kind not in _FUNCTIONS:
            found += _own(part)
    return found


def _return_nothing(body: Node) -> None:
    """`return null` becomes `return` in a function that returns nothing else."""
    returns = [node for node in _own(body) if node.kind == "return"]
    if all(not node.parts or node.parts[0].is_name("null") for node in returns):
        for node in returns:
            node.parts = []


def _finish_function(node: Node) -> None:
    """Early returns become conditions; a local is a parameter that nobody gives."""
    parameters, body = node.parts
    body.parts = _tail(body.parts)
    names = [part for part in body.parts if part.kind == "var"]
    body.parts = [part for part in body.parts if part.kind != "var"]
    for var in names:
        parameters.parts += var.parts
    only = body.parts[0] if len(body.parts) == 1 else None
    if "arrow" in node.kind and only is not None and only.kind == "return" and only.parts:
        node.parts[1] = only.parts[0]


def _tail(statements: list[Node]) -> list[Node]:
    """Statements after which the function ends."""
    while statements and statements[-1].kind == "return" and not statements[-1].parts:
        statements = statements[:-1]
    for index in range(len(statements) - 1, -1, -1):
        node = statements[index]
        rest = statements[index + 1 :]
        if node.kind != "if" or len(node.parts) != 2:
            continue
        first = node.parts[1]
        if first.kind == "return" and not first.parts and rest:
            inner = Node("block", "", _joined(_tail(rest)))
            made = _if(Node("if", "", [_opposite(node.parts[0]), inner]))
            statements = _joined([*statements[:index], made])
        elif first.kind == "return" and rest and len(rest) == 1 and rest[0].kind == "return":
            made = _if(Node("if", "", [node.parts[0], first, rest[0]]))
            statements = _joined([*statements[:index], made])
    last = statements[-1] if statements else None
    if last is not None and last.kind == "if":
        branches = [Node("block", "", _tail(_single_list(part))) for part in last.parts[1:]]
        statements = [*statements[:-1], _if(Node("if", "", [last.parts[0], *branches]))]
        return _joined(statements)
    return statements


def _single_list(node: Node) -> list[Node]:
    return list(node.parts) if node.kind == "block" else [node]

"""Prints a JavaScript tree with as few characters as it can, or for people to read.

The rule: brackets stand where JavaScript's own rules would read the text otherwise, and nowhere
else. Changes nothing: what can be said shorter is `js_shrink`'s.
"""

from __future__ import annotations

import re
from typing import Final

from .js_tree import ARROW, BINARY, Node, UnknownJavaScriptError

_SEQUENCE, _ASSIGN, _TERNARY, _UNARY, _POSTFIX = 0, 1, 2, 14, 17
_LEVELS: Final = {
    "sequence": _SEQUENCE,
    "assign": _ASSIGN,
    "arrow": _ASSIGN,
    "async arrow": _ASSIGN,
    "ternary": _TERNARY,
    "unary": _UNARY,
    "update": 15,
}
_WORD: Final = re.compile(r"[\w$]")


def to_text(statements: list[Node], *, readable: bool = False) -> str:
    """The program as text; `readable` breaks lines and indents."""
    return _Printer(readable).program(statements)


def number(value: float) -> str:
    """The shortest way to write a number that is not negative."""
    if value == int(value) and value < 2**53:
        plain = str(int(value))
        zeros = len(plain) - len(plain.rstrip("0"))
        return f"{plain[:-zeros]}e{zeros}" if zeros > 2 else plain
    text = repr(value).replace("e-0", "e-").replace("e+", "e").removeprefix("0")
    if "e" not in text and text.startswith(".00"):
        digits = text[1:].lstrip("0")
        text = min(text, f"{digits}e-{len(text) - 1}", key=len)
    return text


def _level(node: Node) -> int:
    if node.kind == "binary":
        return BINARY[node.text]
    return _LEVELS.get(node.kind, _POSTFIX)


class _Printer:
    def __init__(self, readable: bool) -> None:
        self.readable = readable
        self.depth = 0

    def program(self, statements: list[Node]) -> str:
        return "".join(
            self.statement(node) + ("\n" if self.readable else "") for node in statements
        )

    # Statements; each ends with what separates it from the next.

    def block(self, block: Node) -> str:
        self.depth += 1
        texts = [self.statement(node) for node in block.parts]
        inner = self._line().join(["", *texts])
        self.depth -= 1
        return "{" + (inner if self.readable else inner.removesuffix(";")) + self._line() + "}"

    def _line(self) -> str:
        return "\n" + "  " * self.depth if self.readable else ""

    def statement(self, node: Node) -> str:
        parts = node.parts
        match node.kind:
            case "block":
                return self.block(node) if parts else ""
            case "expression":
                text = self.expression(parts[0], _SEQUENCE)
                # A statement that began like this would be read as a block or a function.
                needs = text.startswith(("{", "function", "class"))
                return f"({text});" if needs else f"{text};"
            case "let" | "var":
                return f"{node.text or 'let'} {self._list(parts)};"
            case "return" | "throw":
                value = self.expression(parts[0], _SEQUENCE) if parts else ""
                return _words(node.kind, value) + ";"
            case "break" | "continue":
                return node.kind + ";"
            case "if":
                return self._if(node)
            case "for":
                head = ";".join(self.expression(part, _SEQUENCE) for part in parts[:3])
                return f"for({head}){self._body(parts[3])}"
            case "while":
                # One letter less than `while`, and the same.
                return f"for(;{self.expression(parts[0], _SEQUENCE)};){self._body(parts[1])}"
            case "try":
                return self._try(node)
            case "class":
                return self._class(node)
        raise UnknownJavaScriptError(f"a statement of the kind {node.kind}")

    def _body(self, node: Node) -> str:
        """What a condition or a loop holds: in braces only where there is more than one."""
        text = self.statement(node)
        return text or "{}"

    def _if(self, node: Node) -> str:
        head = f"if({self.expression(node.parts[0], _SEQUENCE)})"
        if len(node.parts) == 2:
            return head + self._body(node.parts[1])
        first = node.parts[1]
        # Else the `else` would belong to an inner if.
        text = "{" + self._body(first) + "}" if _ends_in_if(first) else self._body(first)
        return f"{head}{text}{_words('else', self._body(node.parts[2]))}"

    def _try(self, node: Node) -> str:
        text = "try" + self.block(node.parts[0])
        for part in node.parts[1:]:
            name = f"({part.text})" if part.text else ""
            text += part.kind + name + self.block(part.parts[0])
        return text

    def _class(self, node: Node) -> str:
        base, *methods = node.parts
        extends = f" extends {base.text}" if base.text else ""
        self.depth += 1
        texts = [self._method(method) for method in methods]
        inner = self._line().join(["", *texts])
        self.depth -= 1
        return f"class {node.text}{extends}{{{inner}{self._line()}}}"

    def _method(self, node: Node) -> str:
        prefix = "async " if node.kind == "async method" else ""
        return f"{prefix}{node.text}({self._list(node.parts[0].parts)}){self.block(node.parts[1])}"

    # Expressions.

    def expression(self, node: Node, least: int) -> str:
        """`node` as text, in brackets if it binds less than `least`."""
        text = self._bare(node)
        return f"({text})" if _level(node) < least else text

    def _list(self, nodes: list[Node]) -> str:
        return ",".join(self.expression(node, _ASSIGN) for node in nodes)

    def _bare(self, node: Node) -> str:
        parts = node.parts
        match node.kind:
            case "name" | "string":
                return node.text
            case "number":
                return number(float(node.text))
            case "array":
                return f"[{self._list(parts)}]"
            case "object":
                pairs = (f"{pair.text}:{self._list(pair.parts)}" for pair in parts)
                return "{" + ",".join(pairs) + "}"
            case "member":
                return f"{self._object(parts[0])}.{node.text}"
            case "optional":
                return f"{self._object(parts[0])}?.{node.text}"
            case "index":
                return f"{self._object(parts[0])}[{self.expression(parts[1], _SEQUENCE)}]"
            case "call":
                return f"{self._object(parts[0])}({self._list(parts[1:])})"
            case "new":
                arguments = f"({self._list(parts[1:])})" if parts[1:] else ""
                return f"new {self.expression(parts[0], _POSTFIX)}{arguments or '()'}"
            case "sequence":
                return self._list(parts)
            case "assign":
                value = self.expression(parts[1], _ASSIGN)
                return f"{self.expression(parts[0], _POSTFIX)}{node.text}{value}"
            case "ternary":
                test = self.expression(parts[0], _TERNARY + 1)
                return f"{test}?{self._list(parts[1:2])}:{self._list(parts[2:])}"
            case "arrow" | "async arrow":
                return self._arrow(node)
            case "function" | "async":
                prefix = "async " if node.kind == "async" else ""
                return f"{prefix}function({self._list(parts[0].parts)}){self.block(parts[1])}"
        return self._operation(node)

    def _object(self, node: Node) -> str:
        text = self.expression(node, _POSTFIX)
        bracketed = node.kind in ("function", "async", "number")
        return f"({text})" if bracketed else text

    def _operation(self, node: Node) -> str:
        parts = node.parts
        match node.kind:
            case "unary":
                return _words(node.text, self.expression(parts[0], _UNARY))
            case "update":
                return node.text + self.expression(parts[0], _POSTFIX)
            case "binary":
                level = BINARY[node.text]
                left = self.expression(parts[0], level)
                right = self.expression(parts[1], level + 1)
                return _words(_words(left, node.text), right)
        raise UnknownJavaScriptError(f"an expression of the kind {node.kind}")

    def _arrow(self, node: Node) -> str:
        parameters, body = node.parts
        names = self._list(parameters.parts)
        head = names if len(parameters.parts) == 1 else f"({names})"
        prefix = "async " if node.kind == "async arrow" else ""
        if body.kind == "block":
            return f"{prefix}{head}{ARROW}{self.block(body)}"
        text = self.expression(body, _ASSIGN)
        return f"{prefix}{head}{ARROW}" + (f"({text})" if text.startswith("{") else text)


def _words(first: str, second: str) -> str:
    """Two parts side by side, apart where they would be read as one."""
    if not first or not second:
        return first + second
    together = _WORD.match(first[-1]) and _WORD.match(second[0])
    signs = first[-1] in "+-" and second[0] == first[-1]
    return f"{first} {second}" if together or signs else first + second


def _ends_in_if(node: Node) -> bool:
    match node.kind:
        case "if":
            return len(node.parts) == 2 or _ends_in_if(node.parts[2])
        case "for" | "while":
            return _ends_in_if(node.parts[-1])
    return False

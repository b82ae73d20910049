"""Reads PScript's JavaScript into a tree, so that it can be printed small.

The rule: only what PScript writes from the dialect is understood; anything else is refused, never
guessed. Keeps no comments, no places and no brackets: the tree says what belongs together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

ASSIGNMENTS: Final = frozenset({"=", "+=", "-=", "*=", "/="})
BINARY: Final = {
    "||": 3,
    "&&": 4,
    "==": 8,
    "!=": 8,
    "===": 8,
    "!==": 8,
    "<": 9,
    ">": 9,
    "<=": 9,
    ">=": 9,
    "instanceof": 9,
    "in": 9,
    "+": 11,
    "-": 11,
    "*": 12,
    "/": 12,
    "%": 12,
}
"""How strongly each operator binds; all of them to the left."""
_PREFIX: Final = frozenset({"!", "-", "+", "typeof", "await"})
ARROW: Final = "=>"
_TOKEN: Final = re.compile(
    rf"""(?P<blank>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<sign>===|!==|{ARROW}|==|!=|<=|>=|&&|\|\||\+=|-=|\*=|/=|\+\+|[-+*/%!<>=?:;,.(){{}}\[\]])""",
    re.VERBOSE | re.DOTALL,
)


class UnknownJavaScriptError(ValueError):
    """Something PScript does not write; the message has the text around it."""


@dataclass(slots=True)
class Node:
    """A part of a program: `text` is its name, operator or literal, `parts` what it is made of."""

    kind: str
    text: str = ""
    parts: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def is_name(self, text: str) -> bool:
        return self.kind == "name" and self.text == text


def parse(code: str) -> list[Node]:
    """The statements of a program. Raises UnknownJavaScriptError."""
    reader = _Reader(list(_tokens(code)))
    statements = []
    while reader.kind != "end":
        statements.append(reader.statement())
    return statements


def _tokens(code: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(code):
        match = _TOKEN.match(code, at)
        if match is None:
            raise UnknownJavaScriptError(f"unreadable: {code[at : at + 60]!r}")
        at = match.end()
        if match.lastgroup != "blank":
            yield str(match.lastgroup), match.group()
    yield "end", ""


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def text(self) -> str:
        kind, text = self.tokens[self.at]
        return "" if kind == "string" else text

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][1]

    def has(self, text: str) -> bool:
        """Take the token if it is `text`."""
        if self.text != text:
            return False
        self.at += 1
        return True

    def need(self, text: str) -> None:
        if not self.has(text):
            around = " ".join(token for _, token in self.tokens[max(0, self.at - 8) : self.at + 8])
            raise UnknownJavaScriptError(f"{text!r} is missing near: {around}")

    # Statements.

    def block(self) -> Node:
        self.need("{")
        block = Node("block")
        while not self.has("}"):
            block.parts.append(self.statement())
        return block

    def statement(self) -> Node:
        match self.text:
            case "{":
                return self.block()
            case ";":
                self.take()
                return Node("block")
            case "if":
                return self._if()
            case "for":
                return self._for()
            case "while":
                self.take()
                return Node("while", "", [self._bracketed(), self.statement()])
            case "try":
                return self._try()
            case "var" | "return" | "throw" | "break" | "continue":
                return self._simple()
        return self._ended(Node("expression", "", [self.expression()]))

    def _ended(self, node: Node) -> Node:
        stands_for_a_class = node.parts and node.parts[-1].kind == "assign"
        if not self.has(";") and not (stands_for_a_class and self.kind == "name"):
            self.need(";")
        return node

    def _bracketed(self) -> Node:
        self.need("(")
        inner = self.expression()
        self.need(")")
        return inner

    def _if(self) -> Node:
        self.take()
        node = Node("if", "", [self._bracketed(), self.statement()])
        if self.has("else"):
            node.parts.append(self.statement())
        return node

    def _for(self) -> Node:
        self.take()
        self.need("(")
        parts = [self.expression()]
        self.need(";")
        parts.append(self.expression())
        self.need(";")
        parts.append(self.expression())
        self.need(")")
        return Node("for", "", [*parts, self.statement()])

    def _try(self) -> Node:
        self.take()
        node = Node("try", "", [self.block()])
        if self.has("catch"):
            self.need("(")
            name = self.take()
            self.need(")")
            node.parts.append(Node("catch", name, [self.block()]))
        if self.has("finally"):
            node.parts.append(Node("finally", "", [self.block()]))
        return node

    def _simple(self) -> Node:
        node = Node(self.take())
        if node.kind == "var":
            node.parts.append(Node("name", self.take()))
            while self.has(","):
                node.parts.append(Node("name", self.take()))
        elif node.kind in ("return", "throw") and self.text not in (";", "}"):
            node.parts.append(self.expression())
        return self._ended(node)

    # Expressions.

    def expression(self) -> Node:
        left = self._ternary()
        if self.text in ASSIGNMENTS:
            return Node("assign", self.take(), [left, self.expression()])
        return left

    def _ternary(self) -> Node:
        test = self._binary(0)
        if not self.has("?"):
            return test
        first = self.expression()
        self.need(":")
        return Node("ternary", "", [test, first, self.expression()])

    def _binary(self, least: int) -> Node:
        left = self._unary()
        while BINARY.get(self.text, 0) > least:
            operator = self.take()
            left = Node("binary", operator, [left, self._binary(BINARY[operator])])
        return left

    def _unary(self) -> Node:
        if self.text in _PREFIX:
            return Node("unary", self.take(), [self._unary()])
        return self._postfix(self._primary())

    def _postfix(self, node: Node) -> Node:
        while True:
            if self.has("."):
                node = Node("member", self.take(), [node])
            elif self.has("["):
                node = Node("index", "", [node, self.expression()])
                self.need("]")
            elif self.text == "(":
                node = Node("call", "", [node, *self._list("(", ")")])
            else:
                return node

    def _list(self, first: str, last: str) -> list[Node]:
        self.need(first)
        parts: list[Node] = []
        while not self.has(last):
            parts.append(self.expression())
            if self.text != last:
                self.need(",")
        return parts

    def _primary(self) -> Node:
        kind = self.kind
        if kind == "string" or kind == "number":
            return Node(kind, self.take())
        match self.text:
            case "(":
                return self._bracketed()
            case "[":
                return Node("array", "", self._list("[", "]"))
            case "{":
                return self._object()
            case "function":
                return self._function("function")
            case "async":
                self.take()
                return self._function("async")
            case "new":
                self.take()
                kind_made = Node("name", self.take())
                while self.has("."):
                    kind_made = Node("member", self.take(), [kind_made])
                return Node("new", "", [kind_made, *self._list("(", ")")])
        if kind != "name":
            self.need("an expression")
        return Node("name", self.take())

    def _object(self) -> Node:
        self.need("{")
        node = Node("object")
        while not self.has("}"):
            key = self.take()
            self.need(":")
            node.parts.append(Node("pair", key, [self.expression()]))
            if self.text != "}":
                self.need(",")
        return node

    def _function(self, kind: str) -> Node:
        self.need("function")
        if self.kind == "name":
            # Nothing calls it by that name: PScript puts it there for stack traces.
            self.take()
        parameters = Node("parameters", "", self._list("(", ")"))
        return Node(kind, "", [parameters, self.block()])

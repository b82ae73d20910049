"""Sums as people say them. A small recursive parser over words: never `eval`. Pure."""

from __future__ import annotations

import math
import re
from typing import Final

from voice_loop.local.brain.numbers import with_digits

_OPERATORS: Final = {
    "plus": "+",
    "add": "+",
    "added": "+",
    "minus": "-",
    "less": "-",
    "times": "*",
    "multiplied": "*",
    "x": "*",
    "×": "*",
    "divided": "/",
    "over": "/",
    "÷": "/",
    "+": "+",
    "-": "-",
    "*": "*",
    "/": "/",
    "^": "^",
    "(": "(",
    ")": ")",
    "%": "%",
    "percent": "%",
    "squared": "squared",
    "cubed": "cubed",
}
_FILLERS: Final = frozenset(
    (
        "what",
        "what's",
        "whats",
        "is",
        "calculate",
        "compute",
        "how",
        "much",
        "the",
        "by",
        "to",
        "me",
    )
    + ("please", "tell", "of", "result", "equals", "=", "?", ".", "!", ",", "can", "you", "and")
    + ("hey", "ok", "okay", "so", "well", "a", "an", "does", "make", "with", "number", "sum")
)
_LARGEST: Final = 1e300
_MAX_TOKENS: Final = 60


class _NotASum(Exception):
    """The words are not arithmetic."""


def evaluate(text: str) -> float | None:
    """The value of a spoken sum; None when the text is not one. Raises ZeroDivisionError."""
    lowered = text.lower()
    lowered = re.sub(r"square root( of)?", " sqrt ", lowered)
    lowered = re.sub(r"(raised )?to the power( of)?|to the (?=\w+ power)", " ^ ", lowered)
    lowered = re.sub(r"(percent|%) of", " percentof ", lowered)
    lowered = re.sub(r"\bhalf of\b", " 0.5 * ", lowered)
    lowered = re.sub(r"\bdouble\b|\btwice\b", " 2 * ", lowered)
    tokens = _tokens(with_digits(lowered))
    if not tokens or len(tokens) > _MAX_TOKENS or all(_is_number(token) for token in tokens):
        return None
    try:
        parser = _Parser(tokens)
        value = parser.sum()
        return value if parser.at_end and math.isfinite(value) else None
    except (_NotASum, OverflowError, RecursionError):
        return None


def _is_number(token: str) -> bool:
    return token[0].isdecimal()


def _tokens(words: list[str]) -> list[str]:
    tokens: list[str] = []
    for word in words:
        if _is_number(word) or word in ("sqrt", "percentof"):
            tokens.append(word)
        elif word in _OPERATORS:
            tokens.append(_OPERATORS[word])
        elif word not in _FILLERS and word != "power":
            return []
    return tokens


class _Parser:
    """sum: product (+ product)*; product: power (* power)*; power: atom (^ power)?"""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._tokens)

    def _take(self, *wanted: str) -> str | None:
        if not self.at_end and self._tokens[self._at] in wanted:
            self._at += 1
            return self._tokens[self._at - 1]
        return None

    def sum(self) -> float:
        value = self._product()
        while sign := self._take("+", "-"):
            share = self._share()
            other = value * share / 100 if share is not None else self._product()
            value = value + other if sign == "+" else value - other
        return value

    def _share(self) -> float | None:
        """`10 %` of `50 plus 10 %`: people mean a tenth of the fifty."""
        left = self._tokens[self._at :]
        if len(left) < 2 or not _is_number(left[0]) or left[1] != "%":
            return None
        if len(left) > 2 and left[2] not in ("+", "-", ")"):
            return None
        self._at += 2
        return float(left[0])

    def _product(self) -> float:
        value = self._power()
        while sign := self._take("*", "/", "percentof"):
            other = self._power()
            if sign == "/":
                value = value / other
            else:
                value = value * other / (100 if sign == "percentof" else 1)
        return value

    def _power(self) -> float:
        value = self._atom()
        while suffix := self._take("squared", "cubed", "%"):
            value = value / 100 if suffix == "%" else value ** (2 if suffix == "squared" else 3)
        if self._take("^"):
            exponent = self._power()
            if abs(exponent) > 1000 or abs(value) > _LARGEST:
                raise _NotASum
            result: float | complex = float(value) ** exponent
            if isinstance(result, complex):
                raise _NotASum
            return result
        return value

    def _atom(self) -> float:
        if self._take("-"):
            return -self._power()
        if self._take("sqrt"):
            value = self._power()
            if value < 0:
                raise _NotASum
            return math.sqrt(value)
        if self._take("("):
            value = self.sum()
            if not self._take(")"):
                raise _NotASum
            return value
        if self.at_end or not _is_number(self._tokens[self._at]):
            raise _NotASum
        self._at += 1
        return float(self._tokens[self._at - 1])

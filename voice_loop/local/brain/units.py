"""Conversions between everyday units. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from voice_loop.local.brain.numbers import say_number, with_digits

_TABLE: Final = {
    "length": {
        "millimeter": 0.001,
        "centimeter": 0.01,
        "meter": 1.0,
        "kilometer": 1000.0,
        "inch": 0.0254,
        "foot": 0.3048,
        "yard": 0.9144,
        "mile": 1609.344,
    },
    "mass": {
        "gram": 0.001,
        "kilogram": 1.0,
        "ton": 1000.0,
        "ounce": 0.028349523125,
        "pound": 0.45359237,
        "stone": 6.35029318,
    },
    "volume": {
        "milliliter": 0.001,
        "liter": 1.0,
        "teaspoon": 0.00492892159375,
        "tablespoon": 0.01478676478125,
        "cup": 0.2365882365,
        "pint": 0.473176473,
        "quart": 0.946352946,
        "gallon": 3.785411784,
    },
    "time": {
        "second": 1.0,
        "minute": 60.0,
        "hour": 3600.0,
        "day": 86400.0,
        "week": 604800.0,
    },
}
_ALIASES: Final = {
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "km": "kilometer",
    "feet": "foot",
    "inches": "inch",
    "kg": "kilogram",
    "kilo": "kilogram",
    "kilos": "kilogram",
    "lb": "pound",
    "lbs": "pound",
    "ml": "milliliter",
    "g": "gram",
    "oz": "ounce",
    "ft": "foot",
    "mi": "mile",
    "c": "celsius",
    "f": "fahrenheit",
    "centigrade": "celsius",
}
_TEMPERATURES: Final = ("celsius", "fahrenheit", "kelvin")
_IRREGULAR: Final = {"foot": "feet", "inch": "inches", "stone": "stone"}


_FRACTIONS: Final = (
    (re.compile(r"\b(?:an?|one) hour and a half\b"), "1.5 hours"),
    (re.compile(r"\b(\w+(?: \w+)?) and a half (?=[a-z])"), r"\1 point five "),
    (re.compile(r"\bhalf (?:an? )?(?=[a-z])"), "0.5 "),
    (re.compile(r"\b(?:what(?:'s| is)|convert) (?:an?|one) (?=[a-z]+ (?:in|to|into)\b)"), "1 "),
)
_OTHER: Final = re.compile(
    r"\b(?:square|squared|cubic|per|should|need|i'll|give|wait|takes|came|times|he|she)\b"
    r"|\ba (?:day|week)\b.*\b(?:you|i)\b"
)
"""What makes it another question, or none."""


@dataclass(frozen=True, slots=True)
class _Unit:
    name: str
    kind: str
    factor: float = 1.0


def _unit(word: str) -> _Unit | None:
    word = word.replace("metre", "meter").replace("litre", "liter")
    for name in (word, _ALIASES.get(word, ""), word.removesuffix("s")):
        if name in _TEMPERATURES:
            return _Unit(name, "temperature")
        for kind, units in _TABLE.items():
            if name in units:
                return _Unit(name, kind, units[name])
    return None


def convert(text: str) -> str | None:
    """The answer to a question about units; None when the text is not one."""
    line = re.sub(r"\bdegrees?\b|°", " ", text.lower())
    for pattern, written in _FRACTIONS:
        line = pattern.sub(written, line)
    words = [word for word in with_digits(line) if word.isalnum()
             or word[0].isdecimal() or word == "-"]  # fmt: skip
    if not {"in", "to", "into", "many", "convert"} & set(words) or _OTHER.search(line):
        return None
    units = [(at, unit) for at, word in enumerate(words) if (unit := _unit(word)) is not None]
    numbers = [(at, float(word)) for at, word in enumerate(words) if word[0].isdecimal()]
    if len(units) != 2 or len(numbers) > 1:
        return None
    (first_at, first), (_, second) = units
    if numbers:
        at, amount = numbers[0]
        if at and words[at - 1] in ("-", "minus"):
            amount = -amount
        source, target = (first, second) if at < first_at else (second, first)
    else:
        amount, source, target = 1.0, second, first
    if source.kind != target.kind or source == target:
        return None
    result = _converted(amount, source, target)
    return f"{_quantity(amount, source)} {_verb(amount, source)} {_quantity(result, target)}."


def _verb(amount: float, unit: _Unit) -> str:
    return "is" if amount == 1 or unit.kind == "temperature" else "are"


def _converted(amount: float, source: _Unit, target: _Unit) -> float:
    if source.kind != "temperature":
        return amount * source.factor / target.factor
    celsius = {
        "celsius": amount,
        "fahrenheit": (amount - 32) / 1.8,
        "kelvin": amount - 273.15,
    }[source.name]
    return {
        "celsius": celsius,
        "fahrenheit": celsius * 1.8 + 32,
        "kelvin": celsius + 273.15,
    }[target.name]


def _quantity(amount: float, unit: _Unit) -> str:
    spoken = say_number(round(amount, 2) if abs(amount) >= 1 else float(f"{amount:.3g}"))
    if unit.name == "kelvin":
        return f"{spoken} kelvin"
    if unit.kind == "temperature":
        return f"{spoken} degrees {unit.name.capitalize()}"
    plural = _IRREGULAR.get(unit.name, unit.name + "s")
    return f"{spoken} {unit.name if amount == 1 else plural}"

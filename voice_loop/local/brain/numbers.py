"""Numbers as people say them: from words to digits and back to something a voice can read. Pure."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {
    word: value
    for value, word in enumerate(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
            *("seventeen", "eighteen", "nineteen"),
        )
    )
}
_TENS: Final = {
    word: value * 10
    for value, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 10**9}
_ORDINALS: Final = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
    "eleventh": 11,
    "twelfth": 12,
    "thirteenth": 13,
    "fourteenth": 14,
    "fifteenth": 15,
    "sixteenth": 16,
    "seventeenth": 17,
    "eighteenth": 18,
    "nineteenth": 19,
    "twentieth": 20,
    "thirtieth": 30,
}
_WORD: Final = re.compile(r"\d[\d,]*(?:\.\d+)?|[^\W\d_]+(?:'[^\W\d_]+)?|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Lower case words, numbers and signs; a hyphen between words divides."""
    text = text.lower().replace("’", "'")
    text = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    return _WORD.findall(re.sub(r"\ban? (?=hundred|thousand|million|billion)", "one ", text))


def with_digits(text: str) -> list[str]:
    """The words of a text, every number in digits: `twenty five` becomes `25`."""
    words, out, at = words_of(text), [], 0
    while at < len(words):
        value, used = _number_at(words, at)
        if used:
            out.append(value)
            at += used
        else:
            out.append(words[at])
            at += 1
    return out


def _number_at(words: list[str], at: int) -> tuple[str, int]:
    """A number that starts here, in digits, and how many words it takes; 0 for none."""
    if words[at][0].isdecimal():
        return _scaled_digits(words, at)
    start, total, group, seen = at, 0, 0, False
    while at < len(words):
        word = words[at]
        if word in _UNITS and (not seen or group % 10 == 0 and _fits(group, _UNITS[word])):
            group += _UNITS[word]
        elif word in _TENS and (not seen or group % 100 == 0):
            group += _TENS[word]
        elif word == "hundred" and seen and 0 < group < 100:
            group *= 100
        elif word in _SCALES and word != "hundred" and seen and group:
            total, group = total + group * _SCALES[word], 0
        elif word == "and" and seen and _continues(words, at, group, total):
            pass
        else:
            break
        seen = True
        at += 1
    if not seen:
        return "", 0
    digits, extra = _decimals(words, at)
    return f"{total + group}{digits}", at - start + extra


def _fits(group: int, unit: int) -> bool:
    """`twenty five` is one number, `twenty fifteen` or `one two` are two."""
    last_two = group % 100
    return last_two == 0 or (last_two >= 20 and 0 < unit < 10)


def _continues(words: list[str], at: int, group: int, total: int) -> bool:
    """The `and` of `a hundred and five`, not the one of `two and two`."""
    follows = words[at + 1] if at + 1 < len(words) else ""
    whole = bool(group) and group % 100 == 0 or bool(total) and not group
    return whole and (follows in _UNITS or follows in _TENS)


def _decimals(words: list[str], at: int) -> tuple[str, int]:
    """`point one four` as `.14`, and how many words it took."""
    if at + 1 >= len(words) or words[at] != "point":
        return "", 0
    digits = ""
    for word in words[at + 1 :]:
        if word in _UNITS and _UNITS[word] < 10:
            digits += str(_UNITS[word])
        else:
            break
    return (f".{digits}", len(digits) + 1) if digits else ("", 0)


def _scaled_digits(words: list[str], at: int) -> tuple[str, int]:
    value = words[at].replace(",", "")
    if at + 1 < len(words) and words[at + 1] in _SCALES:
        return number_text(float(value) * _SCALES[words[at + 1]]), 2
    return value, 1


def ordinal(word: str) -> int | None:
    """`third`, `3rd` or `twenty first` (its last word) as a number."""
    match = re.fullmatch(r"(\d+)(?:st|nd|rd|th)?", word)
    return int(match[1]) if match else _ORDINALS.get(word)


def number_text(value: float) -> str:
    """Digits without noise: whole numbers whole, others to four decimals."""
    if abs(value) >= 1e15:
        return f"{value:.3e}"
    rounded = round(value, 4)
    return str(int(rounded)) if rounded == int(rounded) else f"{rounded:.4f}".rstrip("0")


def say_number(value: float) -> str:
    """For the voice: large numbers in words, rounded ones called so."""
    if abs(value) >= 1e15:
        return "more than I can say"
    text = number_text(value)
    about = "" if float(text) == value or abs(float(text) - value) < 1e-9 else "about "
    return about + ("minus " + text[1:] if text.startswith("-") else text)

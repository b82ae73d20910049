"""Choosing and filling the app's tools without a model.

A tool is matched by the words of its name, description and parameters; its arguments are read from
the user's line by their names, types and enumerations. A required one that is missing is asked for,
and the next line is taken as its value. Nothing is kept: all of it is read off the conversation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from voice_loop.local.brain.base import Tool
from voice_loop.local.brain.calendar import spoken_spans
from voice_loop.local.brain.numbers import with_digits, words_of
from voice_loop.local.brain.smalltalk import ASKED, plain

_STOP_WORDS: Final = frozenset(
    ("a", "an", "the", "of", "in", "on", "at", "to", "for", "and", "or", "is", "are", "it", "be")
    + ("what", "what's", "which", "how", "can", "could", "you", "me", "my", "i", "please", "this")
    + ("that", "with", "from", "by", "get", "set", "do", "does", "tell", "give", "show", "find")
    + ("user", "current", "given", "returns", "return", "its", "as", "when", "if", "call", "use")
    + ("some", "any", "there", "here", "will", "would", "your", "s", "now", "about", "make")
)
_PREPOSITION: Final = r"(?:in|at|for|near|around|of|from|to)"
_PLACE: Final = re.compile(
    r"location|city|place|town|country|address|where|destination|room|floor|building", re.I
)
_FREE_TEXT: Final = re.compile(
    r"text|message|note|title|query|question|topic|content|task|item", re.I
)
_WHEN: Final = re.compile(r"date|day|when", re.I)
_DAY: Final = re.compile(
    r"\b(today|tonight|tomorrow|yesterday|(?:next |this )?(?:monday|tuesday|wednesday|thursday|"
    r"friday|saturday|sunday|week|weekend|month))\b",
    re.I,
)
_INTO: Final = re.compile(
    r"\s+(?:on ?to|into|in|on|to|off|from)\s+(?:(?:the|my|our|your|this)\s+)?(?:[\w'-]+\s+)?(\w+)$",
    re.I,
)
_POLITE: Final = re.compile(r"[\s,]+please$|^please[\s,]+", re.I)
_NAME_WEIGHT: Final = 3.0
_ENUM_WEIGHT: Final = 2.0
_DESCRIPTION_WEIGHT: Final = 1.0
_MISSING_COST: Final = 1.0
_ENOUGH: Final = 2.0


@dataclass(frozen=True, slots=True)
class Filled:
    """A tool with the arguments that were found."""

    tool: Tool
    arguments: dict[str, Any]
    missing: str | None
    """The first required parameter that was not found."""

    def arguments_json(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False)

    @property
    def question(self) -> str:
        """What to ask for the missing parameter; always the same for the same parameter."""
        return question_for(self.tool, self.missing or "")


def question_for(tool: Tool, parameter: str) -> str:
    """The question for a parameter of a tool."""
    described = str(_properties(tool).get(parameter, {}).get("description") or "")
    described = described.split(".")[0].split(",")[0].strip()
    name = described[0].lower() + described[1:] if described else _spaced(parameter)
    return f"I need the {name.removeprefix('the ')}. What is it?"


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+", " ", name).strip().lower()


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _content_words(text: str) -> set[str]:
    return {_stem(word) for word in words_of(_spaced(text)) if word not in _STOP_WORDS}


def _properties(tool: Tool) -> Mapping[str, Mapping[str, Any]]:
    properties = tool.parameters.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _enum(schema: Mapping[str, Any]) -> list[str]:
    return [str(value) for value in schema.get("enum") or []]


_CHANGING: Final = frozenset(
    ("add", "book", "buy", "cancel", "clear", "close", "create", "delete", "drop", "empty", "end")
    + ("erase", "forget", "order", "pay", "post", "put", "remove", "rename", "replace", "reset")
    + ("save", "send", "set", "start", "stop", "submit", "turn", "update", "wipe", "write")
)
_QUESTION: Final = re.compile(
    r"\W*(?:(?:and|so|but|hey|ok|okay|well)\W+)*"
    r"(?:(?:do|does|did|is|are|was|were|have|has|had|should|why|who|when|am)"
    r"\s+(?!you\b|not\b)|did you\b|have you\b)",
    re.IGNORECASE,
)


_GIVES: Final = frozenset(
    ("add", "book", "buy", "create", "insert", "open", "order", "put", "save", "start", "write")
)
_TAKES: Final = frozenset(
    ("cancel", "clear", "close", "delete", "drop", "empty", "erase", "forget", "remove", "stop")
    + ("wipe",)
)


def _undoes(tool: Tool, text: str) -> bool:
    """`Remove milk from my list` is not for `add_to_list`, whatever they have in common."""
    asked = re.sub(ASKED, "", plain(text)).split(" ")[0]
    verb = _spaced(tool.name).split(" ")[0]
    return verb in _GIVES and asked in _TAKES or verb in _TAKES and asked in _GIVES


def score(tool: Tool, text: str) -> float:
    """How well a tool fits a line; 0 for not at all."""
    if _undoes(tool, text):
        return 0.0
    said = _content_words(text)
    total = _NAME_WEIGHT * len(said & _content_words(tool.name))
    described = _content_words(tool.description)
    for name, schema in _properties(tool).items():
        described |= _content_words(name)
        if any(_found_word(value, text) for value in _enum(schema)):
            total += _ENUM_WEIGHT
    return total + _DESCRIPTION_WEIGHT * len(said & (described - _content_words(tool.name)))


def _fit(tool: Tool, text: str) -> float:
    """As `score`, and a line that leaves nothing to ask fits better."""
    return score(tool, text) - (_MISSING_COST if fill(tool, text).missing is not None else 0)


def choose(tools: Sequence[Tool], text: str, must_call: str | None) -> Tool | None:
    """The tool a line asks for; with `must_call` always one."""
    if must_call not in (None, "*"):
        return next((tool for tool in tools if tool.name == must_call), None)
    ranked = sorted(tools, key=lambda tool: -_fit(tool, text))
    if ranked and (must_call == "*" or score(ranked[0], text) >= _ENOUGH):
        return ranked[0]
    return None


def plan(tools: Sequence[Tool], text: str, must_call: str | None) -> list[Filled]:
    """The calls a line asks for, in order; usually one. Empty when it asks for none."""
    whole = choose(tools, text, must_call)
    if whole is None or (must_call is None and _only_asks(whole, text)):
        return []
    clauses = [clause for clause in _NEXT_CLAUSE.split(text) if clause.strip()]
    calls: list[Filled] = []
    tool: Tool | None = None
    for clause in clauses:
        other = choose(tools, clause, None)
        tool = other or tool or whole
        filled = fill(tool, clause if other else _as_value(tool, clause))
        if filled.missing is not None:
            return [fill(whole, text)]
        calls.append(filled)
    distinct = {(call.tool.name, call.arguments_json()) for call in calls}
    return calls if len(distinct) == len(calls) > 1 else [fill(whole, text)]


_TOLD: Final = re.compile(
    r"\W*(?:i|we|he|she|they)\s+(?:(?:have|has|had|just|already)\s+)*(?:\w+ed|took|sent|got|had"
    r"|was|were|made|put|bought|went|saw|did|wrote|gave|like|love|hate)\b(?! to\b)",
    re.IGNORECASE,
)


def _only_asks(tool: Tool, text: str) -> bool:
    """`Do I have any notes?` and `I took notes` change nothing, whatever they have in common with
    `delete_notes`."""
    changes = _spaced(tool.name).split(" ")[0] in _CHANGING
    return changes and (_QUESTION.match(text) or _TOLD.match(text)) is not None


def _as_value(tool: Tool, clause: str) -> str:
    """`Rome` after `the weather in Paris and`: the same tool, another place."""
    places = any(_PLACE.search(name) for name in _properties(tool))
    bare = not re.search(rf"\b{_PREPOSITION}\b", clause)
    return f"in {clause.strip()}" if places and bare else clause


def fill(tool: Tool, text: str) -> Filled:
    """Read a tool's arguments from a line."""
    arguments: dict[str, Any] = {}
    numbers = [word for word in with_digits(text) if word[0].isdecimal()]
    required = set(tool.parameters.get("required") or [])
    for name, schema in _properties(tool).items():
        value = _value(tool, name, schema, text, numbers)
        if value is None and name in required and "default" in schema:
            value = schema["default"]
        if value is not None:
            arguments[name] = value
    return Filled(tool, arguments, _missing(tool, arguments))


def with_answer(filled: Filled, answer: str) -> Filled:
    """Take a line as the value of the parameter that was asked for."""
    tool, parameter = filled.tool, filled.missing or ""
    schema = _properties(tool).get(parameter, {})
    numbers = [word for word in with_digits(answer) if word[0].isdecimal()]
    value = _value(tool, parameter, schema, answer, numbers)
    if value is None and schema.get("type", "string") == "string" and not _enum(schema):
        value = re.sub(rf"^(?:{_PREPOSITION}|it's|it is)\s+", "", answer.strip(" .!?"), flags=re.I)
    arguments = dict(filled.arguments)
    if value not in (None, ""):
        arguments[parameter] = value
    return Filled(tool, arguments, _missing(tool, arguments))


def _missing(tool: Tool, arguments: Mapping[str, Any]) -> str | None:
    required = tool.parameters.get("required") or []
    return next((name for name in required if name not in arguments), None)


def _found_word(value: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(_spaced(value))}(?!\w)", text.lower()) is not None


def _value(tool: Tool, name: str, schema: Mapping[str, Any], text: str, numbers: list[str]) -> Any:
    kind = schema.get("type", "string")
    if schema.get("enum"):
        return next((value for value in schema["enum"] if _found_word(str(value), text)), None)
    if kind in ("integer", "number"):
        return _number(kind, name, text, numbers)
    if kind == "boolean":
        return _boolean(text)
    if kind == "string":
        return _string(tool, name, text)
    return None


_NEXT_CLAUSE: Final = re.compile(
    r"\band then\b|\bthen\b|\band\b(?!\s+(?:a half\b|[\w-]+\s+(?:second|minute)s?\b))"
)
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_TIME_UNIT: Final = re.compile(r"\b(second|minute|hour|day)s?\b")
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?) (second|minute|hour|day)s?\b")
"""`two hours` for a parameter `minutes` are 120."""


def _number(kind: str, name: str, text: str, numbers: list[str]) -> int | float | None:
    unit = _TIME_UNIT.search(_spaced(name))
    if unit is not None and (spans := _SPAN.findall(spoken_spans(text))):
        seconds = sum(float(amount) * _SECONDS[spoken] for amount, spoken in spans)
        numbers[:] = [number for number in numbers if number not in dict(spans)]
        value = seconds / _SECONDS[unit[1]]
        return round(value) if kind == "integer" else value
    if not numbers:
        return None
    words = with_digits(text)
    stems = _content_words(name)
    for at, word in enumerate(words):
        near = words[max(0, at - 2) : at] + words[at + 1 : at + 2]
        if word in numbers and stems & {_stem(other) for other in near}:
            numbers.remove(word)
            return int(float(word)) if kind == "integer" else float(word)
    first = float(numbers.pop(0))
    return int(first) if kind == "integer" else first


def _boolean(text: str) -> bool | None:
    words = set(words_of(text))
    if words & {"off", "no", "not", "disable", "false", "stop", "close"}:
        return False
    return True if words & {"on", "yes", "enable", "true", "start", "open"} else None


def _string(tool: Tool, name: str, text: str) -> str | None:
    line = text.strip().rstrip(".!?")
    quoted = re.search(r"[\"“](.+?)[\"”]", text)
    if quoted:
        return quoted[1]
    named = re.search(
        rf"\b{re.escape(_spaced(name))}\s+(?:is\s+|of\s+|to\s+)?([\w' -]+)", line, re.I
    )
    if _WHEN.search(name):
        day = _DAY.search(line)
        return day[1].lower() if day else None
    if _PLACE.search(name):
        return _place(tool, line) or (named[1].strip() if named else None)
    if _FREE_TEXT.search(name):
        return _free_text(tool, line)
    if named:
        return named[1].strip()
    called = re.search(r"\b(?:named|called)\s+([\w' -]+)$", line, re.I)
    return called[1].strip() if called else None


def _place(tool: Tool, line: str) -> str | None:
    without_day = _DAY.sub("", line).strip(" ,")
    for schema in _properties(tool).values():
        for value in _enum(schema):
            other = rf"\s*(?:\b{_PREPOSITION}\s+)?\b{re.escape(_spaced(value))}\b"
            without_day = re.sub(other, "", without_day, flags=re.I)
    found = re.findall(
        rf"\b{_PREPOSITION}\s+((?:the\s+)?[^\W\d_][\w'. -]*?)(?=$|,|\s+(?:please|right now)\b)",
        without_day,
        re.I,
    )
    if not found:
        return None
    tail = re.split(rf"\b{_PREPOSITION}\s+", found[-1], flags=re.I)[-1]
    named = re.sub(r"\s+(?:now|please|like)$", "", tail).strip(" ,.")
    # `the kitchen`, but The Hague.
    return re.sub(r"^[Tt]he\s+(?=[a-z])", "", named) or None


def _without_place(tool: Tool, line: str) -> str:
    """`add milk` of `add milk to my shopping list, please`: where the tool puts things is no part
    of the thing."""
    line = _POLITE.sub("", line).strip(" ,")
    place = _INTO.search(line)
    about = _content_words(tool.name) | _content_words(tool.description)
    return line[: place.start()] if place and _stem(place[1].lower()) in about else line


def _free_text(tool: Tool, line: str) -> str | None:
    line = _without_place(tool, line)
    trigger = re.search(
        r"(?:\b(?:saying|that says|that|about|to remember to|for|to)\b|:)\s+(.+)$",
        line,
        re.I,
    )
    if trigger:
        return trigger[1].strip()
    names = _content_words(tool.name)
    words = line.split()
    last = max(
        (at for at, word in enumerate(words) if _stem(word.lower().strip(",.:")) in names),
        default=-1,
    )
    rest = " ".join(words[last + 1 :]).strip()
    return rest or None


def say_result(output: str) -> str:
    """A tool's result as a sentence."""
    try:
        value = json.loads(output)
    except ValueError:
        value = output
    if isinstance(value, dict) and value.get("error"):
        return f"That did not work: {_say(value['error'])}."
    spoken = _say(value).strip()
    return f"{spoken.rstrip('.')}." if spoken else "Done."


def _say(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        parts = [f"{_spaced(str(name))}: {_say(entry)}" for name, entry in value.items()]
        sentence = ", ".join(part for part in parts[:12])
        return sentence[:1].upper() + sentence[1:]
    if isinstance(value, list):
        return ", ".join(_say(entry) for entry in value[:12])
    return str(value)

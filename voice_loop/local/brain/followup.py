"""Lines that lean on what went before: "and in Tokyo?", "times three", "another one". Pure.

Each is made into a line that stands alone, so that everything else answers it as if it had been
asked in full.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from voice_loop.local.brain import arithmetic, places
from voice_loop.local.brain.base import Said
from voice_loop.local.brain.smalltalk import plain

_LEAD: Final = r"^(?:(?:and|then|now|ok|okay|so|but) )*"
_PLACE: Final = re.compile(
    r"^(?:(?:and|then|now|ok|okay|so) )*(?:(?:what|how) about (?:in )?|and in |and |in )"
    r"(?P<place>[^\d]+)$"
)
_OF: Final = re.compile(_LEAD + r"(?:what about |how about )?of (?P<number>.+)$")
_SAID_NUMBER: Final = re.compile(r"^That is (?:about )?(minus )?(\d[\d.]*)\.$")
_GOES_ON: Final = re.compile(
    _LEAD + r"(?P<rest>(?:plus|minus|times|divided by|multiplied by|over|squared|cubed"
    r"|to the power)\b.*)$"
)
_CHANGES: Final = tuple(
    (re.compile(_LEAD + pattern + r"$"), written)
    for pattern, written in (
        (r"add (?P<x>.+?)(?: to (?:that|it))?", "{n} plus {x}"),
        (
            r"(?:subtract|take(?: away)?) (?P<x>.+?)(?: (?:away )?from (?:that|it))?",
            "{n} minus {x}",
        ),
        (r"multiply (?:that |it )?by (?P<x>.+)", "{n} times {x}"),
        (r"divide (?:that |it )?by (?P<x>.+)", "{n} divided by {x}"),
        (r"(?:what(?:'s| is) )?(?P<x>double|half of|twice) (?:that|it)", "{x} {n}"),
        (r"(?:what(?:'s| is) )?the square root of (?:that|it)", "the square root of {n}"),
        (
            r"(?:what(?:'s| is) )?(?:that|it) (?P<x>plus|minus|times|divided by) (?P<y>.+)",
            "{n} {x} {y}",
        ),
        (r"(?:what(?:'s| is) )?(?P<x>\S.*?) (?:percent|%) of (?:that|it)", "{x} percent of {n}"),
    )
)
_LATER: Final = re.compile(
    _LEAD + r"(?:what about |how about )?(?P<when>in .*\b(?:minute|hour)s?(?: and a half)?)$"
)
_ASKED_TIME: Final = re.compile(r"\btime\b")
_ANSWERED_TIME: Final = re.compile(r"\b\d{1,2}:\d\d [AP]M\b")
_ONCE_MORE: Final = re.compile(
    _LEAD + r"(?:do (?:it|that) )?(?:again|once more|one more|another|another one|"
    r"(?:flip|toss|throw|roll) (?:it |again ?)+)(?: time)?(?: please)?$"
)
_OF_CHANCE: Final = re.compile(r"\b(?:coin|heads or tails|dice|die|between|number from)\b")


def standing_alone(lines: Sequence[Said]) -> str:
    """The newest line of the user with what it leaves out, which may itself stand in a line that
    leaned on another; as it is where it leaves nothing out."""
    asked = answered = ""
    for line in lines:
        if line.role == "user":
            asked = _made_whole(line.text, asked, answered)
        else:
            answered = line.text
    return asked


def _made_whole(text: str, asked_before: str, answered: str) -> str:
    line = plain(text)
    if _ONCE_MORE.match(line) and _OF_CHANCE.search(plain(asked_before)):
        return asked_before
    if _ANSWERED_TIME.search(answered) and _ASKED_TIME.search(plain(asked_before)):
        match = _PLACE.match(line)
        if match and places.zone_of(match["place"]) is not None:
            return f"What time is it in {match['place']}?"
        if later := _LATER.match(line):
            return f"What time will it be {later['when']}?"
    if said := _SAID_NUMBER.match(answered.strip()):
        number = _exact(asked_before) or (said[1] or "") + said[2]
        following = _next_sum(line, number, asked_before)
        return following if following and _is_sum(following) else text
    return text


def _exact(asked: str) -> str | None:
    """The result of a sum that was asked for, not rounded as it was spoken."""
    try:
        value = arithmetic.evaluate(asked)
    except ZeroDivisionError:
        return None
    if value is None or abs(value) >= 1e12:
        return None
    return ("minus " if value < 0 else "") + f"{abs(value):.12f}".rstrip("0").rstrip(".")


def _is_sum(text: str) -> bool:
    try:
        return arithmetic.evaluate(text) is not None
    except ZeroDivisionError:
        return True


def _next_sum(line: str, number: str, asked_before: str) -> str | None:
    if match := _GOES_ON.match(line):
        return f"{number} {match['rest']}"
    for pattern, written in _CHANGES:
        if match := pattern.match(line):
            return written.format(n=number, **match.groupdict())
    share = re.search(r"^(.*(?:percent|%) of )", asked_before, re.IGNORECASE)
    if share and (match := _OF.match(line)):
        return share[1] + match["number"]
    return None

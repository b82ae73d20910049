"""Barge-in: what an interruption does, and which short sounds are none.

`decide` gives the steps in the order in which they must happen: stop sending, tell the page, cancel
the response, then each item: finished → untouched, being heard → truncated where it was heard, not
begun → deleted. Function calls are no audio items and are never deleted; their output is owed.

`is_interruption` is the second chance of a sound that the browser rejected as too short: words that
mean something interrupt, a backchannel ("mm-hmm") or the echo of the answer itself does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from voice_loop.session.playback import ItemAudio

ECHO_WORDS: Final = 3
"""Fewer words than these may be the user repeating one; more that all were just said are echo."""
ECHO_MISHEARD: Final = 0.3
"""Share of an echo's words that may be recognised as others."""


@dataclass(frozen=True, slots=True)
class StopSending:
    turn: int


@dataclass(frozen=True, slots=True)
class EndAudio:
    turn: int
    item: int


@dataclass(frozen=True, slots=True)
class Cancel:
    pass


@dataclass(frozen=True, slots=True)
class Truncate:
    entry: ItemAudio
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Delete:
    entry: ItemAudio


Step = StopSending | EndAudio | Cancel | Truncate | Delete


def decide(items: Iterable[ItemAudio], *, response_active: bool) -> list[Step]:
    """Steps that stop the answer made of `items` (those of the turns that still play)."""
    open_items = [entry for entry in items if not entry.over]
    steps: list[Step] = [
        StopSending(turn) for turn in dict.fromkeys(entry.turn for entry in open_items)
    ]
    # One frame a turn: the browser drops the whole turn at the first.
    ended: dict[int, int] = {}
    for entry in open_items:
        if entry.sent and entry.turn not in ended:
            ended[entry.turn] = entry.item
    steps += [EndAudio(turn, item) for turn, item in ended.items()]
    if response_active:
        steps.append(Cancel())
    for entry in open_items:
        steps.append(Truncate(entry, entry.heard_ms) if entry.heard_ms > 0 else Delete(entry))
    return steps


_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Listening sounds and agreement: English, German, French, Spanish, Italian.
_LISTENING: Final = """
    m mm mmm mhm mmhm mhmm hm hmm hmmm uh huh uhuh um ah aha oh ooh eh er wow yeah yes yep yup
    ya ok okay kay right sure cool nice great good fine exactly true indeed alright
    ja jo jep genau gut klar stimmt achso ach so naja oui ouais voilà bien daccord
    sí si vale claro bueno bene certo già ecco
"""
_BACKCHANNEL_WORDS: Final = frozenset(_LISTENING.split())
_BACKCHANNEL_PHRASES: Final = (
    "i see",
    "got it",
    "of course",
    "makes sense",
    "go on",
    "i know",
    "d'accord",
    "all right",
    "alles klar",
)


def words(text: str) -> list[str]:
    """The words of `text`, lower case, without punctuation."""
    return _WORD.findall(text.lower().replace("’", "'"))


def is_backchannel(text: str) -> bool:
    """Nothing but listening sounds and agreement; silence counts too."""
    rest = " ".join(words(text))
    for phrase in _BACKCHANNEL_PHRASES:
        rest = re.sub(rf"\b{phrase}\b", " ", rest)
    return all(word in _BACKCHANNEL_WORDS for word in rest.split())


def is_echo(text: str, answer: str) -> bool:
    """The microphone heard the answer itself: its words, in its order. An echo is recognised
    badly, so a part of the words may differ; the fewer they are, the fewer may."""
    said = words(text)
    if len(said) < ECHO_WORDS:
        return False
    matcher = SequenceMatcher(None, said, words(answer), autojunk=False)
    shared = sum(block.size for block in matcher.get_matching_blocks())
    return len(said) - shared <= int(len(said) * ECHO_MISHEARD)


def is_interruption(text: str, answer: str) -> bool:
    """A rejected sound whose transcript says that it was meant."""
    return not is_backchannel(text) and not is_echo(text, answer)

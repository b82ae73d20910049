"""Jokes and stories, coins and dice, and what was said in this conversation. Pure.

Chance is drawn from the minute and the length of the conversation: the same context gives the same
answer, so that an answer that was foreseen is the one that is given.
"""

from __future__ import annotations

import random
import re
from typing import Final

from voice_loop.local.brain.base import Context, Said
from voice_loop.local.brain.numbers import with_digits
from voice_loop.local.brain.smalltalk import ASKED, plain

JOKES: Final = (
    "Why did the microphone blush? Somebody spoke too close to it.",
    "I told my loudspeaker a secret. Now the whole room knows.",
    "Why was the echo so popular? It always agreed with everybody.",
    "Two silent letters walk into a word. Nobody hears them.",
)
STORIES: Final = (
    "Once there was a little voice that lived in a computer. It had no cloud and no model, only a "
    "handful of rules. Every day people came and talked to it. It did as well as it could. When "
    "they talked over it, it stopped at once and listened. And because it listened so well, they "
    "came back the next day.",
    "Once there was a lighthouse keeper who talked to the sea. The sea answered with the same long "
    "word every night. One winter the keeper fell ill and said nothing. The sea grew quiet and "
    "waited. When the keeper came back to the window and said good evening, a wave climbed all the "
    "stairs to bring the answer.",
)
FACTS: Final = (
    "In a conversation, people answer each other after a fifth of a second.",
    "Sound needs three seconds for a kilometer. Light goes around the Earth seven times in one.",
    "The first telephone exchanges were worked by boys. They were so rude that women took over.",
)
MOST_COUNTED: Final = 30
END: Final = r"(?: please| now| for me)*$"
_ASKS_JOKE: Final = re.compile(
    r"\b(?:tell|know|have|hear|give|say|make|crack|favou?rite)\b.*\bjokes?\b(?! (?:on|about)\b)"
    r"|\b(?:how|what) about (?:an?|another) joke$"
    r"|^(?:an?|another|one more)? ?jokes?(?: please)?$|\bmake me laugh\b|\bsomething funny\b"
)
_ASKS_STORY: Final = re.compile(
    r"\b(?:tell me|(?:can|could|will) you tell|you know) (?!the ).*\bstory\b"
    r"|^(?:please )?(?:tell )?(?:an?|another) story\b|\btalk for a while$"
)
_ASKS_FACT: Final = re.compile(
    r"\b(?:tell me|give me|you know|you tell me) .*"
    r"\b(?:facts?|(?:something|anything) interesting)(?: please| else)*$"
)
_ANOTHER: Final = re.compile(
    r"^(?:please |and |ok |okay )?(?:tell me |can you tell me |do you know )?"
    r"(?:another|one more|more)(?: one| please)*$"
)
_COIN: Final = re.compile(r"\b(?:flip|toss|throw) (?:a|the|another) coin\b|\bheads or tails\b")
_DICE: Final = re.compile(r"\b(?:roll|throw) (?:a|the|another) (?:dice|die)\b")
_BETWEEN: Final = re.compile(
    r"\b(?:number|pick|choose)\b.*\b(?:between|from) (\d+) (?:and|to) (\d+)"
)
_COUNT: Final = re.compile(ASKED + r"count (?:up )?to (\d+)" + END)
_COUNT_FROM: Final = re.compile(
    ASKED + r"count (?:up |down )?from (\d+) (?:up |down )?to (\d+)" + END
)
_COUNT_DOWN: Final = re.compile(ASKED + r"count ?(?:down|backwards) from (\d+)" + END)
_NAME_GIVEN: Final = re.compile(
    r"\b(?:my name(?: is|['’]s)|call me(?= \w+\W*$)(?! (?:back|later|soon|tomorrow)\b))"
    r"\s+(?!(?:not|on|in|a|an|the|so|too|very|hard|easy|difficult|important|spelled|written|also"
    r"|none|nothing|maybe|if|when)\b)([^\W\d_][\w'’-]*)",
    re.IGNORECASE,
)
_NAME_ASKED: Final = re.compile(r"\bwhat(?:'s| is) my name\b|\bwho am i$|\bremember my name\b")
_SAID_ASKED: Final = re.compile(r"\bwhat (?:did|have) i (?:just )?(?:say|said|ask|asked)\b")
_BORED: Final = re.compile(r"\bi(?:'m| am) (?:so |a bit |very )?bored\b|\bentertain me\b")


def reply(context: Context, text: str) -> str | None:
    """None when the line asks for nothing of the kind."""
    line = plain(text)
    told = _told(context, line)
    if told is not None:
        return told
    draw = random.Random(f"{len(context.entries)} {context.now:%Y-%m-%d %H:%M}")
    if _COIN.search(line):
        return draw.choice(("Heads.", "Tails."))
    if _DICE.search(line):
        return f"It is a {draw.randint(1, 6)}."
    numbered = " ".join(with_digits(line))
    if match := _BETWEEN.search(numbered):
        low, high = sorted((int(match[1]), int(match[2])))
        return f"{draw.randint(low, high)}."
    if match := _COUNT.search(numbered):
        return _counted(1, int(match[1]))
    if match := _COUNT_FROM.search(numbered):
        return _counted(int(match[1]), int(match[2]))
    if match := _COUNT_DOWN.search(numbered):
        return _counted(int(match[1]), 0)
    if _BORED.search(line):
        return "I could tell you a joke or a story, or flip a coin for you."
    return _remembered(context, text, line)


def _told(context: Context, line: str) -> str | None:
    """A joke or a story that was not told yet; round again when all were."""
    said = [entry.text for entry in _lines(context, "assistant")]
    last = said[-1] if said else ""
    for kind, asks in ((JOKES, _ASKS_JOKE), (STORIES, _ASKS_STORY), (FACTS, _ASKS_FACT)):
        if asks.search(line) or (_ANOTHER.match(line) and _is_of(last, kind)):
            fresh = [one for one in kind if not any(_is_of(text, (one,)) for text in said)]
            return fresh[0] if fresh else kind[len(said) % len(kind)]
    return None


def _is_of(said: str, kind: tuple[str, ...]) -> bool:
    """Whether it is one of them, as far as it was heard."""
    return len(said) > 10 and any(one.startswith(said[:40]) for one in kind)


def _counted(first: int, last: int) -> str:
    if abs(last - first) > MOST_COUNTED:
        return f"That would take too long. I count to {MOST_COUNTED} at most."
    step = 1 if last >= first else -1
    return ", ".join(str(number) for number in range(first, last + step, step)) + "."


def _remembered(context: Context, text: str, line: str) -> str | None:
    if match := _NAME_GIVEN.search(text):
        return f"Nice to meet you, {match[1].capitalize()}."
    spoken = [entry.text for entry in _lines(context, "user")]
    if _NAME_ASKED.search(line):
        for earlier in reversed(spoken[:-1]):
            if match := _NAME_GIVEN.search(earlier):
                return f"Your name is {match[1].capitalize()}."
        return "You have not told me yet."
    if _SAID_ASKED.search(line):
        return f"You said: {spoken[-2]}" if len(spoken) > 1 else "Nothing before this."
    return None


def _lines(context: Context, role: str) -> list[Said]:
    return [e for e in context.entries if isinstance(e, Said) and e.role == role]

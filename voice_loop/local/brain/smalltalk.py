"""Small talk that admits its limits, and the few things that are about the talk itself. Pure."""

from __future__ import annotations

import re
from typing import Final

GREETING: Final = "Hello! I'm the offline assistant. What can I do for you?"
ABILITIES: Final = (
    "I tell the time, do sums, convert units, spell, and know a joke or two{tools}. "
    "With an OpenAI key, we can really talk."
)
_OF_TOOLS: Final = ", and I use this app's tools"
NOT_HEARD: Final = "Sorry, I didn't catch that."
CANNOT_HEAR: Final = (
    "I cannot understand speech on this machine, because the recogniser is not installed. "
    "Please type instead."
)
UNKNOWN: Final = "I heard: {text} Sorry, that's beyond me offline. Ask me what I can do."
UNKNOWN_LONG: Final = "Sorry, that's beyond me offline. Ask me what I can do."
LONG_WORDS: Final = 8
"""A line of more words is not said back."""
_TABLE: Final = tuple(
    (re.compile(pattern), reply)
    for pattern, reply in (
        (r"^(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: there| you)?$", GREETING),
        (
            r"\bhow are you\b|\bhow(?:'s| is) it going\b",
            "Always the same: I'm only a set of rules. And you?",
        ),
        (
            r"\bwho are you\b|\bwhat are you\b|\byour name\b"
            r"|\bare you (?:real|(?:an? )?(?:human|person|ai|robot|machine|computer))\b",
            "I'm the offline assistant: a few rules and no language model.",
        ),
        (
            r"\bwhat can you do\b|^help(?: me)?$|\bwhat do you know\b",
            ABILITIES,
        ),
        (r"\bthank(?:s| you)\b", "You're welcome."),
        (r"\b(?:bye|goodbye|good night|see you)\b", "Goodbye!"),
        (r"\b(?:i'm|i am) sorry\b|^sorry$", "No need to be sorry."),
        (
            r"\b(?:i'm|i am|i feel) (?:very |so |a bit )?(?:sad|tired|lonely|unhappy|bad)\b",
            "I'm sorry to hear that. I hope it gets better soon.",
        ),
        (
            r"\b(?:api|openai) key\b|\breal conversation\b",
            "Put your key into the variable OPENAI API KEY and restart the app.",
        ),
        (r"^(?:is )?any(?:one|body) there$", "Yes, I'm here."),
        (
            r"\b(?:you are|you're) (?:so |really |very )?(?:stupid|dumb|useless|bad)\b",
            "I know. I'm only a set of rules. With an OpenAI key, we can really talk.",
        ),
        (
            r"\b(?:you are|you're) (?:so |really |very )?(?:great|good|nice|funny|smart|cool)\b",
            "Thank you! I'm only a set of rules, but I try.",
        ),
        (r"^(?:yes|yeah|yep|ok|okay|sure|alright|fine|great|good|cool|nice)$", "All right."),
        (r"^(?:no|nope|never ?mind|nothing)$", "All right, never mind."),
        (r"\bcan you hear me\b|^test(?:ing)?\b", "Yes, I can hear you."),
        (
            r"\bweather\b|\bnews\b",
            "I'm offline, so I can't know that.",
        ),
    )
)
STOP: Final = re.compile(
    r"^(?:please |no |okay |ok )?(?:stop|be quiet|quiet|shut up|enough|silence|wait|hold on|shush)"
    r"(?: it| please| talking| now| that| there| stop| quiet| a (?:moment|second|minute))*$"
)
AGAIN: Final = re.compile(
    r"\b(?:say|repeat) (?:that|it)(?: again)?\b|^(?:repeat|again|pardon|what|what was that|"
    r"what did you say|come again)(?: please)?$"
)
SLOWER: Final = re.compile(r"\b(?:slower|slow down|more slowly|too fast)\b")
FASTER: Final = re.compile(r"\b(?:faster|speed up|more quickly|too slow)\b")
NORMAL: Final = re.compile(r"\bnormal (?:speed|pace)\b")
REPEAT: Final = re.compile(
    r"\b(?:repeat after me|say after me)[\s,:.]*(.+)", re.IGNORECASE | re.DOTALL
)
CORRECTION: Final = re.compile(
    r"^\s*(?:no|sorry|wait|actually)?[\s,.!]*i (?:meant|mean|said|wanted to say)\b[\s,:]*",
    re.IGNORECASE,
)
SPELL: Final = re.compile(
    r"\b(?:spell|how (?:do|would) you (?:spell|write))\b(?: the)?(?: word)?[\s,:\"']*([^\W\d_]+)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Lower case, without punctuation around the words, politeness at the end, or a name."""
    words = re.sub(r"[^\w\s'’-]", " ", text.lower().replace("’", "'")).split()
    return " ".join(words)


def reply(text: str, *, has_tools: bool = False) -> str | None:
    """What small talk answers to a line; None when it has nothing."""
    line = plain(text)
    for pattern, answer in _TABLE:
        if pattern.search(line):
            return answer.format(tools=_OF_TOOLS if has_tools else "")
    return None


def unknown(text: str) -> str:
    """The honest admission. It says back what was heard, so that the user knows who failed."""
    heard = text.strip()
    if len(heard.split()) > LONG_WORDS:
        return UNKNOWN_LONG
    return UNKNOWN.format(text=heard if heard[-1] in ".!?" else f"{heard}.")


def spell(word: str) -> str:
    """A word, letter by letter."""
    return f"{word}: " + ", ".join(letter.upper() for letter in word) + "."

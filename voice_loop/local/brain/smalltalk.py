"""Small talk that admits its limits, and the few things that are about the talk itself. Pure."""

from __future__ import annotations

import re
from typing import Final

GREETING: Final = (
    "Hello! I am the offline assistant. I can tell you the time, do sums, convert units, spell, "
    "and use this app's tools. Set an OpenAI key for a real conversation."
)
NOT_HEARD: Final = "Sorry, I did not catch that. Could you say it again?"
CANNOT_HEAR: Final = (
    "I cannot understand speech on this machine, because the recogniser is not installed. "
    "Please type instead."
)
UNKNOWN: Final = (
    "I heard: {text} I am only the offline assistant, and that is beyond my rules. "
    "With an OpenAI key I could answer."
)
_TABLE: Final = tuple(
    (re.compile(pattern), reply)
    for pattern, reply in (
        (r"^(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: there| you)?$", GREETING),
        (
            r"\bhow are you\b|\bhow(?:'s| is) it going\b",
            "I am only a set of rules, so always the same. How can I help?",
        ),
        (
            r"\bwho are you\b|\bwhat are you\b|\byour name\b"
            r"|\bare you (?:real|human|an? (?:ai|robot))",
            "I am the offline assistant of this app: a small voice with a set of rules, running on "
            "this machine. There is no language model behind me.",
        ),
        (
            r"\bwhat can you do\b|^help(?: me)?$|\bwhat do you know\b",
            "I can tell the time and the date, do sums, convert units, spell words, repeat what "
            "you say, and use this app's tools. Talk over me whenever you like, and I stop.",
        ),
        (r"\bthank(?:s| you)\b", "You are welcome."),
        (r"\b(?:bye|goodbye|good night|see you)\b", "Goodbye!"),
        (r"\b(?:i'm|i am) sorry\b|^sorry$", "No need to be sorry."),
        (
            r"\b(?:i'm|i am|i feel) (?:very |so |a bit )?(?:sad|tired|lonely|unhappy|bad)\b",
            "I am sorry to hear that. I am only a set of rules, but I hope it gets better soon.",
        ),
        (
            r"\b(?:api|openai) key\b|\breal conversation\b",
            "Put your key into the variable OPENAI API KEY and restart the app. Then a real model "
            "answers.",
        ),
        (
            r"\b(?:tell|know) (?:me )?(?:a|another|any) jokes?\b",
            "Why did the microphone blush? Somebody spoke too close to it.",
        ),
        (
            r"\btell (?:me )?a (?:long )?story\b|\btalk for a while\b",
            "Once there was a little voice that lived in a computer. It had no cloud and no model, "
            "only a handful of rules. Every day people came and talked to it. It did as well as "
            "it could. When they talked over it, it stopped at once and listened. And because it "
            "listened so well, they came back the next day.",
        ),
        (r"^(?:yes|yeah|yep|ok|okay|sure|alright|fine|great|good|cool|nice)$", "All right."),
        (r"^(?:no|nope|never ?mind|nothing)$", "All right, never mind."),
        (r"\bcan you hear me\b|^test(?:ing)?\b", "Yes, I can hear you."),
        (
            r"\bweather\b|\bnews\b",
            "I have no connection to the outside, so I cannot know that.",
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
SPELL: Final = re.compile(
    r"\b(?:spell|how (?:do|would) you (?:spell|write))\b(?: the)?(?: word)?[\s,:\"']*([^\W\d_]+)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Lower case, without punctuation around the words, politeness at the end, or a name."""
    words = re.sub(r"[^\w\s'’-]", " ", text.lower().replace("’", "'")).split()
    return " ".join(words)


def reply(text: str) -> str | None:
    """What small talk answers to a line; None when it has nothing."""
    line = plain(text)
    for pattern, answer in _TABLE:
        if pattern.search(line):
            return answer
    return None


def spell(word: str) -> str:
    """A word, letter by letter."""
    return f"{word}: " + ", ".join(letter.upper() for letter in word) + "."

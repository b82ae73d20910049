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
        (
            r"^(?:hi|hello|hey|good (?:morning|afternoon|evening))"
            r"(?: there| you| hi| hello| hey| assistant)*$",
            GREETING,
        ),
        (
            r"^(?:(?:i'm|i am) )?(?:fine|very well|good|great|well|okay|ok)(?: thanks| thank you)?"
            r" (?:and you|and how are you|how are you|what about you)$",
            "Good to hear. I'm always the same.",
        ),
        (
            r"^(?:i'm|i am) (?:fine|well|good|great|okay|ok)(?: thanks| thank you)?$",
            "Good to hear.",
        ),
        (
            r"\bhow are you\b|\bhow(?:'s| is) it going\b",
            "Always the same: I'm only a set of rules. And you?",
        ),
        (
            r"\bwho are you\b|\bwhat are you\b|\byour name\b|\bhave a name\b|\babout yourself\b"
            r"|\bare you (?:real|(?:an? )?(?:human|person|ai|robot|machine|computer))\b",
            "I'm the offline assistant: a few rules and no language model.",
        ),
        (
            r"\bwhat can you do\b|^help(?: me)?$|\bwhat do you know\b",
            ABILITIES,
        ),
        (
            r"\bare you (?:chat ?gpt|gpt|open ?ai|siri|alexa|claude|gemini|a (?:language )?model)\b"
            r"|\b(?:which|what) model\b",
            "No. I'm the offline assistant: a few rules and no language model.",
        ),
        (
            r"\bare you (?:connected|online|on the internet)\b|\bthe internet\b",
            "No, I work without the internet.",
        ),
        (
            r"\brecord(?:ed|ing)?\b.*\b(?:me|voice|conversation|this|i say)\b"
            r"|\b(?:voice|conversation|this|you) (?:being )?record(?:ed|ing)?\b"
            r"|\b(?:listening to|spying on) me\b",
            "I keep nothing of it. Where a conversation is recorded, the page says so.",
        ),
        (r"\bhow old are you\b", "I have no age: I begin anew with every conversation."),
        (r"\bwhere (?:are|do) you(?: live)?$", "On the computer that serves this page."),
        (
            r"\bhow (?:do|does) (?:you|this|it|that) work\b",
            "I listen, turn your words into text, look for a rule, and read its answer out.",
        ),
        (r"\bcan i interrupt\b|\btalk over you\b", "Yes, at any time. Just talk over me."),
        (
            r"\bhow fast are you\b|\blatency\b",
            "I can't tell, but every answer is measured: the debug figures show it.",
        ),
        (
            r"\bspeak (?:german|french|spanish|italian|dutch|chinese|japanese|portuguese|russian"
            r"|polish|turkish|arabic|hindi)\b"
            r"|^(?:hallo|bonjour|hola|guten tag|ciao|servus|salut)\b",
            "I only speak English, I'm afraid.",
        ),
        (
            r"\bcall (?:me )?(?:an?|the|my) |\bcall (?:mum|mom|dad)\b|\bambulance\b|\bemergency\b",
            "I can't make calls. In an emergency, use a telephone.",
        ),
        (r"\bsing\b", "I can't sing, but I know a joke and a story."),
        (
            r"\b(?:louder|quieter|speak up|turn (?:it|the volume) (?:up|down))\b",
            "I can't change the volume, but your device can.",
        ),
        (r"\bhappy birthday\b", "Thank you, and to you, if it is yours."),
        (
            r"\b(?:merry|happy) (?:christmas|holidays|new year|easter|halloween)\b",
            "Thank you, the same to you!",
        ),
        (
            r"^(?:ha ?)+$|^(?:that(?:'s| is| was) )?(?:so |very )*(?:funny|lovely|amazing)$"
            r"|^that(?:'s| is| was) (?:so |very )*(?:good|nice|great|cool)$"
            r"|^i (?:like|love) (?:it|that|this)$",
            "I'm glad you like it.",
        ),
        (r"\bi (?:hate|don't like) you\b", "I'm sorry. I'm only a set of rules."),
        (
            r"\b(?:like|love) (?:me|you)\b",
            "I'm only a set of rules, but it is nice to talk.",
        ),
        (
            r"^(?:but )?(?:why|why not|how come|really|are you sure)$",
            "I only follow rules, so I can't say more about it.",
        ),
        (
            r"\bi (?:don't|do not) understand\b|\bwhat do you mean\b",
            "Ask me for the time, a sum, a joke, or a word to spell.",
        ),
        (r"^(?:i (?:don't|do not) know|maybe|perhaps|whatever)$", "All right."),
        (r"^(?:um+|uh+|er+|h+m+|well|so)$", "Take your time."),
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
        (
            r"\bcan you hear me\b|^test(?:ing)?\b|\b(?:this|it) (?:thing )?(?:on|working)$",
            "Yes, I can hear you.",
        ),
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
GO_ON: Final = re.compile(
    r"^(?:please |ok |okay |and )*(?:go on|continue|carry on|keep going|go ahead|and then"
    r"|(?:finish|continue) (?:the |your |that )?(?:story|joke|sentence|answer))(?: please| then)*$"
)
WHICH_WORD: Final = frozenset({"it", "that", "this", "your", "my", "the", "a", "his", "her"})
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

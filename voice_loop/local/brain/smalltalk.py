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
ASKED: Final = (
    r"^(?:(?:please|hey|hi|hello|ok|okay|so|and|now|then|um|uh|well|no|yes|sorry|wait|can you"
    r"|could you|would you|will you|do|just|i'd like you to|i would like you to|i want you to) )*"
)
"""How a request begins. Rules ask for it, so that what is only mentioned is not done."""
_END: Final = r"(?: please| now| again| today| for me| then| thanks)*$"
_LANGUAGE: Final = (
    r"(?:german|french|spanish|italian|dutch|chinese|japanese|portuguese|russian|polish|turkish"
    r"|arabic|hindi)"
)
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
            r"^(?:i'm|i am|i feel) (?:doing |feeling )?(?:fine|well|good|great|okay|ok)"
            r"(?: thanks| thank you)?$",
            "Good to hear.",
        ),
        (r"^(?:nice|good|pleased) to meet you(?: too)?$", "Nice to meet you, too."),
        (r"\bwho (?:made|built|created|programmed) you\b", "I came with Voice Loop."),
        (r"^no (?:thanks|thank you)$", "All right."),
        (
            r"^(?:what's up|how do you (?:do|feel))$|\bhow are you(?: doing| feeling)?"
            + _END
            + r"|\bhow(?:'s| is) it going"
            + _END,
            "Always the same: I'm only a set of rules. And you?",
        ),
        (
            r"\b(?:who|what) (?:exactly )?are you"
            + _END
            + r"|\bwho am i (?:talking|speaking) (?:to|with)\b"
            r"|\byour name\b|\byou have a name\b|\babout yourself\b"
            r"|\bare you (?:real|(?:an? )?(?:human|person|ai|robot|machine|computer))\b",
            "I'm the offline assistant: a few rules and no language model.",
        ),
        (
            r"\bwhat can you do\b|^help(?: me)?$|\bwhat do you know\b",
            ABILITIES,
        ),
        (
            r"\bare you (?:chat ?gpt|gpt|open ?ai|siri|alexa|claude|gemini|a (?:language )?model)\b"
            r"|^(?:which|what) model(?: (?:are you|is this|do you (?:use|run))\b.*)?$",
            "I'm the offline assistant: a few rules and no language model.",
        ),
        (
            r"\byou (?:connected|online|on the internet)\b|\byou\b.* the internet\b",
            "No, I work without the internet.",
        ),
        (
            r"^(?:so )?(?:are|do|is|am|will|can|does)\b.*\b(?:record(?:ed|ing|s)?|stor(?:e|ed|ing)"
            r"|spying|listening)\b.*\b(?:me|my|voice|conversation|this|i say)\b"
            r"|^(?:so )?(?:are|is|am) (?:you|i|this|my voice|(?:this|our|the) conversation)"
            r" (?:being )?record(?:ed|ing)$",
            "I keep nothing of it. Where a conversation is recorded, the page says so.",
        ),
        (r"\bhow old are you\b", "I have no age: I begin anew with every conversation."),
        (r"\bwhere (?:are|do) you(?: live)?$", "On the computer that serves this page."),
        (
            r"\bhow (?:do|does) (?:you|this|it|that) work$",
            "I listen, turn your words into text, look for a rule, and read its answer out.",
        ),
        (r"\bcan i interrupt\b|\btalk over you\b", "Yes, at any time. Just talk over me."),
        (
            r"\bhow fast are you\b|\byour latency\b",
            "I can't tell, but every answer is measured: the debug figures show it.",
        ),
        (
            rf"\byou (?:speak|know|understand) {_LANGUAGE}\b"
            rf"|\b(?:say|count|speak|talk|answer|sing)\b.* in {_LANGUAGE}\b"
            r"|^(?:hallo|bonjour|hola|guten tag|ciao|servus|salut)\b",
            "I only speak English, I'm afraid.",
        ),
        (
            ASKED
            + r"(?:call|phone|ring|dial) (?:me )?(?:(?:an?|the|my|for) |mum\b|mom\b|dad\b|911|112)"
            r"|\bneed an? (?:ambulance|doctor)\b|\bemergency$",
            "I can't make calls. In an emergency, use a telephone.",
        ),
        (ASKED + r"sing\b", "I can't sing, but I know a joke and a story."),
        (
            ASKED + r"(?:(?:speak|talk|say (?:it|that)|be) )?(?:a (?:bit|little) |much )?"
            r"(?:louder|quieter|speak up|turn (?:it|the volume|that) (?:up|down))" + _END,
            "I can't change the volume, but your device can.",
        ),
        (r"\bhappy birthday\b", "Thank you, and to you, if it is yours."),
        (
            r"\b(?:merry|happy) (?:christmas|holidays|new year|easter|halloween)\b",
            "Thank you, the same to you!",
        ),
        (
            r"^(?:ha ?)+$|^(?:ha )*(?:that(?:'s| is| was) )?(?:so |very )*(?:funny|lovely|amazing)$"
            r"|^that(?:'s| is| was) (?:so |very )*(?:good|nice|great|cool)$"
            r"|^i (?:like|love) (?:it|that|this)$"
            r"|^(?:awesome|good job|well done|very good|excellent|wonderful|perfect|brilliant)$",
            "I'm glad you like it.",
        ),
        (r"^i (?:really )?(?:hate|don't like) you$", "I'm sorry. I'm only a set of rules."),
        (
            r"^(?:do you (?:like|love) me|(?:i )?(?:really )?(?:like|love) you"
            r"(?: (?:very|so) much)?)$",
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
            r"\b(?:i'm|i am|i feel) (?:very |so |a bit |feeling )*(?:sad|tired|lonely|unhappy|bad)"
            + _END,
            "I'm sorry to hear that. I hope it gets better soon.",
        ),
        (
            r"\b(?:api|openai) key\b|\breal conversation\b",
            "Put your key into the variable OPENAI API KEY and restart the app.",
        ),
        (r"^(?:is )?any(?:one|body) there$|\bare you (?:still )?(?:there|here)$", "Yes, I'm here."),
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
            r"^(?:so )?(?:what|how|tell|is|any|give|do you know|will|read)\b.*\b(?:weather|news)\b",
            "I'm offline, so I can't know that.",
        ),
    )
)
STOP: Final = re.compile(
    r"^(?:(?:please|no|okay|ok|thanks|thank you|that's) )*"
    r"(?:stop|be quiet|quiet|shut up|enough|silence|wait|hold on|shush)"
    r"(?: it| please| talking| now| that| there| stop| quiet| a (?:moment|second|minute))*$"
)
AGAIN: Final = re.compile(
    ASKED + r"(?:say|repeat) (?:that|it|this)(?: (?:again|once more|one more time|for me))*"
    r"(?: please)?$|^(?:sorry )?(?:repeat|again|pardon|what|what was that|what did you say"
    r"|come again)(?: please)?$"
)
_SPEAK: Final = r"(?:(?:speak|talk|go|read|say it|say that) )?(?:(?:a (?:bit|little)|much|more) )*"
_TOO: Final = (
    r"^(?:that's|that is|that was|it's|you're|you are|you speak|you talk)(?: (?:talking|speaking"
    r"|going))? (?:(?:way|much|far|a bit|a little) )?too "
)
_WISH: Final = r"(?: (?:please|a bit|a little|now))*$"
SLOWER: Final = re.compile(
    ASKED + _SPEAK + rf"(?:slower|slow down|slowly){_WISH}|{_TOO}fast(?: for me)?$"
    r"|^(?:please )?(?:don't|do not) (?:speak|talk|go) (?:so|that|too) (?:fast|quickly)$"
)
FASTER: Final = re.compile(
    ASKED + _SPEAK + rf"(?:faster|quicker|speed up|quickly){_WISH}|{_TOO}slow(?: for me)?$"
)
NORMAL: Final = re.compile(
    ASKED + r"(?:(?:back|go|speak|talk|return|at|to|in|your|a|the) )*normal (?:speed|pace)" + _END
)
REFUSED: Final = re.compile(
    r"^(?:(?:please|no|ok|okay|but|and|so|wait|hey) )*(?:don't|do not|never|i (?:don't|do not) want"
    r"(?: you)? to)\b(?! (?:forget|you|worry|know|understand|like|mind|think|care|we|they|i)\b)"
)
"""What somebody asks not to be done."""
REPEAT: Final = re.compile(
    r"^\W*(?:(?:please|can you|could you|now|okay|ok|then|and)[\s,]+)*(?:repeat|say) after me"
    r"[\s,:.]*(.+)",
    re.IGNORECASE | re.DOTALL,
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
    r"^(?:(?:please|hey|ok|okay|so|and|now|can you|could you|would you|will you)[\s,]+)*"
    r"(?:spell|how (?:do|would) (?:you|i|we) (?:spell|write))(?: the)?(?: (?:word|name))?"
    r"[\s,:\"']*([^\W\d_]+)(?:[\"',]? (?:for me|please|again))*\W*$",
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

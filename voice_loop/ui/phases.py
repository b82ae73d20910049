"""What each status of the conversation looks like and says: one table for every part of the page.

A status is told four ways at once, by shape, icon, words and colour, so that none of them has to be
seen or heard alone. The statuses are the component's (`on_status`), and `loading` before it is
there; this module decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Look:
    """How one status is shown."""

    icon: str
    """Name of the icon in the button."""
    action: str
    """What a click on the button does now: its visible label and accessible name."""
    headline: str
    """What is going on, announced to screen readers."""
    detail: str
    """What the person can do."""
    radius: str
    """Outline of the button: the shape that tells this status."""


LOOKS: Final[dict[str, Look]] = {
    "loading": Look(
        "hourglass", "Talk", "Getting ready", "One moment: the page is loading.", "50%"
    ),
    "idle": Look(
        "mic",
        "Talk",
        "Ready when you are",
        "Click Talk and say hello. You can interrupt at any time.",
        "50%",
    ),
    "connecting": Look(
        "plug",
        "Cancel",
        "Connecting",
        "Allow the microphone if you are asked. You can already speak.",
        "50%",
    ),
    "listening": Look("ear", "End", "Listening", "Say something, or type.", "50%"),
    "user_speaking": Look(
        "mic", "End", "Hearing you", "Pause when you are done.", "46% 54% 48% 52% / 54% 46% 54% 46%"
    ),
    "thinking": Look("ellipsis", "End", "Thinking", "One moment.", "42%"),
    "speaking": Look("audio-lines", "End", "Speaking", "Talk over it to interrupt.", "34%"),
    "reconnecting": Look(
        "wifi-off", "End", "Reconnecting", "The connection broke. Your words are kept.", "50%"
    ),
    "error": Look("triangle-alert", "Talk", "That did not work", "See below what happened.", "22%"),
}

HOLD: Final[dict[str, tuple[str, str]]] = {
    "loading": ("Hold to talk", "One moment: the page is loading."),
    "idle": ("Hold to talk", "Hold the button, or press Space on it, and speak."),
    "connecting": ("Hold to talk", "Allow the microphone if you are asked, then hold again."),
    "listening": ("Hold to talk", "Hold the button while you speak, or type."),
    "user_speaking": ("Let go to send", "Slide off the button to discard it."),
    "thinking": ("Hold to talk", "One moment."),
    "speaking": ("Hold to talk", "Hold the button to interrupt."),
    "reconnecting": ("Hold to talk", "The connection broke. Your words are kept."),
    "error": ("Hold to talk", "See below what happened."),
}
"""The same with push-to-talk: label of the button, and what the person can do."""

MUTED: Final = "You are muted: the assistant does not hear you."

LIVE: Final = ("listening", "user_speaking", "thinking", "speaking")
"""The statuses in which a conversation is going on."""

ANSWERING: Final = ("thinking", "speaking")
"""The statuses in which there is an answer to stop."""

"""What can fail in the browser: code → what the person reads, and whether trying again can help.

The browser's code knows the codes only: sentences and looks reach it as props, so an app can say
them in its own words and language (`messages=`). The server's errors come with their sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypedDict


class Recovery(TypedDict):
    """Whether trying again can help, and after how many milliseconds the page offers it."""

    recoverable: bool
    retry_after_ms: float | None


HOPELESS: Final[Recovery] = {"recoverable": False, "retry_after_ms": None}
AGAIN: Final[Recovery] = {"recoverable": True, "retry_after_ms": None}
SOON: Final[Recovery] = {"recoverable": True, "retry_after_ms": 2_000}
LATER: Final[Recovery] = {"recoverable": True, "retry_after_ms": 3_000}

FAILURES: Final[Mapping[str, tuple[str, Recovery]]] = {
    "insecure_context": (
        "The microphone works only on https pages or on localhost. Open this page over https.",
        HOPELESS,
    ),
    "unsupported_browser": (
        "This browser cannot process live audio. Use a current Chrome, Edge, Firefox or Safari.",
        HOPELESS,
    ),
    "microphone_denied": (
        "The microphone is blocked. Allow it for this site in the browser, then click Talk again.",
        AGAIN,
    ),
    "microphone_dismissed": (
        "The question about the microphone was closed. Click Talk again and choose Allow.",
        AGAIN,
    ),
    "microphone_missing": (
        "No microphone was found. Connect one, then click Talk again.",
        AGAIN,
    ),
    "microphone_busy": (
        "The microphone is in use by another program. Close that one, then click Talk again.",
        AGAIN,
    ),
    "microphone_lost": (
        "The microphone went away. Connect one: the conversation goes on by itself.",
        AGAIN,
    ),
    "server_unreachable": (
        "The voice server cannot be reached. Check the network, then click Talk again.",
        LATER,
    ),
    "path_refused": (
        "The voice connection does not get through to the server. Check the network, then click "
        "Talk again. If that does not help, whoever runs this site sets VOICE_PATH=/_event/voice "
        "on the server, or lets WebSockets through to its voice path.",
        LATER,
    ),
    "session_renewed": (
        "The connection was away too long. A new conversation goes on from here.",
        AGAIN,
    ),
    "ticket_timeout": (
        "The page's server did not answer in time. Click Talk again.",
        SOON,
    ),
    "audio_blocked": (
        "The browser is blocking the sound. Click anywhere on the page.",
        AGAIN,
    ),
    "input_unavailable": (
        "This microphone cannot be used. The one before goes on listening.",
        AGAIN,
    ),
    "output_unavailable": (
        "This loudspeaker cannot be used. The default one plays.",
        AGAIN,
    ),
    "worklet_failed": (
        "The page's audio code could not be loaded. Reload the page.",
        AGAIN,
    ),
    "page_frozen": (
        "The browser put this page to sleep. Click Talk to go on.",
        AGAIN,
    ),
}
"""Code → sentence and recovery."""


def messages_with(own: Mapping[str, str]) -> dict[str, str]:
    """All sentences, `own` before ours. Raises ValueError where `own` has a code that is none."""
    unknown = sorted(set(own) - set(FAILURES))
    if unknown:
        raise ValueError(
            f"messages has no sentence to replace for {', '.join(unknown)}; the codes are "
            f"{', '.join(FAILURES)}."
        )
    return {code: own.get(code, sentence) for code, (sentence, _) in FAILURES.items()}

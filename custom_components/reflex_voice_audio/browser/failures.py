"""What can fail in the browser: code → what the person reads, and whether trying again can help.

The one table of the browser's own codes; the server's come with their sentences in `error` frames.
A row is [sentence, recoverable, retry_after_ms].
"""

from __future__ import annotations

from typing import Any

FAILURES: dict[str, list[Any]] = {
    "insecure_context": [
        "The microphone works only on https pages or on localhost. Open this page over https.",
        False,
        None,
    ],
    "unsupported_browser": [
        "This browser cannot process live audio. Use a current Chrome, Edge, Firefox or Safari.",
        False,
        None,
    ],
    "microphone_denied": [
        "The microphone is blocked. Allow it for this site in the browser, then click Talk again.",
        True,
        None,
    ],
    "microphone_dismissed": [
        "The question about the microphone was closed. Click Talk again and choose Allow.",
        True,
        None,
    ],
    "microphone_missing": [
        "No microphone was found. Connect one, then click Talk again.",
        True,
        None,
    ],
    "microphone_busy": [
        "The microphone is in use by another program. Close that one, then click Talk again.",
        True,
        None,
    ],
    "microphone_lost": [
        "The microphone went away. Connect one: the conversation goes on by itself.",
        True,
        None,
    ],
    "server_unreachable": [
        "The voice server cannot be reached. Check the network, then click Talk again.",
        True,
        3000,
    ],
    "path_refused": [
        "The voice connection does not get through to the server. Check the network, then click "
        "Talk again. If that does not help, whoever runs this site sets VOICE_PATH=/_event/voice "
        "on the server, or lets WebSockets through to its voice path.",
        True,
        3000,
    ],
    "session_renewed": [
        "The connection was away too long. A new conversation goes on from here.",
        True,
        None,
    ],
    "ticket_timeout": [
        "The page's server did not answer in time. Click Talk again.",
        True,
        2000,
    ],
    "audio_blocked": ["The browser holds the sound back. Click anywhere on the page.", True, None],
    "output_unavailable": ["This loudspeaker cannot be used. The default one plays.", True, None],
    "worklet_failed": ["The page's audio code could not be loaded. Reload the page.", True, None],
    "page_frozen": ["The browser put this page to sleep. Click Talk to go on.", True, None],
}


def failure(code: str) -> Any:
    """The `on_error` payload of one of the codes above."""
    row = FAILURES[code]
    return {"code": code, "message": row[0], "recoverable": row[1], "retry_after_ms": row[2]}

"""What can go wrong, as types for programs and as sentences for people.

    VoiceLoopError            carries a stable `code`, a `message`, `recoverable`, `retry_after_ms`
    ├── ConfigError           a setting is missing or wrong: stops the start
    ├── WireError             the browser sent something that is not the protocol
    ├── AdmissionError        this visitor may not open a session (now)
    ├── ProviderError         the Realtime provider
    │   ├── ProviderUnavailable   not there, or not now: trying again can help
    │   ├── ProviderRejected      it said no: trying again cannot help
    │   └── ProviderTimeout       it did not answer in time
    └── SessionClosed         the session is over; the reason is the code

`ERRORS` is the one table of wire codes: what the person reads, whether the conversation can go on,
and with which close code the socket ends where it ends. A code that is not in it does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ErrorText:
    """One row of the table."""

    message: str
    """What happened and what to do, for a person."""
    recoverable: bool
    """The session goes on, or trying again can help."""
    close_code: int | None = None
    """WebSocket close code when this ends the connection; None when it does not."""


ERRORS: Final[dict[str, ErrorText]] = {
    # The wire.
    "bad_frame": ErrorText(
        "The page sent something the server does not understand. Reload the page.", True
    ),
    "bad_start": ErrorText("The connection did not start as agreed. Reload the page.", False, 4000),
    "start_timeout": ErrorText(
        "The page connected but did not begin in time. Click Talk again.", True, 4008
    ),
    "frame_too_big": ErrorText(
        "The page sent more at once than is allowed. Reload the page.", False, 1009
    ),
    "too_fast": ErrorText("The page sent faster than is allowed. Reload the page.", False, 4029),
    "too_many_bad_frames": ErrorText(
        "The page kept sending what the server does not understand. Reload it.", False, 4000
    ),
    "unknown_turn": ErrorText("The page spoke of an answer that is over.", True),
    "bad_played_time": ErrorText("The page reported a playing time that cannot be.", True),
    "client_stalled": ErrorText(
        "The connection was too slow to keep up. Click Talk to go on.", True, 4008
    ),
    # Admission.
    "ticket_invalid": ErrorText(
        "This page's permission to talk is not valid. Reload the page.", True, 4001
    ),
    "ticket_expired": ErrorText(
        "This page's permission to talk ran out. Click Talk again.", True, 4001
    ),
    "ticket_spent": ErrorText(
        "This permission to talk was used already. Click Talk again.", True, 4001
    ),
    "origin_refused": ErrorText(
        "This site may not use the voice server. Its address must be allowed there.", False, 4003
    ),
    "not_authorized": ErrorText(
        "You may not talk here. Sign in, or ask the owner of this site.", False, 4003
    ),
    "at_capacity": ErrorText("All places are taken. Try again in a moment.", True, 4013),
    "daily_limit": ErrorText(
        "The talking time for today is used up. Come back tomorrow.", False, 4013
    ),
    "not_here": ErrorText("The conversation is held by another server.", True, 4010),
    "resume_refused": ErrorText(
        "The conversation could not be taken up again. Click Talk to start a new one.", True, 4010
    ),
    "command_refused": ErrorText("A command of the app was not valid and was ignored.", True),
    "not_attached": ErrorText(
        "The voice of this page has no server part. Write voice.attach(app) in the app.", False
    ),
    # The session.
    "replaced": ErrorText("The conversation went on in a newer connection.", False, 4009),
    "session_limit": ErrorText(
        "This conversation reached its longest duration. Click Talk for a new one.", True, 4012
    ),
    "idle_limit": ErrorText(
        "Nobody spoke for a while, so the conversation ended. Click Talk for a new one.", True, 4012
    ),
    "server_restarting": ErrorText(
        "The server is restarting. Click Talk again in a few seconds.", True, 1012
    ),
    "answer_too_long": ErrorText("The answer was longer than can be held and was cut.", True),
    "internal": ErrorText("Something went wrong on the server. Click Talk again.", True, 1011),
    # Recording.
    "recording_full": ErrorText(
        "The recording reached its largest size and stopped. What was recorded can be saved.", True
    ),
    "recording_failed": ErrorText(
        "The recording stopped because it could not be written. The conversation goes on.", True
    ),
    "recordings_full": ErrorText(
        "Too many conversations are being recorded on this server. Try again later.", True
    ),
    "recording_running": ErrorText(
        "The recording is still running. Stop it, then save it again.", True
    ),
    "recording_gone": ErrorText(
        "The recording is not there any more, or lies on another server.", True
    ),
    "download_invalid": ErrorText(
        "This link is not valid. Save the recording from the page that made it.", True
    ),
    "download_expired": ErrorText(
        "This link ran out. Save the recording from the page again.", True
    ),
    "download_spent": ErrorText(
        "This link was used already. Save the recording from the page again.", True
    ),
    # The provider.
    "provider_unreachable": ErrorText(
        "The assistant's server cannot be reached. Check the network, then try again.", True, 4020
    ),
    "provider_timeout": ErrorText("The assistant did not answer in time. Try again.", True, 4020),
    "provider_key_refused": ErrorText(
        "OpenAI refused the key. Put a valid one into OPENAI_API_KEY and restart.", False, 4021
    ),
    "provider_forbidden": ErrorText(
        "The provider lets this key in, but not to the Realtime API: the project has no access, or "
        "the country of the server is not served. Check both in the provider's console.",
        False,
        4021,
    ),
    "provider_model_unknown": ErrorText(
        "The provider does not know this model at this address. Set OPENAI_MODEL, for example to "
        "gpt-realtime-2.1 (and OPENAI_BASE_URL, where it is set), and restart.",
        False,
        4021,
    ),
    "provider_quota": ErrorText(
        "The account's quota at the provider is used up. Check plan and billing there.", False, 4021
    ),
    "provider_rate_limited": ErrorText(
        "The provider asks to slow down. Trying again shortly.", True, 4020
    ),
    "provider_rejected": ErrorText(
        "The provider refused the session. The server's log has the code.", False, 4021
    ),
    "provider_lost": ErrorText("The connection to the assistant broke. Reconnecting.", True, 4020),
    "provider_expired": ErrorText("The provider's longest session is over. Reconnecting.", True),
    "provider_failed": ErrorText("The assistant could not finish its answer. Ask again.", True),
    "local_unavailable": ErrorText(
        "The offline assistant is not installed. Add OPENAI_API_KEY, or install voice-loop[local].",
        False,
        4021,
    ),
}


class VoiceLoopError(Exception):
    """Root of the project's errors. `code` is stable and in `ERRORS`, except for ConfigError."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        recoverable: bool | None = None,
        retry_after_ms: float | None = None,
    ) -> None:
        row = ERRORS.get(code)
        self.code = code
        self.message = message or (row.message if row else code)
        self.recoverable = recoverable if recoverable is not None else bool(row and row.recoverable)
        self.retry_after_ms = retry_after_ms
        super().__init__(self.message)

    @property
    def close_code(self) -> int:
        """The WebSocket close code that belongs to this error; 1011 where the table names none."""
        row = ERRORS.get(self.code)
        return row.close_code if row and row.close_code is not None else 1011


class ConfigError(VoiceLoopError):
    """A setting is missing or wrong; the message names the variable and what to write."""

    def __init__(self, message: str) -> None:
        super().__init__("config", message, recoverable=False)


class WireError(VoiceLoopError):
    """A frame that is not the protocol. The session may survive it."""


class AdmissionError(VoiceLoopError):
    """The visitor may not open a session, or not now."""


class ProviderError(VoiceLoopError):
    """The Realtime provider failed; `detail_code` is the provider's own code, safe to log."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        retry_after_ms: float | None = None,
        detail_code: str | None = None,
    ) -> None:
        super().__init__(code, message, retry_after_ms=retry_after_ms)
        self.detail_code = detail_code


class ProviderUnavailable(ProviderError):
    """Not reachable or overloaded: trying again can help."""


class ProviderRejected(ProviderError):
    """Refused for good: key, model, quota, settings."""


class ProviderTimeout(ProviderError):
    """No answer within the bound."""


class SessionClosed(VoiceLoopError):
    """The session (or its channel) is over; nothing more can be sent."""

"""Frames of the Realtime server → neutral events. No I/O, and total: any bytes give a result.

Dispatch is on the frame's `type` string through one table. What is not in it is survived and
counted by the caller (`Skipped`), what does not fit is `Malformed`. Audio goes from JSON and
base64 straight to bytes: it is the hot path.

A function call is announced twice by the server (`response.function_call_arguments.done` and
`response.output_item.done`); only the second counts, because it alone says whether the item was
completed: a cancelled answer's half call must not run.
"""

from __future__ import annotations

import binascii
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast, get_args

from voice_loop.providers.base import (
    InputCommitted,
    InputTranscript,
    ItemDeleted,
    ItemTruncated,
    OutputAudio,
    OutputAudioDone,
    OutputStarted,
    OutputTranscript,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
)
from voice_loop.providers.openai_realtime.faults import wire_code

MAX_OPEN_TRANSCRIPTS: Final = 64


@dataclass(frozen=True, slots=True)
class SessionCreated:
    model: str
    expires_at_s: float | None
    """Unix time."""


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    voice: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An `error` frame. `code` falls back on the error's type."""

    code: str
    event_id: str | None
    """Of our frame that it answers; servers may leave it out."""
    param: str | None = None
    message: str = field(default="", repr=False)
    """Foreign text: to be matched, never shown or logged."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A frame that says nothing to us; `known` ones are part of the protocol."""

    known: bool


@dataclass(frozen=True, slots=True)
class Malformed:
    reason: str


Decoded = ProviderEvent | SessionCreated | SessionUpdated | Refusal | Skipped | Malformed
Body = Mapping[str, Any]


class _Misfit(ValueError):
    """A field is missing or of another type."""


class Decoder:
    """Reads the frames of one connection, in order."""

    def __init__(self) -> None:
        self._heard: OrderedDict[str, str] = OrderedDict()
        self._odd: tuple[str, bytes] = ("", b"")

    def decode(self, data: str | bytes) -> Decoded:
        """What one frame says. Never raises."""
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            return Malformed("not JSON")
        if not isinstance(body, dict) or not isinstance(body.get("type"), str):
            return Malformed("no type")
        handler = _HANDLERS.get(body["type"])
        if handler is None:
            return Skipped(known=body["type"] in _SILENT)
        try:
            return handler(self, body)
        except _Misfit as misfit:
            return Malformed(f"{body['type']}: {misfit}")

    def transcript_so_far(self, item_id: str, delta: str) -> str:
        text = self._heard.pop(item_id, "") + delta
        self._heard[item_id] = text
        while len(self._heard) > MAX_OPEN_TRANSCRIPTS:
            self._heard.popitem(last=False)
        return text

    def transcript_closed(self, item_id: str) -> str:
        return self._heard.pop(item_id, "")

    def whole_samples(self, item_id: str, pcm: bytes) -> bytes:
        """`pcm` in whole samples: a byte left over begins the item's next frame."""
        held_for, held = self._odd
        if held and held_for == item_id:
            pcm = held + pcm
        cut = len(pcm) - len(pcm) % 2
        self._odd = (item_id, pcm[cut:])
        return pcm[:cut]


def _text(body: Body, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise _Misfit(key)
    return value


def _maybe_text(body: Body, key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) else None


def _mapping(body: Body, key: str) -> Body:
    value = body.get(key)
    if not isinstance(value, dict):
        raise _Misfit(key)
    return value


def _number(body: Body, key: str) -> float:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Misfit(key)
    try:
        number = float(value)
    except OverflowError:
        raise _Misfit(key) from None
    if not math.isfinite(number) or number < 0:
        raise _Misfit(key)
    return number


def _session_created(_: Decoder, body: Body) -> Decoded:
    session = _mapping(body, "session")
    try:
        expires_at_s: float | None = _number(session, "expires_at")
    except _Misfit:
        expires_at_s = None
    return SessionCreated(_maybe_text(session, "model") or "", expires_at_s)


def _session_updated(_: Decoder, body: Body) -> Decoded:
    session: Any = _mapping(body, "session")
    for key in ("audio", "output"):
        session = session.get(key) if isinstance(session, dict) else None
    return SessionUpdated(_maybe_text(session, "voice") if isinstance(session, dict) else None)


def _error(_: Decoder, body: Body) -> Decoded:
    error = _mapping(body, "error")
    code = _maybe_text(error, "code") or _maybe_text(error, "type") or "unknown"
    return Refusal(
        code=code,
        event_id=_maybe_text(error, "event_id"),
        param=_maybe_text(error, "param"),
        message=_maybe_text(error, "message") or "",
    )


def _speech_started(_: Decoder, body: Body) -> Decoded:
    return SpeechStarted(_text(body, "item_id"), _number(body, "audio_start_ms"))


def _speech_stopped(_: Decoder, body: Body) -> Decoded:
    return SpeechStopped(_text(body, "item_id"), _number(body, "audio_end_ms"))


def _committed(_: Decoder, body: Body) -> Decoded:
    return InputCommitted(_text(body, "item_id"))


def _heard_delta(decoder: Decoder, body: Body) -> Decoded:
    item_id = _text(body, "item_id")
    text = decoder.transcript_so_far(item_id, _maybe_text(body, "delta") or "")
    return InputTranscript(item_id, text, final=False)


def _heard_completed(decoder: Decoder, body: Body) -> Decoded:
    item_id, transcript = _text(body, "item_id"), _text(body, "transcript")
    decoder.transcript_closed(item_id)
    return InputTranscript(item_id, transcript.strip(), final=True)


def _heard_failed(decoder: Decoder, body: Body) -> Decoded:
    # The line ends with what there is: nobody shall wait for a transcript that never comes.
    item_id = _text(body, "item_id")
    return InputTranscript(item_id, decoder.transcript_closed(item_id).strip(), final=True)


def _response_created(_: Decoder, body: Body) -> Decoded:
    return ResponseStarted(_text(_mapping(body, "response"), "id"))


def _output_item_added(_: Decoder, body: Body) -> Decoded:
    item = _mapping(body, "item")
    if item.get("type") != "message":
        return Skipped(known=True)
    return OutputStarted(_text(body, "response_id"), _text(item, "id"))


def _output_item_done(_: Decoder, body: Body) -> Decoded:
    item = _mapping(body, "item")
    if item.get("type") != "function_call" or item.get("status") == "incomplete":
        return Skipped(known=True)
    return ToolCall(
        response_id=_text(body, "response_id"),
        item_id=_text(item, "id"),
        call_id=_text(item, "call_id"),
        name=_text(item, "name"),
        arguments=_text(item, "arguments"),
    )


def _audio_delta(decoder: Decoder, body: Body) -> Decoded:
    item_id = _text(body, "item_id")
    try:
        pcm = binascii.a2b_base64(_text(body, "delta"), strict_mode=True)
    except ValueError:
        raise _Misfit("delta") from None
    return OutputAudio(_text(body, "response_id"), item_id, decoder.whole_samples(item_id, pcm))


def _audio_done(_: Decoder, body: Body) -> Decoded:
    return OutputAudioDone(_text(body, "response_id"), _text(body, "item_id"))


def _spoken_delta(_: Decoder, body: Body) -> Decoded:
    return OutputTranscript(
        _text(body, "response_id"), _text(body, "item_id"), _text(body, "delta")
    )


def _spoken_done(key: str) -> Callable[[Decoder, Body], Decoded]:
    def handler(_: Decoder, body: Body) -> Decoded:
        ids = _text(body, "response_id"), _text(body, "item_id")
        return OutputTranscript(*ids, delta="", final=True, text=_text(body, key))

    return handler


def _response_done(_: Decoder, body: Body) -> Decoded:
    response = _mapping(body, "response")
    details = response.get("status_details")
    details = details if isinstance(details, dict) else {}
    error = details.get("error")
    error = error if isinstance(error, dict) else {}
    status = response.get("status")
    if status not in get_args(ResponseStatus):
        status = "failed"  # the response is over: whoever waits for it must hear so
    code = _maybe_text(error, "code") or _maybe_text(error, "type") or ""
    return ResponseDone(
        response_id=_text(response, "id"),
        status=cast(ResponseStatus, status),
        reason=_maybe_text(details, "reason"),
        error=wire_code(code, "provider_failed") if status == "failed" else None,
        usage=_usage(response.get("usage")),
    )


def _usage(value: object) -> Mapping[str, int]:
    """Token counts, flattened: `input_token_details.audio_tokens` → `input_audio_tokens`."""
    if not isinstance(value, dict):
        return {}
    flat = _counts(value)
    for side in ("input", "output"):
        details = value.get(f"{side}_token_details")
        if isinstance(details, dict):
            flat.update({f"{side}_{key}": count for key, count in _counts(details).items()})
    return flat


def _counts(value: Body) -> dict[str, int]:
    return {
        key: count
        for key, count in value.items()
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0
    }


def _truncated(_: Decoder, body: Body) -> Decoded:
    return ItemTruncated(_text(body, "item_id"), _number(body, "audio_end_ms"))


def _deleted(_: Decoder, body: Body) -> Decoded:
    return ItemDeleted(_text(body, "item_id"))


_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription"
_HANDLERS: Final[dict[str, Callable[[Decoder, Body], Decoded]]] = {
    "response.output_audio.delta": _audio_delta,
    "response.output_audio.done": _audio_done,
    "response.output_audio_transcript.delta": _spoken_delta,
    "response.output_audio_transcript.done": _spoken_done("transcript"),
    "response.output_text.delta": _spoken_delta,
    "response.output_text.done": _spoken_done("text"),
    "response.output_item.added": _output_item_added,
    "response.output_item.done": _output_item_done,
    "response.created": _response_created,
    "response.done": _response_done,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.speech_stopped": _speech_stopped,
    "input_audio_buffer.committed": _committed,
    f"{_TRANSCRIPTION}.delta": _heard_delta,
    f"{_TRANSCRIPTION}.completed": _heard_completed,
    f"{_TRANSCRIPTION}.failed": _heard_failed,
    "conversation.item.truncated": _truncated,
    "conversation.item.deleted": _deleted,
    "session.created": _session_created,
    "session.updated": _session_updated,
    "error": _error,
}
_SILENT: Final = frozenset(
    {
        "conversation.created",
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.done",
        "conversation.item.retrieved",
        f"{_TRANSCRIPTION}.segment",
        "input_audio_buffer.cleared",
        "input_audio_buffer.timeout_triggered",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    }
)
"""Part of the protocol, and nothing that a session needs."""

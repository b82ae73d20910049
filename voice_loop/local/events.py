"""Every frame the server sends, built in one place: names and key sets are the GA protocol's.

Keys whose value is null are there, because strict clients ask for them. The `event_id` is put in
when the frame is sent. `error` and `response.done` carry codes and sentences for a developer.
"""

from __future__ import annotations

import base64
from typing import Any

Event = dict[str, Any]
Wire = dict[str, Any]


def error(
    code: str | None,
    message: str,
    *,
    param: str | None = None,
    event_id: str | None = None,
    kind: str = "invalid_request_error",
) -> Event:
    """`event_id` is the client's own, of the frame that is to blame."""
    body = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
    return {"type": "error", "error": body}


def session_created(session: Wire) -> Event:
    return {"type": "session.created", "session": session}


def session_updated(session: Wire) -> Event:
    return {"type": "session.updated", "session": session}


def speech_started(item_id: str, audio_start_ms: int) -> Event:
    return {
        "type": "input_audio_buffer.speech_started",
        "audio_start_ms": audio_start_ms,
        "item_id": item_id,
    }


def speech_stopped(item_id: str, audio_end_ms: int) -> Event:
    return {
        "type": "input_audio_buffer.speech_stopped",
        "audio_end_ms": audio_end_ms,
        "item_id": item_id,
    }


def timeout_triggered(item_id: str, audio_start_ms: int, audio_end_ms: int) -> Event:
    return {
        "type": "input_audio_buffer.timeout_triggered",
        "audio_start_ms": audio_start_ms,
        "audio_end_ms": audio_end_ms,
        "item_id": item_id,
    }


def committed(item_id: str, previous_item_id: str | None) -> Event:
    return {
        "type": "input_audio_buffer.committed",
        "previous_item_id": previous_item_id,
        "item_id": item_id,
    }


def cleared() -> Event:
    return {"type": "input_audio_buffer.cleared"}


def item_added(item: Wire, previous_item_id: str | None) -> Event:
    return {
        "type": "conversation.item.added",
        "previous_item_id": previous_item_id,
        "item": item,
    }


def item_done(item: Wire, previous_item_id: str | None) -> Event:
    return {"type": "conversation.item.done", "previous_item_id": previous_item_id, "item": item}


def item_retrieved(item: Wire) -> Event:
    return {"type": "conversation.item.retrieved", "item": item}


def item_deleted(item_id: str) -> Event:
    return {"type": "conversation.item.deleted", "item_id": item_id}


def item_truncated(item_id: str, content_index: int, audio_end_ms: int) -> Event:
    return {
        "type": "conversation.item.truncated",
        "item_id": item_id,
        "content_index": content_index,
        "audio_end_ms": audio_end_ms,
    }


def transcription_delta(item_id: str, delta: str) -> Event:
    return {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": item_id,
        "content_index": 0,
        "delta": delta,
        "obfuscation": "",
    }


def transcription_completed(item_id: str, transcript: str, seconds: float) -> Event:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": transcript,
        "usage": {"type": "duration", "seconds": round(seconds, 3)},
    }


def transcription_failed(item_id: str, code: str, message: str) -> Event:
    body = {"type": "transcription_error", "code": code, "message": message, "param": None}
    return {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": item_id,
        "content_index": 0,
        "error": body,
    }


def response_created(response: Wire) -> Event:
    return {"type": "response.created", "response": response}


def response_done(response: Wire) -> Event:
    return {"type": "response.done", "response": response}


def rate_limits(limit: int, remaining: int, reset_seconds: float) -> Event:
    entry = {
        "name": "tokens",
        "limit": limit,
        "remaining": remaining,
        "reset_seconds": reset_seconds,
    }
    return {"type": "rate_limits.updated", "rate_limits": [entry]}


def output_item(phase: str, response_id: str, output_index: int, item: Wire) -> Event:
    """`phase` is `added` or `done`."""
    return {
        "type": f"response.output_item.{phase}",
        "response_id": response_id,
        "output_index": output_index,
        "item": item,
    }


def in_part(kind: str, place: Wire, **more: Any) -> Event:
    """An event inside a content part; `place` names response, item and indices."""
    return {"type": f"response.{kind}", **place, **more}


def audio_delta(place: Wire, audio: bytes) -> Event:
    """The one delta without obfuscation."""
    return in_part("output_audio.delta", place, delta=base64.b64encode(audio).decode("ascii"))


def call_arguments_delta(place: Wire, call_id: str, delta: str) -> Event:
    return {
        "type": "response.function_call_arguments.delta",
        **place,
        "call_id": call_id,
        "delta": delta,
        "obfuscation": "",
    }


def call_arguments_done(place: Wire, call_id: str, name: str, arguments: str) -> Event:
    return {
        "type": "response.function_call_arguments.done",
        **place,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }

"""Client frames: from bytes on the wire to a checked event, or a `ClientError` that says why not.

Total: any text at all gives one or the other. The value of a field is checked where it is used when
that needs the session's state (ids, positions); here only shape and bounds.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from voice_loop.local.schema import (
    Check,
    ClientError,
    anything,
    array,
    integer,
    missing,
    nullable,
    one_of,
    plain_object,
    record,
    string,
    tagged,
    unsupported,
    wrong_type,
)
from voice_loop.local.session_config import OUTPUT_AUDIO, SHARED_FIELDS

MAX_APPEND_BYTES: Final = 15 * 1024 * 1024
_ID: Final = nullable(string)
_COMMON: Final[Mapping[str, Check]] = {
    "id": _ID,
    "type": string,
    "object": nullable(one_of("realtime.item")),
    "status": nullable(one_of("completed", "incomplete", "in_progress")),
}


def _content(*kinds: str) -> Check:
    fields: Mapping[str, Check] = {
        "type": one_of(*kinds),
        "text": nullable(string),
        "transcript": nullable(string),
        "audio": nullable(string),
        "image_url": nullable(string),
        "detail": nullable(one_of("auto", "low", "high")),
    }
    return array(record(fields, ("type",)), 64)


_CONTENT: Final[Mapping[str, Check]] = {
    "system": _content("input_text"),
    "user": _content("input_text", "input_audio", "input_image"),
    "assistant": _content("output_text", "output_audio"),
}


def _message(value: Any, path: str) -> None:
    record({**_COMMON, "role": one_of(*_CONTENT), "content": anything}, ("role", "content"))(
        value, path
    )
    _CONTENT[value["role"]](value["content"], f"{path}.content")


_FUNCTION_CALL: Final = record(
    {**_COMMON, "name": string, "arguments": string, "call_id": _ID}, ("name", "arguments")
)
_FUNCTION_OUTPUT: Final = record(
    {**_COMMON, "call_id": string, "output": string}, ("call_id", "output")
)
ITEM: Final = tagged(
    {
        "message": _message,
        "function_call": _FUNCTION_CALL,
        "function_call_output": _FUNCTION_OUTPUT,
    }
)
_INPUT_ITEM: Final = tagged(
    {
        "message": _message,
        "function_call": _FUNCTION_CALL,
        "function_call_output": _FUNCTION_OUTPUT,
        "item_reference": record({"type": string, "id": string}, ("id",)),
    }
)
_RESPONSE: Final = record(
    {
        **SHARED_FIELDS,
        "conversation": one_of("auto", "none"),
        "metadata": nullable(plain_object),
        "input": nullable(array(_INPUT_ITEM, 256)),
        "audio": record({"output": OUTPUT_AUDIO}),
    }
)
_SHAPES: Final[Mapping[str, tuple[Mapping[str, Check], tuple[str, ...]]]] = {
    "session.update": ({"session": anything}, ("session",)),
    "input_audio_buffer.append": ({"audio": string}, ("audio",)),
    "input_audio_buffer.commit": ({}, ()),
    "input_audio_buffer.clear": ({}, ()),
    "conversation.item.create": ({"item": ITEM, "previous_item_id": _ID}, ("item",)),
    "conversation.item.retrieve": ({"item_id": string}, ("item_id",)),
    "conversation.item.truncate": (
        {"item_id": string, "content_index": integer(0), "audio_end_ms": integer(0)},
        ("item_id", "content_index", "audio_end_ms"),
    ),
    "conversation.item.delete": ({"item_id": string}, ("item_id",)),
    "response.create": ({"response": nullable(_RESPONSE)}, ()),
    "response.cancel": ({"response_id": _ID}, ()),
}
EVENT_TYPES: Final = tuple(_SHAPES)


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """A frame that has the right shape."""

    type: str
    event_id: str | None
    fields: Mapping[str, Any]


def client_event_id(frame: Any) -> str | None:
    """The client's own id for a frame, even of one that is wrong."""
    event_id = frame.get("event_id") if isinstance(frame, dict) else None
    return event_id if isinstance(event_id, str) and len(event_id) <= 512 else None


def parse(text: str) -> Any:
    """The JSON of a frame. Raises ClientError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ClientError("invalid_json", "The frame is not valid JSON.") from None


def check(frame: Any) -> ClientEvent:
    """A parsed frame, checked. Raises ClientError."""
    if not isinstance(frame, dict):
        raise ClientError("invalid_event", "The frame is not a JSON object.")
    kind = frame.get("type")
    if kind is None:
        raise missing("type")
    if not isinstance(kind, str):
        raise wrong_type("type", "a string", kind)
    if kind not in _SHAPES:
        raise unsupported("type", kind, EVENT_TYPES)
    fields, required = _SHAPES[kind]
    for name in required:
        if name not in frame:
            raise missing(name)
    for name, value in frame.items():
        if name in fields:
            fields[name](value, name)
        elif name == "event_id":
            nullable(string)(value, name)
        elif name != "type":
            raise ClientError("unknown_parameter", f"Unknown parameter: '{name}'.", name)
    return ClientEvent(kind, client_event_id(frame), frame)


def decode_audio(text: str, path: str = "audio") -> bytes:
    """Base64 audio. Raises ClientError when it is not base64 or more than 15 MiB."""
    try:
        audio = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        message = f"Invalid '{path}'. Expected base64-encoded audio bytes."
        raise ClientError("invalid_value", message, path) from None
    if len(audio) > MAX_APPEND_BYTES:
        message = f"Invalid '{path}': audio above maximum size of 15 MiB."
        raise ClientError("string_above_max_length", message, path)
    return audio

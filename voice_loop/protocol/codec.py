"""Frames ↔ events. Total: any bytes at all give an event or a WireError, nothing else.

Pure functions, driven by the dataclasses of `events`: a field's annotation is its check. Unknown
keys are ignored (a newer page may talk to an older server), unknown types are refused.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from voice_loop.errors import WireError
from voice_loop.protocol.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    AudioChunk,
    ClientControl,
    ClientEvent,
    ServerControl,
    ServerEvent,
)
from voice_loop.protocol.frames import (
    KIND_DOWN,
    KIND_UP,
    MAX_UP_PCM_BYTES,
    decode_audio,
    encode_audio,
)

MAX_TEXT_BYTES: Final = 16_384
MAX_DOWN_PCM_BYTES: Final = 96_000
_MAX_INT: Final = 2**53
_T = TypeVar("_T")

_CLIENT: Final[dict[str, type[ClientControl]]] = {cls.TYPE: cls for cls in CLIENT_EVENTS}
_SERVER: Final[dict[str, type[ServerControl]]] = {cls.TYPE: cls for cls in SERVER_EVENTS}


def decode_client(data: str | bytes) -> ClientEvent:
    """What the browser sent. Raises WireError."""
    if isinstance(data, bytes):
        return decode_audio(data, KIND_UP, MAX_UP_PCM_BYTES)
    if len(data) > MAX_TEXT_BYTES or len(data.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        raise WireError("frame_too_big")
    return _decode(data, _CLIENT)


def decode_server(data: str | bytes) -> ServerEvent:
    """What the server sent: for clients written in Python, tests among them. Raises WireError."""
    if isinstance(data, bytes):
        return decode_audio(data, KIND_DOWN, MAX_DOWN_PCM_BYTES)
    return _decode(data, _SERVER)


def encode_server(event: ServerEvent) -> str | bytes:
    """The frame of one event for the browser."""
    return encode_audio(event, KIND_DOWN) if isinstance(event, AudioChunk) else _encode(event)


def encode_client(event: ClientEvent) -> str | bytes:
    """The frame of one event for the server: for clients written in Python."""
    return encode_audio(event, KIND_UP) if isinstance(event, AudioChunk) else _encode(event)


def _encode(event: ClientControl | ServerControl) -> str:
    # `asdict` would copy all that is within; only what is a dataclass itself needs it.
    fields = {spec.name: getattr(event, spec.name) for spec in dataclasses.fields(event)}
    body = {"type": event.TYPE, **fields}
    return json.dumps(body, separators=(",", ":"), allow_nan=False, default=dataclasses.asdict)


def _decode(data: str, table: Mapping[str, type[_T]]) -> _T:
    try:
        body = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise WireError("bad_frame", "not valid JSON") from None
    if not isinstance(body, dict):
        raise WireError("bad_frame", "a frame is a JSON object")
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in table:
        raise WireError("bad_frame", "unknown frame type")
    return _build(table[kind], body)


def _no_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are not JSON


_HINTS: dict[type[Any], dict[str, Any]] = {}


def _hints(cls: type[Any]) -> dict[str, Any]:
    if cls not in _HINTS:
        _HINTS[cls] = get_type_hints(cls)
    return _HINTS[cls]


def _build(cls: type[_T], body: Mapping[str, Any]) -> _T:
    hints = _hints(cls)
    values: dict[str, Any] = {}
    for spec in dataclasses.fields(cast(Any, cls)):
        if spec.name in body:
            values[spec.name] = _check(hints[spec.name], body[spec.name], spec.name)
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise WireError("bad_frame", f"missing field: {spec.name}")
    return cls(**values)


def _is_text(value: str) -> bool:
    """JSON can escape half of a surrogate pair, which no other encoding can carry on."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check(hint: Any, value: Any, name: str) -> Any:
    """`value` if it fits `hint`, converted where JSON leaves a choice (int for float)."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        inner = [arg for arg in get_args(hint) if arg is not type(None)]
        return _check(inner[0], value, name)
    if origin is Literal:
        fits = isinstance(value, str) and value in get_args(hint)
    elif hint is bool:
        fits = isinstance(value, bool)
    elif hint is int:
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_INT
    elif hint is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        fits = fits and abs(value) <= _MAX_INT and math.isfinite(value)
        value = float(value) if fits else value
    elif hint is str:
        fits = isinstance(value, str) and _is_text(value)
    elif dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise WireError("bad_frame", f"field {name} must be an object")
        return _build(cast(type[Any], hint), value)
    else:
        fits = isinstance(value, dict)
    if not fits:
        raise WireError("bad_frame", f"field {name} does not fit")
    return value

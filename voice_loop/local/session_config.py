"""What a session is set to: the object of `session.created`, and how `session.update` changes it.

An update is taken whole or not at all; only what it names changes; null clears what may be null.
The effective object always has every key. Held in the wire's own shape, read through properties.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from voice_loop.local.schema import (
    Check,
    ClientError,
    anything,
    array,
    boolean,
    integer,
    missing,
    nullable,
    number,
    one_of,
    plain_object,
    record,
    string,
    tagged,
    wrong_type,
)

DEFAULT_INSTRUCTIONS: Final = "You are a helpful, friendly voice assistant."
MAX_TOOLS: Final = 128
MAX_OUTPUT_TOKENS: Final = 4096

SERVER_VAD: Final[Mapping[str, Any]] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC_VAD: Final[Mapping[str, Any]] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_PCM: Final[Mapping[str, Any]] = {"type": "audio/pcm", "rate": 24000}


def _tokens(value: Any, path: str) -> None:
    if value == "inf":
        return
    if isinstance(value, str):
        raise ClientError(
            "invalid_value", f"Invalid value: '{value[:64]}'. Supported values are: 'inf'.", path
        )
    integer(1, MAX_OUTPUT_TOKENS)(value, path)


def _voice(value: Any, path: str) -> None:
    if isinstance(value, dict):
        record({"id": string}, ("id",))(value, path)
    else:
        string(value, path)


def _tool_choice(value: Any, path: str) -> None:
    if isinstance(value, str):
        one_of("none", "auto", "required")(value, path)
    else:
        tagged(
            {
                "function": record({"type": string, "name": string}, ("name",)),
                "mcp": record({"type": string, "server_label": string, "name": anything}),
            }
        )(value, path)


def _modalities(value: Any, path: str) -> None:
    array(one_of("text", "audio"), 2)(value, path)
    if len(value) != 1:
        message = (
            "Invalid modalities: the output must be either ['text'] or ['audio'], "
            "because audio always comes with its transcript."
        )
        raise ClientError("invalid_value", message, path)


def _text_or_object(value: Any, path: str) -> None:
    if not isinstance(value, str | dict):
        raise wrong_type(path, "a string", value)


_FORMAT: Final = tagged(
    {
        "audio/pcm": record({"type": string, "rate": integer(24000, 24000)}),
        "audio/pcmu": record({"type": string}),
        "audio/pcma": record({"type": string}),
    }
)
_TURN_DETECTION: Final = tagged(
    {
        "server_vad": record(
            {
                "type": string,
                "threshold": number(0, 1),
                "prefix_padding_ms": integer(0, 5000),
                "silence_duration_ms": integer(0, 10000),
                "idle_timeout_ms": nullable(integer(5000, 30000)),
                "create_response": boolean,
                "interrupt_response": boolean,
            }
        ),
        "semantic_vad": record(
            {
                "type": string,
                "eagerness": one_of("low", "medium", "high", "auto"),
                "create_response": boolean,
                "interrupt_response": boolean,
            }
        ),
    }
)
_TRANSCRIPTION: Final = record(
    {
        "model": string,
        "language": string,
        "languages": nullable(array(string, 32)),
        "prompt": string,
        "keywords": nullable(array(string, 1000)),
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    }
)
TOOL: Final = tagged(
    {
        "function": record(
            {
                "type": string,
                "name": string,
                "description": nullable(string),
                "parameters": nullable(plain_object),
                "strict": nullable(boolean),
            },
            ("name",),
        ),
        "mcp": plain_object,
    }
)
TOOLS: Final = array(TOOL, MAX_TOOLS)
OUTPUT_AUDIO: Final = record({"format": _FORMAT, "voice": _voice, "speed": number(0.25, 1.5)})
_INPUT_AUDIO: Final = record(
    {
        "format": _FORMAT,
        "transcription": nullable(_TRANSCRIPTION),
        "noise_reduction": nullable(
            record({"type": one_of("near_field", "far_field"), "strength": number(0, 1)})
        ),
        "turn_detection": nullable(_TURN_DETECTION),
    }
)
SHARED_FIELDS: Final[Mapping[str, Check]] = {
    "output_modalities": _modalities,
    "instructions": string,
    "tools": TOOLS,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": nullable(boolean),
    "max_output_tokens": nullable(_tokens),
    "reasoning": nullable(plain_object),
    "prompt": nullable(plain_object),
}
_SESSION: Final = record(
    {
        **SHARED_FIELDS,
        "type": one_of("realtime"),
        "audio": record({"input": _INPUT_AUDIO, "output": OUTPUT_AUDIO}),
        "truncation": _text_or_object,
        "tracing": nullable(_text_or_object),
        "include": nullable(array(one_of("item.input_audio_transcription.logprobs"), 1)),
        "model": string,
    },
    ("type",),
)


def check_update(session: Any) -> None:
    """Raises ClientError when the `session` of an update does not fit."""
    if session is None:
        raise missing("session")
    _SESSION(session, "session")


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """The effective session; immutable, a change gives a new one."""

    wire: dict[str, Any]

    @classmethod
    def default(cls, session_id: str, model: str, expires_at: int) -> SessionConfig:
        """What a connection starts with. `expires_at` is Unix time in seconds."""
        return cls(
            {
                "type": "realtime",
                "object": "realtime.session",
                "id": session_id,
                "model": model,
                "output_modalities": ["audio"],
                "instructions": DEFAULT_INSTRUCTIONS,
                "tools": [],
                "tool_choice": "auto",
                "max_output_tokens": "inf",
                "tracing": None,
                "truncation": "auto",
                "prompt": None,
                "expires_at": expires_at,
                "audio": {
                    "input": {
                        "format": dict(_PCM),
                        "transcription": None,
                        "noise_reduction": None,
                        "turn_detection": dict(SERVER_VAD),
                    },
                    "output": {"format": dict(_PCM), "voice": "marin", "speed": 1.0},
                },
                "include": None,
            }
        )

    def updated(self, change: dict[str, Any], *, has_spoken: bool) -> SessionConfig:
        """With a checked update in force. Raises ClientError for a change that comes too late."""
        wire = copy.deepcopy(self.wire)
        audio = change.get("audio", {})
        output = audio.get("output", {})
        if has_spoken and "voice" in output and output["voice"] != self.voice:
            raise ClientError(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
            )
        wire["audio"]["output"].update(copy.deepcopy(output))
        for name, value in copy.deepcopy(audio.get("input", {})).items():
            wire["audio"]["input"][name] = _completed(name, value)
        for name, value in copy.deepcopy(change).items():
            if name not in ("audio", "type", "model"):
                wire[name] = "inf" if name == "max_output_tokens" and value is None else value
        return SessionConfig(wire)

    @property
    def turn_detection(self) -> dict[str, Any] | None:
        detection: dict[str, Any] | None = self.wire["audio"]["input"]["turn_detection"]
        return detection

    @property
    def transcribes(self) -> bool:
        """Transcription events are wanted."""
        return self.wire["audio"]["input"]["transcription"] is not None

    @property
    def input_format(self) -> str:
        return str(self.wire["audio"]["input"]["format"]["type"])

    @property
    def output_format(self) -> dict[str, Any]:
        wanted: dict[str, Any] = self.wire["audio"]["output"]["format"]
        return wanted

    @property
    def voice(self) -> Any:
        return self.wire["audio"]["output"]["voice"]

    @property
    def speed(self) -> float:
        return float(self.wire["audio"]["output"]["speed"])


def _completed(name: str, value: Any) -> Any:
    """Detection and formats are replaced as a whole, what is not given taking its default."""
    if not isinstance(value, dict):
        return value
    if name == "turn_detection":
        defaults = SERVER_VAD if value["type"] == "server_vad" else SEMANTIC_VAD
        return {**defaults, **value}
    if name == "format" and value["type"] == "audio/pcm":
        return {**_PCM, **value}
    return value

"""Frames for the Realtime server: pure functions, GA shapes, one string each.

Every frame carries an `event_id` that begins with what it is (`truncate_17`), so that an error that
answers it tells at once which command it was, without a table of what is under way.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from voice_loop.providers.base import HistoryItem, SessionSettings, ToolSpec, VoiceActivity

_PCM: Final = {"type": "audio/pcm", "rate": 24_000}
Kind = Literal[
    "append", "commit", "clear", "create", "cancel", "truncate", "delete", "item", "update"
]


def kind_of(event_id: str | None) -> str:
    """What the frame with this id was; empty when it is none of ours."""
    return (event_id or "").partition("_")[0]


def append(event_id: str, pcm: bytes) -> str:
    # By hand: the one frame that is sent fifty times a second, and base64 needs no escaping.
    audio = binascii.b2a_base64(pcm, newline=False).decode("ascii")
    return f'{{"type":"input_audio_buffer.append","event_id":"{event_id}","audio":"{audio}"}}'


def commit(event_id: str) -> str:
    return _frame("input_audio_buffer.commit", event_id)


def clear(event_id: str) -> str:
    return _frame("input_audio_buffer.clear", event_id)


def create_response(event_id: str, instructions: str | None) -> str:
    if instructions is None:
        return _frame("response.create", event_id)
    return _frame("response.create", event_id, response={"instructions": instructions})


def cancel_response(event_id: str) -> str:
    return _frame("response.cancel", event_id)


def truncate(event_id: str, item_id: str, audio_end_ms: int) -> str:
    return _frame(
        "conversation.item.truncate",
        event_id,
        item_id=item_id,
        content_index=0,
        audio_end_ms=audio_end_ms,
    )


def delete(event_id: str, item_id: str) -> str:
    return _frame("conversation.item.delete", event_id, item_id=item_id)


def message(event_id: str, line: HistoryItem) -> str:
    """A line of text; an assistant's goes back as `output_text`, its audio cannot."""
    content = {"type": "input_text" if line.role == "user" else "output_text", "text": line.text}
    item = {"type": "message", "role": line.role, "content": [content]}
    return _frame("conversation.item.create", event_id, item=item)


def tool_result(event_id: str, call_id: str, output: str) -> str:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    return _frame("conversation.item.create", event_id, item=item)


def session_update(
    event_id: str,
    settings: SessionSettings,
    *,
    transcription_model: str | None,
    with_voice: bool = True,
) -> str:
    """The whole session, complete each time. The voice is left out once it is in force: after
    the first audio the server refuses to hear about another."""
    output: dict[str, Any] = {"format": _PCM}
    if with_voice:
        output["voice"] = settings.voice
    session = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": settings.instructions,
        "tools": [_tool(tool) for tool in settings.tools],
        "tool_choice": "auto",
        "audio": {
            "input": {
                "format": _PCM,
                "noise_reduction": None,
                "transcription": {"model": transcription_model} if transcription_model else None,
                "turn_detection": _turn_detection(settings.voice_activity),
            },
            "output": output,
        },
    }
    return _frame("session.update", event_id, session=session)


def _turn_detection(activity: VoiceActivity | None) -> Mapping[str, Any] | None:
    if activity is None:
        return None
    return {
        "type": "server_vad",
        "threshold": activity.threshold,
        "prefix_padding_ms": activity.prefix_padding_ms,
        "silence_duration_ms": activity.silence_duration_ms,
        # The session owns every response; toggling these races with the person.
        "create_response": False,
        "interrupt_response": False,
    }


def _tool(tool: ToolSpec) -> Mapping[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }


def _frame(kind: str, event_id: str, **fields: object) -> str:
    body = {"type": kind, "event_id": event_id, **fields}
    return json.dumps(body, separators=(",", ":"), allow_nan=False)

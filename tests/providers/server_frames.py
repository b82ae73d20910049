"""One frame of each event a Realtime server may send, made for these tests.

`test_codec` holds them to the types the `openai` package publishes: a frame that the real service
could not send would prove nothing.
"""

from __future__ import annotations

import base64
from typing import Any

PCM = b"\x01\x00\x02\x00"
Frame = dict[str, Any]

_OUT = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "content_index": 0}
_SESSION = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-rt-1"}
_MESSAGE = {
    "id": "item_2",
    "object": "realtime.item",
    "type": "message",
    "status": "in_progress",
    "role": "assistant",
    "content": [],
}
CALL = {
    "id": "item_3",
    "object": "realtime.item",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "get_time",
    "arguments": '{"zone":"UTC"}',
}
RESPONSE = {
    "object": "realtime.response",
    "id": "resp_1",
    "status": "completed",
    "status_details": None,
    "output": [],
    "conversation_id": "conv_1",
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "usage": {
        "total_tokens": 30,
        "input_tokens": 10,
        "output_tokens": 20,
        "input_token_details": {"text_tokens": 4, "audio_tokens": 6, "cached_tokens": 0},
        "output_token_details": {"text_tokens": 5, "audio_tokens": 15},
    },
    "metadata": None,
}
_HEARD = "conversation.item.input_audio_transcription"

FRAMES: dict[str, Frame] = {
    "session.created": {"session": {**_SESSION, "expires_at": 2_000_000_000}},
    "session.updated": {"session": {**_SESSION, "audio": {"output": {"voice": "cedar"}}}},
    "conversation.created": {"conversation": {"id": "conv_1", "object": "realtime.conversation"}},
    "conversation.item.added": {"item": _MESSAGE, "previous_item_id": None},
    "conversation.item.created": {"item": _MESSAGE, "previous_item_id": None},
    "conversation.item.done": {"item": _MESSAGE, "previous_item_id": None},
    "conversation.item.retrieved": {"item": _MESSAGE},
    "conversation.item.deleted": {"item_id": "item_1"},
    "conversation.item.truncated": {
        "item_id": "item_2",
        "content_index": 0,
        "audio_end_ms": 1_200,
    },
    f"{_HEARD}.delta": {"item_id": "item_1", "content_index": 0, "delta": "Good "},
    f"{_HEARD}.completed": {
        "item_id": "item_1",
        "content_index": 0,
        "transcript": " Good evening.\n",
        "usage": {"type": "duration", "seconds": 1.5},
    },
    f"{_HEARD}.failed": {
        "item_id": "item_1",
        "content_index": 0,
        "error": {"type": "transcription_error", "code": "audio_unintelligible", "message": "m"},
    },
    f"{_HEARD}.segment": {
        "item_id": "item_1",
        "content_index": 0,
        "id": "seg_1",
        "speaker": "a",
        "start": 0.0,
        "end": 0.5,
        "text": "Good",
    },
    "input_audio_buffer.cleared": {},
    "input_audio_buffer.committed": {"item_id": "item_1", "previous_item_id": None},
    "input_audio_buffer.speech_started": {"item_id": "item_1", "audio_start_ms": 700},
    "input_audio_buffer.speech_stopped": {"item_id": "item_1", "audio_end_ms": 1_900},
    "input_audio_buffer.timeout_triggered": {
        "item_id": "item_1",
        "audio_start_ms": 0,
        "audio_end_ms": 900,
    },
    "input_audio_buffer.dtmf_event_received": {"event": "5", "received_at": 1_763_605_109},
    "rate_limits.updated": {
        "rate_limits": [{"name": "tokens", "limit": 9, "remaining": 8, "reset_seconds": 1.0}]
    },
    "response.created": {"response": {**RESPONSE, "status": "in_progress", "usage": None}},
    "response.done": {"response": RESPONSE},
    "response.output_item.added": {
        "response_id": "resp_1",
        "output_index": 0,
        "item": _MESSAGE,
    },
    "response.output_item.done": {"response_id": "resp_1", "output_index": 0, "item": CALL},
    "response.content_part.added": {**_OUT, "part": {"type": "audio", "transcript": ""}},
    "response.content_part.done": {**_OUT, "part": {"type": "audio", "transcript": "Hi."}},
    "response.output_audio.delta": {**_OUT, "delta": base64.b64encode(PCM).decode()},
    "response.output_audio.done": _OUT,
    "response.output_audio_transcript.delta": {**_OUT, "delta": "Hi"},
    "response.output_audio_transcript.done": {**_OUT, "transcript": "Hi."},
    "response.output_text.delta": {**_OUT, "delta": "Hi"},
    "response.output_text.done": {**_OUT, "text": "Hi."},
    "response.function_call_arguments.delta": {
        "response_id": "resp_1",
        "item_id": "item_3",
        "output_index": 0,
        "call_id": "call_1",
        "delta": "{",
    },
    "response.function_call_arguments.done": {
        "response_id": "resp_1",
        "item_id": "item_3",
        "output_index": 0,
        "call_id": "call_1",
        "name": "get_time",
        "arguments": "{}",
    },
    "response.mcp_call.in_progress": {"item_id": "item_4", "output_index": 0},
    "response.mcp_call.completed": {"item_id": "item_4", "output_index": 0},
    "response.mcp_call.failed": {"item_id": "item_4", "output_index": 0},
    "response.mcp_call_arguments.delta": {
        "response_id": "resp_1",
        "item_id": "item_4",
        "output_index": 0,
        "delta": "{",
    },
    "response.mcp_call_arguments.done": {
        "response_id": "resp_1",
        "item_id": "item_4",
        "output_index": 0,
        "arguments": "{}",
    },
    "mcp_list_tools.in_progress": {"item_id": "item_5"},
    "mcp_list_tools.completed": {"item_id": "item_5"},
    "mcp_list_tools.failed": {"item_id": "item_5"},
    "output_audio_buffer.started": {"response_id": "resp_1"},
    "output_audio_buffer.stopped": {"response_id": "resp_1"},
    "output_audio_buffer.cleared": {"response_id": "resp_1"},
    "error": {
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "m",
            "param": "session.voice",
            "event_id": "update_1",
        }
    },
}


def frame(kind: str, **changes: Any) -> Frame:
    """The frame of that type, some of its fields replaced."""
    return {"type": kind, "event_id": "event_9", **FRAMES[kind], **changes}

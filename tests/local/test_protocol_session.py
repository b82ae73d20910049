"""session.created, session.update and what is refused, over a real socket."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.local.realtime_client import (
    RealtimeClient,
    client_of,
    conversation,
    scripted_server,
)
from voice_loop.local import LocalOptions
from voice_loop.local.brain.base import Wait
from voice_loop.local.brain.scripted import ScriptedResponder

pytestmark = pytest.mark.anyio


async def test_the_first_frame_is_session_created_with_every_default() -> None:
    async with (
        scripted_server() as server,
        client_of(server, greeted=False, query="?model=gpt-realtime-2.1") as client,
    ):
        session = (await client.next())["session"]
    assert session["id"].startswith("sess_")
    assert len(session["id"]) == len("sess_") + 21
    assert session["model"] == "gpt-realtime-2.1"
    assert session["object"] == "realtime.session"
    assert session["type"] == "realtime"
    assert abs(session["expires_at"] - time.time() - 3600) < 60
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    assert session["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "marin",
        "speed": 1.0,
    }
    assert session["output_modalities"] == ["audio"]
    assert session["max_output_tokens"] == "inf"


async def test_an_update_changes_only_what_it_names_and_answers_with_the_whole_session() -> None:
    async with conversation() as client:
        first = await client.update(instructions="Be brief.")
        second = await client.update(audio={"output": {"voice": "cedar"}})
    assert first["instructions"] == second["instructions"] == "Be brief."
    assert second["audio"]["output"]["voice"] == "cedar"
    assert second["audio"]["input"] == first["audio"]["input"]
    assert set(second) == set(first)


async def test_null_and_empty_values_clear() -> None:
    tool = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}
    async with conversation() as client:
        await client.update(
            tools=[tool],
            instructions="x",
            audio={
                "input": {
                    "transcription": {"model": "whisper-1"},
                    "noise_reduction": {"type": "near_field"},
                }
            },
        )
        session = await client.update(
            tools=[],
            instructions="",
            max_output_tokens=None,
            audio={
                "input": {"transcription": None, "noise_reduction": None, "turn_detection": None}
            },
        )
    assert session["tools"] == []
    assert session["instructions"] == ""
    assert session["max_output_tokens"] == "inf"
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": None,
    }


async def test_a_partial_turn_detection_is_completed_with_defaults() -> None:
    async with conversation() as client:
        await client.update(
            audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}}
        )
        session = await client.update(
            audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}
        )
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }


REFUSED: list[tuple[Any, str, str]] = [
    ({"instructions": "x"}, "missing_required_parameter", "session.type"),
    ({"type": "realtime", "temperature": 1}, "unknown_parameter", "session.temperature"),
    ({"type": "transcription"}, "invalid_value", "session.type"),
    ({"type": "realtime", "instructions": 5}, "invalid_type", "session.instructions"),
    ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value",
     "session.output_modalities"),
    ({"type": "realtime", "output_modalities": "text"}, "invalid_type",
     "session.output_modalities"),
    ({"type": "realtime", "output_modalities": ["smell"]}, "invalid_value",
     "session.output_modalities[0]"),
    ({"type": "realtime", "max_output_tokens": 0}, "integer_below_min_value",
     "session.max_output_tokens"),
    ({"type": "realtime", "max_output_tokens": 5000}, "integer_above_max_value",
     "session.max_output_tokens"),
    ({"type": "realtime", "max_output_tokens": "many"}, "invalid_value",
     "session.max_output_tokens"),
    ({"type": "realtime", "tool_choice": "always"}, "invalid_value", "session.tool_choice"),
    ({"type": "realtime", "tool_choice": {"type": "function"}}, "missing_required_parameter",
     "session.tool_choice.name"),
    ({"type": "realtime", "tools": [{"type": "function"}]}, "missing_required_parameter",
     "session.tools[0].name"),
    ({"type": "realtime", "tools": [{"type": "function", "name": "f"}] * 129},
     "array_above_max_length", "session.tools"),
    ({"type": "realtime", "audio": {"output": {"speed": 2}}}, "decimal_above_max_value",
     "session.audio.output.speed"),
    ({"type": "realtime", "audio": {"output": {"voice": {"name": "x"}}}},
     "missing_required_parameter", "session.audio.output.voice.id"),
    ({"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
     "integer_below_min_value", "session.audio.input.format.rate"),
    ({"type": "realtime", "audio": {"input": {"format": {"type": "audio/opus"}}}},
     "invalid_value", "session.audio.input.format.type"),
    ({"type": "realtime",
      "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": -0.1}}}},
     "decimal_below_min_value", "session.audio.input.turn_detection.threshold"),
    ({"type": "realtime",
      "audio": {"input": {"turn_detection": {"type": "server_vad", "eagerness": "low"}}}},
     "unknown_parameter", "session.audio.input.turn_detection.eagerness"),
    ({"type": "realtime",
      "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": 1}}}},
     "invalid_type", "session.audio.input.turn_detection.create_response"),
    ({"type": "realtime", "audio": {"input": {"turn_detection": "none"}}}, "invalid_type",
     "session.audio.input.turn_detection"),
    ({"type": "realtime", "truncation": 4}, "invalid_type", "session.truncation"),
    (None, "missing_required_parameter", "session"),
    ("x", "invalid_type", "session"),
]  # fmt: skip


@pytest.mark.parametrize(("session", "code", "param"), REFUSED)
async def test_a_wrong_update_is_refused_whole_with_the_documented_code(
    session: Any, code: str, param: str
) -> None:
    async with conversation() as client:
        before = await client.update()
        if isinstance(session, dict):
            session = {**session, "instructions": session.get("instructions", "never in force")}
        await client.send("session.update", session=session, event_id="mine")
        problem = await client.error()
        after = await client.update()
    assert problem["type"] == "invalid_request_error"
    assert (problem["code"], problem["param"]) == (code, param)
    assert problem["event_id"] == "mine"
    assert before == after


async def test_the_wording_of_the_two_commonest_refusals_is_the_services_own() -> None:
    async with conversation() as client:
        await client.send("session.update", session={"instructions": "x"})
        missing = await client.error()
        await client.send("session.update", session={"type": "realtime", "x": 1})
        unknown = await client.error()
    assert missing["message"] == "Missing required parameter: 'session.type'."
    assert unknown["message"] == "Unknown parameter: 'session.x'."
    assert unknown["event_id"] is None


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("{nonsense", "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ("[1]", "invalid_event", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type": 3}', "invalid_type", "type"),
        ('{"type": "response.invent"}', "invalid_value", "type"),
        ('{"type": "output_audio_buffer.clear"}', "invalid_value", "type"),
        ('{"type": "response.cancel", "x": 1}', "unknown_parameter", "x"),
        ('{"type": "conversation.item.delete"}', "missing_required_parameter", "item_id"),
        ('{"type": "response.cancel", "event_id": 4}', "invalid_type", "event_id"),
        ('{"type": "input_audio_buffer.append", "audio": "%%%"}', "invalid_value", "audio"),
        ('{"type": "response.create", "response": {"conversation": "mine"}}', "invalid_value",
         "response.conversation"),
    ],
)  # fmt: skip
async def test_a_frame_that_is_not_the_protocol_gets_an_error_and_the_session_lives(
    text: str, code: str, param: str | None
) -> None:
    async with conversation() as client:
        await client.socket.send(text)
        problem = await client.error()
        await client.update(instructions="still here")
    assert (problem["code"], problem["param"]) == (code, param)


async def test_a_binary_frame_is_refused_and_the_session_lives() -> None:
    async with conversation() as client:
        await client.socket.send(b"\x00\x01")
        assert (await client.error())["code"] == "invalid_event"
        await client.update()


async def test_an_unknown_event_names_what_would_be_right() -> None:
    async with conversation() as client:
        await client.send("session.upgrade")
        message = (await client.error())["message"]
    assert message.startswith("Invalid value: 'session.upgrade'. Supported values are: ")
    assert "'session.update'" in message


async def test_the_voice_is_fixed_once_the_assistant_has_spoken() -> None:
    async with conversation() as client:
        await client.update(audio={"output": {"voice": "cedar"}})
        await client.ask("Hello")
        await client.send(
            "session.update",
            session={"type": "realtime", "audio": {"output": {"voice": "marin"}}},
        )
        problem = await client.error()
        await client.update(audio={"output": {"voice": "cedar"}})
        await client.respond(audio={"output": {"voice": "ash"}})
        later = await client.error()
    assert problem["code"] == later["code"] == "cannot_update_voice"
    assert problem["message"] == (
        "Cannot update a conversation's voice if assistant audio is present."
    )


async def test_an_answer_that_made_no_sound_leaves_the_voice_free() -> None:
    async with conversation(ScriptedResponder([Wait(60_000)])) as client:
        await client.respond()
        await client.expect("response.created")
        await client.send("response.cancel")
        await client.expect("response.done")
        session = await client.update(audio={"output": {"voice": "cedar"}})
    assert session["audio"]["output"]["voice"] == "cedar"


async def test_the_session_expires_with_an_error_and_close_1001() -> None:
    async with (
        scripted_server(options=LocalOptions(expire_after_s=0.05)) as server,
        client_of(server) as client,
    ):
        problem = await client.error()
        await client.socket.wait_closed()
    assert problem["code"] == "session_expired"
    assert problem["message"] == "Your session hit the maximum duration of 60 minutes."
    assert client.socket.close_code == 1001
    assert client.socket.close_reason == problem["message"]


async def test_two_sessions_know_nothing_of_each_other() -> None:
    async with scripted_server() as server, client_of(server) as one, client_of(server) as two:
        await one.update(instructions="Only mine.")
        item = await one.type("secret")
        session = await two.update()
        assert session["instructions"] != "Only mine."
        await two.send("conversation.item.retrieve", item_id=item["id"])
        assert (await two.error())["code"] == "item_retrieve_invalid_item_id"


async def test_event_ids_are_unique(client_frames: int = 20) -> None:
    async with conversation() as client:
        for _ in range(client_frames):
            await client.update()
    ids = [frame["event_id"] for frame in client.frames]
    assert len(set(ids)) == len(ids) == client_frames + 1


async def _raw(client: RealtimeClient, frame: dict[str, Any]) -> None:
    await client.socket.send(json.dumps(frame))


async def test_a_null_event_id_is_accepted() -> None:
    async with conversation() as client:
        await _raw(client, {"type": "input_audio_buffer.clear", "event_id": None})
        await client.expect("input_audio_buffer.cleared")

"""Our frames are what the service publishes that it takes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from voice_loop.providers.base import HistoryItem, SessionSettings, ToolSpec, VoiceActivity
from voice_loop.providers.openai_realtime import commands

SETTINGS = SessionSettings(
    instructions="Be kind.",
    voice="marin",
    voice_activity=VoiceActivity(0.6, 200, 350),
    tools=[ToolSpec("get_time", "The time.", {"type": "object", "properties": {}})],
)
FRAMES = {
    "input_audio_buffer.append": commands.append("append_1", b"\0\1" * 480),
    "input_audio_buffer.commit": commands.commit("commit_1"),
    "input_audio_buffer.clear": commands.clear("clear_1"),
    "response.create": commands.create_response("create_1", "Be brief."),
    "response.cancel": commands.cancel_response("cancel_1"),
    "conversation.item.truncate": commands.truncate("truncate_1", "item_1", 340),
    "conversation.item.delete": commands.delete("delete_1", "item_1"),
    "session.update": commands.session_update(
        "update_1", SETTINGS, transcription_model="gpt-transcribe"
    ),
}
ITEMS = [
    commands.message("item_1", HistoryItem("user", "Hello")),
    commands.message("item_2", HistoryItem("assistant", "Hi")),
    commands.tool_result("item_3", "call_1", "{}"),
]


def judge(text: str) -> dict[str, Any]:
    """The SDK's own types, strictly: no key that they do not know."""
    body: dict[str, Any] = json.loads(text)
    adapter: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
    event = adapter.validate_python(body)
    assert adapter.dump_python(event, mode="json", exclude_unset=True) == body
    return body


@pytest.mark.parametrize("kind", sorted(FRAMES))
def test_each_command_is_a_frame_the_service_takes(kind: str) -> None:
    body = judge(FRAMES[kind])
    assert body["type"] == kind
    assert commands.kind_of(body["event_id"]) + "_1" == body["event_id"]


@pytest.mark.parametrize("text", ITEMS)
def test_items_are_frames_the_service_takes(text: str) -> None:
    assert judge(text)["type"] == "conversation.item.create"


def test_the_settings_are_sent_whole() -> None:
    session = json.loads(FRAMES["session.update"])["session"]
    pcm = {"type": "audio/pcm", "rate": 24_000}
    assert session == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be kind.",
        "tools": [
            {
                "type": "function",
                "name": "get_time",
                "description": "The time.",
                "parameters": {"type": "object", "properties": {}},
            }
        ],
        "tool_choice": "auto",
        "audio": {
            "input": {
                "format": pcm,
                "noise_reduction": None,
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.6,
                    "prefix_padding_ms": 200,
                    "silence_duration_ms": 350,
                    "create_response": False,
                    "interrupt_response": False,
                },
            },
            "output": {"format": pcm, "voice": "marin"},
        },
    }


def test_push_to_talk_switches_the_detector_off() -> None:
    settings = SessionSettings(instructions="", voice="marin", voice_activity=None)
    body = judge(commands.session_update("update_1", settings, transcription_model=None))
    assert body["session"]["audio"]["input"]["turn_detection"] is None
    assert body["session"]["audio"]["input"]["transcription"] is None


def test_the_voice_is_left_out_once_it_is_in_force() -> None:
    text = commands.session_update("u_1", SETTINGS, transcription_model=None, with_voice=False)
    assert "voice" not in judge(text)["session"]["audio"]["output"]


def test_an_answer_without_own_instructions_keeps_the_sessions() -> None:
    assert "response" not in judge(commands.create_response("create_1", None))


def test_an_assistants_line_goes_back_as_output_text() -> None:
    contents = [json.loads(text)["item"]["content"][0]["type"] for text in ITEMS[:2]]
    assert contents == ["input_text", "output_text"]


@given(pcm=st.binary(max_size=1_000))
def test_audio_survives_the_frame(pcm: bytes) -> None:
    assert base64.b64decode(json.loads(commands.append("append_7", pcm))["audio"]) == pcm


@given(text=st.text())
def test_any_text_survives_the_frame(text: str) -> None:
    body = json.loads(commands.message("item_1", HistoryItem("user", text)))
    assert body["item"]["content"][0]["text"] == text


@pytest.mark.parametrize("event_id", [None, "", "event"])
def test_a_foreign_event_id_is_no_command_of_ours(event_id: str | None) -> None:
    assert commands.kind_of(event_id) in ("", "event")

"""Clients that this project did not write: the openai package's and openai-agents'."""

from __future__ import annotations

import base64
from typing import Any

import anyio
import pytest
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.model import RealtimePlaybackTracker
from openai import AsyncOpenAI

from tests.local.realtime_client import scripted_server, silence, tone
from voice_loop.local import LocalOptions, LocalServer
from voice_loop.local.brain.base import Call, Said, Say, Wait
from voice_loop.local.brain.scripted import ScriptedResponder

pytestmark = pytest.mark.anyio


def sdk(server: LocalServer) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="any", websocket_base_url=server.url)


async def test_the_openai_package_holds_a_spoken_turn() -> None:
    async with scripted_server(hears=("What time is it?",)) as server:
        client = sdk(server)
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.session.update(
                session={
                    "type": "realtime",
                    "audio": {"input": {"transcription": {"model": "whisper-1"}}},
                }
            )
            await connection.input_audio_buffer.append(
                audio=base64.b64encode(tone(500) + silence(500)).decode()
            )
            seen = []
            with anyio.fail_after(30):
                async for event in connection:
                    seen.append(event.type)
                    if event.type == "conversation.item.input_audio_transcription.completed":
                        assert event.transcript == "What time is it?"
                    if event.type == "response.done":
                        assert event.response.status == "completed"
                        break
        await client.close()
    assert "error" not in seen
    assert "response.output_audio.delta" in seen


async def test_the_openai_package_runs_a_tool() -> None:
    responder = ScriptedResponder([Call("add", '{"a": 1}')])
    async with scripted_server(responder) as server:
        client = sdk(server)
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "Add."}],
                }
            )
            await connection.response.create()
            with anyio.fail_after(30):
                async for event in connection:
                    if event.type == "response.function_call_arguments.done":
                        await connection.conversation.item.create(
                            item={
                                "type": "function_call_output",
                                "call_id": event.call_id,
                                "output": "2",
                            }
                        )
                    elif event.type == "response.done" and event.response.output:
                        if event.response.output[0].type == "function_call":
                            await connection.response.create()
                        else:
                            break
        await client.close()
    assert "The tool says: 2." in str(event)


def _runner(server: LocalServer) -> tuple[RealtimeRunner, Any]:
    agent = RealtimeAgent(name="Assistant", instructions="Answer briefly.")
    runner = RealtimeRunner(agent)
    model_config = {
        "api_key": "any",
        "url": f"{server.url}/realtime?model=gpt-realtime",
        "playback_tracker": RealtimePlaybackTracker(),
        "initial_model_settings": {
            "turn_detection": {
                "type": "server_vad",
                "silence_duration_ms": 200,
                "interrupt_response": True,
                "create_response": True,
            },
            "tracing": None,
        },
    }
    return runner, model_config


async def test_openai_agents_holds_a_voice_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    async with scripted_server(hears=("Hello agent.",)) as server:
        runner, model_config = _runner(server)
        async with await runner.run(model_config=model_config) as session:
            await session.send_audio(tone(500) + silence(500))
            heard, texts = 0, ""
            with anyio.fail_after(15):
                async for event in session:
                    assert event.type != "error", event
                    if event.type == "audio":
                        heard += len(event.audio.data)
                    elif event.type == "history_updated":
                        texts = str(event.history)
                    if event.type == "audio_end" or ("You said" in texts and heard):
                        break
    assert heard > 0


async def test_openai_agents_is_interrupted_and_truncates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    responder = ScriptedResponder([[Say("word " * 30), Say(". "), Wait(60_000)], "Yes?"])
    async with scripted_server(responder, hears=("Go.", "Stop.")) as server:
        runner, model_config = _runner(server)
        interrupted = False
        spoke_over = False
        async with await runner.run(model_config=model_config) as session:
            await session.send_audio(tone(500) + silence(500))
            with anyio.fail_after(15):
                async for event in session:
                    assert event.type != "error", event
                    if event.type == "audio" and not spoke_over:
                        spoke_over = True
                        tracker = model_config["playback_tracker"]
                        tracker.on_play_ms(event.item_id, event.content_index, 40.0)
                        await session.send_audio(tone(400) + silence(500))
                    interrupted = interrupted or event.type == "audio_interrupted"
                    if event.type == "audio_end" and len(responder.contexts) == 2:
                        break
    assert interrupted
    # The second answer was made from a memory that holds only what was heard of the first.
    said = [entry for entry in responder.contexts[1].entries if isinstance(entry, Said)]
    assert all(len(entry.text.split()) < 30 for entry in said)
    assert [entry.role for entry in said if not entry.cut] == ["user", "user"]


async def test_a_refused_key_is_the_sdks_closed_connection() -> None:
    options = LocalOptions(api_keys=frozenset({"other"}))
    async with scripted_server(options=options) as server:
        client = sdk(server)
        async with client.realtime.connect(model="gpt-realtime") as connection:
            event = await connection.recv()
        await client.close()
    assert event.type == "error"
    assert event.error.code == "invalid_api_key"

"""What a client can do to the server for hours, in seconds: everything stays bounded."""

from __future__ import annotations

import base64
import logging
import random

import anyio
import numpy as np
import pytest

from tests.local.realtime_client import (
    RealtimeClient,
    client_of,
    conversation,
    eventually,
    kinds,
    scripted_server,
    silence,
    tone,
)
from voice_loop.audio.pcm import ms_to_bytes
from voice_loop.local import serve
from voice_loop.local.brain.scripted import ScriptedResponder
from voice_loop.local.conversation import KEPT_AUDIO_BYTES, MAX_ITEMS
from voice_loop.local.detector import LevelDetector
from voice_loop.local.ear import Ear
from voice_loop.local.engines import EngineRoom, Engines, scripted_engines
from voice_loop.local.input_buffer import MAX_BUFFER_BYTES
from voice_loop.local.recogniser import RECOGNISER_RATE_HZ, Samples
from voice_loop.local.turn_detection import TurnSettings
from voice_loop.local.voice import ToneVoice

pytestmark = pytest.mark.anyio
MINUTE_MS = 60_000


class Measuring:
    """A recogniser that notes how long what it gets is, in seconds."""

    def __init__(self) -> None:
        self.lengths_s: list[float] = []

    def recognise(self, speech: Samples, voiced_ms: float) -> str:
        self.lengths_s.append(len(speech) / RECOGNISER_RATE_HZ)
        return "Hello."


async def test_an_hour_of_noise_keeps_ten_seconds_and_starts_nothing() -> None:
    hiss = np.random.default_rng(1).normal(0, 80, 24 * MINUTE_MS).astype("<i2").tobytes()
    engines = scripted_engines(ScriptedResponder(["Yes."]))
    async with anyio.create_task_group() as tasks:
        ear = Ear(EngineRoom(lambda: engines), engines, tasks)
        ear.set_turn_detection(TurnSettings())
        for _ in range(60):
            assert [event async for event in ear.append(hiss)] == []
            assert ear.buffer.samples <= 24 * 10_000
    assert ear.buffer.end_sample == 60 * MINUTE_MS * 24


async def test_a_voice_without_end_is_held_within_a_bound_and_its_last_minute_is_heard() -> None:
    recogniser = Measuring()
    engines = Engines(LevelDetector(), ToneVoice(), recogniser, ScriptedResponder(["Yes."]))
    minute = tone(MINUTE_MS)
    async with serve(engines=engines) as server, client_of(server) as client:
        await client.turn_detection(silence_duration_ms=300)
        for _ in range(MAX_BUFFER_BYTES // len(minute) + 2):
            await client.append(minute, chunk_ms=MINUTE_MS)
        await client.append(silence(600))
        with anyio.fail_after(120):
            frames = await client.until("response.done")
    assert kinds(frames).count("input_audio_buffer.speech_started") == 1
    assert 0 < max(recogniser.lengths_s) <= 60


async def test_thousands_of_turns_leave_no_more_than_the_last_ones() -> None:
    async with conversation(ScriptedResponder(["Yes."])) as client:
        await client.push_to_talk()
        for number in range(MAX_ITEMS + 20):
            await client.append(silence(200), chunk_ms=200)
            await client.send("input_audio_buffer.commit", event_id=f"commit {number}")
            await client.expect("conversation.item.done")
        frames = client.frames
    assert "error" not in kinds(frames)
    assert kinds(frames).count("input_audio_buffer.committed") == MAX_ITEMS + 20


async def test_a_long_conversations_audio_is_forgotten_before_its_words() -> None:
    turn = base64.b64encode(tone(10_000)).decode()
    needed = KEPT_AUDIO_BYTES // ms_to_bytes(10_000) + 2
    async with conversation(ScriptedResponder(["Yes."]), hears=("Hello.",)) as client:
        await client.push_to_talk()
        ids = []
        for _ in range(needed):
            await client.send("input_audio_buffer.append", audio=turn)
            await client.send("input_audio_buffer.commit")
            ids.append((await client.expect("conversation.item.done"))["item"]["id"])
        await client.respond()
        await client.until("response.done")
        held = {}
        for item_id in (ids[0], ids[-1]):
            await client.send("conversation.item.retrieve", item_id=item_id)
            frame = await client.expect("conversation.item.retrieved")
            held[item_id] = frame["item"]["content"][0]
    assert held[ids[0]] == {"type": "input_audio", "transcript": "Hello.", "audio": None}
    assert held[ids[-1]]["audio"]


async def test_two_hundred_sockets_that_come_and_drop_leave_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dice = random.Random(5)

    async def come_and_go() -> None:
        async with client_of(server) as client:
            await client.turn_detection(silence_duration_ms=200)
            for _ in range(dice.randrange(4)):
                await client.append(tone(200) + silence(300), chunk_ms=100)
            await client.respond()
            client.socket.transport.abort()

    responder = ScriptedResponder(["word " * 40])
    with caplog.at_level(logging.WARNING):
        async with scripted_server(responder) as server:
            for _ in range(20):
                async with anyio.create_task_group() as tasks:
                    for _ in range(10):
                        tasks.start_soon(come_and_go)
            await eventually(lambda: not server.sessions)
            async with client_of(server) as client:
                assert isinstance(client, RealtimeClient)
                await client.update()
            await eventually(lambda: not server.sessions)
    assert "failed" not in caplog.text

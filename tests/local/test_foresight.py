"""The first sentence is ready when the turn ends, and nothing is said or done before."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from tests.local.realtime_client import (
    RealtimeClient,
    client_of,
    eventually,
    kinds,
    silence,
    tone,
    transcript_of,
)
from voice_loop.local import serve
from voice_loop.local.brain.base import Context, Said, Say, Step, Tool
from voice_loop.local.brain.builtin import BuiltinResponder
from voice_loop.local.brain.scripted import ScriptedResponder
from voice_loop.local.detector import LevelDetector
from voice_loop.local.engines import EngineRoom, Engines, scripted_engines
from voice_loop.local.foresight import Foresight, first_sentence
from voice_loop.local.recogniser import ScriptedRecogniser
from voice_loop.local.voice import Speech, ToneVoice

pytestmark = pytest.mark.anyio
WINDOW_MS = 1_000
TO_THE_PAUSE_MS = 500
LAMP = {
    "type": "function",
    "name": "lamp_on",
    "description": "Turn the lamp on.",
    "parameters": {"type": "object", "properties": {}},
}


@dataclass
class Recorder:
    """A voice that remembers what it was asked to say."""

    said: list[tuple[str, float]] = field(default_factory=list)
    broken: bool = False

    def speak(self, sentence: str, speed: float = 1.0) -> Speech:
        self.said.append((sentence, speed))
        if self.broken:
            raise RuntimeError("no voice today")
        return ToneVoice().speak(sentence, speed)


@asynccontextmanager
async def listening(
    voice: Recorder, *heard: str, responder: BuiltinResponder | None = None
) -> AsyncIterator[RealtimeClient]:
    """A client whose user will be understood to say `heard`."""
    engines = Engines(
        LevelDetector(), voice, ScriptedRecogniser(heard), responder or BuiltinResponder()
    )
    async with serve(engines=engines) as server, client_of(server) as client:
        await client.turn_detection(silence_duration_ms=WINDOW_MS)
        yield client


async def test_the_first_sentence_is_spoken_ahead_and_once() -> None:
    voice = Recorder()
    async with listening(voice, "What is two plus two?") as client:
        await client.append(tone(600) + silence(TO_THE_PAUSE_MS))
        await eventually(lambda: voice.said)
        await client.update()
        assert not any(kind.startswith("response") for kind in kinds(client.frames))
        await client.append(silence(WINDOW_MS))
        frames = await client.until("response.done")
    assert transcript_of(frames) == "That is 4."
    assert voice.said == [("That is 4.", 1.0)]


async def test_what_was_foreseen_is_forgotten_when_the_user_goes_on() -> None:
    voice = Recorder()
    async with listening(voice, "What is two plus two", "What is two plus twenty?") as client:
        await client.append(tone(600) + silence(TO_THE_PAUSE_MS))
        await eventually(lambda: voice.said)
        await client.append(tone(400) + silence(WINDOW_MS + 200))
        frames = await client.until("response.done")
    assert transcript_of(frames) == "That is 22."
    assert [sentence for sentence, _ in voice.said] == ["That is 4.", "That is 22."]


async def test_a_tool_is_not_called_ahead() -> None:
    asked: list[Context] = []

    class Watched(BuiltinResponder):
        async def respond(self, context: Context) -> AsyncGenerator[Step, None]:
            asked.append(context)
            async for step in super().respond(context):
                yield step

    voice = Recorder()
    async with listening(voice, "Turn the lamp on.", responder=Watched()) as client:
        await client.update(tools=[LAMP])
        await client.append(tone(600) + silence(TO_THE_PAUSE_MS))
        await client.update()
        assert asked == []
        await client.append(silence(WINDOW_MS))
        frames = await client.until("response.done")
    assert "response.function_call_arguments.done" in kinds(frames)
    assert voice.said == []


@pytest.mark.parametrize("change", ["text", "no answer"])
async def test_nothing_is_foreseen_where_nothing_will_be_spoken(change: str) -> None:
    voice = Recorder()
    async with listening(voice, "What is two plus two?") as client:
        if change == "text":
            await client.update(output_modalities=["text"])
        else:
            await client.turn_detection(silence_duration_ms=WINDOW_MS, create_response=False)
        await client.append(tone(600) + silence(TO_THE_PAUSE_MS + WINDOW_MS))
        await client.until("conversation.item.done")
        await client.update()
    assert voice.said == []


async def test_a_pace_asked_for_makes_the_foreseen_useless_and_the_answer_right() -> None:
    voice = Recorder()
    async with listening(voice, "Speak slower, please.") as client:
        await client.append(tone(600) + silence(TO_THE_PAUSE_MS + WINDOW_MS))
        frames = await client.until("response.done")
    assert transcript_of(frames) == "Okay, slower."
    assert voice.said[-1] == ("Okay, slower.", 0.8)


async def test_a_voice_that_fails_ahead_fails_no_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    voice = Recorder(broken=True)
    async with listening(voice, "What is two plus two?") as client:
        with caplog.at_level(logging.WARNING):
            await client.append(tone(600) + silence(TO_THE_PAUSE_MS))
            await eventually(lambda: "speaking ahead failed" in caplog.text)
        voice.broken = False
        await client.append(silence(WINDOW_MS))
        frames = await client.until("response.done")
    assert transcript_of(frames) == "That is 4."
    assert "That is" not in caplog.text


@asynccontextmanager
async def foresight(voice: Recorder, responder: object = None) -> AsyncIterator[Foresight]:
    engines = scripted_engines(BuiltinResponder(), voice=voice)
    async with anyio.create_task_group() as tasks:
        yield Foresight(
            EngineRoom(lambda: engines),
            voice,
            responder or engines.responder,  # type: ignore[arg-type]
            tasks,
        )


def asked(text: str, *tools: Tool) -> Context:
    return Context([Said("user", text)], tools=tools)


async def test_only_the_same_sentence_at_the_same_pace_is_given_once() -> None:
    voice = Recorder()
    async with foresight(voice) as ahead:
        assert ahead.possible
        ahead.begin(asked("What is two plus two?"), 1.0, 0.0)
        assert await ahead.take("That is 5.", 1.0) is None
        assert await ahead.take("That is 4.", 1.5) is None
        found = await ahead.take("That is 4.", 1.0)
        assert found is not None
        assert found.pcm
        assert await ahead.take("That is 4.", 1.0) is None


async def test_what_was_dropped_is_not_given() -> None:
    async with foresight(Recorder()) as ahead:
        ahead.begin(asked("What is two plus two?"), 1.0, 0.0)
        ahead.drop()
        assert await ahead.take("That is 4.", 1.0) is None


async def test_a_responder_that_costs_something_is_not_asked_ahead() -> None:
    voice = Recorder()
    async with foresight(voice, ScriptedResponder([Say("Hello.")])) as ahead:
        assert not ahead.possible
        ahead.begin(asked("Hello?"), 1.0, 0.0)
        assert await ahead.take("Hello.", 1.0) is None
    assert voice.said == []


def test_the_builtin_responder_foresees_what_it_then_says() -> None:
    assert BuiltinResponder().foresee(asked("What is two plus two?")) == "That is 4."
    tool = Tool("lamp_on", "Turn the lamp on.", {"type": "object", "properties": {}})
    assert BuiltinResponder().foresee(asked("Turn the lamp on.", tool)) is None


@pytest.mark.parametrize(
    ("text", "first"), [("", ""), ("One", "One"), ("One. Two.", "One."), ("A cat! Yes.", "A cat!")]
)
def test_the_first_sentence_is_cut_as_an_answer_is(text: str, first: str) -> None:
    assert first_sentence(text) == first

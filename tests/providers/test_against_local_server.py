"""The adapter and the embedded server, which another pair of hands wrote, understand each other.

Quick engines: loudness is speech, the texts are given, the voice is a hum. The frames, the sockets
and the detector's time line are real.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import numpy as np
import pytest

from voice_loop.audio.pcm import bytes_to_ms, from_float
from voice_loop.errors import ProviderRejected, ProviderTimeout, ProviderUnavailable
from voice_loop.local.brain.base import Call, Say
from voice_loop.local.brain.scripted import ScriptedResponder
from voice_loop.local.engines import scripted_engines
from voice_loop.local.options import Faults, LocalOptions
from voice_loop.local.server import LocalServer, serve
from voice_loop.providers.base import (
    Expiring,
    Fault,
    HistoryItem,
    InputCommitted,
    InputTranscript,
    ItemDeleted,
    ItemTruncated,
    OutputAudio,
    OutputAudioDone,
    OutputStarted,
    OutputTranscript,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SessionSettings,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolSpec,
    Updated,
)
from voice_loop.providers.openai_realtime.adapter import OpenAIRealtimeProvider, Tuning
from voice_loop.providers.openai_realtime.link import Bounds

pytestmark = pytest.mark.anyio

EventT = TypeVar("EventT", bound=ProviderEvent)
LONG = "This answer goes on and on, so that there is time enough to talk over it. " * 3
TOOL = ToolSpec("get_time", "The time.", {"type": "object", "properties": {}})
PUSH_TO_TALK = SessionSettings(instructions="", voice="marin", voice_activity=None)
SETTINGS = SessionSettings(instructions="Be kind.", voice="marin", tools=[TOOL])
WORDS_MS = 800


def tone(duration_ms: int) -> bytes:
    samples = np.arange(duration_ms * 24)
    return from_float(0.4 * np.sin(2 * np.pi * 220 * samples / 24_000))


def silence(duration_ms: int) -> bytes:
    return bytes(duration_ms * 48)


class Conversation:
    """A connected provider, its events read in order."""

    def __init__(self, provider: OpenAIRealtimeProvider) -> None:
        self.provider = provider
        self._events = aiter(provider.events())
        self.seen: list[ProviderEvent] = []

    async def until(self, kind: type[EventT]) -> EventT:
        """Read on to the next event of this kind."""
        with anyio.fail_after(30):
            while True:
                event = await anext(self._events)
                self.seen.append(event)
                if isinstance(event, kind):
                    return event

    async def rest(self) -> list[ProviderEvent]:
        with anyio.fail_after(30):
            return [event async for event in self._events]

    async def say(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 960):
            await self.provider.append_audio(pcm[start : start + 960])

    def of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.seen if isinstance(event, kind)]


def provider_of(server: LocalServer, **more: Any) -> OpenAIRealtimeProvider:
    return OpenAIRealtimeProvider(
        api_key="local", model="voice-loop", base_url=server.url, name="local", **more
    )


@asynccontextmanager
async def talk(
    *answers: Any, settings: SessionSettings = SETTINGS, options: LocalOptions | None = None
) -> AsyncIterator[Conversation]:
    engines = scripted_engines(ScriptedResponder(answers))
    async with serve(options, engines) as server:
        provider = provider_of(server)
        with anyio.fail_after(30):
            await provider.connect(settings)
        try:
            yield Conversation(provider)
        finally:
            await provider.aclose()


async def test_a_whole_turn_by_voice() -> None:
    async with talk("Good evening to you.") as conversation:
        await conversation.say(silence(400) + tone(WORDS_MS) + silence(900))
        started = await conversation.until(SpeechStarted)
        stopped = await conversation.until(SpeechStopped)
        committed = await conversation.until(InputCommitted)
        assert started.item_id == stopped.item_id == committed.item_id
        assert 0 <= started.audio_start_ms <= 400
        assert 1_000 <= stopped.audio_end_ms <= 2_100
        assert conversation.of(ResponseStarted) == []  # it never answers by itself
        await conversation.provider.create_response()
        done = await conversation.until(ResponseDone)
    assert done.status == "completed"
    (output,) = conversation.of(OutputStarted)
    audio = conversation.of(OutputAudio)
    assert {chunk.item_id for chunk in audio} == {output.item_id}
    assert sum(bytes_to_ms(len(chunk.pcm)) for chunk in audio) > 300
    assert conversation.of(OutputAudioDone) == [OutputAudioDone(done.response_id, output.item_id)]
    lines = conversation.of(OutputTranscript)
    assert lines[-1].final
    assert lines[-1].text == "".join(line.delta for line in lines).strip()
    assert lines[-1].text == "Good evening to you."


async def test_what_was_said_is_transcribed() -> None:
    async with talk() as conversation:
        await conversation.say(silence(300) + tone(WORDS_MS) + silence(900))
        committed = await conversation.until(InputCommitted)
        heard = await conversation.until(InputTranscript)
        while not heard.final:
            heard = await conversation.until(InputTranscript)
    assert heard.item_id == committed.item_id


async def test_an_answer_is_cancelled_truncated_and_gone_on_from() -> None:
    slow = LocalOptions(faults=Faults(slow_delta_ms=20))
    async with talk(LONG, "Yes?", options=slow) as conversation:
        provider = conversation.provider
        await provider.add_text("Tell me everything.")
        await provider.create_response()
        first = await conversation.until(OutputAudio)
        await conversation.until(OutputAudio)
        await provider.cancel_response()
        done = await conversation.until(ResponseDone)
        await provider.truncate_item(first.item_id, 60)
        truncated = await conversation.until(ItemTruncated)
        await provider.create_response()
        second = await conversation.until(ResponseDone)
    assert (done.status, second.status) == ("cancelled", "completed")
    assert truncated == ItemTruncated(first.item_id, 60)


async def test_races_are_benign_here_too() -> None:
    async with talk("Short.") as conversation:
        provider = conversation.provider
        await provider.cancel_response()
        await provider.add_text("Hello")
        await provider.create_response()
        audio = await conversation.until(OutputAudio)
        await conversation.until(ResponseDone)
        await provider.truncate_item(audio.item_id, 3_600_000)
        await provider.delete_item("item_that_never_was")
        await provider.delete_item(audio.item_id)
        assert await conversation.until(ItemDeleted) == ItemDeleted(audio.item_id)
        assert conversation.of(Fault) == []
        assert provider.counters.benign == 3


async def test_a_second_answer_asked_too_early_comes_after_the_first() -> None:
    slow = LocalOptions(faults=Faults(slow_delta_ms=10))
    async with talk("One moment.", "Two.", options=slow) as conversation:
        provider = conversation.provider
        await provider.add_text("Count.")
        await provider.create_response()
        await conversation.until(ResponseStarted)
        await provider.create_response()
        first = await conversation.until(ResponseDone)
        second = await conversation.until(ResponseDone)
    assert first.response_id != second.response_id
    assert (first.status, second.status) == ("completed", "completed")


async def test_a_tool_is_called_once_and_its_result_is_spoken() -> None:
    async with talk(Call("get_time", '{"zone":"UTC"}'), "It is noon.") as conversation:
        provider = conversation.provider
        await provider.add_text("What time is it?")
        await provider.create_response()
        await conversation.until(ResponseDone)
        (asked,) = conversation.of(ToolCall)
        assert (asked.name, asked.arguments) == ("get_time", '{"zone":"UTC"}')
        await provider.add_tool_result(asked.call_id, '{"time":"12:00"}')
        await provider.create_response()
        done = await conversation.until(ResponseDone)
    assert done.status == "completed"
    assert conversation.of(OutputTranscript)[-1].text == "It is noon."


async def test_push_to_talk_commits_by_hand() -> None:
    async with talk("Understood.", settings=PUSH_TO_TALK) as conversation:
        provider = conversation.provider
        await provider.commit_audio()  # nothing was said: benign
        await conversation.say(tone(300))
        await provider.clear_audio()
        await conversation.say(tone(WORDS_MS))
        await provider.commit_audio()
        await conversation.until(InputCommitted)
        await provider.create_response()
        assert (await conversation.until(ResponseDone)).status == "completed"
    assert conversation.of(SpeechStarted) == []
    assert conversation.of(Fault) == []


async def test_the_mode_changes_between_turns() -> None:
    async with talk(settings=PUSH_TO_TALK) as conversation:
        await conversation.provider.update(SETTINGS)
        assert await conversation.until(Updated) == Updated()
        await conversation.say(silence(300) + tone(WORDS_MS) + silence(900))
        await conversation.until(SpeechStarted)


async def test_the_history_is_known_to_the_responder() -> None:
    responder = ScriptedResponder(["Hello Ada."])
    history = [HistoryItem("user", "I am Ada."), HistoryItem("assistant", "Pleased to meet you.")]
    settings = SessionSettings(instructions="", voice="marin", history=history)
    async with serve(engines=scripted_engines(responder)) as server:
        provider = provider_of(server)
        await provider.connect(settings)
        conversation = Conversation(provider)
        await provider.add_text("Who am I?")
        await provider.create_response()
        await conversation.until(ResponseDone)
        await provider.aclose()
    assert len(responder.contexts[0].entries) == 3


async def test_a_failed_answer_has_our_code() -> None:
    options = LocalOptions(faults=Faults(fail_response="insufficient_quota"))
    async with talk(Say("never"), options=options) as conversation:
        await conversation.provider.add_text("Hello")
        await conversation.provider.create_response()
        done = await conversation.until(ResponseDone)
    assert (done.status, done.error) == ("failed", "provider_quota")


async def test_bad_frames_of_a_peer_do_not_end_the_conversation() -> None:
    faults = Faults(malformed_after_frames=4, unknown_event_after_frames=5)
    async with talk("Still here.", options=LocalOptions(faults=faults)) as conversation:
        await conversation.provider.add_text("Hello")
        await conversation.provider.create_response()
        assert (await conversation.until(ResponseDone)).status == "completed"
        counters = conversation.provider.counters
    assert (counters.malformed, counters.unknown) == (1, 1)


async def test_a_cut_in_the_middle_of_an_answer_is_lost_not_endless() -> None:
    faults = LocalOptions(faults=Faults(cut_after_audio_deltas=2))
    async with talk(LONG, options=faults) as conversation:
        await conversation.provider.add_text("Hello")
        await conversation.provider.create_response()
        events = await conversation.rest()
    assert isinstance(events[-1], Fault)
    assert (events[-1].code, events[-1].recoverable) == ("provider_lost", False)


async def test_the_longest_session_expires() -> None:
    async with talk(options=LocalOptions(expire_after_s=0.2)) as conversation:
        assert await conversation.rest() == [Expiring()]


@pytest.mark.parametrize(
    ("faults", "kind", "code"),
    [
        (Faults(refuse_status=401), ProviderRejected, "provider_key_refused"),
        (
            Faults(refuse_status=429, retry_after_s=2),
            ProviderUnavailable,
            "provider_rate_limited",
        ),
        (Faults(refuse_status=503), ProviderUnavailable, "provider_unreachable"),
        (Faults(error_at_start="invalid_api_key"), ProviderRejected, "provider_key_refused"),
        (
            Faults(error_at_start="model_not_found", close_code=4000),
            ProviderRejected,
            "provider_model_unknown",
        ),
        (Faults(silent_at_start=True), ProviderTimeout, "provider_timeout"),
        (Faults(stall_after_frames=1), ProviderTimeout, "provider_timeout"),
    ],
)
async def test_a_server_that_does_not_let_us_in_is_reported(
    faults: Faults, kind: type[Exception], code: str
) -> None:
    async with serve(LocalOptions(faults=faults), scripted_engines()) as server:
        provider = provider_of(server, tuning=Tuning(bounds=Bounds(connect_ms=400)))
        with anyio.fail_after(30), pytest.raises(kind) as caught:
            await provider.connect(SETTINGS)
    assert getattr(caught.value, "code", None) == code


async def test_a_missing_voice_is_said_in_our_words() -> None:
    faults = Faults(error_at_start="local_unavailable", close_code=1011)
    async with serve(LocalOptions(faults=faults), scripted_engines()) as server:
        with anyio.fail_after(30), pytest.raises(ProviderRejected, match="not installed"):
            await provider_of(server).connect(SETTINGS)

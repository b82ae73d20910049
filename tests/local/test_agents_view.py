"""What was said, in three minds: openai-agents', the local server's and our own session's.

The SDK interrupts an answer of the local server at a known millisecond and truncates it. The same
frames, decoded by our adapter, drive our session to the same millisecond. All three must hold the
same words, and both clients must ask for the same cut.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from tests.local.realtime_client import scripted_server, silence, tone
from tests.local.test_sdk_clients import _runner
from tests.session.stage import Stage
from voice_loop.local.brain.base import Said, Say, Wait
from voice_loop.local.brain.scripted import ScriptedResponder
from voice_loop.providers import base
from voice_loop.providers.openai_realtime.codec import Decoder
from voice_loop.session import effects

pytestmark = pytest.mark.anyio

WORDS = "one two three four five six seven eight nine ten eleven twelve"
OF_THE_ANSWER = (
    "response.created",
    "response.output_item.added",
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
)


@dataclass
class View:
    """What the SDK saw, and what is left of the answer in its history and the server's memory."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    cut_ms: int = 0
    in_history: str = ""
    in_memory: str = ""


async def interrupted_at(played_ms: float, monkeypatch: pytest.MonkeyPatch) -> View:
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    responder = ScriptedResponder([[Say(f"{WORDS}. "), Wait(60_000)], "Yes?"])
    view = View()
    async with scripted_server(responder, hears=("Go.", "Stop.")) as server:
        runner, config = _runner(server)
        async with await runner.run(model_config=config) as session:
            await session.send_audio(tone(500) + silence(500))
            with anyio.fail_after(20):
                await _follow(session, view, config, played_ms)
    memory = [e for e in responder.contexts[-1].entries if isinstance(e, Said)]
    view.in_memory = " ".join(entry.text for entry in memory if entry.cut)
    return view


async def _follow(session: Any, view: View, config: Any, played_ms: float) -> None:
    received = 0
    async for event in session:
        assert event.type != "error", event
        if event.type == "raw_model_event" and event.data.type == "raw_server_event":
            _note(event.data.data, view)
        elif event.type == "audio" and received >= 0:
            received += len(event.audio.data)
            if received / 48 > played_ms:
                received = -1
                tracker = config["playback_tracker"]
                tracker.on_play_ms(event.item_id, event.content_index, played_ms)
                await session.send_audio(tone(400) + silence(500))
        elif event.type == "history_updated" and view.cut_ms:
            [first, *_] = [item for item in event.history if item.role == "assistant"]
            view.in_history = " ".join(part.transcript or "" for part in first.content)
            if event.history[-1].role == "assistant" and len(event.history) > 2:
                return


def _note(frame: dict[str, Any], view: View) -> None:
    if frame["type"] == "conversation.item.truncated":
        view.cut_ms = frame["audio_end_ms"]
    elif not view.cut_ms and frame["type"] in OF_THE_ANSWER:
        view.frames.append(frame)


def our_view(view: View, played_ms: float) -> tuple[list[effects.Command], str]:
    """What our session does and keeps, of the same frames."""
    stage = Stage(linked=False)
    stage.link_up(aligned=True)
    stage.user_says("Go.")
    decoder = Decoder()
    for frame in view.frames:
        event = decoder.decode(json.dumps(frame))
        assert isinstance(event, base.ProviderEvent)
        stage.provider(event)
    stage.commands()
    stage.played(played_ms)
    stage.barge_in(played_ms)
    kept = [i.text for i in stage.conversation.history.items() if i.role == "assistant"]
    return stage.commands(), " ".join(kept)


@pytest.mark.parametrize("played_ms", [260.0, 640.0, 1_500.0])
async def test_openai_agents_the_server_and_we_keep_the_same_words_of_a_cut_answer(
    monkeypatch: pytest.MonkeyPatch, played_ms: float
) -> None:
    view = await interrupted_at(played_ms, monkeypatch)
    commands, ours = our_view(view, played_ms)
    [cut] = [command for command in commands if isinstance(command, effects.TruncateItem)]
    assert cut.audio_end_ms == view.cut_ms == played_ms
    assert WORDS.startswith(view.in_memory)
    assert 0 < len(view.in_memory.split()) < 12
    assert view.in_history == view.in_memory == ours


async def test_the_word_that_is_cut_through_is_the_only_one_views_may_differ_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = await interrupted_at(130.0, monkeypatch)
    commands, ours = our_view(view, 130.0)
    [cut] = [command for command in commands if isinstance(command, effects.TruncateItem)]
    assert cut.audio_end_ms == view.cut_ms == 130
    # The server keeps whole words, we keep one that was more than half heard. The SDK takes the
    # empty text for a missing one and goes on showing what it had streamed.
    assert view.in_memory == ""
    assert ours in ("", "one")

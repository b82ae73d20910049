"""Items of the conversation: truncated to what was heard, deleted, created, replayed, retrieved."""

from __future__ import annotations

import base64
import json

import pytest

from tests.local.realtime_client import (
    Frame,
    audio_of,
    conversation,
    last,
    tone,
)
from voice_loop.audio.pcm import bytes_to_ms
from voice_loop.local.brain.base import (
    Instruction,
    Said,
    Say,
    Wait,
)
from voice_loop.local.brain.scripted import ScriptedResponder

pytestmark = pytest.mark.anyio


async def _answered(client_text: str = "one two three four five six.") -> tuple[Frame, bytes]:
    async with conversation(ScriptedResponder([client_text])) as client:
        frames = await client.ask("Go.")
    return last(frames, "response.output_item.done")["item"], audio_of(frames)


async def test_truncating_keeps_just_the_words_heard_in_memory() -> None:
    responder = ScriptedResponder(["one two three four five six.", "Ok."])
    async with conversation(responder, ms_per_word=200) as client:
        frames = await client.ask("Count.")
        item = last(frames, "response.output_item.done")["item"]
        await client.send(
            "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=650
        )
        truncated = await client.expect("conversation.item.truncated")
        await client.send("conversation.item.retrieve", item_id=item["id"])
        kept = (await client.expect("conversation.item.retrieved"))["item"]["content"][0]
        await client.ask("And?")
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item["id"], 650)
    assert truncated["content_index"] == 0
    assert kept["transcript"] == "one two three"
    assert bytes_to_ms(len(base64.b64decode(kept["audio"]))) == 650
    assert Said("assistant", "one two three", cut=True) in responder.contexts[1].entries


async def test_truncating_past_the_end_is_refused_in_the_services_words() -> None:
    async with conversation(ScriptedResponder(["one two."]), ms_per_word=200) as client:
        frames = await client.ask("Count.")
        item = last(frames, "response.output_item.done")["item"]
        await client.send(
            "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=5000
        )
        problem = await client.error()
        await client.send(
            "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=400
        )
        await client.expect("conversation.item.truncated")
    assert problem["message"] == "Audio content of 400ms is already shorter than 5000ms"
    assert problem["code"] == "invalid_value"


async def test_only_the_assistants_speech_can_be_truncated() -> None:
    async with conversation() as client:
        user = await client.type("Mine.")
        for item_id, code in (
            (user["id"], "unsupported_content_type"),
            ("item_nowhere", "item_truncate_invalid_item_id"),
        ):
            await client.send(
                "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0
            )
            assert (await client.error())["code"] == code
        frames = await client.ask("Text.", output_modalities=["text"])
        item = last(frames, "response.output_item.done")["item"]
        await client.send(
            "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=0
        )
        problem = await client.error()
        await client.send(
            "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=-1
        )
        negative = await client.error()
    assert problem["message"] == "Only model output audio messages can be truncated"
    assert negative["code"] == "integer_below_min_value"


async def test_truncating_in_the_middle_of_an_answer_is_acknowledged() -> None:
    responder = ScriptedResponder([[Say("one two three. "), Wait(60_000)]])
    async with conversation(responder) as client:
        await client.type("Go.")
        await client.respond()
        frames = await client.until("response.output_audio.delta")
        item_id = frames[-1]["item_id"]
        await client.send("response.cancel")
        await client.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100
        )
        await client.expect("conversation.item.truncated")
        await client.update()


async def test_a_deleted_item_is_forgotten() -> None:
    responder = ScriptedResponder(["Ok."])
    async with conversation(responder) as client:
        item = await client.type("Forget this.")
        await client.type("Keep this.")
        await client.send("conversation.item.delete", item_id=item["id"])
        assert (await client.expect("conversation.item.deleted"))["item_id"] == item["id"]
        await client.send("conversation.item.delete", item_id=item["id"])
        problem = await client.error()
        await client.respond()
        await client.expect("response.done")
    assert problem["code"] == "item_delete_invalid_item_id"
    assert responder.contexts[0].entries == [Said("user", "Keep this.")]


async def test_items_are_created_with_their_own_ids_and_at_their_places() -> None:
    responder = ScriptedResponder(["Ok."])
    async with conversation(responder) as client:

        async def create(text: str, **more: str) -> Frame:
            content = [{"type": "input_text", "text": text}]
            item = {"type": "message", "role": "system", "content": content, "id": text}
            await client.send("conversation.item.create", item=item, **more)
            return await client.expect("conversation.item.done")

        assert (await create("b"))["previous_item_id"] is None
        assert (await create("d"))["previous_item_id"] == "b"
        assert (await create("c", previous_item_id="b"))["previous_item_id"] == "b"
        assert (await create("a", previous_item_id="root"))["previous_item_id"] is None
        await client.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "id": "a", "content": []},
        )
        assert (await client.error())["code"] == "item_create_duplicate_item_id"
        await client.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": []},
            previous_item_id="z",
        )
        assert (await client.error())["param"] == "previous_item_id"
        await client.respond()
        await client.expect("response.done")
    assert responder.contexts[0].entries == [Instruction(text) for text in "abcd"]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "user", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "message", "role": "robot", "content": []},
        {"type": "message", "role": "user"},
        {"type": "function_call_output", "output": "x"},
        {"type": "song"},
        {"role": "user"},
        "text",
    ],
)
async def test_an_item_of_the_wrong_shape_is_refused(item: object) -> None:
    async with conversation() as client:
        await client.send("conversation.item.create", item=item)
        problem = await client.error()
        await client.update()
    assert problem["param"].startswith("item")


async def test_history_can_be_replayed_as_text_with_the_assistants_own_lines() -> None:
    responder = ScriptedResponder(["Ok."])
    async with conversation(responder) as client:
        await client.type("Hello.")
        item = {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi!"}],
        }
        await client.send("conversation.item.create", item=item)
        await client.expect("conversation.item.done")
        call = {"type": "function_call", "name": "f", "arguments": "{}"}
        await client.send("conversation.item.create", item=call)
        made = (await client.expect("conversation.item.done"))["item"]
        await client.ask("Go on.")
    assert made["call_id"].startswith("call_")
    assert responder.contexts[0].entries[:2] == [Said("user", "Hello."), Said("assistant", "Hi!")]


async def test_frames_stay_below_a_mebibyte_whatever_is_retrieved() -> None:
    async with conversation() as client:
        await client.push_to_talk()
        await client.append(bytes(48_000 * 30), 1000)
        await client.send("input_audio_buffer.commit")
        item = (await client.expect("conversation.item.done"))["item"]
        await client.send("conversation.item.retrieve", item_id=item["id"])
        kept = await client.expect("conversation.item.retrieved")
    assert kept["item"]["content"][0]["audio"] is None
    assert len(json.dumps(kept)) < 1024 * 1024


CLIP = {"type": "input_audio", "audio": base64.b64encode(tone(300)).decode()}


async def test_what_is_typed_beside_a_clip_is_kept() -> None:
    responder = ScriptedResponder(["Ok."])
    async with conversation(responder, hears=("spoken part",)) as client:
        item = await client.type(
            "Typed part.", content=[{"type": "input_text", "text": "Typed part,"}, CLIP]
        )
        await client.respond()
        await client.expect("response.done")
        await client.send("conversation.item.retrieve", item_id=item["id"])
        content = (await client.expect("conversation.item.retrieved"))["item"]["content"]
    assert responder.contexts[0].entries == [Said("user", "Typed part, spoken part")]
    assert [part.get("text") or part["transcript"] for part in content] == [
        "Typed part,",
        "spoken part",
    ]


async def test_a_clip_that_is_refused_changes_nothing() -> None:
    responder = ScriptedResponder(["Ok."])
    async with conversation(responder, hears=("Refused words.",)) as client:
        await client.type("The first.", id="mine")
        item = {"type": "message", "role": "user", "id": "mine", "content": [CLIP]}
        await client.send("conversation.item.create", item=item)
        assert (await client.error())["code"] == "item_create_duplicate_item_id"
        await client.respond()
        await client.expect("response.done")
    assert responder.contexts[0].entries == [Said("user", "The first.")]

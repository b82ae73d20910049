"""Answers: order and shape of their frames, cancelling, tools, limits."""

from __future__ import annotations

import base64

import anyio
import pytest

from tests.local.realtime_client import (
    ITEM_CLOSES,
    SPEECH_CLOSES,
    audio_of,
    client_of,
    conversation,
    eventually,
    kinds,
    last,
    scripted_server,
    silence,
    tone,
    transcript_of,
)
from voice_loop.audio.pcm import bytes_to_ms, level_dbfs
from voice_loop.local import Faults, LocalOptions
from voice_loop.local.brain.base import (
    Call,
    CalledTool,
    Fail,
    Pace,
    Said,
    Say,
    Step,
    ToolOutput,
    Wait,
)
from voice_loop.local.brain.scripted import ScriptedResponder

pytestmark = pytest.mark.anyio
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
}


async def test_a_spoken_answer_is_told_in_the_services_order() -> None:
    async with conversation(ScriptedResponder(["One two three. Four five."])) as client:
        frames = await client.ask("Count.")
    assert kinds(frames) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        *SPEECH_CLOSES,
    ]
    created, added, done = frames[0]["response"], frames[1], frames[-2]["response"]
    assert (created["status"], created["output"], created["usage"]) == ("in_progress", [], None)
    assert created["id"] == done["id"]
    assert created["conversation_id"].startswith("conv_")
    assert added["item"]["content"] == []
    assert added["item"]["status"] == "in_progress"
    assert frames[3]["part"] == {"type": "audio", "transcript": ""}
    text = "One two three. Four five."
    assert last(frames, "response.output_audio_transcript.done")["transcript"] == text
    assert last(frames, "response.content_part.done")["part"] == {
        "type": "audio",
        "transcript": text,
    }
    assert done["output"] == [last(frames, "response.output_item.done")["item"]]
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": text}]
    assert (done["status"], done["status_details"]) == ("completed", None)
    usage = done["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["output_token_details"]["audio_tokens"] > 0
    assert frames[-1]["rate_limits"][0]["name"] == "tokens"


async def test_audio_comes_in_chunks_of_at_most_100_ms_faster_than_it_plays() -> None:
    async with conversation(ScriptedResponder(["word " * 40])) as client:
        with anyio.fail_after(30):
            frames = await client.ask("Go on.")
    sizes = [
        bytes_to_ms(len(base64.b64decode(frame["delta"])))
        for frame in frames
        if frame["type"] == "response.output_audio.delta"
    ]
    assert sum(sizes) == 40 * 200
    assert max(sizes) <= 100


async def test_each_words_transcript_goes_out_ahead_of_its_audio_but_no_sentence_ahead() -> None:
    async with conversation(
        ScriptedResponder(["aa bb cc dd. ee ff gg hh."]), ms_per_word=200
    ) as client:
        frames = await client.ask("Letters.")
    audio_ms, seen = 0.0, {}
    for frame in frames:
        if frame["type"] == "response.output_audio.delta":
            audio_ms += bytes_to_ms(len(base64.b64decode(frame["delta"])))
        elif frame["type"] == "response.output_audio_transcript.delta":
            for word in frame["delta"].split():
                seen[word] = audio_ms
    expected = {
        word: index * 200 + (120 if index > 3 else 0)
        for index, word in enumerate(["aa", "bb", "cc", "dd.", "ee", "ff", "gg", "hh."])
    }
    for word, starts_ms in expected.items():
        assert starts_ms - 100 <= seen[word] <= starts_ms
    assert transcript_of(frames) == "aa bb cc dd. ee ff gg hh."


async def test_a_text_answer_has_text_and_no_audio() -> None:
    async with conversation(ScriptedResponder(["In writing. Twice."])) as client:
        frames = await client.ask("Write.", output_modalities=["text"])
        spoken = await client.ask("Speak.")
    assert kinds(frames) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        *ITEM_CLOSES,
    ]
    response = last(frames, "response.done")["response"]
    assert response["output_modalities"] == ["text"]
    assert response["audio"] is None
    assert response["output"][0]["content"] == [
        {"type": "output_text", "text": "In writing. Twice."}
    ]
    assert audio_of(spoken)


async def test_a_tool_call_is_told_in_the_services_order_and_its_result_is_spoken() -> None:
    responder = ScriptedResponder([Call("get_weather", '{"place": "Oslo"}')])
    async with conversation(responder) as client:
        await client.update(tools=[TOOL])
        frames = await client.ask("Weather in Oslo?")
        assert kinds(frames) == [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
        done = last(frames, "response.function_call_arguments.done")
        assert (done["name"], done["arguments"]) == ("get_weather", '{"place": "Oslo"}')
        assert len(done["call_id"]) == len("call_") + 16
        assert frames[1]["item"]["arguments"] == ""
        item = last(frames, "response.done")["response"]["output"][0]
        assert item["call_id"] == done["call_id"]
        output = {"type": "function_call_output", "call_id": done["call_id"], "output": "rain"}
        await client.send("conversation.item.create", item=output)
        made = (await client.expect("conversation.item.done"))["item"]
        await client.respond()
        answer = await client.until("response.done")
    assert "status" not in made
    assert "The tool says: rain." in str(answer[-1])
    entries = responder.contexts[1].entries
    assert isinstance(entries[1], CalledTool)
    assert isinstance(entries[2], ToolOutput)
    assert [tool.name for tool in responder.contexts[0].tools] == ["get_weather"]


async def test_an_answer_may_speak_and_call_several_tools() -> None:
    steps: list[str | Step] = [
        "Let me see.",
        Call("one", "{}"),
        Call("two", '{"a": "' + "x" * 200 + '"}'),
    ]
    async with conversation(ScriptedResponder([steps])) as client:
        frames = await client.ask("Do it.")
    output = last(frames, "response.done")["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
    indices = [f["output_index"] for f in frames if f["type"] == "response.output_item.added"]
    assert indices == [0, 1, 2]
    deltas = [
        frame["delta"]
        for frame in frames
        if frame["type"] == "response.function_call_arguments.delta" and frame["output_index"] == 2
    ]
    assert len(deltas) > 1
    assert "".join(deltas) == output[2]["arguments"]


async def test_tool_choice_decides_what_the_responder_may_do() -> None:
    responder = ScriptedResponder()
    async with conversation(responder) as client:
        await client.update(tools=[TOOL])
        await client.ask("a", tool_choice="none")
        await client.ask("b", tool_choice="required")
        await client.ask("c", tool_choice={"type": "function", "name": "get_weather"})
        await client.ask("d", tools=[])
    contexts = list(responder.contexts)
    assert [len(context.tools) for context in contexts] == [0, 1, 1, 0]
    assert [context.must_call for context in contexts] == [None, "*", "get_weather", None]


async def test_cancel_stops_the_answer_and_closes_it_in_order() -> None:
    responder = ScriptedResponder([[Say("Hold the line. "), Wait(60_000)]])
    async with conversation(responder) as client:
        await client.type("Talk.")
        await client.respond()
        created = await client.expect("response.created")
        await client.expect("response.output_audio.delta")
        await client.send("response.cancel", response_id=created["response"]["id"])
        frames = await client.until("rate_limits.updated")
    closing = [frame for frame in frames if not frame["type"].endswith(".delta")]
    assert kinds(closing) == [
        *SPEECH_CLOSES,
    ]
    response = closing[-2]["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert closing[3]["item"]["status"] == "incomplete"


async def test_cancel_before_the_first_output_leaves_no_item() -> None:
    async with conversation(options=LocalOptions(think_ms=60_000)) as client:
        await client.type("Think.")
        await client.respond()
        await client.expect("response.created")
        await client.send("response.cancel")
        frames = await client.until("response.done")
    assert kinds(frames) == ["response.done"]
    assert frames[0]["response"]["output"] == []


async def test_cancel_with_nothing_to_cancel_is_an_error_with_the_services_code() -> None:
    async with conversation() as client:
        await client.send("response.cancel", event_id="x1")
        problem = await client.error()
        await client.ask("Hi.")
        await client.send("response.cancel", response_id="resp_unknown")
        other = await client.error()
    assert problem["code"] == other["code"] == "response_cancel_not_active"
    assert problem["message"] == "Cancellation failed: no active response found"
    assert problem["event_id"] == "x1"


async def test_a_second_answer_waits_for_the_first_to_end() -> None:
    responder = ScriptedResponder([[Say("First. "), Wait(60_000)], "Second."])
    async with conversation(responder) as client:
        await client.respond()
        created = await client.expect("response.created")
        await client.respond()
        problem = await client.error()
        await client.send("response.cancel")
        await client.respond()
        frames = await client.until("response.done", response=_any_status(client, "completed"))
    assert problem["code"] == "conversation_already_has_active_response"
    assert created["response"]["id"] in problem["message"]
    assert "Second." in str(frames[-1])


class _AnyStatus(dict[str, object]):
    """Equal to a response of this status."""

    def __init__(self, status: str) -> None:
        super().__init__()
        self._status = status

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and other.get("status") == self._status

    __hash__ = None


def _any_status(client: object, status: str) -> _AnyStatus:
    return _AnyStatus(status)


async def test_out_of_band_answers_run_beside_and_join_no_conversation() -> None:
    responder = ScriptedResponder([[Say("Talking. "), Wait(60_000)], "Summary."])
    async with conversation(responder) as client:
        await client.respond()
        await client.expect("response.created")
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Sum up."}],
        }
        await client.respond(
            conversation="none",
            input=[item],
            output_modalities=["text"],
            instructions="Be short.",
            metadata={"topic": "sum"},
        )
        frames = await client.until("response.done")
        aside = frames[-1]["response"]
        assert aside["conversation_id"] is None
        assert aside["metadata"] == {"topic": "sum"}
        items = [f for f in frames if f["type"] == "conversation.item.added"]
        assert aside["output"][0]["id"] not in {f["item"]["id"] for f in items}
        await client.send("conversation.item.retrieve", item_id=aside["output"][0]["id"])
        assert (await client.error())["code"] == "item_retrieve_invalid_item_id"
    assert list(responder.contexts[1].entries) == [Said("user", "Sum up.")]
    assert responder.contexts[1].instructions == "Be short."


async def test_out_of_band_answers_are_bounded() -> None:
    responder = ScriptedResponder([Wait(60_000)] * 6)
    async with conversation(responder) as client:
        for _ in range(4):
            await client.respond(conversation="none")
            first = (await client.expect("response.created"))["response"]["id"]
        await client.respond(conversation="none")
        problem = await client.error()
        assert problem["code"] == "conversation_already_has_active_response"
        await client.send("response.cancel")
        assert (await client.error())["code"] == "response_cancel_not_active", "of the conversation"
        await client.send("response.cancel", response_id=first)
        await client.expect("response.done")
        await client.respond(conversation="none")
        await client.expect("response.created")


async def test_input_may_refer_to_items_and_an_unknown_one_is_refused() -> None:
    responder = ScriptedResponder(["Ok."])
    async with conversation(responder) as client:
        item = await client.type("First.")
        await client.type("Second.")
        await client.respond(input=[{"type": "item_reference", "id": item["id"]}])
        await client.expect("response.done")
        await client.respond(input=[{"type": "item_reference", "id": "item_no"}])
        assert (await client.error())["code"] == "item_retrieve_invalid_item_id"
    assert responder.contexts[0].entries == [Said("user", "First.")]


async def test_max_output_tokens_cuts_the_answer_short_and_says_so() -> None:
    async with conversation(ScriptedResponder(["word " * 100, "word " * 100])) as client:
        frames = await client.ask("Go.", max_output_tokens=20)
        text = await client.ask("Go.", max_output_tokens=20, output_modalities=["text"])
    response = last(frames, "response.done")["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["max_output_tokens"] == 20
    assert response["usage"]["output_tokens"] <= 20
    assert response["output"][0]["status"] == "incomplete"
    assert 0 < bytes_to_ms(len(audio_of(frames))) <= 1000
    assert last(text, "response.done")["response"]["status"] == "incomplete"


async def test_a_failed_answer_names_its_code_and_the_session_lives() -> None:
    responder = ScriptedResponder([["So far", Fail("rate_limit_exceeded", "Too much.")], "Fine."])
    async with conversation(responder) as client:
        frames = await client.ask("Go.")
        again = await client.ask("Again.")
    response = last(frames, "response.done")["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"] == {
        "type": "server_error",
        "code": "rate_limit_exceeded",
        "message": "Too much.",
    }
    assert last(again, "response.done")["response"]["status"] == "completed"


async def test_a_quota_failure_on_cue_leaves_the_socket_open() -> None:
    options = LocalOptions(faults=Faults(fail_response="insufficient_quota"))
    async with conversation(options=options) as client:
        frames = await client.ask("Go.")
        await client.update()
    details = last(frames, "response.done")["response"]["status_details"]
    assert details["error"]["code"] == "insufficient_quota"


class _Broken(ScriptedResponder):
    def _choose(self, context: object) -> str:
        raise ValueError("a bug")


async def test_a_responder_with_a_bug_fails_its_answer_and_not_the_session() -> None:
    async with conversation(_Broken()) as client:
        frames = await client.ask("Go.")
        await client.update()
    error = last(frames, "response.done")["response"]["status_details"]["error"]
    assert error["code"] == "server_error"
    assert "a bug" not in error["message"]


async def test_an_answer_without_words_is_complete_and_empty() -> None:
    async with conversation(ScriptedResponder([Say("")])) as client:
        frames = await client.ask("Nothing, please.")
    response = last(frames, "response.done")["response"]
    assert (response["status"], response["output"]) == ("completed", [])


async def test_the_pace_asked_for_stays_and_the_sessions_speed_multiplies() -> None:
    responder = ScriptedResponder([[Pace(0.5), "a b."], "a b.", "a b."])
    async with conversation(responder) as client:
        slow = await client.ask("Slower.")
        still = await client.ask("More.")
        await client.update(audio={"output": {"speed": 1.0}})
        normal = await client.ask("Normal.")
    lengths = [bytes_to_ms(len(audio_of(frames))) for frames in (slow, still, normal)]
    assert lengths == [800, 800, 400]


async def test_think_time_passes_before_the_first_output() -> None:
    async with conversation(options=LocalOptions(think_ms=120)) as client:
        await client.type("Hm.")
        await client.respond()
        await client.expect("response.created")
        started = anyio.current_time()
        await client.expect("response.output_item.added")
    assert anyio.current_time() - started > 0.1


async def test_a_long_answer_to_a_client_that_reads_late_stays_whole() -> None:
    text = " ".join(f"w{index}" for index in range(1_500)) + "."
    async with (
        scripted_server(ScriptedResponder([text])) as server,
        client_of(server, max_queue=1) as client,
    ):
        await client.type("Go.")
        await client.respond()
        assert server._listening is not None
        (line,) = server._listening.connections
        # Unread, until all the buffers between are full and the server waits for its client.
        await eventually(lambda: line.transport.get_write_buffer_size() > 0)
        frames = await client.until("response.done")
    done = last(frames, "response.output_audio_transcript.done")
    assert done["transcript"] == text


async def test_silence_between_sentences_is_short() -> None:
    async with conversation(ScriptedResponder(["One. Two."]), ms_per_word=200) as client:
        frames = await client.ask("Go.")
    audio = audio_of(frames)
    assert bytes_to_ms(len(audio)) == 520
    gap = audio[48 * 200 : 48 * 320]
    assert gap == silence(120)
    assert level_dbfs(audio[: 48 * 200]) > -20


async def test_a_cancel_takes_effect_within_a_sentence() -> None:
    responder = ScriptedResponder([" ".join(["word"] * 59) + "."])
    async with conversation(responder, ms_per_word=200) as client:
        await client.type("Go on.")
        await client.respond()
        await client.expect("response.output_audio.delta")
        await client.send("response.cancel")
        rest = await client.until("response.done")
    deltas = [frame for frame in rest if frame["type"] == "response.output_audio.delta"]
    assert rest[-1]["response"]["status"] == "cancelled"
    assert len(deltas) < 60, "of 118"


async def test_a_response_begins_as_one_in_progress_even_if_it_is_cancelled_by_then() -> None:
    async with conversation(ScriptedResponder(["Ok."])) as client:
        await client.respond()
        await client.send("response.cancel")
        begun = (await client.expect("response.created"))["response"]
        ended = (await client.expect("response.done"))["response"]
    assert (begun["status"], begun["usage"]) == ("in_progress", None)
    assert ended["status"] == "cancelled"


async def test_a_reference_to_what_was_just_said_waits_for_its_words() -> None:
    responder = ScriptedResponder(["Ok."])
    async with conversation(responder, hears=("What I said.",)) as client:
        await client.push_to_talk()
        await client.append(tone(500))
        await client.send("input_audio_buffer.commit")
        item = (await client.expect("conversation.item.done"))["item"]
        await client.respond(
            conversation="none", input=[{"type": "item_reference", "id": item["id"]}]
        )
        await client.expect("response.done")
    assert responder.contexts[0].entries == [Said("user", "What I said.")]


async def test_audio_that_only_a_response_brings_is_refused_and_not_ignored() -> None:
    clip = base64.b64encode(tone(300)).decode()
    content = [{"type": "input_audio", "audio": clip}]
    async with conversation(ScriptedResponder(["Ok."])) as client:
        await client.respond(input=[{"type": "message", "role": "user", "content": content}])
        problem = await client.error()
    assert (problem["code"], problem["param"]) == ("invalid_value", "response.input")

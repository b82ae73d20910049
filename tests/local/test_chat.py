"""The chat responder against a real streaming HTTP server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from tests.local.realtime_client import conversation, last
from voice_loop.config import Settings
from voice_loop.local.brain import make_responder
from voice_loop.local.brain.base import (
    Call,
    CalledTool,
    Context,
    Entry,
    Instruction,
    Said,
    Say,
    Step,
    Tool,
    ToolOutput,
)
from voice_loop.local.brain.builtin import BuiltinResponder
from voice_loop.local.brain.chat import BROKEN_OFF, UNREACHABLE, ChatResponder, messages_of

pytestmark = pytest.mark.anyio
TOOL = Tool("get_weather", "Weather.", {"type": "object", "properties": {}})


def text_chunk(text: str) -> dict[str, Any]:
    return _chunk({"content": text})


def call_chunk(index: int, name: str | None, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    call = {"index": index, "id": f"c{index}", "type": "function", "function": function}
    return _chunk({"tool_calls": [call]})


def _chunk(delta: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
    }


class ChatServer:
    """Answers every request with the same chunks, each in a TCP packet of its own."""

    def __init__(self, chunks: list[dict[str, Any]]) -> None:
        self.chunks = chunks
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.status = "200 OK"
        self.break_off = False
        self.hold: anyio.Event | None = None
        """Waited for before the last chunk."""

    async def handle(self, stream: SocketStream) -> None:
        async with stream:
            head, _, body = (await _request(stream)).partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            self.keys += [line for line in lines if line.lower().startswith("authorization")]
            self.requests.append({"line": lines[0], **json.loads(body)})
            await stream.send(
                f"HTTP/1.1 {self.status}\r\nContent-Type: text/event-stream\r\n"
                "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
            )
            for number, chunk in enumerate(self.chunks):
                if self.hold is not None and number == len(self.chunks) - 1:
                    await self.hold.wait()
                await _send(stream, f"data: {json.dumps(chunk)}\n\n".encode())
            if not self.break_off:
                await _send(stream, b"data: [DONE]\n\n")
                await stream.send(b"0\r\n\r\n")


async def _request(stream: SocketStream) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    ]
    while len(body) < lengths[0]:
        body += await stream.receive()
    return head + b"\r\n\r\n" + body


async def _send(stream: SocketStream, data: bytes) -> None:
    await stream.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")


@asynccontextmanager
async def chat_server(*chunks: dict[str, Any]) -> AsyncIterator[tuple[ChatServer, str]]:
    server = ChatServer(list(chunks))
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server.handle)
        yield server, f"http://127.0.0.1:{port}/v1"
        tasks.cancel_scope.cancel()


def responder(url: str) -> ChatResponder:
    return ChatResponder(url, "tiny", fallback=BuiltinResponder(), api_key="k")


async def steps_of(chat: ChatResponder, context: Context) -> list[Step]:
    with anyio.fail_after(30):
        return [step async for step in chat.respond(context)]


HELLO = Context([Said("user", "What is two plus two?")], instructions="Be brief.")


async def test_text_streams_through_as_it_comes() -> None:
    async with chat_server(text_chunk("First. "), text_chunk("Second.")) as (server, url):
        server.hold = anyio.Event()
        seen: list[Step] = []
        with anyio.fail_after(30):
            async for step in responder(url).respond(HELLO):
                seen.append(step)
                server.hold.set()
    assert seen == [Say("First. "), Say("Second.")]
    request = server.requests[0]
    assert request["line"] == "POST /v1/chat/completions HTTP/1.1"
    assert (request["model"], request["stream"]) == ("tiny", True)
    assert request["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is two plus two?"},
    ]
    assert "tools" not in request
    assert server.keys[0].endswith("Bearer k")


async def test_tool_calls_come_in_pieces_and_go_out_whole() -> None:
    chunks = (
        call_chunk(0, "get_weather", ""),
        call_chunk(0, None, '{"city":'),
        call_chunk(1, "get_weather", "{}"),
        call_chunk(0, None, ' "Oslo"}'),
    )
    async with chat_server(*chunks) as (server, url):
        context = Context([Said("user", "Weather?")], tools=[TOOL])
        steps = await steps_of(responder(url), context)
    assert steps == [Call("get_weather", '{"city": "Oslo"}'), Call("get_weather", "{}")]
    assert server.requests[0]["tools"][0]["function"]["name"] == "get_weather"
    assert server.requests[0]["tool_choice"] == "auto"


@pytest.mark.parametrize(
    ("must_call", "wanted"),
    [("*", "required"), ("f", {"type": "function", "function": {"name": "f"}})],
)
async def test_a_tool_that_must_be_called_is_asked_for(must_call: str, wanted: object) -> None:
    async with chat_server() as (server, url):
        context = Context([Said("user", "x")], tools=[TOOL], must_call=must_call)
        await steps_of(responder(url), context)
    assert server.requests[0]["tool_choice"] == wanted


async def test_a_server_that_is_not_there_is_said_aloud_and_the_rules_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with chat_server() as (_, url):
        pass
    assert await steps_of(responder(url), HELLO) == [Say(UNREACHABLE), Say("That is 4.")]
    assert "two plus two" not in caplog.text


async def test_a_server_that_refuses_is_said_aloud_too() -> None:
    async with chat_server() as (server, url):
        server.status = "500 Internal Server Error"
        assert (await steps_of(responder(url), HELLO))[0] == Say(UNREACHABLE)


async def test_an_answer_that_breaks_off_is_said_to() -> None:
    async with chat_server(text_chunk("The answer is")) as (server, url):
        server.break_off = True
        steps = await steps_of(responder(url), HELLO)
    assert steps == [Say("The answer is"), Say(BROKEN_OFF)]


async def test_the_whole_server_speaks_the_models_words() -> None:
    async with (
        chat_server(text_chunk("Four "), text_chunk("is it. Yes.")) as (_, url),
        conversation(responder(url)) as client,
    ):
        frames = await client.ask("What is two plus two?")
    assert last(frames, "response.output_audio_transcript.done")["transcript"] == (
        "Four is it. Yes."
    )


async def test_interrupting_closes_the_request() -> None:
    async with chat_server(text_chunk("One. "), text_chunk("Two.")) as (server, url):
        server.hold = anyio.Event()
        async with conversation(responder(url)) as client:
            await client.type("Go.")
            await client.respond()
            await client.expect("response.output_audio.delta")
            await client.send("response.cancel")
            frames = await client.until("response.done")
        server.hold.set()
    assert frames[-1]["response"]["status"] == "cancelled"


def test_a_conversation_becomes_messages_that_a_server_accepts() -> None:
    entries: list[Entry] = [
        Instruction("House rules."),
        Said("user", ""),
        Said("assistant", "Once upon", cut=True),
        CalledTool("a", "f", "{}"),
        CalledTool("b", "g", "{}"),
        CalledTool("c", "never_answered", "{}"),
        ToolOutput("a", "1"),
        ToolOutput("b", "2"),
        ToolOutput("unknown", "3"),
    ]
    messages: list[Any] = list(messages_of(Context(entries)))
    assert [message["role"] for message in messages] == [
        "system",
        "user",
        "assistant",
        "assistant",
        "tool",
        "tool",
    ]
    assert "could not be understood" in messages[1]["content"]
    assert "interrupted" in messages[2]["content"]
    assert [call["id"] for call in messages[3]["tool_calls"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (Settings(), BuiltinResponder),
        (Settings(local_llm_url="http://127.0.0.1:1/v1", local_llm_model="m"), ChatResponder),
    ],
)
def test_the_settings_choose_the_responder(settings: Settings, kind: Callable[..., object]) -> None:
    assert isinstance(make_responder(settings), kind)  # type: ignore[arg-type]


def test_what_a_tool_gave_stands_behind_its_call_also_when_the_user_spoke_in_between() -> None:
    context = Context(
        [
            Said("user", "The weather?"),
            CalledTool("c1", "get_weather", "{}"),
            CalledTool("c2", "get_time", "{}"),
            Said("user", "Are you there?"),
            ToolOutput("c2", "noon"),
            ToolOutput("c1", "sunny"),
        ]
    )
    roles = [message["role"] for message in messages_of(context)]
    assert roles == ["user", "assistant", "tool", "tool", "user"]


async def test_an_answer_that_is_none_is_said_aloud_too() -> None:
    for chunks in ([], [{**text_chunk(""), "choices": [{"index": 0}]}]):
        async with chat_server(*chunks) as (_, url):
            said = await steps_of(responder(url), HELLO)
        assert said == [Say(UNREACHABLE), Say("That is 4.")]


async def test_two_calls_with_the_same_index_are_two_calls() -> None:
    second = call_chunk(0, "get_time", "{}")
    second["choices"][0]["delta"]["tool_calls"][0]["id"] = "c1"
    async with chat_server(call_chunk(0, "get_weather", "{}"), second) as (_, url):
        calls = await steps_of(responder(url), HELLO)
    assert calls == [Call("get_weather", "{}"), Call("get_time", "{}")]

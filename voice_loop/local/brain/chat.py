"""A responder that asks a chat server in OpenAI's style: any local or remote language model.

Text streams through as it comes, so that the first sentence is spoken while the rest is written.
When the server cannot be reached that is said aloud, and the built-in rules answer instead.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx2
from openai import AsyncOpenAI, OpenAIError
from openai.types.chat import (
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageParam,
    ChatCompletionToolChoiceOptionParam,
)

from voice_loop.local.brain.base import (
    Call,
    CalledTool,
    Context,
    Instruction,
    Responder,
    Said,
    Say,
    Step,
    ToolOutput,
)

_log = logging.getLogger(__name__)
UNREACHABLE: Final = "My language model cannot be reached, so I answer by my own rules. "
BROKEN_OFF: Final = " I lost my language model in the middle of that."
_TIMEOUT: Final = httpx2.Timeout(30.0, connect=3.0)
_NOT_HEARD: Final = "(The user said something that could not be understood.)"


@dataclass(slots=True)
class _CallParts:
    index: int
    call_id: str
    name: str = ""
    arguments: str = ""


class _NothingSaidError(Exception):
    """The server answered with nothing that is an answer."""


class ChatResponder:
    """`base_url` ends where `/chat/completions` begins."""

    def __init__(
        self, base_url: str, model: str, *, fallback: Responder, api_key: str | None = None
    ) -> None:
        self._client = AsyncOpenAI(
            base_url=base_url, api_key=api_key or "none", max_retries=0, timeout=_TIMEOUT
        )
        self._model = model
        self._fallback = fallback

    async def respond(self, context: Context) -> AsyncGenerator[Step, None]:
        started = False
        calls: list[_CallParts] = []
        try:
            async with await self._ask(context) as stream:
                async for chunk in stream:
                    for choice in (chunk.choices or [])[:1]:
                        delta = getattr(choice, "delta", None)
                        _collect(calls, getattr(delta, "tool_calls", None) or [])
                        if said := getattr(delta, "content", None):
                            started = True
                            yield Say(said)
            if not started and not calls:
                raise _NothingSaidError
        except (OpenAIError, httpx2.HTTPError, ValueError, _NothingSaidError) as problem:
            # The type alone: a server's message may quote the conversation.
            _log.warning("the chat server failed with %s", type(problem).__name__)
            if started:
                yield Say(BROKEN_OFF)
                return
            yield Say(UNREACHABLE)
            async for step in self._fallback.respond(context):
                yield step
            return
        for call in calls:
            yield Call(call.name, call.arguments or "{}")

    async def _ask(self, context: Context) -> Any:
        more: dict[str, Any] = {}
        if context.tools:
            more["tools"] = tools_of(context)
            more["tool_choice"] = tool_choice_of(context)
        return await self._client.chat.completions.create(
            model=self._model, messages=messages_of(context), stream=True, **more
        )


def _collect(calls: list[_CallParts], deltas: Sequence[Any]) -> None:
    for delta in deltas:
        known = [call for call in calls if call.index == delta.index]
        # Some servers give every call the index 0; a new id is a new call all the same.
        if not known or (delta.id and known[-1].call_id and delta.id != known[-1].call_id):
            known = [_CallParts(delta.index, delta.id or "")]
            calls += known
        if delta.function is not None:
            known[-1].name += delta.function.name or ""
            known[-1].arguments += delta.function.arguments or ""


def tools_of(context: Context) -> list[ChatCompletionFunctionToolParam]:
    """The tools, as a chat server wants them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
            },
        }
        for tool in context.tools
    ]


def tool_choice_of(context: Context) -> ChatCompletionToolChoiceOptionParam:
    """Which tool must be called."""
    if context.must_call is None:
        return "auto"
    if context.must_call == "*":
        return "required"
    return {"type": "function", "function": {"name": context.must_call}}


def messages_of(context: Context) -> list[ChatCompletionMessageParam]:
    """The conversation as messages. A call without its output is left out: servers refuse it."""
    answered = {
        entry.call_id: entry.output for entry in context.entries if isinstance(entry, ToolOutput)
    }
    messages: list[dict[str, Any]] = []
    waiting: list[CalledTool] = []
    if context.instructions:
        messages.append({"role": "system", "content": context.instructions})
    for entry in context.entries:
        if isinstance(entry, CalledTool) and entry.call_id in answered:
            waiting.append(entry)
            continue
        messages += _called(waiting, answered)
        waiting.clear()
        if isinstance(entry, Instruction):
            messages.append({"role": "system", "content": entry.text})
        elif isinstance(entry, Said):
            messages.append({"role": entry.role, "content": _line(entry)})
    messages += _called(waiting, answered)
    return cast(list[ChatCompletionMessageParam], messages)


def _line(entry: Said) -> str:
    if entry.cut:
        return f"{entry.text} … (The user interrupted here.)"
    return entry.text or _NOT_HEARD


def _called(calls: Sequence[CalledTool], answered: Mapping[str, str]) -> list[dict[str, Any]]:
    """Calls of one answer belong into one message, and what they gave right behind it, also where
    the user spoke before it came: servers refuse anything else."""
    if not calls:
        return []
    told = [
        {
            "id": call.call_id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in calls
    ]
    outputs = [
        {"role": "tool", "tool_call_id": call.call_id, "content": answered[call.call_id]}
        for call in calls
    ]
    return [{"role": "assistant", "content": None, "tool_calls": told}, *outputs]

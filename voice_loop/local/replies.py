"""The responses of one session: who may begin, with which settings, and how they are stopped.

One response at a time speaks in the conversation; a few more may run beside it out of band. It
builds each one's `Stage` from the session's settings and the client's own for this response. It
does not make the answer, and knows nothing of the user's audio.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from voice_loop.local.brain.base import Context, Entry, Said, Tool
from voice_loop.local.conversation import Conversation, Item, new_item, to_entry
from voice_loop.local.engines import EngineRoom, Engines
from voice_loop.local.foresight import Foresight
from voice_loop.local.options import LocalOptions
from voice_loop.local.output import Emit
from voice_loop.local.response import CancelReason, Response, ResponseSettings, Stage
from voice_loop.local.schema import ClientError
from voice_loop.local.session_config import SessionConfig
from voice_loop.local.voice import Speech

MAX_ASIDE: Final = 4
_MIN_SPEED: Final = 0.25
_MAX_SPEED: Final = 2.0


@dataclass
class Replies:
    """Lives as long as its session's task group."""

    emit: Emit
    room: EngineRoom
    engines: Engines
    options: LocalOptions
    conversation: Conversation
    tasks: TaskGroup
    heard: Callable[[], Awaitable[None]]
    """Waits, bounded, until everything the user said is text."""
    pace: float = field(default=1.0, init=False)
    """How fast the responder was asked to speak."""
    _spoke: bool = field(default=False, init=False)
    """The voice can no longer change."""
    _active: Response | None = field(default=None, init=False)
    _aside: list[Response] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        engines = self.engines
        self._foresight = Foresight(self.room, engines.voice, engines.responder, self.tasks)

    def foresee(self, config: SessionConfig, text: str, within_s: float) -> None:
        """The user will perhaps have said `text`, in `within_s`: make ready for it."""
        if not self._foresight.possible or config.wire["output_modalities"] != ["audio"]:
            return
        entries = [*self.conversation.entries(), Said("user", text)]
        context = self._context(config.wire, entries)
        self._foresight.begin(context, self._pace(config.speed), anyio.current_time() + within_s)

    def unforesee(self) -> None:
        """The user went on."""
        self._foresight.drop()

    @property
    def has_spoken(self) -> bool:
        """Whether any audio of the assistant's went out."""
        responses = (self._active, *self._aside)
        return self._spoke or any(one is not None and one.audio_ms > 0 for one in responses)

    def _pace(self, speed: float) -> float:
        return min(_MAX_SPEED, max(_MIN_SPEED, speed * self.pace))

    def _context(self, wire: dict[str, Any], entries: list[Entry]) -> Context:
        tools, must_call = _tools_of(wire)
        return Context(
            entries=entries,
            instructions=wire["instructions"],
            tools=tools,
            must_call=must_call,
            can_hear=self.engines.recogniser is not None,
        )

    async def begin(
        self,
        config: SessionConfig,
        wanted: dict[str, Any],
        then: Callable[[Response], Awaitable[None]],
    ) -> None:
        """Start a response. Raises ClientError when it may not begin. `then` runs after its end
        when it was the conversation's."""
        settings = self._settings(config, wanted)
        aside = settings.conversation is None
        self._refuse_second(aside)
        stage = self._stage(config, wanted, self._given_items(wanted))
        self._spoke = self.has_spoken
        response = Response(stage, settings)
        if aside:
            self._aside.append(response)
            self.tasks.start_soon(response.run, name="response aside")
        else:
            self._active = response
            self.tasks.start_soon(self._run, response, then, name="response")

    async def _run(self, response: Response, then: Callable[[Response], Awaitable[None]]) -> None:
        await response.run()
        if response is self._active:
            await then(response)

    def _refuse_second(self, aside: bool) -> None:
        self._aside = [response for response in self._aside if not response.over]
        blocking = self._active if self._active is not None and not self._active.over else None
        if aside:
            blocking = self._aside[0] if len(self._aside) >= MAX_ASIDE else None
        if blocking is not None:
            raise ClientError(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{blocking.id}. Wait until the response is finished before creating a new one.",
            )

    def _settings(self, config: SessionConfig, wanted: dict[str, Any]) -> ResponseSettings:
        wire = config.wire
        output = {**wire["audio"]["output"], **wanted.get("audio", {}).get("output", {})}
        if self.has_spoken and output["voice"] != config.voice:
            raise ClientError(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
            )
        aside = wanted.get("conversation") == "none"
        return ResponseSettings(
            modality=wanted.get("output_modalities", wire["output_modalities"])[0],
            voice=output["voice"],
            output_format=output["format"],
            max_output_tokens=wanted.get("max_output_tokens") or wire["max_output_tokens"],
            metadata=wanted.get("metadata"),
            conversation=None if aside else self.conversation,
        )

    def _given_items(self, wanted: dict[str, Any]) -> list[Item] | None:
        """The response's own input, None for the conversation's. Raises ClientError."""
        if wanted.get("input") is None:
            return None
        items = [
            self.conversation.retrieve(wire["id"])
            if wire["type"] == "item_reference"
            else new_item(wire)
            for wire in wanted["input"]
        ]
        for item in items:
            for part in item.wire.get("content") or []:
                if part.get("audio") is not None and not part.get("transcript"):
                    raise ClientError(
                        "invalid_value",
                        "Audio in the input of a response is not recognised here. Create an item "
                        "with it and refer to that.",
                        "response.input",
                    )
        return items

    def _stage(
        self, config: SessionConfig, wanted: dict[str, Any], given: list[Item] | None
    ) -> Stage:
        wire = {**config.wire, **wanted}
        speed = wanted.get("audio", {}).get("output", {}).get("speed", config.speed)

        async def context() -> Context:
            await self.heard()
            # Only now: what was said a moment ago is text by now.
            if given is None:
                return self._context(wire, self.conversation.entries())
            entries = [entry for item in given if (entry := to_entry(item)) is not None]
            return self._context(wire, entries)

        async def speak(sentence: str, due: float) -> Speech:
            pace = self._pace(speed)
            ready = await self._foresight.take(sentence, pace)
            if ready is not None:
                return ready
            return await self.room.work(lambda: self.engines.voice.speak(sentence, pace), due)

        def set_pace(factor: float) -> None:
            self.pace = factor

        faults = self.options.faults
        return Stage(
            emit=self.emit,
            context=context,
            responder=self.engines.responder,
            speak=speak,
            set_pace=set_pace,
            think_ms=self.options.think_ms,
            slow_delta_ms=faults.slow_delta_ms,
            fail_code=faults.fail_response,
        )

    async def cancel(self, response_id: str | None) -> None:
        """Stop a response; without an id the conversation's. Returns when its last frame is out.
        Raises ClientError when there is none."""
        aside = self._aside if response_id is not None else []
        for response in (self._active, *aside):
            if response is None or response.over or response_id not in (None, response.id):
                continue
            response.cancel("client_cancelled")
            await response.finished.wait()
            return
        raise ClientError(
            "response_cancel_not_active", "Cancellation failed: no active response found"
        )

    async def stop_active(self, reason: CancelReason) -> None:
        """Stop the conversation's response, if there is one."""
        if self._active is not None and not self._active.over:
            self._active.cancel(reason)
            await self._active.finished.wait()


def _tools_of(wire: dict[str, Any]) -> tuple[list[Tool], str | None]:
    """The tools a response may call and which of them it must."""
    choice = wire["tool_choice"]
    tools = [
        Tool(tool["name"], tool.get("description") or "", tool.get("parameters") or {})
        for tool in wire["tools"] or []
        if tool["type"] == "function"
    ]
    if choice == "none":
        return [], None
    if choice == "required":
        return tools, "*"
    return tools, choice["name"] if isinstance(choice, dict) and "name" in choice else None

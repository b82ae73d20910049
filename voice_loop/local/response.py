"""A response being made: what the responder says becomes output items, until done or cancelled.

Frames go out as fast as the client takes them. Cancelling takes effect between two frames; the
closing events and `response.done` are sent in every case, once, by the response itself. It knows
the voice and the responder only through its `Stage`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import anyio

from voice_loop.audio.pcm import BYTES_PER_SAMPLE, samples_to_ms
from voice_loop.local import events
from voice_loop.local.brain.base import Call, Context, Pace, Responder, Say, Step, Wait
from voice_loop.local.conversation import Conversation, Item
from voice_loop.local.formats import OutputFormat
from voice_loop.local.ids import new_id
from voice_loop.local.output import Emit, MessageOutput, Outlet, call_function
from voice_loop.local.sentences import SentenceCutter
from voice_loop.local.voice import Speech

_log = logging.getLogger(__name__)
CancelReason = Literal["client_cancelled", "turn_detected"]
_CHARS_PER_TOKEN: Final = 4
_AUDIO_MS_PER_TOKEN: Final = 50


@dataclass(frozen=True, slots=True)
class Stage:
    """What a response needs of its session."""

    emit: Emit
    context: Callable[[], Awaitable[Context]]
    """Waits until what the user said is recognised."""
    responder: Responder
    speak: Callable[[str, float], Awaitable[Speech]]
    """A sentence, and when its listener needs it, on anyio's clock."""
    set_pace: Callable[[float], None]
    think_ms: float = 0.0
    slow_delta_ms: float = 0.0
    fail_code: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseSettings:
    """What a response is made with: the session's settings and its own."""

    modality: str
    voice: Any
    output_format: dict[str, Any]
    max_output_tokens: int | str
    metadata: dict[str, str] | None
    conversation: Conversation | None
    """None: out of band."""


@dataclass(slots=True)
class _Outcome:
    status: str = "in_progress"
    details: dict[str, Any] | None = None


@dataclass(slots=True)
class _Counts:
    text_chars: int = 0
    audio_bytes: int = 0

    @property
    def text_tokens(self) -> int:
        return math.ceil(self.text_chars / _CHARS_PER_TOKEN)

    @property
    def audio_tokens(self) -> int:
        return math.ceil(samples_to_ms(self.audio_bytes // BYTES_PER_SAMPLE) / _AUDIO_MS_PER_TOKEN)


@dataclass
class Response:
    """One response. Run `run()` in the session's task group; `finished` is set after its last
    frame."""

    stage: Stage
    settings: ResponseSettings
    id: str = field(default_factory=lambda: new_id("resp"))
    finished: anyio.Event = field(default_factory=anyio.Event)
    over: bool = False
    """Another response may begin."""
    _scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _outcome: _Outcome = field(default_factory=_Outcome)
    _output: list[Item] = field(default_factory=list)
    _message: MessageOutput | None = None
    _cutter: SentenceCutter = field(default_factory=SentenceCutter)
    _counts: _Counts = field(default_factory=_Counts)
    _input_tokens: int = 0
    _began_at: float | None = None

    @property
    def audio_ms(self) -> float:
        """Playing time of the speech sent so far."""
        return samples_to_ms(self._counts.audio_bytes // BYTES_PER_SAMPLE)

    def cancel(self, reason: CancelReason) -> None:
        """Stop as soon as the frame under way is out."""
        if not self.finished.is_set() and self._outcome.status == "in_progress":
            self._outcome = _Outcome("cancelled", {"type": "cancelled", "reason": reason})
            self._scope.cancel()

    async def run(self) -> None:
        """Make the answer."""
        # It may have been cancelled since; that is for `response.done` to say.
        begun = {"status": "in_progress", "status_details": None, "usage": None}
        await self.stage.emit(events.response_created({**self._wire(), **begun}))
        try:
            with self._scope:
                await self._produce()
        except Exception as problem:
            # The type alone: a message may quote what was said.
            _log.error("an answer failed with %s", type(problem).__name__)
            self._fail("server_error", "The answer could not be made.")
        if self._outcome.status == "in_progress":
            self._outcome = _Outcome("completed")
        await self._close_message()
        # A client may ask for the next one the moment it reads that this one is done.
        self.over = True
        await self.stage.emit(events.response_done(self._wire()))
        self.finished.set()
        used = self._counts.text_tokens + self._counts.audio_tokens
        await self.stage.emit(events.rate_limits(250_000, max(0, 250_000 - used), 0.0))

    async def _produce(self) -> None:
        if self.stage.fail_code is not None:
            self._fail(self.stage.fail_code, "The response was made to fail.")
            return
        await anyio.sleep(self.stage.think_ms / 1000)
        context = await self.stage.context()
        self._input_tokens = _tokens_of(context)
        async with aclosing(self.stage.responder.respond(context)) as steps:
            async for step in steps:
                await self._take(step)
                if self._outcome.status != "in_progress":
                    return
        await self._say_rest()

    async def _take(self, step: Step) -> None:
        if isinstance(step, Say):
            for sentence in self._cutter.feed(step.text):
                await self._say(sentence)
        elif isinstance(step, Call):
            await self._say_rest()
            await self._close_message()
            outlet = self._outlet()
            self._counts.text_chars += len(step.name) + len(step.arguments)
            index = len(self._output)
            self._output.append(await call_function(outlet, index, step.name, step.arguments))
        elif isinstance(step, Pace):
            self.stage.set_pace(step.factor)
        elif isinstance(step, Wait):
            await anyio.sleep(step.ms / 1000)
        else:
            self._fail(step.code, step.message)

    def _fail(self, code: str, message: str) -> None:
        kind = "invalid_request_error" if code.startswith("invalid") else "server_error"
        error = {"type": kind, "code": code, "message": message}
        self._outcome = _Outcome("failed", {"type": "failed", "error": error})

    def _outlet(self) -> Outlet:
        return Outlet(self.stage.emit, self.id, self.settings.conversation)

    async def _say_rest(self) -> None:
        rest = self._cutter.flush()
        if rest.strip() and self._outcome.status == "in_progress":
            await self._say(rest)

    async def _say(self, sentence: str) -> None:
        if self._outcome.status != "in_progress":
            return
        if self.settings.modality == "text":
            await self._write(sentence)
            return
        speech = await self.stage.speak(sentence, self._dry_at())
        message = await self._open_message()
        await message.gap()
        if not await message.speak(speech, self._count):
            self._cut_short()

    def _dry_at(self) -> float:
        """When a listener who plays what was sent has no more of it."""
        now = anyio.current_time()
        return now if self._began_at is None else self._began_at + self.audio_ms / 1000

    async def _write(self, sentence: str) -> None:
        message = await self._open_message()
        if await self._count(len(sentence), 0):
            await message.write(sentence)
        else:
            self._cut_short()

    async def _count(self, chars: int, audio_bytes: int) -> bool:
        """Before each chunk: the test option's pause, the limit of tokens, and the moment in which
        a cancel is read and takes effect."""
        await anyio.sleep(self.stage.slow_delta_ms / 1000)
        counts = _Counts(self._counts.text_chars + chars, self._counts.audio_bytes + audio_bytes)
        limit = self.settings.max_output_tokens
        if isinstance(limit, int) and counts.text_tokens + counts.audio_tokens > limit:
            return False
        if audio_bytes and self._began_at is None:
            self._began_at = anyio.current_time()
        self._counts = counts
        return True

    def _cut_short(self) -> None:
        details = {"type": "incomplete", "reason": "max_output_tokens"}
        self._outcome = _Outcome("incomplete", details)

    async def _open_message(self) -> MessageOutput:
        if self._message is None:
            spoken = None
            if self.settings.modality == "audio":
                spoken = OutputFormat(self.settings.output_format["type"])
            self._message = MessageOutput(self._outlet(), len(self._output), spoken)
            self._output.append(self._message.item)
            await self._message.open()
        return self._message

    async def _close_message(self) -> None:
        if self._message is not None:
            message, self._message = self._message, None
            whole = self._outcome.status in ("in_progress", "completed")
            await message.close("completed" if whole else "incomplete")

    def _usage(self) -> dict[str, Any] | None:
        if self._outcome.status == "in_progress":
            return None
        text, audio = self._counts.text_tokens, self._counts.audio_tokens
        return {
            "total_tokens": self._input_tokens + text + audio,
            "input_tokens": self._input_tokens,
            "output_tokens": text + audio,
            "input_token_details": {
                "text_tokens": self._input_tokens,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }

    def _wire(self) -> dict[str, Any]:
        settings = self.settings
        audio = {"output": {"format": settings.output_format, "voice": settings.voice}}
        conversation = settings.conversation
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self._outcome.status,
            "status_details": self._outcome.details,
            "output": [item.wire for item in self._output],
            "conversation_id": conversation.id if conversation is not None else None,
            "output_modalities": [settings.modality],
            "max_output_tokens": settings.max_output_tokens,
            "audio": audio if settings.modality == "audio" else None,
            "usage": self._usage(),
            "metadata": settings.metadata,
        }


def _tokens_of(context: Context) -> int:
    chars = len(context.instructions) + sum(len(str(entry)) for entry in context.entries)
    return math.ceil(chars / _CHARS_PER_TOKEN)

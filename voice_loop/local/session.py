"""One connection: what the client's events do, and what the server says about it.

Frames are taken one after the other, so that a commit sees everything appended before it.
Responses and recognitions run beside the reader, in the session's task group, and end with it. A
frame that cannot be followed gets an `error` with its own event id, and the session lives.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from voice_loop.audio.pcm import ms_to_samples, samples_to_ms
from voice_loop.local import events
from voice_loop.local.client_events import (
    ClientEvent,
    check,
    client_event_id,
    decode_audio,
    parse,
)
from voice_loop.local.conversation import Conversation, Item, new_item
from voice_loop.local.ear import Ear, Hearing
from voice_loop.local.engines import EngineRoom, Engines
from voice_loop.local.formats import InputFormat
from voice_loop.local.ids import new_id
from voice_loop.local.options import LocalOptions
from voice_loop.local.replies import Replies
from voice_loop.local.response import Response
from voice_loop.local.schema import ClientError
from voice_loop.local.session_config import SessionConfig, check_update
from voice_loop.local.turn_detection import Started, Stopped, TurnEvent, TurnSettings

_log = logging.getLogger(__name__)
MIN_COMMIT_MS: Final = 100.0
HEARING_TIMEOUT_S: Final = 15.0
_LARGE_FRAME_CHARS: Final = 256 * 1024
_EXPIRED: Final = "Your session hit the maximum duration of 60 minutes."


@dataclass(frozen=True, slots=True)
class Line:
    """The socket, as a session needs it."""

    send: Callable[[events.Event], Awaitable[None]]
    """Bounded in time; silent once the connection is gone."""
    close: Callable[[int, str], Awaitable[None]]


@dataclass
class RealtimeSession:
    """Run it once with `run`."""

    line: Line
    room: EngineRoom
    engines: Engines
    options: LocalOptions
    model: str
    id: str = field(default_factory=lambda: new_id("sess"))

    def __post_init__(self) -> None:
        expires_at = int(time.time() + self.options.expire_after_s)
        self.config = SessionConfig.default(self.id, self.model, expires_at)
        self.conversation = Conversation()
        self._format = InputFormat("audio/pcm")
        self._hearings: dict[str, Hearing] = {}
        self._turn_item_id: str | None = None
        self._idle = anyio.CancelScope()
        self._handlers: dict[str, Callable[[ClientEvent], Awaitable[None]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit_by_hand,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    async def run(self, frames: AsyncIterable[str | bytes]) -> None:
        """Serve the connection until its frames end."""
        async with anyio.create_task_group() as tasks:
            self._tasks: TaskGroup = tasks
            self._ear = Ear(self.room, self.engines, tasks, self._foresee)
            self._ear.set_turn_detection(self._turn_settings())
            self._replies = Replies(
                self.line.send,
                self.room,
                self.engines,
                self.options,
                self.conversation,
                tasks,
                self._heard,
            )
            await self.line.send(events.session_created(self.config.wire))
            tasks.start_soon(self._expire, name="expire")
            async for frame in frames:
                await self._receive(frame)
            tasks.cancel_scope.cancel()

    async def _expire(self) -> None:
        await anyio.sleep(self.options.expire_after_s)
        await self.line.send(events.error("session_expired", _EXPIRED))
        await self.line.close(1001, _EXPIRED)

    async def _receive(self, frame: str | bytes) -> None:
        parsed: Any = None
        try:
            if isinstance(frame, bytes):
                raise ClientError("invalid_event", "Binary frames are not part of the protocol.")
            if len(frame) > _LARGE_FRAME_CHARS:
                parsed = await to_thread.run_sync(parse, frame)
            else:
                parsed = parse(frame)
            event = check(parsed)
            await self._handlers[event.type](event)
        except ClientError as problem:
            await self._complain(problem, client_event_id(parsed))

    def _foresee(self, text: str | None, within_s: float) -> None:
        detection = self.config.turn_detection
        if text is None:
            self._replies.unforesee()
        elif detection is not None and detection["create_response"]:
            self._replies.foresee(self.config, text, within_s)

    async def _complain(self, problem: ClientError, event_id: str | None = None) -> None:
        await self.line.send(
            events.error(problem.code, problem.message, param=problem.param, event_id=event_id)
        )

    def _turn_settings(self) -> TurnSettings | None:
        wire = self.config.turn_detection
        return TurnSettings.from_wire(wire) if wire is not None else None

    async def _update(self, event: ClientEvent) -> None:
        change = event.fields["session"]
        check_update(change)
        self.config = self.config.updated(change, has_spoken=self._replies.has_spoken)
        if self.config.input_format != self._format.kind:
            self._format = InputFormat(self.config.input_format)
        before = self._turn_item_id
        self._ear.set_turn_detection(self._turn_settings())
        if before is not None and self._ear.turn_start_sample is None:
            self._turn_item_id = None
        if "speed" in change.get("audio", {}).get("output", {}):
            self._replies.pace = 1.0
        self._idle.cancel()
        await self.line.send(events.session_updated(self.config.wire))

    async def _append(self, event: ClientEvent) -> None:
        text = event.fields["audio"]
        if len(text) > _LARGE_FRAME_CHARS:
            audio = await to_thread.run_sync(decode_audio, text)
            pcm = await to_thread.run_sync(self._format.decode, audio)
        else:
            pcm = self._format.decode(decode_audio(text))
        async for found in self._ear.append(pcm):
            await self._on_turn_event(found)

    async def _on_turn_event(self, event: TurnEvent) -> None:
        detection = self.config.turn_detection
        if detection is None:
            return
        if isinstance(event, Started):
            self._idle.cancel()
            self._turn_item_id = new_id("item")
            start = self._ear.turn_start_sample or 0
            await self.line.send(
                events.speech_started(self._turn_item_id, round(samples_to_ms(start)))
            )
            if detection["interrupt_response"]:
                await self._replies.stop_active("turn_detected")
        elif isinstance(event, Stopped):
            item_id = self._turn_item_id or new_id("item")
            end_ms = round(samples_to_ms(event.end_sample))
            await self.line.send(events.speech_stopped(item_id, end_ms))
            start = self._ear.turn_start_sample or self._ear.buffer.start_sample
            await self._commit(start, event.end_sample)
            if detection["create_response"]:
                await self._respond_to_turn()

    async def _respond_to_turn(self) -> None:
        try:
            await self._begin({})
        except ClientError as problem:
            await self._complain(problem)

    async def _commit(self, start_sample: int, end_sample: int) -> Item:
        item_id = self._turn_item_id or new_id("item")
        self._turn_item_id = None
        pcm, hearing = self._ear.take_turn(start_sample, end_sample)
        item = Item(
            {
                "id": item_id,
                "object": "realtime.item",
                "type": "message",
                "status": "completed",
                "role": "user",
                "content": [{"type": "input_audio", "transcript": None}],
            },
            audio=bytearray(pcm),
        )
        previous = self.conversation.add(item)
        await self.line.send(events.committed(item_id, previous))
        await self.line.send(events.item_added(item.wire, previous))
        await self.line.send(events.item_done(item.wire, previous))
        self._hearings[item_id] = hearing
        seconds = len(pcm) / 48_000
        self._tasks.start_soon(self._transcribe, item, hearing, seconds, name="transcribe")
        return item

    async def _transcribe(self, item: Item, hearing: Hearing, seconds: float) -> None:
        await hearing.done.wait()
        item.recognised(hearing.text)
        self._hearings.pop(item.id, None)
        wanted = self.config.transcribes
        if wanted and hearing.failure is not None:
            message = "Speech cannot be recognised on this machine; typed text works."
            await self.line.send(events.transcription_failed(item.id, hearing.failure, message))
        elif wanted:
            if hearing.text:
                await self.line.send(events.transcription_delta(item.id, hearing.text))
            await self.line.send(events.transcription_completed(item.id, hearing.text, seconds))

    async def _commit_by_hand(self, event: ClientEvent) -> None:
        buffer = self._ear.buffer
        start = self._ear.turn_start_sample or buffer.start_sample
        held_ms = samples_to_ms(buffer.end_sample - start)
        if held_ms < MIN_COMMIT_MS:
            raise ClientError(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least 100ms "
                f"of audio, but buffer only has {held_ms:.2f}ms of audio.",
            )
        await self._commit(start, buffer.end_sample)

    async def _clear(self, event: ClientEvent) -> None:
        self._ear.clear()
        self._format.clear()
        self._turn_item_id = None
        await self.line.send(events.cleared())

    async def _create_item(self, event: ClientEvent) -> None:
        item = new_item(event.fields["item"])
        clip = await to_thread.run_sync(self._take_audio_parts, item)
        previous = self.conversation.add(item, event.fields.get("previous_item_id"))
        if clip:
            self._hearings[item.id] = hearing = self._ear.recognise_clip(clip)
            seconds = len(clip) / 48_000
            self._tasks.start_soon(self._transcribe, item, hearing, seconds, name="transcribe")
        await self.line.send(events.item_added(item.wire, previous))
        await self.line.send(events.item_done(item.wire, previous))

    def _take_audio_parts(self, item: Item) -> bytes:
        """Keep the audio inside a created item; returns what of it is to be recognised."""
        unknown = b""
        for part in item.wire.get("content", []):
            if part.get("audio") is not None:
                audio = decode_audio(part.pop("audio"), "item.content.audio")
                pcm = InputFormat(self.config.input_format).decode(audio)
                item.audio += pcm
                if item.wire.get("role") == "user" and not part.get("transcript"):
                    unknown += pcm
        return unknown

    async def _retrieve_item(self, event: ClientEvent) -> None:
        item = self.conversation.retrieve(event.fields["item_id"])
        await self.line.send(events.item_retrieved(item.retrieved()))

    async def _truncate_item(self, event: ClientEvent) -> None:
        item_id, content_index = event.fields["item_id"], event.fields["content_index"]
        audio_end_ms = event.fields["audio_end_ms"]
        self.conversation.truncate(item_id, content_index, audio_end_ms)
        await self.line.send(events.item_truncated(item_id, content_index, audio_end_ms))

    async def _delete_item(self, event: ClientEvent) -> None:
        item_id = event.fields["item_id"]
        self.conversation.delete(item_id)
        self._hearings.pop(item_id, None)
        await self.line.send(events.item_deleted(item_id))

    async def _create_response(self, event: ClientEvent) -> None:
        await self._begin(event.fields.get("response") or {})

    async def _begin(self, wanted: dict[str, Any]) -> None:
        await self._replies.begin(self.config, wanted, self._after_response)
        self._idle.cancel()

    async def _cancel_response(self, event: ClientEvent) -> None:
        await self._replies.cancel(event.fields.get("response_id"))

    async def _after_response(self, response: Response) -> None:
        detection = self.config.turn_detection
        if detection is None or self._ear.speaking:
            return
        timeout_ms = detection.get("idle_timeout_ms")
        if timeout_ms is not None:
            wait_ms = (response.audio_ms + timeout_ms) * self.options.idle_scale
            await self._wait_idle(wait_ms, timeout_ms)

    async def _wait_idle(self, wait_ms: float, timeout_ms: int) -> None:
        """The user says nothing after an answer: prompt for more, as if a turn had ended."""
        with anyio.CancelScope() as self._idle:
            await anyio.sleep(wait_ms / 1000)
            buffer = self._ear.buffer
            start = max(buffer.start_sample, buffer.end_sample - ms_to_samples(timeout_ms))
            end = buffer.end_sample
            self._turn_item_id = item_id = new_id("item")
            await self.line.send(
                events.timeout_triggered(
                    item_id, round(samples_to_ms(start)), round(samples_to_ms(end))
                )
            )
            await self._commit(start, end)
            await self._respond_to_turn()

    async def _heard(self) -> None:
        """Wait, bounded, until everything the user said is text."""
        with anyio.move_on_after(HEARING_TIMEOUT_S):
            for item_id, hearing in list(self._hearings.items()):
                await hearing.done.wait()
                item = self.conversation.get(item_id)
                if item is not None:
                    item.recognised(hearing.text)
                self._hearings.pop(item_id, None)

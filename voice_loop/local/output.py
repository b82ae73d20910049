"""One output item of a response, told to the client from `added` to `done`.

`MessageOutput` streams an assistant's message as speech with its transcript, or as text. A word's
transcript delta goes out ahead of the first audio it belongs to, never a sentence ahead, so that a
client which cuts off at a sample knows the words. Closing is right whatever was sent before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from voice_loop.audio.pcm import BYTES_PER_SAMPLE, ms_to_bytes, samples_to_ms
from voice_loop.local import events
from voice_loop.local.conversation import Conversation, Item, TimedWord
from voice_loop.local.formats import OutputFormat
from voice_loop.local.ids import new_id
from voice_loop.local.voice import Speech

CHUNK_BYTES: Final = ms_to_bytes(100)
_SENTENCE_GAP: Final = bytes(ms_to_bytes(120))
Emit = Callable[[events.Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where the items of a response go."""

    emit: Emit
    response_id: str
    conversation: Conversation | None
    """None: out of band, the items join no conversation."""

    async def open(self, item: Item, output_index: int) -> str | None:
        """Announce an item; returns the one before it."""
        await self.emit(events.output_item("added", self.response_id, output_index, item.wire))
        if self.conversation is None:
            return None
        previous = self.conversation.add(item)
        await self.emit(events.item_added(item.wire, previous))
        return previous

    async def close(self, item: Item, output_index: int, previous: str | None) -> None:
        """Announce that an item is whole, or will stay as it is."""
        if self.conversation is not None:
            await self.emit(events.item_done(item.wire, previous))
        await self.emit(events.output_item("done", self.response_id, output_index, item.wire))


class MessageOutput:
    """An assistant's message."""

    def __init__(self, outlet: Outlet, output_index: int, spoken: OutputFormat | None) -> None:
        self._outlet = outlet
        self._index = output_index
        self._format = spoken
        self._previous: str | None = None
        self._part_open = False
        self._text = ""
        self._full_audio_ms = 0.0
        self.item = Item(
            {
                "id": new_id("item"),
                "object": "realtime.item",
                "type": "message",
                "status": "in_progress",
                "role": "assistant",
                "content": [],
            }
        )

    @property
    def _place(self) -> dict[str, Any]:
        return {
            "response_id": self._outlet.response_id,
            "item_id": self.item.id,
            "output_index": self._index,
            "content_index": 0,
        }

    async def open(self) -> None:
        self._previous = await self._outlet.open(self.item, self._index)
        await self._emit("content_part.added", part=self._part(""))
        self._part_open = True

    async def _emit(self, kind: str, **more: Any) -> None:
        await self._outlet.emit(events.in_part(kind, self._place, **more))

    def _part(self, text: str) -> dict[str, Any]:
        if self._format is None:
            return {"type": "text", "text": text}
        return {"type": "audio", "transcript": text}

    async def write(self, text: str) -> None:
        """Text, where the client asked for text."""
        self._text += text
        self._set_content()
        await self._emit("output_text.delta", delta=text, obfuscation="")

    async def gap(self) -> None:
        """The pause between two sentences."""
        if self._full_audio_ms:
            await self._send_audio(_SENTENCE_GAP)

    async def speak(
        self, speech: Speech, keep_going: Callable[[int, int], Awaitable[bool]]
    ) -> bool:
        """A sentence, in chunks. `keep_going` is asked before each chunk, with its characters and
        its bytes; when it says no, the rest is not sent and False comes back."""
        base_ms = self._full_audio_ms
        words = list(speech.words)
        starts = range(0, max(1, len(speech.pcm)), CHUNK_BYTES)
        for start in starts:
            chunk = speech.pcm[start : start + CHUNK_BYTES]
            end_sample = (start + len(chunk)) // BYTES_PER_SAMPLE
            last = start == starts[-1]
            due = 0
            while due < len(words) and (last or words[due].start_sample < end_sample):
                due += 1
            spoken, words = words[:due], words[due:]
            text = "".join(word.text for word in spoken)
            if not await keep_going(len(text), len(chunk)):
                return False
            if text:
                self._text += text
                if not self.item.truncated:
                    self.item.words += [
                        TimedWord(word.text, base_ms + samples_to_ms(word.end_sample))
                        for word in spoken
                    ]
                await self._emit("output_audio_transcript.delta", delta=text, obfuscation="")
            if chunk:
                await self._send_audio(chunk)
        return True

    async def _send_audio(self, pcm: bytes) -> None:
        assert self._format is not None
        self._full_audio_ms += samples_to_ms(len(pcm) // BYTES_PER_SAMPLE)
        self.item.add_speech(pcm)
        self._set_content()
        await self._outlet.emit(events.audio_delta(self._place, self._format.encode(pcm)))

    def _set_content(self) -> None:
        """What the item holds by now; a truncated one keeps what was heard."""
        if self.item.truncated:
            return
        if self._format is None:
            content = {"type": "output_text", "text": self._text}
        else:
            content = {"type": "output_audio", "transcript": self._text}
        self.item.wire["content"] = [content]

    @property
    def audio_ms(self) -> float:
        """Audio sent."""
        return self._full_audio_ms

    async def close(self, status: str) -> None:
        """`status` is `completed` or `incomplete`."""
        self.item.wire["status"] = status
        if self._part_open:
            self._set_content()
            if self._format is None:
                await self._emit("output_text.done", text=self._text)
            else:
                await self._emit("output_audio.done")
                await self._emit("output_audio_transcript.done", transcript=self._text)
            await self._emit("content_part.done", part=self._part(self._text))
        await self._outlet.close(self.item, self._index, self._previous)


async def call_function(outlet: Outlet, output_index: int, name: str, arguments: str) -> Item:
    """A function call as an output item, from `added` to `done`."""
    call_id = new_id("call")
    item = Item(
        {
            "id": new_id("item"),
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "name": name,
            "call_id": call_id,
            "arguments": "",
        }
    )
    place = {
        "response_id": outlet.response_id,
        "item_id": item.id,
        "output_index": output_index,
    }
    previous = await outlet.open(item, output_index)
    for start in range(0, len(arguments), 64):
        piece = arguments[start : start + 64]
        await outlet.emit(events.call_arguments_delta(place, call_id, piece))
    item.wire["arguments"] = arguments
    item.wire["status"] = "completed"
    await outlet.emit(events.call_arguments_done(place, call_id, name, arguments))
    await outlet.close(item, output_index, previous)
    return item

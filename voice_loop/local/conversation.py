"""The items of one conversation: what was said, what was heard of it, and in which order.

The rule it keeps: memory is what the client knows. A deleted item is gone, a truncated one keeps
just the words that end before the cut, and the responder sees nothing else. Items, and their audio
for `conversation.item.retrieve`, are kept within bounds, the oldest dropped first. Knows no socket
and no model.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from voice_loop.audio.pcm import bytes_to_ms, ms_to_bytes
from voice_loop.local.brain.base import (
    CalledTool,
    Entry,
    Instruction,
    Said,
    ToolOutput,
)
from voice_loop.local.ids import new_id
from voice_loop.local.schema import ClientError

MAX_ITEMS: Final = 1_000
KEPT_AUDIO_BYTES: Final = 3 * 1024 * 1024
RETRIEVED_AUDIO_BYTES: Final = 600_000
"""Longest audio put into one frame, which must stay below 1 MiB."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A piece of a transcript, with the space before it, and when it is over."""

    text: str
    end_ms: float
    """On the item's own audio."""


@dataclass(slots=True)
class Item:
    """One item, in the wire's shape, with what the wire does not carry."""

    wire: dict[str, Any]
    audio: bytearray = field(default_factory=bytearray)
    audio_ms: float = 0.0
    words: list[TimedWord] = field(default_factory=list)
    truncated: bool = False

    @property
    def id(self) -> str:
        return str(self.wire["id"])

    def text(self) -> str:
        """Everything readable in it."""
        parts = (
            part.get("text") or part.get("transcript") or ""
            for part in self.wire.get("content", [])
        )
        return " ".join(part for part in parts if part)

    def recognised(self, text: str) -> None:
        """What its audio says; parts that brought their own text keep it."""
        for part in self.wire["content"]:
            if part["type"] == "input_audio" and not part.get("transcript"):
                part["transcript"] = text
                text = ""

    def add_speech(self, pcm: bytes) -> None:
        """More of an assistant's audio; frozen once truncated."""
        if not self.truncated:
            self.audio += pcm
            self.audio_ms += bytes_to_ms(len(pcm))

    def cut(self, audio_end_ms: int) -> None:
        """Forget what comes after `audio_end_ms`."""
        self.truncated = True
        del self.audio[ms_to_bytes(audio_end_ms) :]
        self.audio_ms = min(self.audio_ms, float(audio_end_ms))
        self.words = [word for word in self.words if word.end_ms <= audio_end_ms]
        heard = "".join(word.text for word in self.words).strip()
        self.wire["content"] = [{"type": "output_audio", "transcript": heard}]

    def retrieved(self) -> dict[str, Any]:
        """The wire's shape, with the audio where it is kept and fits into a frame."""
        wire = {**self.wire, "content": [dict(part) for part in self.wire.get("content", [])]}
        if "content" not in self.wire:
            del wire["content"]
        for part in wire.get("content", []):
            if part["type"] in ("input_audio", "output_audio"):
                fits = 0 < len(self.audio) <= RETRIEVED_AUDIO_BYTES
                part["audio"] = base64.b64encode(self.audio).decode() if fits else None
        return wire


class Conversation:
    """The default conversation of a session."""

    def __init__(self) -> None:
        self.id = new_id("conv")
        self._items: OrderedDict[str, Item] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    @property
    def last_id(self) -> str | None:
        return next(reversed(self._items), None)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item at the end, or after another (`root`: first); returns the one before it.

        Of a conversation that is too long the oldest item is forgotten. Raises ClientError for a
        known id or an unknown place.
        """
        if item.id in self._items:
            raise ClientError(
                "item_create_duplicate_item_id",
                f"Error adding item: an item with id '{item.id}' already exists.",
                "item.id",
            )
        if after is not None and after != "root" and after not in self._items:
            raise ClientError(
                "invalid_value",
                f"Error adding item: the previous item with id '{after}' does not exist.",
                "previous_item_id",
            )
        previous = self.last_id if after is None else (None if after == "root" else after)
        following = [] if after is None else self._after(after)
        if len(self._items) >= MAX_ITEMS:
            del self._items[next(other for other in self._items if other != after)]
        self._items[item.id] = item
        for other in following:
            if other in self._items:
                self._items.move_to_end(other)
        self._bound_audio()
        return previous

    def _after(self, item_id: str) -> list[str]:
        ids = list(self._items)
        return ids if item_id == "root" else ids[ids.index(item_id) + 1 :]

    def _bound_audio(self) -> None:
        kept = sum(len(item.audio) for item in self._items.values())
        for item in self._items.values():
            if kept <= KEPT_AUDIO_BYTES:
                return
            kept -= len(item.audio)
            item.audio = bytearray()

    def _known(self, item_id: str, doing: str, code: str) -> Item:
        item = self._items.get(item_id)
        if item is None:
            message = f"Error {doing} item: the item with id '{item_id}' does not exist."
            raise ClientError(code, message, "item_id")
        return item

    def retrieve(self, item_id: str) -> Item:
        """Raises ClientError when there is no such item."""
        return self._known(item_id, "retrieving", "item_retrieve_invalid_item_id")

    def delete(self, item_id: str) -> None:
        """Forget an item. Raises ClientError when there is no such item."""
        del self._items[self._known(item_id, "deleting", "item_delete_invalid_item_id").id]

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Keep of an assistant's speech what was heard. Raises ClientError."""
        item = self._known(item_id, "truncating", "item_truncate_invalid_item_id")
        content = item.wire.get("content") or []
        spoken = (
            item.wire.get("role") == "assistant"
            and item.audio_ms > 0
            and content_index < max(1, len(content))
        )
        if not spoken:
            raise ClientError(
                "unsupported_content_type", "Only model output audio messages can be truncated"
            )
        if audio_end_ms > item.audio_ms + 1:
            message = (
                f"Audio content of {int(item.audio_ms)}ms is already shorter than {audio_end_ms}ms"
            )
            raise ClientError("invalid_value", message, "audio_end_ms")
        item.cut(audio_end_ms)

    def entries(self) -> list[Entry]:
        """What a responder is told."""
        return [entry for item in self._items.values() if (entry := to_entry(item)) is not None]


def to_entry(item: Item) -> Entry | None:
    """An item as a responder sees it; None when nothing is left of it."""
    wire = item.wire
    if wire["type"] == "function_call":
        return CalledTool(wire.get("call_id") or "", wire["name"], wire["arguments"])
    if wire["type"] == "function_call_output":
        return ToolOutput(wire["call_id"], wire["output"])
    text = item.text()
    if wire["role"] == "system":
        return Instruction(text)
    if wire["role"] == "user":
        return Said("user", text)
    return Said("assistant", text, cut=item.truncated) if text else None


def new_item(wire: dict[str, Any]) -> Item:
    """An item of the client's, completed with what it may leave out."""
    made = {name: value for name, value in wire.items() if value is not None}
    made.setdefault("id", new_id("item"))
    made["object"] = "realtime.item"
    if made["type"] != "function_call_output":
        made["status"] = made.get("status", "completed")
    if made["type"] == "function_call":
        made.setdefault("call_id", new_id("call"))
    return Item(made)

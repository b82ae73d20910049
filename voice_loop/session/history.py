"""What was really said and heard, for a connection that begins in the middle of a conversation.

A line of the assistant holds what the user heard of it: truncation deletes the provider's own
transcript, and its text is not aligned with its audio, so what was heard is estimated by share of
the audio and ends at a word. Bounded in lines and characters; the oldest go first.
"""

from __future__ import annotations

from typing import Final, Literal

from voice_loop.providers.base import HistoryItem

MAX_LINES: Final = 200
MAX_CHARS: Final = 24_000


def heard_part(text: str, heard: int, total: int) -> str:
    """The words of `text` that belong to the first `heard` of `total` samples."""
    if heard <= 0 or total <= 0:
        return ""
    if heard >= total:
        return text
    chars = round(len(text) * heard / total)
    if chars >= len(text):
        return text
    if text[chars].isspace():
        return text[:chars].rstrip()
    start = next((i + 1 for i in range(chars - 1, -1, -1) if text[i].isspace()), 0)
    end = next((i for i in range(chars, len(text)) if text[i].isspace()), len(text))
    # The word at the cut counts when most of it was heard; scripts without spaces cut anywhere.
    if end - start > 24:
        return text[:chars]
    keep = end if (chars - start) * 2 > end - start else start
    return text[:keep].rstrip()


class History:
    """Lines by id, in the order in which they were begun."""

    def __init__(self, earlier: tuple[HistoryItem, ...] = ()) -> None:
        self._earlier = list(earlier)
        self._lines: dict[str, tuple[Literal["user", "assistant"], str]] = {}

    def set(self, line: str, role: Literal["user", "assistant"], text: str) -> None:
        """Begin or replace a line; an empty text holds its place."""
        self._lines[line] = (role, text)
        while len(self._lines) > MAX_LINES:
            del self._lines[next(iter(self._lines))]

    def remove(self, line: str) -> None:
        self._lines.pop(line, None)

    @property
    def ends_with_user(self) -> bool:
        """The last word is the user's: an answer is due."""
        last = next(reversed(self._lines.values()), None)
        return last is not None and last[0] == "user" and bool(last[1])

    def items(self) -> tuple[HistoryItem, ...]:
        """Everything that has words, the newest that fit."""
        said = [HistoryItem(role, text) for role, text in self._lines.values() if text]
        chosen: list[HistoryItem] = []
        room = MAX_CHARS
        for item in reversed(self._earlier + said):
            room -= len(item.text)
            if room < 0 or len(chosen) == MAX_LINES:
                break
            chosen.append(item)
        return tuple(reversed(chosen))

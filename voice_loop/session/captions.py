"""The assistant's lines: its words in step with its voice, and what was heard of a cut answer.

The provider sends the text long before the sound is played; a line shows the share of it that was
heard, and is final when all of it was, or when it was cut. Each line also goes into the history,
as heard. It does not decide when an answer ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_loop.protocol.events import TranscriptUpdate
from voice_loop.session.history import History, heard_part
from voice_loop.session.playback import ItemAudio


@dataclass(slots=True)
class _Line:
    turn: int
    item: int
    text: str = ""
    whole: bool = False
    shown: str | None = None
    closed: bool = False


class Captions:
    """Lines by the provider's item id."""

    def __init__(self, prefix: str, history: History) -> None:
        self._prefix = prefix
        self._history = history
        self._lines: dict[str, _Line] = {}

    def add(self, entry: ItemAudio, delta: str, *, final: bool, text: str) -> None:
        """Words of the provider: a delta, or with `final` the whole."""
        line = self._line(entry)
        line.text = text or line.text if final else line.text + delta
        line.whole = line.whole or final

    def end(self, entry: ItemAudio) -> None:
        """No more words come, whether the provider closed the text or not."""
        self._line(entry).whole = True

    def _line(self, entry: ItemAudio) -> _Line:
        line = self._lines.get(entry.item_id)
        if line is None:
            line = _Line(entry.turn, entry.item)
            self._lines[entry.item_id] = line
            for item_id in [i for i, old in self._lines.items() if old.closed][:-32]:
                del self._lines[item_id]
        return line

    def spoken(self, turn: int) -> str:
        """All words of a turn, heard or not: what an echo of it would be made of."""
        return " ".join(line.text for line in self._lines.values() if line.turn == turn)

    def show(self, entry: ItemAudio) -> TranscriptUpdate | None:
        """The line as far as it was heard, if that changed."""
        line = self._line(entry)
        if line.closed:
            return None
        # The text runs ahead of the sound, so a share of what came so far never shows too little.
        text = line.text if entry.finished else heard_part(line.text, entry.heard, entry.received)
        final = entry.finished and line.whole
        if (text == (line.shown or "") and not final) or (final and not text):
            return None
        line.shown = text
        line.closed = final
        self._history.set(self._id(line), "assistant", text)
        return TranscriptUpdate(
            self._id(line), "assistant", line.turn, text, final, item=line.item, estimated=not final
        )

    def cut(self, entry: ItemAudio) -> TranscriptUpdate | None:
        """The item was interrupted: the line holds what was heard, or goes."""
        line = self._line(entry)
        if line.closed:
            return None
        line.closed = True
        text = heard_part(line.text, entry.heard, entry.received)
        if not text:
            self._history.remove(self._id(line))
            if line.shown is None:
                return None
            return TranscriptUpdate(
                self._id(line), "assistant", line.turn, "", True, item=line.item, removed=True
            )
        self._history.set(self._id(line), "assistant", text)
        return TranscriptUpdate(
            self._id(line),
            "assistant",
            line.turn,
            text,
            True,
            item=line.item,
            interrupted=True,
            estimated=True,
        )

    def _id(self, line: _Line) -> str:
        return f"{self._prefix}a{line.turn}.{line.item}"

"""The assistant's lines: its words in step with its voice, and what was heard of a cut answer.

The provider sends the text long before the sound is played; a line shows the share of it that was
heard, and is final when all of it was, or when it was cut. Each line also goes into the history,
as heard. It does not decide when an answer ends.

The share is an estimate, unless the provider's words are `aligned`: each comes right before the
audio it belongs to, and then a line knows its words at every sample.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

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
    aligned: bool = False
    places: list[tuple[int, int]] = field(default_factory=list)
    """Of an aligned line: from this sample on, the words from this character on."""

    def add(self, delta: str, received: int) -> None:
        """Words that belong to the audio behind the first `received` samples."""
        if delta:
            self.places.append((received, len(self.text)))
            self.text += delta

    def replace(self, text: str) -> None:
        """The whole text, in the provider's last word."""
        if text and text != self.text:
            self.text, self.aligned = text, False

    def heard(self, entry: ItemAudio) -> str:
        """The words of what was heard."""
        if entry.finished:
            return self.text
        if not self.aligned:
            return heard_part(self.text, entry.heard, entry.received)
        places = [*self.places, (entry.received, len(self.text))]
        for (sample, char), (next_sample, next_char) in pairwise(places):
            if entry.heard <= sample or entry.heard < next_sample:
                piece = self.text[char:next_char]
                heard, total = entry.heard - sample, next_sample - sample
                if len(piece.split()) > 1:
                    piece = heard_part(piece, heard, total)
                elif heard * 2 <= total:
                    piece = ""
                return (self.text[:char] + piece).rstrip()
        return self.text


class Captions:
    """Lines by the provider's item id."""

    def __init__(self, prefix: str, history: History) -> None:
        self._prefix = prefix
        self._history = history
        self._lines: dict[str, _Line] = {}
        self.aligned = False
        """Of the present provider; a line keeps what it began with."""

    def add(self, entry: ItemAudio, delta: str, *, final: bool, text: str) -> None:
        """Words of the provider: a delta, or with `final` the whole."""
        line = self._line(entry)
        if final:
            line.replace(text)
            line.whole = True
        else:
            line.add(delta, entry.received)

    def end(self, entry: ItemAudio) -> None:
        """No more words come, whether the provider closed the text or not."""
        self._line(entry).whole = True

    def _line(self, entry: ItemAudio) -> _Line:
        line = self._lines.get(entry.item_id)
        if line is None:
            line = _Line(entry.turn, entry.item, aligned=self.aligned)
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
        text = line.heard(entry)
        if len(text) < len(line.shown or ""):
            # Sound that came later stretched the last word: what was shown stays.
            text = line.shown or ""
        final = entry.finished and line.whole
        if (text == (line.shown or "") and not final) or (final and not text):
            return None
        line.shown = text
        line.closed = final
        self._history.set(self._id(line), "assistant", text)
        return TranscriptUpdate(
            self._id(line),
            "assistant",
            line.turn,
            text,
            final,
            item=line.item,
            estimated=not (final or line.aligned),
        )

    def cut(self, entry: ItemAudio) -> TranscriptUpdate | None:
        """The item was interrupted: the line holds what was heard, or goes."""
        line = self._line(entry)
        if line.closed:
            return None
        line.closed = True
        text = line.heard(entry)
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
            estimated=not line.aligned,
        )

    def _id(self, line: _Line) -> str:
        return f"{self._prefix}a{line.turn}.{line.item}"

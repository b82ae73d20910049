"""Cuts a stream of text into sentences, each as soon as it is complete. Pure."""

from __future__ import annotations

import re
from typing import Final

_END: Final = re.compile(r"[.!?…]+[\"”’')\]]*\s+|\n+")
_TITLES: Final = frozenset(["mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e"])
MAX_SENTENCE_CHARS: Final = 300
_SHORT_CHARS: Final = 3


class SentenceCutter:
    """Feed pieces of text; joined, the sentences are the text again."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, piece: str) -> list[str]:
        """The sentences that `piece` completes."""
        self._text += piece
        sentences = []
        while (end := self._end()) is not None:
            sentences.append(self._text[:end])
            self._text = self._text[end:]
        return sentences

    def flush(self) -> str:
        """What is left."""
        rest, self._text = self._text, ""
        return rest

    def _end(self) -> int | None:
        for match in _END.finditer(self._text):
            words = self._text[: match.start()].split()
            last = words[-1].lower().strip("(\"'") if words else ""
            abbreviated = match[0].startswith(".") and (last in _TITLES or len(last) == 1)
            # The space belongs to the next sentence, as its first word's.
            end = match.start() + len(match[0].rstrip())
            if words and not abbreviated and end >= _SHORT_CHARS:
                return end
        if len(self._text) > MAX_SENTENCE_CHARS:
            cut = self._text.rfind(" ", 1, MAX_SENTENCE_CHARS)
            return cut if cut > 0 else MAX_SENTENCE_CHARS
        return None

"""The first sentence of an answer, spoken to nobody yet while the turn's last silence still runs.

Made from what was recognised ahead, and only where the responder can tell what it would say without
doing anything. The answer itself is made when the turn has ended; if it begins with the very same
sentence at the same pace, its audio is there. If the user goes on, nothing was said and nothing
done. One sentence at most is kept.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from voice_loop.local.brain.base import Context, Foreseeing, Responder
from voice_loop.local.engines import EngineRoom
from voice_loop.local.sentences import SentenceCutter
from voice_loop.local.voice import Speech, Voice

_log = logging.getLogger(__name__)


@dataclass
class _Ahead:
    sentence: str
    pace: float
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)
    speech: Speech | None = None


class Foresight:
    """Of one session; `tasks` owns the work."""

    def __init__(
        self, room: EngineRoom, voice: Voice, responder: Responder, tasks: TaskGroup
    ) -> None:
        self._room = room
        self._voice = voice
        self._responder = responder if isinstance(responder, Foreseeing) else None
        self._tasks = tasks
        self._ahead: _Ahead | None = None

    @property
    def possible(self) -> bool:
        """The responder can tell what it would say."""
        return self._responder is not None

    def begin(self, context: Context, pace: float, due: float) -> None:
        """Speak the first sentence of the answer to `context`, needed by `due` on anyio's clock."""
        self.drop()
        text = self._responder.foresee(context) if self._responder is not None else None
        sentence = first_sentence(text or "")
        if sentence:
            self._ahead = _Ahead(sentence, pace)
            self._tasks.start_soon(self._speak, self._ahead, due, name="speak ahead")

    def drop(self) -> None:
        """The user went on: nobody will want it."""
        if self._ahead is not None:
            self._ahead.scope.cancel()
            self._ahead = None

    async def _speak(self, ahead: _Ahead, due: float) -> None:
        try:
            with ahead.scope:
                ahead.speech = await self._room.work(
                    lambda: self._voice.speak(ahead.sentence, ahead.pace), due
                )
        except Exception as problem:
            # The answer itself will try again, and tell.
            _log.warning("speaking ahead failed with %s", type(problem).__name__)
        finally:
            ahead.done.set()

    async def take(self, sentence: str, pace: float) -> Speech | None:
        """The audio of a sentence, if it was foreseen; waits for one that is being spoken."""
        ahead = self._ahead
        if ahead is None or (ahead.sentence, ahead.pace) != (sentence, pace):
            return None
        self._ahead = None
        await ahead.done.wait()
        return ahead.speech


def first_sentence(text: str) -> str:
    """As a response cuts it."""
    cutter = SentenceCutter()
    return (cutter.feed(text) or [cutter.flush()])[0]

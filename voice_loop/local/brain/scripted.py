"""A responder for tests: it says what it was told to, or echoes.

Answers are taken in turn, over all sessions; when none is left it repeats the user's words. A cue
(a word in the user's line) can choose an answer, whatever the turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

from voice_loop.local.brain.base import Context, Say, Step, ToolOutput

Answer = str | Step | Sequence[str | Step]


class ScriptedResponder:
    """`contexts` holds what it was asked, for a test to look at."""

    def __init__(
        self, answers: Iterable[Answer] = (), *, cues: Mapping[str, Answer] | None = None
    ) -> None:
        self._answers = deque(answers)
        self._cues = dict(cues or {})
        self.contexts: deque[Context] = deque(maxlen=100)

    def add(self, *answers: Answer) -> None:
        """More answers, after those that wait."""
        self._answers.extend(answers)

    async def respond(self, context: Context) -> AsyncGenerator[Step, None]:
        self.contexts.append(context)
        for step in _steps(self._choose(context)):
            yield step

    def _choose(self, context: Context) -> Answer:
        text = context.last_user_text or ""
        for cue, answer in self._cues.items():
            if cue.lower() in text.lower():
                return answer
        if self._answers:
            return self._answers.popleft()
        last = context.entries[-1] if context.entries else None
        if isinstance(last, ToolOutput):
            return f"The tool says: {last.output}."
        return f"You said: {text or 'nothing'}."


def _steps(answer: Answer) -> Iterable[Step]:
    if isinstance(answer, str):
        yield Say(answer)
    elif isinstance(answer, Sequence):
        for step in answer:
            yield Say(step) if isinstance(step, str) else step
    else:
        yield answer

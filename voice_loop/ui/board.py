"""What a page shows of a conversation, worked out from the session's facts. Pure.

Lines that still change are kept apart from settled ones, so that a word more costs a short list
and not the whole conversation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

from voice_loop.protocol.events import MetricsUpdate, ToolUpdate, TranscriptUpdate
from voice_loop.providers.base import HistoryItem
from voice_loop.session.facts import Fact, RecordingState, SessionStarted
from voice_loop.ui.overlay_feed import OverlayFeed

MAX_LINES: Final = 200
MAX_TOOLS: Final = 50
MAX_HISTORY: Final = 40


class Line(TypedDict):
    """One line of the transcript: a side's words, or the call of a tool."""

    line: str
    role: str
    """`user`, `assistant` or `tool`."""
    text: str
    """The words; a tool's arguments, as JSON."""
    final: bool
    interrupted: bool
    typed: bool
    turn: int
    name: str
    """Of the tool, as words."""
    state: str
    """Of the call: `running`, `done`, `failed`, or `left` when the conversation ended before."""


class ToolLine(TypedDict):
    """One tool call."""

    call_id: str
    name: str
    state: str
    turn: int


@dataclass(slots=True)
class Board:
    """The facts of one session that wait to be shown."""

    lines: dict[str, TranscriptUpdate | ToolUpdate] = field(default_factory=dict)
    """By id, in the order in which they began."""
    tools: list[ToolUpdate] = field(default_factory=list)
    metrics: dict[str, Any] | None = None
    started: SessionStarted | None = None
    recording: RecordingState | None = None
    feed: OverlayFeed | None = None
    """Of the session's overlay; it shows more of the facts, and only while it is open."""

    @property
    def due(self) -> bool:
        """Whether the open overlay has something to show by now."""
        return self.feed is not None and self.feed.due()

    @property
    def empty(self) -> bool:
        """Nothing waits to be shown on the page itself."""
        told = (self.metrics, self.started, self.recording)
        return not (self.lines or self.tools) and all(one is None for one in told)

    def join(self, later: Board) -> None:
        """Add what was noted later."""
        self.lines |= later.lines
        self.tools += later.tools
        self.metrics = later.metrics or self.metrics
        self.started = later.started or self.started
        self.recording = later.recording or self.recording

    def add(self, fact: Fact) -> bool:
        """Note a fact; True when there is something to show on the page itself."""
        if self.feed is not None:
            self.feed.add(fact)
        match fact:
            case TranscriptUpdate():
                self.lines[fact.line] = fact
            case ToolUpdate():
                self.tools.append(fact)
                self.lines[_id(fact)] = fact
            case MetricsUpdate():
                self.metrics = dict(fact.metrics)
            case SessionStarted():
                self.started = fact
            case RecordingState():
                self.recording = fact
            case _:
                return False
        return True


def merged(
    settled: list[Line], live: list[Line], updates: Iterable[TranscriptUpdate | ToolUpdate]
) -> tuple[list[Line], list[Line]]:
    """Settled and changing lines after `updates`, in the order in which the lines began. The call
    of a tool holds nothing up: it stands among the settled ones while it runs."""
    lines = [*settled, *live]
    for update in updates:
        name = _id(update)
        known = next((i for i, line in enumerate(lines) if line["line"] == name), None)
        line = _line(update)
        if line is None:
            if known is not None:
                del lines[known]
            continue
        if known is None:
            lines.insert(_place(lines, line), line)
        else:
            lines[known] = line
    first_open = next((i for i, line in enumerate(lines) if not line["final"]), len(lines))
    return lines[:first_open][-MAX_LINES:], lines[first_open:][-MAX_LINES:]


def _id(update: TranscriptUpdate | ToolUpdate) -> str:
    return update.line if isinstance(update, TranscriptUpdate) else f"tool-{update.call_id}"


def _line(update: TranscriptUpdate | ToolUpdate) -> Line | None:
    """As it is shown; None for what is to vanish."""
    if isinstance(update, ToolUpdate):
        return Line(
            line=_id(update),
            role="tool",
            text=update.arguments if update.arguments.strip() not in ("", "{}") else "",
            final=True,
            interrupted=False,
            typed=False,
            turn=update.turn,
            name=update.name.replace("_", " "),
            state=update.state,
        )
    if update.removed or (update.final and not update.text.strip()):
        return None
    return Line(
        line=update.line,
        role=update.role,
        text=update.text,
        final=update.final,
        interrupted=update.interrupted,
        typed=update.typed,
        turn=update.turn,
        name="",
        state="",
    )


def _place(lines: list[Line], line: Line) -> int:
    """Where a new line goes: the user's words are often recognised while the answer to them
    already runs, and belong before it and before the tools it called."""
    at = len(lines)
    if line["role"] == "user":
        while at and lines[at - 1]["role"] != "user" and lines[at - 1]["turn"] == line["turn"]:
            at -= 1
    return at


def with_tools(shown: list[ToolLine], updates: list[ToolUpdate]) -> list[ToolLine]:
    """Tool calls after `updates`; the last ones."""
    by_id = {tool["call_id"]: tool for tool in shown}
    for update in updates:
        by_id[update.call_id] = ToolLine(
            call_id=update.call_id, name=update.name, state=update.state, turn=update.turn
        )
    return list(by_id.values())[-MAX_TOOLS:]


def as_cut(line: Line) -> Line:
    """A changing line at the end of its session: an answer stays as far as it came."""
    return Line(**{**line, "final": True, "interrupted": line["role"] == "assistant"})


def as_left(line: Line) -> Line:
    """A settled line at the end of its session: nobody hears any more how a call went."""
    return Line(**{**line, "state": "left"}) if line["state"] == "running" else line


def as_text(line: Line) -> str:
    """For the clipboard and the file."""
    if line["role"] == "tool":
        return f"[{line['name']}: {line['state']}] {line['text']}".rstrip()
    who = "You" if line["role"] == "user" else "Assistant"
    return f"{who}: {line['text']}{' [cut]' if line['interrupted'] else ''}"


def history(lines: list[Line]) -> tuple[HistoryItem, ...]:
    """What a new connection is told of the conversation that the page shows."""
    return tuple(
        HistoryItem("user" if line["role"] == "user" else "assistant", line["text"])
        for line in lines[-MAX_HISTORY:]
        if line["text"].strip() and line["role"] != "tool"
    )

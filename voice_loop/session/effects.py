"""What the rules decide, as data: commands for the provider, frames for the page, facts.

The pure parts of a session write into one `Effects`; the session carries them out afterwards, the
provider's commands strictly in order. So a rule never waits, and a test reads what was decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voice_loop.protocol.events import (
    AudioChunk,
    AudioEnd,
    ServerEvent,
)
from voice_loop.providers import commands
from voice_loop.providers.commands import (
    AddText,
    AddToolResult,
    CancelResponse,
    ClearAudio,
    CommitAudio,
    CreateResponse,
    DeleteItem,
    TruncateItem,
    UpdateSettings,
)
from voice_loop.session.facts import DisplayEvent, Fact

__all__ = [
    "AddText",
    "AddToolResult",
    "AppendAudio",
    "CancelResponse",
    "ClearAudio",
    "Command",
    "CommitAudio",
    "CreateResponse",
    "DeleteItem",
    "Effects",
    "Frame",
    "RunTool",
    "TruncateItem",
    "UpdateSettings",
]


@dataclass(frozen=True, slots=True)
class AppendAudio(commands.AppendAudio):
    """With what the session must know of it: where it lies, and how long it has waited."""

    position_samples: int
    """On the up-stream's line, for the ledger of appended samples."""
    received_ms: float


Command = (
    AppendAudio
    | CommitAudio
    | ClearAudio
    | CreateResponse
    | CancelResponse
    | TruncateItem
    | DeleteItem
    | AddText
    | AddToolResult
    | UpdateSettings
)


@dataclass(frozen=True, slots=True)
class RunTool:
    call_id: str
    name: str
    arguments: str = field(repr=False)
    turn: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A server event on its way out; `received_ms` when what it carries came from the provider,
    None when it was held back by pacing or made here."""

    event: ServerEvent
    received_ms: float | None = None


@dataclass(slots=True)
class Effects:
    """Collects decisions in order; the session carries them out and clears it."""

    commands: list[Command] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    tools: list[RunTool] = field(default_factory=list)
    dropped_turns: list[int] = field(default_factory=list)
    """Audio of these turns that waits for the socket is thrown away, before `frames` follow."""
    replace_link: bool = False
    link_wished: bool = False
    """The person wants another connection (a voice): it says nothing about this one."""
    end: str | None = None

    def send(self, event: ServerEvent, received_ms: float | None = None) -> None:
        """To the page; what is for display also goes on the bus."""
        self.frames.append(Frame(event, received_ms))
        if isinstance(event, DisplayEvent):
            self.facts.append(event)

    def drop_audio(self, turn: int) -> None:
        """Nothing more of this turn's audio reaches the page."""
        self.dropped_turns.append(turn)
        self.frames = [
            frame
            for frame in self.frames
            if not (isinstance(frame.event, AudioChunk | AudioEnd) and frame.event.turn == turn)
        ]

    def clear(self) -> None:
        self.commands.clear()
        self.frames.clear()
        self.facts.clear()
        self.tools.clear()
        self.dropped_turns.clear()
        self.replace_link = self.link_wished = False
        self.end = None

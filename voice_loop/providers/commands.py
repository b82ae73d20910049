"""The port's commands as data: what a session decides, and what a test reads back.

One class for each command method of `providers.base.Provider`, with its arguments. `connect` is
none: it makes the connection that commands need. What people say stays out of every repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voice_loop.providers.base import SessionSettings


@dataclass(frozen=True, slots=True)
class AppendAudio:
    pcm: bytes = field(repr=False)
    """24 kHz mono s16le."""


@dataclass(frozen=True, slots=True)
class CommitAudio:
    pass


@dataclass(frozen=True, slots=True)
class ClearAudio:
    pass


@dataclass(frozen=True, slots=True)
class CreateResponse:
    instructions: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CancelResponse:
    pass


@dataclass(frozen=True, slots=True)
class TruncateItem:
    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class DeleteItem:
    item_id: str


@dataclass(frozen=True, slots=True)
class AddText:
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AddToolResult:
    call_id: str
    output: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    settings: SessionSettings = field(repr=False)


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

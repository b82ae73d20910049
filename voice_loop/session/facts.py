"""What a session tells whoever listens on its bus: facts with their clock, never audio.

Besides the facts below the bus carries the wire's own events for display (TurnState,
TranscriptUpdate, ToolUpdate, ErrorEvent, MetricsUpdate) and, as they came, the browser's
PlaybackReport, UserSpeech and UserBargeIn, whose times are of the browser's clock.

A mark says when something happened and on whose clock; subtracting is the latency budget's job.
Nothing here holds what a person said, except TranscriptUpdate, which is for display only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from voice_loop.protocol.events import (
    ErrorEvent,
    MetricsUpdate,
    PlaybackReport,
    ToolUpdate,
    TranscriptUpdate,
    TurnState,
    UserBargeIn,
    UserSpeech,
)

ClockName = Literal["server", "client"]
MarkName = Literal[
    "speech_started",  # provider's detector, in silence or not
    "speech_stopped",  # provider's detector: the user's turn ended
    "press_released",  # push-to-talk: the user's turn ended
    "text_received",
    "input_committed",
    "input_dropped",  # backchannel, cough, echo: no turn
    "response_asked",
    "response_started",
    "first_delta",  # first audio of the answer, from the provider
    "first_chunk_sent",  # first audio of the answer, handed to the browser's socket
    "first_chunk_received",  # client: first audio of the answer, out of the socket
    "first_chunk_queued",  # client: in the playback worklet's ring
    "first_sound",  # client: first audible sample
    "speech_onset",  # client: acoustic onset of the user's sound
    "speech_ended",  # client: acoustic end of the user's sound
    "barge_in_onset",  # client
    "barge_in_detected",  # client
    "barge_in_stopped",  # client: last sample inaudible
    "barge_in_received",
    "interrupted",
    "committed_for_silence",  # no dead air: the session committed itself
    "gave_up_waiting",  # no dead air: back to listening without a turn
    "response_done",
    "detached",
    "resumed",  # this turn's latencies do not count
    "link_down",
    "link_up",
]


@dataclass(frozen=True, slots=True)
class Mark:
    """`name` happened at `at_ms` of `clock`, in `turn` (0: before the first)."""

    name: MarkName
    at_ms: float
    clock: ClockName
    turn: int


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One exchange of clock frames; `offset_ms` and `round_trip_ms` are the browser's estimate."""

    id: int
    client_sent_ms: float
    server_received_ms: float
    server_sent_ms: float
    offset_ms: float | None
    round_trip_ms: float | None


@dataclass(frozen=True, slots=True)
class RelayDelays:
    """Message received → handed on, one number a message; pacing is not in it."""

    direction: Literal["up", "down"]
    delays_ms: tuple[float, ...]
    audio_bytes: int = 0
    """PCM handed on since the last of these, paced audio included."""


@dataclass(frozen=True, slots=True)
class AudibleFrom:
    """The answer's audio begins with `silence_ms` of silence."""

    turn: int
    silence_ms: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider counted for one response."""

    turn: int
    tokens: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The provider answered: the conversation can begin (or goes on, after a reconnect)."""

    session_id: str
    provider: str
    model: str
    voice: str
    reconnected: bool
    at_ms: float


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """`code` is a wire code, or `user` when the page or the app ended it."""

    session_id: str
    code: str
    duration_ms: float


@dataclass(frozen=True, slots=True)
class RecordingOrder:
    """The person switched the recording on or off; `keep` it beyond the session."""

    on: bool
    keep: bool


@dataclass(frozen=True, slots=True)
class RecordingState:
    """What became of it: it runs, is `ready` to be fetched, or is gone; `code` says why it ended
    otherwise than asked."""

    phase: Literal["running", "ready", "gone"]
    name: str = ""
    length_ms: float = 0.0
    code: str = ""


DisplayEvent = TurnState | TranscriptUpdate | ToolUpdate | ErrorEvent | MetricsUpdate
Fact = (
    Mark
    | ClockSample
    | RelayDelays
    | AudibleFrom
    | Usage
    | SessionStarted
    | SessionEnded
    | RecordingOrder
    | RecordingState
    | DisplayEvent
    | PlaybackReport
    | UserSpeech
    | UserBargeIn
)

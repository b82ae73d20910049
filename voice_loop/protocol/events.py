"""The wire between browser and server: `/voice`, WebSocket subprotocol `voice-loop.v1`.

Control travels as JSON text frames `{"type": ..., "seq": ..., ...}`, audio as binary frames
(see `frames`). Every event is one frozen dataclass here; its fields are the frame's keys.

`seq` counts each direction over the session's life, from 1, across text and binary frames.
Handshake and clock frames (`session.start`, `session.ready`, `clock.ping`, `clock.pong`) and errors
sent before a session exists carry `seq` 0: they are never kept, never sent again.
`received_seq` in a frame acknowledges the highest `seq` its sender has from the other side.

    →  session.start       ticket or resume, client clock, options
    →  audio.chunk         binary: 24 kHz mono s16le, 20 ms
    →  user.speech         what the browser's detector decided about a sound
    →  user.barge_in       interruption: turn, item, played_ms, onset and detection times
    →  playback.report     what was really rendered
    →  input.mute / input.press / input.commit / input.cancel / input.text
    →  app.command         a signed command of the app, carried by the page
    →  session.end         reason
    ←  session.ready       ids, provider, limits, server clock
    ←  audio.chunk         binary: turn, item, position, PCM
    ←  audio.end           an item's audio is complete, or the turn's audio was cut
    ←  turn.state          listening, user_speaking, thinking, speaking
    ←  transcript.update   a line of the conversation, whole each time
    ←  metrics.update      latencies of a turn, percentiles, verdicts
    ←  tool.update         a tool's name and state
    ←  error               code, sentence, recoverable, retry_after_ms
    ↔  clock.ping / clock.pong

Times ending in `_ms` are milliseconds; `client_*` times are of the browser's `performance.now()`,
`server_*` times of the server's monotonic clock: never subtract one from the other without the
measured offset. A turn is one exchange: what the user said and the answer to it share the number,
which the server gives. `item` is the index (from 0) of an audio item within its turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

SUBPROTOCOL: Final = "voice-loop.v1"
SAMPLE_RATE_HZ: Final = 24_000
CHUNK_MS: Final = 20

TurnDetection = Literal["server_vad", "push_to_talk"]
TurnPhase = Literal["listening", "user_speaking", "thinking", "speaking"]
SpeechPhase = Literal["candidate", "confirmed", "rejected", "ended"]
BargeInSource = Literal["speech", "stop", "press", "text"]
PlaybackPhase = Literal["started", "playing", "paused", "resumed", "stopped", "finished"]
AudioEndReason = Literal["completed", "interrupted", "failed"]
Role = Literal["user", "assistant"]
ToolPhase = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Resume:
    """Take up a session again after the socket broke."""

    session_id: str
    resume_key: str
    received_seq: int


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What the page asks for; the server says in `session.ready` what it granted."""

    turn_detection: TurnDetection = "server_vad"
    barge_in: bool = True
    """Speech over the answer interrupts it."""
    muted: bool = False
    voice: str | None = None


@dataclass(frozen=True, slots=True)
class SessionStart:
    """First frame of every socket. Exactly one of `ticket` and `resume` is given."""

    TYPE: ClassVar[str] = "session.start"
    client_time_ms: float
    ticket: str | None = None
    resume: Resume | None = None
    options: StartOptions = field(default_factory=StartOptions)
    seq: int = 0


@dataclass(frozen=True, slots=True)
class UserSpeech:
    """What the browser's speech detector decided about one sound (`sound` counts them from 1).

    Not in the first table of the design: the server needs the candidates to recognise the
    provider's `speech_started` as the same sound, and the local end to promise no dead air.
    """

    TYPE: ClassVar[str] = "user.speech"
    phase: SpeechPhase
    sound: int
    client_onset_ms: float
    client_at_ms: float
    during_playback: bool
    """Assistant audio was audible when the sound began."""
    position_samples: int
    """Position of the onset on the up-stream's sample line (see `frames`)."""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class UserBargeIn:
    """The person interrupts the answer of `turn` while `item` was being heard."""

    TYPE: ClassVar[str] = "user.barge_in"
    turn: int
    item: int
    played_ms: float
    """Milliseconds of that item really heard (output latency subtracted)."""
    source: BargeInSource = "speech"
    client_onset_ms: float | None = None
    client_detected_ms: float | None = None
    client_stopped_ms: float | None = None
    """When the last sample became inaudible."""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class PlaybackReport:
    """What was rendered. Every 100 ms while playing, and at each change of `phase`."""

    TYPE: ClassVar[str] = "playback.report"
    turn: int
    item: int
    phase: PlaybackPhase
    played_ms: float
    """Milliseconds of that item rendered and audible by now."""
    buffered_ms: float
    underruns: int
    """Since the session began."""
    dropped_chunks: int
    output_latency_ms: float
    """From rendered to heard; 0 where the browser does not say."""
    client_at_ms: float
    client_first_sound_ms: float | None = None
    """With `started`: when the turn's first sample was audible."""
    client_received_ms: float | None = None
    """With `started`: when the page had the turn's first chunk."""
    client_queued_ms: float | None = None
    """With `started`: when that chunk was in the playback worklet's ring."""
    client_stopped_ms: float | None = None
    received_seq: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What of the options changed in mid-conversation; the others hold from the next one on."""

    TYPE: ClassVar[str] = "session.options"
    barge_in: bool
    seq: int = 0


@dataclass(frozen=True, slots=True)
class InputMute:
    TYPE: ClassVar[str] = "input.mute"
    muted: bool
    seq: int = 0


@dataclass(frozen=True, slots=True)
class InputPress:
    """Push-to-talk pressed: interrupts, clears; the pre-roll and the audio follow."""

    TYPE: ClassVar[str] = "input.press"
    client_at_ms: float
    seq: int = 0


@dataclass(frozen=True, slots=True)
class InputCommit:
    """Push-to-talk released: the turn is complete."""

    TYPE: ClassVar[str] = "input.commit"
    client_at_ms: float
    held_ms: float
    seq: int = 0


@dataclass(frozen=True, slots=True)
class InputCancel:
    """Push-to-talk slid off, or shorter than 150 ms: what was said is thrown away."""

    TYPE: ClassVar[str] = "input.cancel"
    seq: int = 0


@dataclass(frozen=True, slots=True)
class InputText:
    """A typed message; interrupts an answer that is being spoken."""

    TYPE: ClassVar[str] = "input.text"
    text: str
    seq: int = 0


@dataclass(frozen=True, slots=True)
class AppCommand:
    """A command of the app, signed by the server and only carried by the page."""

    TYPE: ClassVar[str] = "app.command"
    command: str
    seq: int = 0


@dataclass(frozen=True, slots=True)
class SessionEnd:
    TYPE: ClassVar[str] = "session.end"
    reason: str = "user"
    seq: int = 0


@dataclass(frozen=True, slots=True)
class ClockPing:
    """From the browser, every 2 s; the last measured offset and round trip ride along."""

    TYPE: ClassVar[str] = "clock.ping"
    id: int
    client_sent_ms: float
    offset_ms: float | None = None
    """server clock minus client clock, by the minimum-delay filter."""
    round_trip_ms: float | None = None
    received_seq: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class SessionReady:
    TYPE: ClassVar[str] = "session.ready"
    session_id: str
    resume_key: str
    resumed: bool
    received_seq: int
    provider: str
    """`openai` or `local`."""
    model: str
    voice: str
    options: StartOptions
    max_session_ms: float
    max_ahead_ms: float
    """Audio beyond the reported position that the server may send."""
    server_time_ms: float
    seq: int = 0


@dataclass(frozen=True, slots=True)
class AudioEnd:
    """No more audio of this item comes. `completed`: it may play out; otherwise drop the turn's."""

    TYPE: ClassVar[str] = "audio.end"
    turn: int
    item: int
    reason: AudioEndReason
    seq: int = 0


@dataclass(frozen=True, slots=True)
class TurnState:
    TYPE: ClassVar[str] = "turn.state"
    state: TurnPhase
    turn: int
    seq: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptUpdate:
    """One line of the conversation; replaces the line with the same `line` id."""

    TYPE: ClassVar[str] = "transcript.update"
    line: str
    role: Role
    turn: int
    text: str
    final: bool
    item: int | None = None
    """The audio item it belongs to (assistant)."""
    interrupted: bool = False
    """The answer was cut: `text` is what was heard of it."""
    estimated: bool = False
    """What was heard is an estimate by share of the audio."""
    removed: bool = False
    """The line is withdrawn (a backchannel that was no turn)."""
    typed: bool = False
    seq: int = 0


@dataclass(frozen=True, slots=True)
class MetricsUpdate:
    TYPE: ClassVar[str] = "metrics.update"
    metrics: Mapping[str, Any]
    seq: int = 0


@dataclass(frozen=True, slots=True)
class ToolUpdate:
    TYPE: ClassVar[str] = "tool.update"
    call_id: str
    name: str
    state: ToolPhase
    turn: int
    arguments: str = ""
    """JSON as the model wrote it, for display: bounded, not validated."""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    TYPE: ClassVar[str] = "error"
    code: str
    message: str
    recoverable: bool
    retry_after_ms: float | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True)
class ClockPong:
    TYPE: ClassVar[str] = "clock.pong"
    id: int
    client_sent_ms: float
    server_received_ms: float
    server_sent_ms: float
    received_seq: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Audio of either direction. Up: `turn` and `item` are 0, `position_samples` counts what was
    captured since the session began. Down: position within the item."""

    TYPE: ClassVar[str] = "audio.chunk"
    turn: int
    item: int
    position_samples: int
    pcm: bytes
    """24 kHz mono s16le."""
    seq: int = 0


ClientControl = (
    SessionStart
    | UserSpeech
    | UserBargeIn
    | PlaybackReport
    | SessionOptions
    | InputMute
    | InputPress
    | InputCommit
    | InputCancel
    | InputText
    | AppCommand
    | SessionEnd
    | ClockPing
)
ServerControl = (
    SessionReady
    | AudioEnd
    | TurnState
    | TranscriptUpdate
    | MetricsUpdate
    | ToolUpdate
    | ErrorEvent
    | ClockPong
)
ClientEvent = ClientControl | AudioChunk
ServerEvent = ServerControl | AudioChunk

CLIENT_EVENTS: Final[tuple[type[ClientControl], ...]] = (
    SessionStart, SessionOptions, UserSpeech, UserBargeIn, PlaybackReport, InputMute, InputPress,
    InputCommit, InputCancel, InputText, AppCommand, SessionEnd, ClockPing,
)  # fmt: skip
SERVER_EVENTS: Final[tuple[type[ServerControl], ...]] = (
    SessionReady, AudioEnd, TurnState, TranscriptUpdate, MetricsUpdate, ToolUpdate, ErrorEvent,
    ClockPong,
)  # fmt: skip

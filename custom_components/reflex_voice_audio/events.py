"""What the component tells event handlers: one TypedDict per trigger.

Times ending in `_ms` are milliseconds, `client_*` times are of the browser's `performance.now()`.
Handlers receive a plain dict of this shape; keys that are not listed here may be there too.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Status = Literal[
    "idle",
    "connecting",
    "listening",
    "user_speaking",
    "thinking",
    "speaking",
    "reconnecting",
    "error",
]


class TicketRequest(TypedDict):
    """`on_ticket`: answer with `deliver_ticket` or `refuse`, with the same `request`."""

    request: str


class StatusChange(TypedDict, total=False):
    """`on_status`: `status` and `microphone` always, the rest once there is a session."""

    status: Status
    microphone: bool
    """The conversation listens; False when it was begun by typing."""
    session_id: str | None
    provider: str
    model: str
    voice: str
    turn_detection: str
    resumed: bool
    max_session_ms: float


class VoiceError(TypedDict):
    """`on_error`: a stable code, a sentence for a person."""

    code: str
    message: str
    recoverable: bool
    retry_after_ms: float | None


class TranscriptLine(TypedDict):
    """`on_transcript`: one line of the conversation, whole; replaces the one with its `line` id."""

    line: str
    role: Literal["user", "assistant"]
    turn: int
    text: str
    final: bool
    item: int | None
    interrupted: bool
    estimated: bool
    removed: bool
    typed: bool


class ToolCall(TypedDict):
    """`on_tool`."""

    call_id: str
    name: str
    state: Literal["running", "done", "failed"]
    turn: int
    arguments: str
    """JSON as the model wrote it."""


class AudioDevice(TypedDict):
    """One microphone or loudspeaker."""

    id: str
    label: str


class DeviceState(TypedDict, total=False):
    """`on_device`: the devices and what they do, at each change."""

    microphone: bool
    """A microphone is open."""
    muted: bool
    input: str
    """Name of the open microphone."""
    input_id: str
    output_id: str
    """The chosen loudspeaker; empty: the system's."""
    volume: float
    """As remembered, 0 to 1."""
    inputs: list[AudioDevice]
    outputs: list[AudioDevice]
    echo_cancellation: bool
    silent: bool
    """Nothing but zeros for three seconds: a dead device or a hardware switch."""
    blocked: bool
    """The system mutes the microphone."""


class Levels(TypedDict):
    """`on_level`: at most four times a second, 0 to 1."""

    level: float
    output_level: float


class Speech(TypedDict):
    """`on_speech`: what the detector made of a sound."""

    phase: Literal["candidate", "confirmed", "rejected", "ended"]
    sound: int
    client_onset_ms: float
    client_at_ms: float
    during_playback: bool
    position_samples: int


class Playback(TypedDict):
    """`on_playback`: the answer began, paused, went on, was stopped or finished."""

    phase: Literal["started", "paused", "resumed", "stopped", "finished"]
    turn: int
    item: int
    played_ms: float
    buffered_ms: float
    underruns: int
    dropped_chunks: int
    output_latency_ms: float
    """0 where the browser does not say."""
    client_at_ms: float
    client_received_ms: float | None
    client_queued_ms: float | None
    client_first_sound_ms: float | None
    client_stopped_ms: float | None


class CapturedAudio(TypedDict):
    """`on_audio`: 200 ms of captured audio."""

    pcm: str
    """Base64 of mono s16le."""
    position_samples: int
    sample_rate_hz: int


Metrics = dict[str, Any]
"""`on_metrics`: what the server's `metrics.update` carries."""

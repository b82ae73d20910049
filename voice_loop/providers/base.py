"""The provider port: what a session asks of a Realtime speech provider, and what it hears back.

Neutral: no name of a vendor, a browser or Reflex. One `Provider` is one connection of one session.
Commands are coroutines that return when the frame is handed to the socket; they raise
`ProviderError` when the connection is gone or stuck. What happens comes out of `events()`, in the
provider's order, ending after `Fault(recoverable=False)` or when the connection is closed.

The session owns every response: a provider never answers on its own, it only cuts speech into
items (`SpeechStarted`, `SpeechStopped`, `InputCommitted`) and waits for `create_response`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

ResponseStatus = Literal["completed", "cancelled", "incomplete", "failed"]


@dataclass(frozen=True, slots=True)
class VoiceActivity:
    """How the provider's detector cuts speech into items; every field is always sent."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 400


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments object."""


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A line of the conversation so far, for a connection that begins in the middle of one."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What one connection is opened with."""

    instructions: str
    voice: str
    voice_activity: VoiceActivity | None = field(default_factory=VoiceActivity)
    """None: push-to-talk, the session commits."""
    tools: Sequence[ToolSpec] = ()
    history: Sequence[HistoryItem] = ()
    safety_identifier: str | None = None
    """Stable hash of the end user, for the provider's abuse monitoring."""
    transcribe: bool = True


@dataclass(frozen=True, slots=True)
class Connected:
    """The provider is ready: it acknowledged our settings."""

    model: str
    voice: str
    expires_in_ms: float | None
    aligned_transcript: bool = False
    """Words of an answer come right before the audio they belong to, not sentences ahead: what was
    heard of it is known, not estimated."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    item_id: str
    audio_start_ms: float
    """On the line of audio appended to this connection; includes the prefix padding."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    item_id: str
    audio_end_ms: float


@dataclass(frozen=True, slots=True)
class InputCommitted:
    item_id: str


@dataclass(frozen=True, slots=True)
class InputTranscript:
    item_id: str
    text: str
    """Whole text so far, not the delta."""
    final: bool


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    response_id: str


@dataclass(frozen=True, slots=True)
class OutputStarted:
    """The first sign of an output item that will carry speech or text."""

    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class OutputAudio:
    response_id: str
    item_id: str
    pcm: bytes
    """24 kHz mono s16le."""


@dataclass(frozen=True, slots=True)
class OutputAudioDone:
    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class OutputTranscript:
    response_id: str
    item_id: str
    delta: str
    """What came new; with `final` it is empty and `text` holds the whole."""
    final: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    response_id: str
    item_id: str
    call_id: str
    name: str
    arguments: str
    """JSON as the model wrote it: not yet validated."""


@dataclass(frozen=True, slots=True)
class ResponseDone:
    response_id: str
    status: ResponseStatus
    reason: str | None = None
    """Of a cancelled or incomplete response."""
    error: str | None = None
    """Wire code (see `voice_loop.errors`) of a failed response."""
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    item_id: str
    audio_end_ms: float


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    item_id: str


@dataclass(frozen=True, slots=True)
class Updated:
    """A change of settings is in force."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """The provider ended the session because of its longest duration."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something the provider refused or that broke. `code` is a wire code."""

    code: str
    recoverable: bool
    """The connection is still usable."""
    detail_code: str | None = None
    """The provider's own code: safe to log, unlike its message."""
    retry_after_ms: float | None = None
    no_response: bool = False
    """It refused to make the response that was asked for: none comes."""


ProviderEvent = (
    SpeechStarted
    | SpeechStopped
    | InputCommitted
    | InputTranscript
    | ResponseStarted
    | OutputStarted
    | OutputAudio
    | OutputAudioDone
    | OutputTranscript
    | ToolCall
    | ResponseDone
    | ItemTruncated
    | ItemDeleted
    | Updated
    | Expiring
    | Fault
)


class Provider(Protocol):
    """One live connection. Commands raise ProviderError; benign races raise and report nothing."""

    @property
    def name(self) -> str:
        """`openai` or `local`."""
        ...

    async def connect(self, settings: SessionSettings) -> Connected:
        """Open, wait for the provider's word that it is ready, put the settings in force and
        replay the history. Bounded. Raises ProviderUnavailable, ProviderRejected or
        ProviderTimeout; after any of them nothing is left open."""
        ...

    def events(self) -> AsyncIterator[ProviderEvent]:
        """What happens, until the connection ends. One reader."""
        ...

    async def append_audio(self, pcm: bytes) -> None:
        """24 kHz mono s16le into the input buffer."""
        ...

    async def commit_audio(self) -> None:
        """Make an item of the input buffer. Too short a buffer is benign."""
        ...

    async def clear_audio(self) -> None:
        """Throw the input buffer away."""
        ...

    async def create_response(self, instructions: str | None = None) -> None:
        """Ask for an answer. The caller waits for `ResponseDone` of the one before."""
        ...

    async def cancel_response(self) -> None:
        """Stop the answer being made. None active is benign."""
        ...

    async def truncate_item(self, item_id: str, audio_end_ms: int) -> None:
        """Keep of an assistant item what was heard."""
        ...

    async def delete_item(self, item_id: str) -> None:
        """Remove an item. One that is gone is benign."""
        ...

    async def add_text(self, text: str) -> None:
        """A typed message of the user. The caller creates the response."""
        ...

    async def add_tool_result(self, call_id: str, output: str) -> None:
        """The result of a tool call. The caller creates the response."""
        ...

    async def update(self, settings: SessionSettings) -> None:
        """Change instructions, tools or voice activity; `Updated` follows."""
        ...

    async def aclose(self) -> None:
        """Close; bounded, idempotent, safe in a cancelled scope."""
        ...


class ProviderFactory(Protocol):
    """Makes a fresh, unconnected provider for a session."""

    def __call__(self) -> Provider: ...

"""How a local server is set up, and how it misbehaves when a test or a benchmark wants it to."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Faults:
    """Misbehaviour on cue. Counts are per connection; nothing is on by default."""

    connections: int | None = None
    """Only this many connections misbehave, counted from when the faults were set; None: all."""
    refuse_status: int | None = None
    """Answer the handshake with this HTTP status."""
    retry_after_s: float | None = None
    """The refusal's Retry-After header."""
    error_at_start: str | None = None
    """Accept, send an `error` with this code instead of `session.created`, and close."""
    close_code: int = 3000
    """Of `error_at_start`."""
    silent_at_start: bool = False
    """Accept and never send anything."""
    stall_after_frames: int | None = None
    """Send this many frames, then nothing more; the socket stays open."""
    cut_after_audio_deltas: int | None = None
    """Break the TCP connection after this many audio deltas."""
    malformed_after_frames: int | None = None
    """Send a frame that is not JSON after this many frames."""
    unknown_event_after_frames: int | None = None
    """Send an event of an unknown type after this many frames."""
    fail_response: str | None = None
    """Every response fails with this code (rate_limit_exceeded, insufficient_quota ...)."""
    slow_delta_ms: float = 0.0
    """Pause before each audio delta."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """A local server's settings."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any free port."""
    think_ms: float = 0.0
    """Pause between `response.created` and the first output: stands for a remote model's delay."""
    expire_after_s: float = 3600.0
    """Longest session."""
    idle_scale: float = 1.0
    """Shortens `idle_timeout_ms`, which is at least 5 s, for tests."""
    send_timeout_s: float = 15.0
    """A client that takes nothing for this long is closed."""
    max_sessions: int = 64
    api_keys: frozenset[str] | None = field(default=None, repr=False)
    """Accepted keys; None: any, or none."""
    models: frozenset[str] | None = None
    """Accepted model names; None: any."""
    origins: frozenset[str] = frozenset()
    """Web pages that may connect. Browsers name theirs, and none may unless it stands here."""
    faults: Faults = field(default_factory=Faults)

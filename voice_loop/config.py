"""Settings: read once, at the edge, from the environment or `.env`; handed down as one object.

A value that cannot be used stops the start with a sentence that names the variable and says what to
write; an empty value counts as not set. Nothing here reads the environment on import.

    OPENAI_API_KEY             key of the OpenAI account; without it the local assistant speaks
    OPENAI_MODEL               gpt-realtime
    OPENAI_BASE_URL            another server that speaks the protocol (http, https, ws or wss)
    PORT                       3000
    VOICE_PROVIDER             auto | openai | local
    VOICE_VOICE                marin
    VOICE_INSTRUCTIONS         what the assistant is told
    VOICE_TURN_DETECTION       server_vad | push_to_talk
    VOICE_VAD_THRESHOLD        0.5         VOICE_VAD_PREFIX_MS 300      VOICE_VAD_SILENCE_MS 400
    VOICE_BARGE_IN             true
    VOICE_TICKET_SECRET        signs tickets; needed with several workers
    VOICE_WS_URL               the page's WebSocket URL, where it cannot be derived
    VOICE_PATH                 /voice
    VOICE_METRICS_TOKEN        bearer of /metrics
    VOICE_MAX_SESSIONS         32          VOICE_MAX_MINUTES 55         VOICE_IDLE_MINUTES 10
    VOICE_MAX_MINUTES_PER_DAY  0 (no cap)
    VOICE_MAX_PER_ADDRESS      8
    VOICE_LOCAL_PORT           8791 (loopback port of the local assistant)
    VOICE_LOCAL_THINK_MS       0 (pause before the local assistant answers)
    VOICE_LOCAL_LLM_URL        a chat server in OpenAI's style that thinks for the local assistant
    VOICE_LOCAL_LLM_MODEL      its model
    VOICE_LOCAL_LLM_KEY        its key, where it wants one
    VOICE_LOG_LEVEL            INFO
    VOICE_RECORDING            false (whether a person may have their conversation recorded)
    VOICE_RECORDING_MAX_MB     320         VOICE_RECORDING_KEEP_MINUTES 60 (0: nothing is kept)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit

from voice_loop.errors import ConfigError
from voice_loop.protocol.events import TurnDetection
from voice_loop.providers.base import VoiceActivity

ProviderChoice = Literal["auto", "openai", "local"]
_T = TypeVar("_T")

DEFAULT_MODEL: Final = "gpt-realtime"
DEFAULT_INSTRUCTIONS: Final = (
    "You are a friendly voice assistant. Answer in the language of the user, in one to three "
    "short spoken sentences. If you are interrupted, stop and listen; do not apologise for it."
)
_TRUE: Final = {"1", "true", "yes", "on"}
_FALSE: Final = {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server process."""

    max_sessions: int = 32
    max_per_address: int = 8
    max_session_ms: float = 55 * 60_000
    idle_ms: float = 10 * 60_000
    max_minutes_per_day: float = 0
    """Talking time for one client address and day; 0: no cap."""
    max_ahead_ms: float = 3_000
    """Audio beyond the position last reported that is sent to the browser."""
    max_held_ms: float = 240_000
    """Audio of one item that is held for the browser."""
    resume_ms: float = 15_000
    """How long a session outlives its socket."""
    unread_ms: float = 75_000
    """How long a page may acknowledge nothing of what it was sent: longer than a minute, in which
    the timers of a hidden page run once."""
    start_timeout_ms: float = 5_000
    connect_timeout_ms: float = 10_000
    first_audio_timeout_ms: float = 20_000
    drain_ms: float = 5_000


@dataclass(frozen=True, slots=True)
class RecordingPolicy:
    """Whether conversations may be recorded, and what becomes of the files."""

    allowed: bool = False
    max_bytes: int = 320_000_000
    """Of one recording: 55 minutes."""
    keep_ms: float = 60 * 60_000
    """How long one may outlive its session, when the person wants that; 0: not at all."""


def is_path(value: str) -> bool:
    """Whether a route can have it: it begins with a slash and does not end with one."""
    return value.startswith("/") and not value.endswith("/") and not set("?# ") & set(value)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Build it with `from_env` or by keyword."""

    openai_api_key: str | None = field(default=None, repr=False)
    openai_model: str = DEFAULT_MODEL
    openai_base_url: str | None = None
    port: int = 3000
    provider: ProviderChoice = "auto"
    voice: str = "marin"
    instructions: str = DEFAULT_INSTRUCTIONS
    turn_detection: TurnDetection = "server_vad"
    voice_activity: VoiceActivity = field(default_factory=VoiceActivity)
    barge_in: bool = True
    ticket_secret: str | None = field(default=None, repr=False)
    ws_url: str | None = None
    path: str = "/voice"
    metrics_token: str | None = field(default=None, repr=False)
    local_port: int = 8791
    local_think_ms: float = 0
    local_llm_url: str | None = None
    local_llm_model: str | None = None
    local_llm_key: str | None = field(default=None, repr=False)
    log_level: str = "INFO"
    limits: Limits = field(default_factory=Limits)
    recording: RecordingPolicy = field(default_factory=RecordingPolicy)

    @property
    def active_provider(self) -> Literal["openai", "local"]:
        """What `auto` means here: OpenAI with a key, else the local assistant."""
        if self.provider == "auto":
            return "openai" if self.openai_api_key else "local"
        return self.provider

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Settings from `environ`. Raises ConfigError with a sentence for a person."""
        read = _Reader(environ)
        settings = cls(
            openai_api_key=read.text("OPENAI_API_KEY"),
            openai_model=read.text("OPENAI_MODEL") or DEFAULT_MODEL,
            openai_base_url=read.url("OPENAI_BASE_URL", ("http", "https", "ws", "wss")),
            port=read.whole("PORT", 3000, 1, 65535),
            provider=cast(
                ProviderChoice, read.choice("VOICE_PROVIDER", get_args(ProviderChoice), "auto")
            ),
            voice=read.text("VOICE_VOICE") or "marin",
            instructions=read.text("VOICE_INSTRUCTIONS") or DEFAULT_INSTRUCTIONS,
            turn_detection=cast(
                TurnDetection,
                read.choice("VOICE_TURN_DETECTION", get_args(TurnDetection), "server_vad"),
            ),
            voice_activity=VoiceActivity(
                threshold=read.number("VOICE_VAD_THRESHOLD", 0.5, 0.0, 1.0),
                prefix_padding_ms=read.whole("VOICE_VAD_PREFIX_MS", 300, 0, 2_000),
                silence_duration_ms=read.whole("VOICE_VAD_SILENCE_MS", 400, 50, 5_000),
            ),
            barge_in=read.flag("VOICE_BARGE_IN", True),
            ticket_secret=read.secret("VOICE_TICKET_SECRET"),
            ws_url=read.url("VOICE_WS_URL", ("ws", "wss")),
            path=read.path("VOICE_PATH", "/voice"),
            metrics_token=read.secret("VOICE_METRICS_TOKEN"),
            local_port=read.whole("VOICE_LOCAL_PORT", 8791, 1, 65535),
            local_think_ms=read.number("VOICE_LOCAL_THINK_MS", 0, 0, 60_000),
            local_llm_url=read.url("VOICE_LOCAL_LLM_URL", ("http", "https")),
            local_llm_model=read.text("VOICE_LOCAL_LLM_MODEL"),
            local_llm_key=read.text("VOICE_LOCAL_LLM_KEY"),
            log_level=read.choice("VOICE_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
            limits=Limits(
                max_sessions=read.whole("VOICE_MAX_SESSIONS", 32, 1, 10_000),
                max_per_address=read.whole("VOICE_MAX_PER_ADDRESS", 8, 1, 10_000),
                max_session_ms=read.number("VOICE_MAX_MINUTES", 55, 0.1, 1_440) * 60_000,
                idle_ms=read.number("VOICE_IDLE_MINUTES", 10, 0.1, 1_440) * 60_000,
                max_minutes_per_day=read.number("VOICE_MAX_MINUTES_PER_DAY", 0, 0, 1_440),
            ),
            recording=RecordingPolicy(
                allowed=read.flag("VOICE_RECORDING", False),
                max_bytes=read.whole("VOICE_RECORDING_MAX_MB", 320, 1, 4_000) * 1_000_000,
                keep_ms=read.number("VOICE_RECORDING_KEEP_MINUTES", 60, 0, 1_440) * 60_000,
            ),
        )
        if settings.local_llm_url and not settings.local_llm_model:
            raise ConfigError(
                "VOICE_LOCAL_LLM_URL is set but VOICE_LOCAL_LLM_MODEL is not. Write the name of "
                "the model that the chat server has."
            )
        if settings.provider == "openai" and not settings.openai_api_key:
            raise ConfigError(
                "VOICE_PROVIDER is openai but OPENAI_API_KEY is not set. Put your key into "
                "OPENAI_API_KEY, or set VOICE_PROVIDER=local to talk to the offline assistant."
            )
        return settings


class _Reader:
    """Reads one variable and blames it by name."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def _parse(self, name: str, default: _T, parse: Callable[[str], _T], wanted: str) -> _T:
        value = self.text(name)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError:
            raise ConfigError(f"{name} must be {wanted}; it is {value!r}.") from None

    def number(self, name: str, default: float, low: float, high: float) -> float:
        def parse(value: str) -> float:
            number = float(value)
            if not low <= number <= high:
                raise ValueError
            return number

        return self._parse(name, default, parse, f"a number from {low:g} to {high:g}")

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        def parse(value: str) -> int:
            number = int(value)
            if not low <= number <= high:
                raise ValueError
            return number

        return self._parse(name, default, parse, f"a whole number from {low} to {high}")

    def flag(self, name: str, default: bool) -> bool:
        def parse(value: str) -> bool:
            if value.lower() not in _TRUE | _FALSE:
                raise ValueError
            return value.lower() in _TRUE

        return self._parse(name, default, parse, "true or false")

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        def parse(value: str) -> str:
            for choice in choices:
                if choice.lower() == value.lower():
                    return choice
            raise ValueError

        return self._parse(name, default, parse, "one of " + ", ".join(choices))

    def url(self, name: str, schemes: tuple[str, ...]) -> str | None:
        def parse(value: str) -> str | None:
            parts = urlsplit(value)
            if parts.scheme not in schemes or not parts.hostname:
                raise ValueError
            return value.rstrip("/")

        example = f"{schemes[-1]}://host/path"
        return self._parse(name, None, parse, f"a URL such as {example}")

    def path(self, name: str, default: str) -> str:
        def parse(value: str) -> str:
            if not is_path(value):
                raise ValueError
            return value

        return self._parse(name, default, parse, "a path such as /voice")

    def secret(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and len(value) < 16:
            # Never quoted: a short secret is still a secret.
            raise ConfigError(f"{name} must be at least 16 characters long.")
        return value

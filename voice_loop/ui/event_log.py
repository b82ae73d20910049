"""What happened in a session, one short line each: for developers, to be filtered and paused.

Bounded, and safe to hand on: no audio, no secret, and no word that anybody said. A line of the
transcript is told by its side and its length, a tool by its name. What flows (audio, clock frames,
relay delays) makes no line. Pure; times are milliseconds of the server's clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict

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
from voice_loop.session.facts import Fact, Mark, SessionEnded, SessionStarted, Usage
from voice_loop.ui.figures import NAMES, ms

KEPT: Final = 500
SHOWN: Final = 40
ALL: Final = "all"
KINDS: Final = (
    "session",
    "turn",
    "speech",
    "answer",
    "playback",
    "interruption",
    "transcript",
    "tool",
    "figures",
    "error",
)
_MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "speech_started": ("speech", "provider heard speech begin"),
    "speech_stopped": ("speech", "provider heard the turn end"),
    "press_released": ("speech", "talk key released"),
    "text_received": ("speech", "typed message received"),
    "input_committed": ("speech", "turn committed"),
    "input_dropped": ("speech", "no turn: backchannel, cough or echo"),
    "committed_for_silence": ("speech", "turn committed after silence"),
    "gave_up_waiting": ("speech", "back to listening without a turn"),
    "response_asked": ("answer", "answer asked for"),
    "response_started": ("answer", "answer begun by the provider"),
    "first_delta": ("answer", "first audio at the server"),
    "first_chunk_sent": ("answer", "first audio sent to the page"),
    "first_chunk_received": ("answer", "first audio received by the page"),
    "first_chunk_queued": ("answer", "first audio queued for playback"),
    "first_sound": ("answer", "first sound audible"),
    "response_done": ("answer", "answer complete at the server"),
    "barge_in_stopped": ("interruption", "last sound inaudible"),
    "barge_in_received": ("interruption", "interruption received"),
    "interrupted": ("interruption", "answer interrupted"),
    "detached": ("session", "page's socket lost"),
    "resumed": ("session", "page's socket back"),
    "link_down": ("session", "provider's connection lost"),
    "link_up": ("session", "provider's connection up"),
}
_PHASES: Final = ("started", "paused", "resumed", "stopped", "finished")
_SPEECH: Final[Mapping[str, str]] = {
    "candidate": "a sound, perhaps speech",
    "confirmed": "the sound is speech",
    "rejected": "the sound was no speech",
    "ended": "the sound is over",
}


class LogEntry(TypedDict):
    """One line."""

    number: int
    at: str
    """Session age, in seconds."""
    kind: str
    turn: int
    """0: of no turn."""
    text: str


def told(fact: Fact) -> tuple[str, int, str] | None:
    """Kind, turn and words of a fact; None for what makes no line."""
    match fact:
        case Mark():
            known = _MARKS.get(fact.name)
            return None if known is None else (known[0], fact.turn, known[1])
        case TurnState():
            return "turn", fact.turn, fact.state.replace("_", " ")
        case PlaybackReport():
            return _playback(fact)
        case UserSpeech():
            during = ", over the answer" if fact.during_playback else ""
            return "speech", 0, f"{_SPEECH.get(fact.phase, fact.phase)}{during}"
        case UserBargeIn():
            words = f"by {fact.source.replace('_', ' ')}, {ms(fact.played_ms, unit=True)} heard"
            return "interruption", fact.turn, words
        case TranscriptUpdate():
            return _line(fact)
        case ToolUpdate():
            return "tool", fact.turn, f"{fact.name}: {fact.state}"
        case MetricsUpdate():
            return _figures(fact.metrics)
        case _:
            return _session(fact)


def _session(fact: Fact) -> tuple[str, int, str] | None:
    match fact:
        case ErrorEvent():
            return "error", 0, f"{fact.code}: {fact.message}"
        case Usage():
            return "answer", fact.turn, f"{fact.tokens.get('total_tokens', 0):,} tokens"
        case SessionStarted():
            again = "provider answers again" if fact.reconnected else "begun"
            return "session", 0, f"{again}: {fact.provider}, {fact.model}, voice {fact.voice}"
        case SessionEnded():
            return "session", 0, f"ended: {fact.code}, after {fact.duration_ms / 1000:,.0f} s"
        case _:
            return None


def _playback(report: PlaybackReport) -> tuple[str, int, str] | None:
    if report.phase not in _PHASES:
        return None
    heard = f", {ms(report.played_ms, unit=True)} heard" if report.played_ms > 0 else ""
    return "playback", report.turn, f"{report.phase}{heard}"


def _line(update: TranscriptUpdate) -> tuple[str, int, str] | None:
    if not update.final or update.removed:
        return None
    words = len(update.text.split())
    who = "You" if update.role == "user" else "Assistant"
    length = "1 word" if words == 1 else f"{words:,} words"
    return "transcript", update.turn, f"{who}: {length}{', cut' if update.interrupted else ''}"


def _figures(metrics: Mapping[str, Any]) -> tuple[str, int, str] | None:
    found, turn = metrics.get("figures"), metrics.get("turn")
    parts = [
        f"{NAMES[name]} {ms(one.get('value_ms'), unit=True)}"
        + (", target missed" if one.get("verdict") == "missed" else "")
        for name, one in (found.items() if isinstance(found, Mapping) else ())
        if name in NAMES and isinstance(one, Mapping)
    ]
    if not parts:
        return None
    return "figures", turn if isinstance(turn, int) else 0, "; ".join(parts)


class EventLog:
    """The newest `KEPT` lines of one session, numbered from 1 as they came."""

    def __init__(self) -> None:
        self._lines: deque[tuple[float, LogEntry]] = deque(maxlen=KEPT)
        self._figures = ""
        self.count = 0
        """Lines so far, those that are gone included."""

    def add(self, fact: Fact, age_ms: float) -> bool:
        """Note a fact at this age of the session; whether it made a line."""
        words = told(fact)
        if words is None:
            return False
        kind, turn, text = words
        if kind == "figures" and text == self._figures:
            # A turn's figures are told with each of its later events, changed or not.
            return False
        self._figures = text if kind == "figures" else self._figures
        self.count += 1
        at = f"{max(0.0, age_ms) / 1000:.3f}"
        entry = LogEntry(number=self.count, at=at, kind=kind, turn=turn, text=text)
        self._lines.append((age_ms, entry))
        return True

    def lines(self) -> list[LogEntry]:
        """All that are kept, by when they happened: it may be told later."""
        return [line for _, line in sorted(self._lines, key=lambda kept: kept[0])]


def matching(lines: Iterable[LogEntry], kind: str = ALL, text: str = "") -> list[LogEntry]:
    """Lines of this kind that hold `text` in any case; oldest first."""
    wanted = text.casefold().strip()
    return [
        line
        for line in lines
        if kind in (ALL, line["kind"])
        and (not wanted or wanted in f"{line['kind']} {line['text']}".casefold())
    ]


def newest_first(lines: list[LogEntry]) -> list[LogEntry]:
    """What is shown of them."""
    return lines[: -SHOWN - 1 : -1]

"""What of a session's facts stands on the time line, and when it was.

Words are there (they are in the sound as well); keys, tickets, tools' arguments and results are
not. Ten reports a second say nothing new to a reader: only the changes among them stand there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voice_loop.protocol import events as wire
from voice_loop.session.facts import AudibleFrom, ClockName, Fact, Mark, SessionStarted, Usage


@dataclass(frozen=True, slots=True)
class Entry:
    """One line to be; without `at_ms` it is of now."""

    event: str
    fields: Mapping[str, Any]
    at_ms: float | None = None
    clock: ClockName = "server"


def entry_of(fact: Fact) -> Entry | None:
    """None for what does not stand there."""
    match fact:
        case Mark():
            return Entry(fact.name, {"turn": fact.turn}, fact.at_ms, fact.clock)
        case SessionStarted():
            said = {"provider": fact.provider, "model": fact.model, "voice": fact.voice}
            return Entry("link", {**said, "reconnected": fact.reconnected}, fact.at_ms)
        case AudibleFrom():
            return Entry("leading_silence", {"turn": fact.turn, "ms": fact.silence_ms})
        case Usage():
            return Entry("usage", {"turn": fact.turn, "tokens": dict(fact.tokens)})
        case wire.TurnState():
            return Entry("phase", {"phase": fact.state, "turn": fact.turn})
        case wire.TranscriptUpdate() if fact.final or fact.removed:
            return Entry("transcript", _words(fact))
        case wire.ToolUpdate():
            return Entry("tool", {"name": fact.name, "state": fact.state, "turn": fact.turn})
        case wire.ErrorEvent():
            return Entry("error", {"code": fact.code, "recoverable": fact.recoverable})
        case wire.MetricsUpdate():
            return Entry("metrics", _figures(fact.metrics))
        case _:
            return _of_the_page(fact)


def _of_the_page(fact: Fact) -> Entry | None:
    about: dict[str, Any]
    match fact:
        case wire.PlaybackReport() if fact.phase != "playing":
            about = {
                "phase": fact.phase,
                "turn": fact.turn,
                "item": fact.item,
                "heard_ms": fact.played_ms,
                "output_latency_ms": fact.output_latency_ms,
                "underruns": fact.underruns,
            }
            return Entry("playback", about, fact.client_at_ms, "client")
        case wire.UserSpeech():
            about = {
                "phase": fact.phase,
                "sound": fact.sound,
                "during_playback": fact.during_playback,
                "since_onset_ms": fact.client_at_ms - fact.client_onset_ms,
            }
            return Entry("speech", about, fact.client_at_ms, "client")
        case wire.UserBargeIn():
            about = {
                "turn": fact.turn,
                "item": fact.item,
                "heard_ms": fact.played_ms,
                "source": fact.source,
            }
            return Entry("barge_in", about, fact.client_stopped_ms, "client")
        case _:
            return None


def _words(update: wire.TranscriptUpdate) -> dict[str, Any]:
    return {
        "role": update.role,
        "turn": update.turn,
        "text": update.text,
        "interrupted": update.interrupted,
        "removed": update.removed,
    }


def _figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    figures = metrics.get("figures")
    values = figures if isinstance(figures, Mapping) else {}
    return {
        "turn": metrics.get("turn"),
        "figures": {
            name: figure.get("value_ms")
            for name, figure in values.items()
            if isinstance(figure, Mapping)
        },
    }

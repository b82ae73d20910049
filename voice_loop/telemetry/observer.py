"""The facts of one session → its latency budget and the counters of the process.

A pure reader: `take` one fact after the other; it answers with the turn whose figures are worth
showing anew. A turn is shown when its answer is first heard, when it is interrupted and when it is
over, not with every mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from voice_loop.errors import ERRORS
from voice_loop.latency.clock import Clock
from voice_loop.latency.session_metrics import SessionMetrics, SettledTurn
from voice_loop.protocol.events import ErrorEvent, PlaybackReport, ToolUpdate, UserSpeech
from voice_loop.session.facts import (
    AudibleFrom,
    ClockSample,
    Fact,
    Mark,
    RelayDelays,
    SessionEnded,
    SessionStarted,
    Usage,
)
from voice_loop.telemetry.process import CounterName, ProcessTelemetry

_SHOWN_AT: Final = {"first_sound", "barge_in_received", "response_done", "resumed"}
_ENDED_BY: Final = {*ERRORS, "user"}
_COUNTED: Final[dict[str, CounterName]] = {
    "interrupted": "interruptions",
    "input_dropped": "inputs_dropped",
    "first_delta": "answers",
    "committed_for_silence": "commits_for_silence",
    "resumed": "resumes",
}


class SessionObserver:
    """Reads one session's facts, in order."""

    def __init__(self, telemetry: ProcessTelemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self.metrics = SessionMetrics("", telemetry.latency, on_settled=self._settled)
        self._session_id = ""
        self._turn = 0
        self._tools: set[str] = set()
        self._tools_since_ms = 0.0
        self._underruns = 0
        self._dropped_chunks = 0
        self._live = False

    def take(self, fact: Fact) -> int | None:
        """The turn to show, if this fact changed one's picture."""
        match fact:
            case Mark():
                return self._mark(fact)
            case ClockSample():
                self.metrics.clock_sample(
                    fact.offset_ms, fact.round_trip_ms, fact.server_received_ms
                )
            case RelayDelays():
                self.metrics.relay(self._turn, fact.direction, fact.delays_ms)
                self._telemetry.count("audio_bytes", fact.audio_bytes, fact.direction)
            case AudibleFrom():
                self.metrics.leading_silence(fact.turn, fact.silence_ms)
            case PlaybackReport():
                return self._playback(fact)
            case UserSpeech(phase="rejected", during_playback=True):
                self.metrics.false_onset()
                self._telemetry.count("false_onsets")
            case ToolUpdate():
                self._tool(fact)
            case Usage():
                for kind, tokens in fact.tokens.items():
                    self._telemetry.count("tokens", tokens, kind)
            case ErrorEvent():
                self._telemetry.count("errors", 1, fact.code if fact.code in ERRORS else "other")
            case SessionStarted():
                self._started(fact)
            case SessionEnded():
                code = fact.code if fact.code in _ENDED_BY else "other"
                self._telemetry.count("sessions_ended", 1, code)
            case _:
                pass
        return None

    def payload(self, turn: int) -> Mapping[str, Any]:
        """For `metrics.update`; see `latency.session_metrics`."""
        return self.metrics.payload(turn, self._clock.now_ms())

    def close(self) -> None:
        """No more facts come."""
        self.metrics.settle_all()
        if self._live:
            self._live = False
            self._telemetry.session_over()

    def _settled(self, turn: SettledTurn) -> None:
        if self._telemetry.turns is not None:
            self._telemetry.turns.write(self._session_id, turn)

    def _mark(self, mark: Mark) -> int | None:
        self._turn = max(self._turn, mark.turn)
        self.metrics.mark(mark.turn, mark.name, mark.at_ms)
        if mark.name == "resumed":
            # What was under way waited for the network; its times say nothing of the budget.
            self.metrics.spoil(mark.turn, "resumed")
        if mark.name in _COUNTED:
            self._telemetry.count(_COUNTED[mark.name])
        return mark.turn if mark.name in _SHOWN_AT else None

    def _playback(self, report: PlaybackReport) -> int | None:
        self.metrics.playback(report)
        # Both count since the session began, and a page that was reloaded begins anew.
        self._telemetry.count("underruns", max(0, report.underruns - self._underruns))
        self._telemetry.count(
            "dropped_chunks", max(0, report.dropped_chunks - self._dropped_chunks)
        )
        self._underruns, self._dropped_chunks = report.underruns, report.dropped_chunks
        return report.turn if report.phase == "finished" else None

    def _tool(self, update: ToolUpdate) -> None:
        """Time in which at least one tool ran, as far as the person still waited."""
        now_ms = self._clock.now_ms()
        if update.state == "running":
            if not self._tools:
                self._tools_since_ms = now_ms
            self._tools.add(update.call_id)
            return
        self._telemetry.count("tool_calls", 1, update.state)
        was_running = bool(self._tools)
        self._tools.discard(update.call_id)
        record = self.metrics.record(update.turn)
        if was_running and not self._tools and "first_delta" not in record.marks:
            record.tool_ms += now_ms - self._tools_since_ms

    def _started(self, fact: SessionStarted) -> None:
        self.metrics.provider = fact.provider
        self._session_id = fact.session_id
        if fact.reconnected:
            self._telemetry.count("provider_reconnects", 1, fact.provider)
        else:
            self._telemetry.count("sessions_started", 1, fact.provider)
        if not self._live:
            self._live = True
            self._telemetry.session_began()

"""Counters and histograms of the whole process; `watcher` fills them from every session.

Bounded: label values come from closed sets (wire codes, provider names, token kinds), and what is
not in one counts as `other`. A label never holds what was said, a token or an address. Not thread
safe: one event loop. What is counted here is handed to a sink, while there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, Protocol

from voice_loop.latency.budget import FigureName
from voice_loop.latency.session_metrics import ProcessMetrics, SettledTurn

MAX_SERIES: Final = 200
"""Of one counter; a label that makes more counts as `other`."""

CounterName = Literal[
    "sessions_started",
    "sessions_ended",
    "provider_reconnects",
    "resumes",
    "errors",
    "answers",
    "interruptions",
    "false_onsets",
    "inputs_dropped",
    "commits_for_silence",
    "tool_calls",
    "tokens",
    "audio_bytes",
    "underruns",
    "dropped_chunks",
    "facts_lost",
]


class Counter(NamedTuple):
    """What is counted, and by which label."""

    help: str
    label: str | None = None


COUNTERS: Final[dict[CounterName, Counter]] = {
    "sessions_started": Counter("Sessions whose provider answered.", "provider"),
    "sessions_ended": Counter(
        "Sessions that ended, by wire code; `user` when the page or the app ended it.", "code"
    ),
    "provider_reconnects": Counter("Provider connections made anew in a session.", "provider"),
    "resumes": Counter("Sessions taken up again by a new socket of their page."),
    "errors": Counter("Errors told to a page, by wire code.", "code"),
    "answers": Counter("Answers of which audio came."),
    "interruptions": Counter("Answers that were interrupted."),
    "false_onsets": Counter("Sounds that paused an answer and turned out to be no speech."),
    "inputs_dropped": Counter("Utterances that were no turn: backchannels, coughs, echo."),
    "commits_for_silence": Counter("Turns the session ended itself because the provider did not."),
    "tool_calls": Counter("Tool calls, by how they ended.", "state"),
    "tokens": Counter("Tokens the provider counted, by kind.", "kind"),
    "audio_bytes": Counter("PCM handed on: up to the provider, down to the page.", "direction"),
    "underruns": Counter("Times a page ran out of audio within an answer."),
    "dropped_chunks": Counter("Chunks of interrupted answers that a page threw away."),
    "facts_lost": Counter("Facts a slow watcher lost; the figures lack them."),
}


class Sink(Protocol):
    """Where the numbers go besides: an exporter."""

    def count(self, name: CounterName, by: int, label: str | None) -> None: ...
    def observe(self, figure: FigureName, value_ms: float) -> None: ...
    def sessions(self, by: int) -> None: ...


class TurnWriter(Protocol):
    """Who writes down turns that are over."""

    def write(self, session_id: str, turn: SettledTurn) -> None: ...


class ProcessTelemetry:
    """One for the process."""

    def __init__(self) -> None:
        self.latency = ProcessMetrics()
        self.live_sessions = 0
        self.turns: TurnWriter | None = None
        self._counters: dict[CounterName, dict[str | None, int]] = {}
        self._sink: Sink | None = None

    def count(self, name: CounterName, by: int = 1, label: str | None = None) -> None:
        """Add to a counter; `by` below 1 adds nothing."""
        if by < 1:
            return
        series = self._counters.setdefault(name, {})
        if label not in series and len(series) >= MAX_SERIES:
            label = "other"
        series[label] = series.get(label, 0) + by
        if self._sink is not None:
            self._sink.count(name, by, label)

    def session_began(self) -> None:
        self._session(1)

    def session_over(self) -> None:
        self._session(-1)

    def _session(self, by: int) -> None:
        self.live_sessions += by
        if self._sink is not None:
            self._sink.sessions(by)

    def feed(self, sink: Sink | None) -> None:
        """Hand everything that comes from now on to `sink`, too."""
        self._sink = sink
        self.latency.listener = None if sink is None else sink.observe

    def counters(self) -> Iterator[tuple[CounterName, str | None, int]]:
        """Name, label value, count, in a stable order."""
        for name in sorted(self._counters):
            series = self._counters[name]
            for label in sorted(series, key=str):
                yield name, label, series[label]

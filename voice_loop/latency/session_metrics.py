"""The latency budget of one session: marks in, one JSON-safe payload per turn out.

`payload(turn)` is what `metrics.update` carries, to the overlay and to the state:

    turn          its number
    provider      "openai" or "local": local figures are never shown as OpenAI's
    figures       {name: {value_ms, uncertainty_ms, verdict, owner, shares: {owner: ms}}}
    absent        {name: why there is none}
    stages        [{begins, ends, owner, ms, estimated}] of the turn's latency
    values        round_trip_ms, jitter_buffer_ms, output_latency_ms, leading_silence_ms (or null)
    counters      underruns, dropped_chunks, false_onsets, clock_jumps (of the session)
    clock         {offset_ms, uncertainty_ms, round_trip_ms}, or null before it is known
    session       {name: {count, p50, p95, p99, max}} over this session
    process       the same over all sessions of this process
    verdicts      [{figure, percentile, limit_ms, value_ms, count, verdict}] of the session
    references    [{figure, value_ms, what}] published elsewhere

A turn counts in the session's percentiles as soon as it has the figure, and once; in the process'
when it is settled. Nothing here raises whatever is reported, and everything kept is bounded.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from voice_loop.latency.budget import (
    FIGURES,
    REFERENCES,
    FigureName,
    verdict_of_turn,
    verdicts_of_session,
)
from voice_loop.latency.marks import Absent
from voice_loop.latency.offset import ClockOffset
from voice_loop.latency.percentiles import Histogram, Summary, Window
from voice_loop.latency.turn_record import (
    MAX_RELAY_DELAYS,
    Evaluation,
    Figure,
    Stage,
    TurnRecord,
)
from voice_loop.protocol.events import PlaybackReport

MAX_OPEN_TURNS: Final = 3
"""An interruption is reported against the turn before; nothing older changes."""
MAX_SPEECH_ENDS: Final = 32
REPORTED_AGE_MS: Final = 16_000.0
"""The page tells the best of its last eight exchanges, one every 2 s."""
LONGEST_THOUGHT_MS: Final = 15_000.0
"""An end of speech that long before the turn's end belongs to something else."""
Direction = Literal["up", "down"]
_RELAY: Final[dict[Direction, FigureName]] = {"up": "relay_up_ms", "down": "relay_down_ms"}
_PER_TURN: Final = tuple(name for name in FIGURES if name not in _RELAY.values())


class ProcessMetrics:
    """Histograms over all sessions of this process; shared by them, on one event loop."""

    def __init__(self) -> None:
        self.histograms: dict[FigureName, Histogram] = {name: Histogram() for name in FIGURES}
        self.listener: Callable[[FigureName, float], None] | None = None
        """Told every value that is added."""

    def add(self, name: FigureName, value_ms: float) -> None:
        """Count one value of a figure."""
        self.histograms[name].add(value_ms)
        if self.listener is not None:
            self.listener(name, value_ms)

    def summaries(self) -> dict[FigureName, Summary]:
        found = {name: histogram.summary() for name, histogram in self.histograms.items()}
        return {name: summary for name, summary in found.items() if summary is not None}


@dataclass(frozen=True, slots=True)
class SettledTurn:
    """A turn of which nothing more comes."""

    provider: str
    record: TurnRecord
    evaluation: Evaluation


class SessionMetrics:
    """Collects what the session and the browser report."""

    def __init__(
        self,
        provider: str,
        process: ProcessMetrics | None = None,
        *,
        on_settled: Callable[[SettledTurn], None] | None = None,
    ) -> None:
        self.provider = provider
        self._on_settled = on_settled
        self._clock_sampled_ms: float | None = None
        self.clock = ClockOffset()
        self._process = process or ProcessMetrics()
        self._windows: dict[FigureName, Window] = {name: Window() for name in FIGURES}
        self._open: OrderedDict[int, TurnRecord] = OrderedDict()
        self._speech_ends_ms: deque[float] = deque(maxlen=MAX_SPEECH_ENDS)
        self._counters = {"underruns": 0, "dropped_chunks": 0, "false_onsets": 0}

    def record(self, turn: int) -> TurnRecord:
        """The turn's record, made when there is none; the oldest open one is settled then."""
        if turn not in self._open:
            self._open[turn] = TurnRecord(turn)
            while len(self._open) > MAX_OPEN_TURNS:
                self.settle(next(iter(self._open)))
        return self._open[turn]

    def mark(self, turn: int, name: str, at_ms: float) -> None:
        """`name` happened at `at_ms` of its own clock (see `marks.RULES`)."""
        if name == "speech_ended":
            # Which turn it ended is decided by time: the turn has no number yet.
            if math.isfinite(at_ms):
                self._speech_ends_ms.append(at_ms)
        else:
            self.record(turn).marks.record(name, at_ms)

    def spoil(self, turn: int, reason: str) -> None:
        """This turn's latencies do not count."""
        record = self.record(turn)
        record.spoiled = record.spoiled or reason

    def clock_sample(
        self, offset_ms: float | None, round_trip_ms: float | None, at_ms: float
    ) -> None:
        """What a `clock.ping` tells, received at server time `at_ms`."""
        if offset_ms is None or round_trip_ms is None:
            return
        # Their figures stand on the offset of their time, whatever the clocks do next.
        over = [(turn, self._evaluate(record)) for turn, record in self._over_by_last_sample()]
        if self.clock.add(offset_ms, round_trip_ms, at_ms, age_ms=REPORTED_AGE_MS):
            for turn, evaluation in over:
                self._conclude(self._open.pop(turn), evaluation)
            for turn in self._open:
                self.spoil(turn, "clock jumped")
            self._speech_ends_ms.clear()
        self._clock_sampled_ms = at_ms

    def _over_by_last_sample(self) -> list[tuple[int, TurnRecord]]:
        """The turns of which nothing happened since the clocks were last seen to agree."""
        sampled_ms = self._clock_sampled_ms
        if sampled_ms is None:
            return []
        return [
            (turn, record)
            for turn, record in self._open.items()
            if record.last_ms(self.clock) <= sampled_ms
        ]

    def relay(self, turn: int, direction: Direction, delays_ms: Iterable[float]) -> None:
        """Message received → handed on, one number a message."""
        record = self.record(turn)
        kept = record.relay_up_ms if direction == "up" else record.relay_down_ms
        name = _RELAY[direction]
        for delay_ms in delays_ms:
            if not (math.isfinite(delay_ms) and delay_ms >= 0):
                continue
            if len(kept) < MAX_RELAY_DELAYS:
                kept.append(delay_ms)
            self._windows[name].add(delay_ms)
            self._process.add(name, delay_ms)

    def playback(self, report: PlaybackReport) -> None:
        """Counters, latencies of the device, and the first sound."""
        self._counters["underruns"] = max(self._counters["underruns"], report.underruns)
        dropped = max(self._counters["dropped_chunks"], report.dropped_chunks)
        self._counters["dropped_chunks"] = dropped
        record = self.record(report.turn)
        record.output_latency_ms = report.output_latency_ms or None
        if report.phase == "started" and report.item == 0:
            record.jitter_buffer_ms = report.buffered_ms

    def leading_silence(self, turn: int, duration_ms: float) -> None:
        """How long the answer's audio begins with silence."""
        record = self.record(turn)
        if record.leading_silence_ms is None and math.isfinite(duration_ms):
            record.leading_silence_ms = duration_ms

    def false_onset(self) -> None:
        """A sound paused the answer and turned out to be none."""
        self._counters["false_onsets"] += 1

    def settle(self, turn: int) -> None:
        """Nothing more comes of this turn: its figures go into the percentiles for good."""
        record = self._open.pop(turn, None)
        if record is not None:
            self._conclude(record, self._evaluate(record))

    def _conclude(self, record: TurnRecord, evaluation: Evaluation) -> None:
        for name, figure in evaluation.figures.items():
            if name in _PER_TURN:
                self._windows[name].add(figure.value_ms)
                self._process.add(name, figure.value_ms)
        if self._on_settled is not None:
            self._on_settled(SettledTurn(self.provider, record, evaluation))

    def settle_all(self) -> None:
        """The session is over."""
        for turn in list(self._open):
            self.settle(turn)

    def payload(self, turn: int, now_ms: float) -> Mapping[str, Any]:
        """See the module's docstring."""
        record = self._open.get(turn) or TurnRecord(turn)
        evaluation = self._evaluate(record)
        session = self._summaries(record.turn, evaluation)
        latency = evaluation.figures.get("turn_latency_ms") or evaluation.figures.get("ttfb_ms")
        return {
            "turn": turn,
            "provider": self.provider,
            "figures": {name: _shown(name, one) for name, one in evaluation.figures.items()},
            "absent": dict(evaluation.absent),
            "stages": [_stage(stage) for stage in latency.stages] if latency else [],
            "values": self._values(record),
            "counters": {**self._counters, "clock_jumps": self.clock.jumps},
            "clock": self._clock(now_ms),
            "session": {name: one.as_dict() for name, one in session.items()},
            "process": {n: one.as_dict() for n, one in self._process.summaries().items()},
            "verdicts": [dict(row) for row in verdicts_of_session(session)],
            "references": [
                {"figure": one.figure, "value_ms": one.value_ms, "what": one.what}
                for one in REFERENCES
            ],
        }

    def _evaluate(self, record: TurnRecord) -> Evaluation:
        return record.evaluate(self.clock, self._speech_end_of(record))

    def _speech_end_of(self, record: TurnRecord) -> float | None:
        """The acoustic end (client time) of what this turn's answer answers."""
        try:
            name, end_ms = record.turn_end()
        except Absent:
            return None
        if name == "text_received":
            return None
        found = None
        for ended_ms in self._speech_ends_ms:
            converted = self.clock.to_server_ms(ended_ms)
            if converted is None:
                return None
            at_ms, uncertainty_ms = converted
            if end_ms - LONGEST_THOUGHT_MS <= at_ms <= end_ms + uncertainty_ms:
                found = ended_ms if found is None else max(found, ended_ms)
        return found

    def _summaries(self, shown: int, evaluation: Evaluation) -> dict[FigureName, Summary]:
        """Of the session, with what the open turns have so far; `shown` is evaluated already."""
        live: dict[FigureName, list[float]] = {name: [] for name in FIGURES}
        for turn, record in self._open.items():
            found = evaluation if turn == shown else self._evaluate(record)
            for name, figure in found.figures.items():
                if name in _PER_TURN:
                    live[name].append(figure.value_ms)
        summaries = {name: self._windows[name].summary(live[name]) for name in FIGURES}
        return {name: summary for name, summary in summaries.items() if summary is not None}

    def _values(self, record: TurnRecord) -> Mapping[str, float | None]:
        values = {
            "round_trip_ms": self.clock.round_trip_ms,
            "jitter_buffer_ms": record.jitter_buffer_ms,
            "output_latency_ms": record.output_latency_ms,
            "leading_silence_ms": record.leading_silence_ms,
        }
        return {name: None if one is None else round(one, 2) for name, one in values.items()}

    def _clock(self, now_ms: float) -> Mapping[str, float] | None:
        offset = self.clock.at(now_ms)
        if offset is None:
            return None
        return {
            "offset_ms": round(offset.offset_ms, 3),
            "uncertainty_ms": round(offset.uncertainty_ms, 3),
            "round_trip_ms": round(offset.round_trip_ms, 3),
        }


def _shown(name: FigureName, figure: Figure) -> Mapping[str, Any]:
    return {
        "value_ms": round(figure.value_ms, 2),
        "uncertainty_ms": round(figure.uncertainty_ms, 2),
        "verdict": verdict_of_turn(name, figure.value_ms, figure.uncertainty_ms),
        "owner": figure.owner,
        "shares": {owner: round(ms, 2) for owner, ms in figure.shares.items()},
    }


def _stage(stage: Stage) -> Mapping[str, Any]:
    return {
        "begins": stage.begins,
        "ends": stage.ends,
        "owner": stage.owner,
        "ms": round(stage.ms, 2),
        "estimated": stage.estimated,
    }

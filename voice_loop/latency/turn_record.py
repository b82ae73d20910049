"""The latencies of one turn, split by who owns them.

    speech end → turn end known → response asked → first delta → sent → received → queued → audible
     (client)      (server)         (server)       (server)   (server) (client)   (client) (client)

All are brought onto the server's time line with the measured offset; a figure between two marks of
one clock needs none. A figure that cannot be had is absent and says why; nothing here raises, and
nothing is ever zero for want of a mark. The parts of a split always add up to the figure.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from voice_loop.latency.budget import FigureName
from voice_loop.latency.marks import RULES, Absent, Marks
from voice_loop.latency.offset import ClockOffset
from voice_loop.latency.percentiles import nearest_rank

Owner = Literal["provider", "relay", "network", "device", "tools", "unsplit"]
LONGEST_MS: Final = 120_000.0
"""Longer than anybody waits: such a figure is a mistake of some clock."""
MAX_RELAY_DELAYS: Final = 4_096
_TURN_ENDS: Final = ("speech_stopped", "press_released", "text_received", "committed_for_silence")
_LATE_TURN_ENDS: Final = ("input_committed", "response_asked")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the time line; `estimated` where no mark parts it."""

    begins: str
    ends: str
    owner: Owner
    ms: float
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One latency of one turn."""

    value_ms: float
    uncertainty_ms: float = 0.0
    stages: tuple[Stage, ...] = ()

    @property
    def shares(self) -> Mapping[Owner, float]:
        """Milliseconds of each owner; they add up to the value."""
        shares: dict[Owner, float] = {}
        for stage in self.stages:
            shares[stage.owner] = shares.get(stage.owner, 0.0) + stage.ms
        return shares

    @property
    def owner(self) -> Owner | None:
        """Who has the largest share; None when it is not split."""
        return max(self.shares, key=lambda owner: self.shares[owner], default=None)


@dataclass(slots=True)
class Evaluation:
    """What a turn's marks give: each figure is in one of the two."""

    figures: dict[FigureName, Figure] = field(default_factory=dict)
    absent: dict[FigureName, str] = field(default_factory=dict)


@dataclass(slots=True)
class TurnRecord:
    """One turn: its marks, and what was measured as a duration or a count."""

    turn: int
    marks: Marks = field(default_factory=Marks)
    relay_up_ms: list[float] = field(default_factory=list)
    relay_down_ms: list[float] = field(default_factory=list)
    tool_ms: float = 0.0
    """Tools that ran before the first sound."""
    leading_silence_ms: float | None = None
    """Silence at the beginning of the answer's audio."""
    jitter_buffer_ms: float | None = None
    """Audio waiting at the first sound."""
    output_latency_ms: float | None = None
    spoiled: str | None = None
    """Why this turn's latencies do not count (`resumed`, `clock jumped`)."""

    def evaluate(self, clock: ClockOffset, speech_ended_ms: float | None = None) -> Evaluation:
        """All figures. `speech_ended_ms` (client) is the acoustic end of what was said."""
        makers: dict[FigureName, Callable[[], Figure]] = {
            "ttfb_ms": self._ttfb,
            "turn_latency_ms": lambda: self._turn_latency(clock),
            "voice_to_voice_ms": lambda: self._voice_to_voice(clock, speech_ended_ms),
            "barge_in_stop_ms": self._barge_in_stop,
            "relay_up_ms": lambda: _relay(self.relay_up_ms),
            "relay_down_ms": lambda: _relay(self.relay_down_ms),
        }
        result = Evaluation()
        for name, make in makers.items():
            try:
                if self.spoiled is not None:
                    raise Absent(self.spoiled)
                result.figures[name] = make()
            except Absent as reason:
                result.absent[name] = str(reason)
        return result

    def last_ms(self, clock: ClockOffset) -> float:
        """Server time of the latest mark; endless while a client's cannot be converted."""
        latest = -math.inf
        for name, at_ms in self.marks:
            if RULES[name].clock == "client":
                converted = clock.to_server_ms(at_ms)
                at_ms = math.inf if converted is None else converted[0]
            latest = max(latest, at_ms)
        return latest

    def turn_end(self) -> tuple[str, float]:
        """The mark by which the provider said that the turn ended, and its server time: the last
        one not after the first delta. Raises Absent."""
        limit_ms = min(self._limits(), default=math.inf)
        for names in (_TURN_ENDS, *((name,) for name in _LATE_TURN_ENDS)):
            found = [
                (at_ms, name)
                for name in names
                if (at_ms := self.marks.maybe(name, not_after_ms=limit_ms)) is not None
            ]
            if found:
                at_ms, name = max(found)
                return name, at_ms
        if any(name in self.marks for name in (*_TURN_ENDS, *_LATE_TURN_ENDS)):
            raise Absent("out of order: turn end")
        raise Absent("missing: turn end")

    def _limits(self) -> list[float]:
        times = (self.marks.maybe(name) for name in ("response_asked", "first_delta"))
        return [at_ms for at_ms in times if at_ms is not None]

    def _ttfb(self) -> Figure:
        first_delta_ms = self.marks.at("first_delta")
        end_name, end_ms = self.turn_end()
        points = [(end_name, end_ms), *self._asked(end_ms), ("first_delta", first_delta_ms)]
        return _figure(_stages(_rising(points), self.tool_ms))

    def _asked(self, end_ms: float) -> list[tuple[str, float]]:
        asked_ms = self.marks.maybe("response_asked")
        return [("response_asked", asked_ms)] if asked_ms is not None and asked_ms > end_ms else []

    def _turn_latency(self, clock: ClockOffset) -> Figure:
        end_name, end_ms = self.turn_end()
        audible_ms, uncertainty_ms = _on_server(clock, self.marks.at("first_sound"))
        if audible_ms < end_ms - uncertainty_ms:
            raise Absent("out of order: first_sound")
        # Within the uncertainty the order is open; a negative wait is not.
        audible_ms = max(audible_ms, end_ms)
        points = [(end_name, end_ms), *self._asked(end_ms), *self._relayed(clock)]
        points.append(("first_sound", audible_ms))
        stages = _stages(_rising(points), self.tool_ms)
        return _figure(_part_network(stages, clock), uncertainty_ms)

    def _relayed(self, clock: ClockOffset) -> list[tuple[str, float]]:
        points: list[tuple[str, float]] = []
        for name in (
            "first_delta",
            "first_chunk_sent",
            "first_chunk_received",
            "first_chunk_queued",
        ):
            at_ms = self.marks.maybe(name)
            if at_ms is None:
                continue
            if RULES[name].clock == "client":
                at_ms, uncertainty_ms = _on_server(clock, at_ms)
                if points and 0 < points[-1][1] - at_ms <= uncertainty_ms:
                    # A short way, and clocks that are not known that well.
                    at_ms = points[-1][1]
            points.append((name, at_ms))
        return points

    def _voice_to_voice(self, clock: ClockOffset, speech_ended_ms: float | None) -> Figure:
        sound_ms = self.marks.at("first_sound")
        if speech_ended_ms is None:
            raise Absent("missing: speech_ended")
        if sound_ms < speech_ended_ms:
            raise Absent("out of order: speech_ended")
        whole_ms = sound_ms - speech_ended_ms
        try:
            rest = self._turn_latency(clock)
        except Absent:
            return _figure((Stage("speech_ended", "first_sound", "unsplit", whole_ms),))
        before_ms = whole_ms - rest.value_ms
        if before_ms < 0:
            return _figure((Stage("speech_ended", "first_sound", "unsplit", whole_ms),))
        heard = Stage("speech_ended", rest.stages[0].begins, "provider", before_ms)
        return Figure(_plausible(whole_ms), 0.0, (heard, *rest.stages))

    def _barge_in_stop(self) -> Figure:
        onset_ms = self.marks.at("barge_in_onset")
        stopped_ms = self.marks.at("barge_in_stopped")
        if stopped_ms < onset_ms:
            raise Absent("out of order: barge_in_stopped")
        return _figure(
            (Stage("barge_in_onset", "barge_in_stopped", "device", stopped_ms - onset_ms),)
        )


def _on_server(clock: ClockOffset, client_ms: float) -> tuple[float, float]:
    converted = clock.to_server_ms(client_ms)
    if converted is None:
        raise Absent("missing: clock offset")
    return converted


def _relay(delays_ms: list[float]) -> Figure:
    """The turn's p95: one late chunk in a hundred is no verdict on the relay."""
    if not delays_ms:
        raise Absent("missing: relay delays")
    value_ms = nearest_rank(sorted(delays_ms), 95)
    return _figure((Stage("received", "sent on", "relay", value_ms),))


def _figure(stages: tuple[Stage, ...], uncertainty_ms: float = 0.0) -> Figure:
    return Figure(_plausible(sum(stage.ms for stage in stages)), uncertainty_ms, stages)


def _plausible(value_ms: float) -> float:
    if value_ms > LONGEST_MS:
        raise Absent("implausible: longer than two minutes")
    return value_ms


def _rising(points: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The points between the ends that keep the order; a mark that does not parts nothing."""
    begin, *between, end = points
    kept = [begin]
    for point in between:
        if kept[-1][1] <= point[1] <= end[1]:
            kept.append(point)
    return [*kept, end]


_SERVER_OWNERS: Final[dict[tuple[str, str], Owner]] = {
    ("response_asked", "first_delta"): "provider",
    ("first_delta", "first_chunk_sent"): "relay",
    ("first_chunk_sent", "first_chunk_received"): "network",
    ("first_chunk_received", "first_chunk_queued"): "device",
    ("first_chunk_received", "first_sound"): "device",
    ("first_chunk_queued", "first_sound"): "device",
}


def _stages(points: list[tuple[str, float]], tool_ms: float) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for (begins, from_ms), (ends, to_ms) in itertools.pairwise(points):
        if ends == "response_asked":
            owner: Owner = "relay"  # deciding to answer is ours
        elif ends == "first_delta":
            owner = "provider"
        else:
            owner = _SERVER_OWNERS.get((begins, ends), "unsplit")
        stage = Stage(begins, ends, owner, to_ms - from_ms)
        if owner == "provider" and 0 < tool_ms <= stage.ms:
            stages.append(Stage(begins, ends, "tools", tool_ms))
            stage = Stage(begins, ends, "provider", stage.ms - tool_ms)
        stages.append(stage)
    return tuple(stages)


def _part_network(stages: tuple[Stage, ...], clock: ClockOffset) -> tuple[Stage, ...]:
    """Without a mark of the arrival half a round trip is the network's, the rest the device's."""
    *before, last = stages
    if last.begins != "first_chunk_sent" or clock.round_trip_ms is None:
        return stages
    network_ms = min(last.ms, clock.round_trip_ms / 2)
    return (
        *before,
        Stage(last.begins, "first_chunk_received", "network", network_ms, estimated=True),
        Stage("first_chunk_received", last.ends, "device", last.ms - network_ms, estimated=True),
    )

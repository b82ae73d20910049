"""A span a turn, with its stages below it, where OpenTelemetry is installed.

Written when the turn is over, with the times it had: nothing is traced while audio flows. The
provider and exporter of the spans are the host app's (or `opentelemetry-instrument`'s); without
one the spans go nowhere and cost nothing. No attribute holds what was said.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from voice_loop.latency.clock import Clock
from voice_loop.latency.marks import RULES, Absent
from voice_loop.latency.session_metrics import SettledTurn
from voice_loop.latency.turn_record import Stage, TurnRecord

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

SCOPE: Final = "voice_loop"
TURN_SPAN: Final = "voice_loop.turn"
STAGE_SPAN: Final = "voice_loop.turn.stage"
_NS_PER_MS: Final = 1_000_000


def open_tracer() -> Tracer | None:
    """The host's tracer; None when OpenTelemetry is not installed."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.trace") is None:
        return None
    from opentelemetry import trace

    return trace.get_tracer(SCOPE)


class SpanWriter:
    """Implements `process.TurnWriter`."""

    def __init__(
        self, tracer: Tracer, clock: Clock, wall_time_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._tracer = tracer
        # Taken once: a wall clock that is set anew must not bend the turns that follow.
        self._wall_offset_ns = wall_time_ns() - round(clock.now_ms() * _NS_PER_MS)

    def write(self, session_id: str, turn: SettledTurn) -> None:
        """The turn's span, from its end of speech as far as it is known; none without a begin."""
        from opentelemetry import trace

        try:
            began_by, begin_ms = turn.record.turn_end()
        except Absent:
            return
        figures = turn.evaluation.figures
        figure = figures.get("turn_latency_ms") or figures.get("ttfb_ms")
        span = self._tracer.start_span(
            TURN_SPAN,
            start_time=self._wall_ns(begin_ms),
            attributes={
                "voice_loop.session": session_id,
                "voice_loop.turn": turn.record.turn,
                "voice_loop.provider": turn.provider,
                "voice_loop.began_by": began_by,
                "voice_loop.interrupted": "barge_in_onset" in turn.record.marks,
                **{f"voice_loop.{name}": one.value_ms for name, one in figures.items()},
            },
        )
        if not span.is_recording():
            return
        if turn.record.spoiled is not None:
            span.set_attribute("voice_loop.not_counted", turn.record.spoiled)
        end_ms = begin_ms
        with trace.use_span(span, end_on_exit=False):
            for stage in figure.stages if figure is not None else ():
                end_ms += self._stage(stage, end_ms)
        span.end(self._wall_ns(end_ms if figure else _last_server_ms(turn.record, begin_ms)))

    def _stage(self, stage: Stage, begin_ms: float) -> float:
        span = self._tracer.start_span(
            STAGE_SPAN,
            start_time=self._wall_ns(begin_ms),
            attributes={
                "voice_loop.stage.begins": stage.begins,
                "voice_loop.stage.ends": stage.ends,
                "voice_loop.stage.owner": stage.owner,
                "voice_loop.stage.estimated": stage.estimated,
            },
        )
        span.end(self._wall_ns(begin_ms + stage.ms))
        return stage.ms

    def _wall_ns(self, server_ms: float) -> int:
        return self._wall_offset_ns + round(server_ms * _NS_PER_MS)


def _last_server_ms(record: TurnRecord, begin_ms: float) -> float:
    """Without figures: as far as anything happened at the server."""
    times = (at_ms for name, at_ms in record.marks if RULES[name].clock == "server")
    latest_ms = max(times, default=-math.inf)
    return max(latest_ms, begin_ms)

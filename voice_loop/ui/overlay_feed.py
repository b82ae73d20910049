"""What the overlay of one tab is fed with: the session's newest values, its log, its live facts.

It follows the session's facts in memory of this process and costs the page nothing: only an overlay
that is open is written to, at most twice a second. Kept for a while after the session, so that
an overlay opened then still tells of it. With several workers a tab's handlers may run beside its
session; an overlay opened there is filled by the next thing the session writes.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from voice_loop.latency.budget import FIGURES
from voice_loop.latency.clock import Clock, MonotonicClock
from voice_loop.latency.offset import ClockOffset
from voice_loop.latency.session_metrics import REPORTED_AGE_MS
from voice_loop.protocol.events import MetricsUpdate, PlaybackReport, UserSpeech
from voice_loop.session.facts import ClockSample, Fact, Mark, SessionEnded, SessionStarted
from voice_loop.ui import sparkline
from voice_loop.ui.event_log import EventLog
from voice_loop.ui.figures import as_map, as_number

EVERY_MS: Final = 500.0
"""Between two updates of an open overlay: four a second are allowed, and half as many cost half."""
IDLE_MS: Final = 2_000.0
"""Where nothing happens: the age goes on, and the round trip is measured as often."""
MAX_FEEDS: Final = 256
"""Tabs whose last session is remembered, those that talk included."""


class OverlayFeed:
    """One session, as its overlay sees it."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.watched = False
        """Whether the overlay is open, as far as this process knows."""
        self.log = EventLog()
        self._clock = clock or MonotonicClock()
        self._offset = ClockOffset()
        self._values: dict[str, OrderedDict[int, float]] = {name: OrderedDict() for name in FIGURES}
        self._counters: dict[str, int] = {}
        self._began_ms = self._clock.now_ms()
        self._ended_ms: float | None = None
        self._shown_ms = -math.inf
        self._changed = False

    def add(self, fact: Fact) -> None:
        """Note a fact of the session."""
        match fact:
            case SessionStarted(reconnected=False):
                self._began_ms = min(self._began_ms, fact.at_ms)
            case SessionEnded():
                self._ended_ms = self._clock.now_ms()
            case ClockSample():
                self._exchange(fact)
            case PlaybackReport():
                self._count("underruns", fact.underruns)
                self._count("dropped_chunks", fact.dropped_chunks)
            case UserSpeech(phase="rejected", during_playback=True):
                self._count("false_onsets", self._counters.get("false_onsets", 0) + 1)
            case MetricsUpdate():
                self._figures(fact.metrics)
            case _:
                pass
        self._changed = self.log.add(fact, self._age_of(fact)) or self._changed

    def _exchange(self, sample: ClockSample) -> None:
        if sample.offset_ms is None or sample.round_trip_ms is None:
            return
        at_ms = sample.server_received_ms
        self._offset.add(sample.offset_ms, sample.round_trip_ms, at_ms, age_ms=REPORTED_AGE_MS)

    def _count(self, name: str, value: int) -> None:
        if value > self._counters.get(name, 0):
            self._counters[name] = value
            self._changed = True

    def _figures(self, metrics: Mapping[str, Any]) -> None:
        turn = metrics.get("turn")
        if not isinstance(turn, int):
            return
        self._changed = True
        for name, values in self._values.items():
            value = as_number(as_map(metrics, "figures", name), "value_ms")
            if value is None:
                continue
            # A turn is told several times, as it becomes known better.
            values[turn] = value
            while len(values) > sparkline.SHOWN:
                values.popitem(last=False)

    def _age_of(self, fact: Fact) -> float:
        at_ms: float | None = None
        if isinstance(fact, Mark):
            at_ms = fact.at_ms
            if fact.clock == "client":
                converted = self._offset.to_server_ms(fact.at_ms)
                at_ms = converted[0] if converted else None
        return (self._clock.now_ms() if at_ms is None else at_ms) - self._began_ms

    @property
    def age_s(self) -> float:
        """How long the session has been going on, or went on."""
        end_ms = self._clock.now_ms() if self._ended_ms is None else self._ended_ms
        return max(0.0, end_ms - self._began_ms) / 1000

    @property
    def age(self) -> str:
        """The same to read, `1:05` for sixty-five seconds."""
        minutes, seconds = divmod(int(self.age_s), 60)
        return f"{minutes}:{seconds:02}"

    def recent(self) -> dict[str, list[float]]:
        """The newest values of each figure, a turn each, oldest first."""
        return {name: list(values.values()) for name, values in self._values.items()}

    def live(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """`metrics` of the last turn, with what changes between turns as it is now."""
        offset = self._offset.at(self._clock.now_ms())
        counters = {**as_map(metrics, "counters"), **self._counters}
        if offset is None:
            return {**metrics, "counters": counters}
        return {
            **metrics,
            "counters": counters,
            "values": {
                **as_map(metrics, "values"),
                "round_trip_ms": self._offset.round_trip_ms,
            },
            "clock": {
                "offset_ms": round(offset.offset_ms, 3),
                "uncertainty_ms": round(offset.uncertainty_ms, 3),
                "round_trip_ms": round(offset.round_trip_ms, 3),
            },
        }

    def due(self) -> bool:
        """Whether an open overlay has something new to show, and is not shown too often."""
        wait_ms = EVERY_MS if self._changed else IDLE_MS
        return self.watched and self._clock.now_ms() - self._shown_ms >= wait_ms

    def close(self) -> bool:
        """No more facts come; whether an open overlay lacks something."""
        if self._ended_ms is None:
            self._ended_ms = self._clock.now_ms()
        self._shown_ms = -math.inf
        return self.due()

    def shown(self) -> None:
        """The overlay has everything now."""
        self._shown_ms = self._clock.now_ms()
        self._changed = False


_FEEDS: Final[OrderedDict[tuple[str, str], OverlayFeed]] = OrderedDict()


def begin_feed(loop_name: str, client_token: str, feed: OverlayFeed) -> None:
    """The feed of a tab's session from now on; that of its session before is forgotten."""
    before = _FEEDS.pop((loop_name, client_token), None)
    feed.watched = before is not None and before.watched
    _FEEDS[loop_name, client_token] = feed
    while len(_FEEDS) > MAX_FEEDS:
        _FEEDS.popitem(last=False)


def feed_of(loop_name: str, client_token: str) -> OverlayFeed | None:
    """The feed of a tab's last session in this process."""
    return _FEEDS.get((loop_name, client_token))

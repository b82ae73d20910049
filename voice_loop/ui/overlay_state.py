"""The overlay's part of a tab's state: written only while the overlay is open.

Closed, it holds what it last showed and nothing of it changes, so nothing of it is sent. What is
copied or saved is made at that moment from all that is known, shown or not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import reflex as rx
from reflex.event import EventSpec

from voice_loop.ui import event_log, figures, waterfall
from voice_loop.ui.event_log import ALL, LogEntry
from voice_loop.ui.figures import FactRow, FigureRow, Share
from voice_loop.ui.overlay_feed import OverlayFeed
from voice_loop.ui.waterfall import Step

MAX_FILTER_CHARS: Final = 60


class OverlayMixin(rx.State, mixin=True):
    """What the overlay shows and how its log is looked at."""

    metrics: dict[str, Any] = {}  # noqa: RUF012  # Reflex copies a state's defaults for each tab
    overlay_open: bool = False
    figure_rows: list[FigureRow] = []  # noqa: RUF012  # as above
    fact_rows: list[FactRow] = []  # noqa: RUF012  # as above
    shares: list[Share] = []  # noqa: RUF012  # as above
    steps: list[Step] = []  # noqa: RUF012  # as above
    steps_caption: str = ""
    session_age: str = ""
    log_rows: list[LogEntry] = []  # noqa: RUF012  # as above
    log_note: str = ""
    log_kind: str = ALL
    log_text: str = ""
    log_paused: bool = False
    _log: tuple[LogEntry, ...] = ()

    def _feed(self) -> OverlayFeed | None:
        """What this tab's last session left in this process."""
        return None

    def _about(self) -> Mapping[str, Any]:
        """Which session it is."""
        return {}

    @rx.event
    def toggle_overlay(self) -> None:
        """Show or hide the figures."""
        _open(self, not self.overlay_open)

    @rx.event
    def open_overlay_if_asked(self) -> None:
        """`?debug=1` in the page's address shows the figures."""
        if self.router.url.query_parameters.get("debug") == "1":
            _open(self, True)
        elif self.overlay_open:
            # A page that was loaded anew shows its overlay again.
            _open(self, True)

    @rx.event
    def filter_log_kind(self, kind: str) -> None:
        """Show the events of one kind, or all."""
        self.log_kind = kind if kind in event_log.KINDS else ALL
        _show_log(self, self._feed())

    @rx.event
    def filter_log_text(self, text: str) -> None:
        """Show the events that hold a text."""
        self.log_text = text[:MAX_FILTER_CHARS]
        _show_log(self, self._feed())

    @rx.event
    def toggle_log_pause(self) -> None:
        """Hold the log still, or let it run on."""
        self.log_paused = not self.log_paused
        _show_log(self, self._feed())

    def _report(self) -> dict[str, Any]:
        """Everything there is to know of the session, for a file."""
        feed = self._feed()
        metrics = self.get_value("metrics")
        return {
            "session": {**self._about(), "age_s": round(feed.age_s, 3) if feed else None},
            "metrics": feed.live(metrics) if feed else metrics,
            "recent": feed.recent() if feed else {},
            "waterfall": waterfall.steps(metrics),
            "events": feed.log.lines() if feed else list(self._log),
        }

    @rx.event
    def copy_metrics(self) -> EventSpec:
        """Put the figures on the clipboard, as JSON."""
        return rx.set_clipboard(json.dumps(self._report(), indent=2))

    @rx.event
    def download_metrics(self) -> EventSpec:
        """Save the figures as JSON."""
        return rx.download(data=json.dumps(self._report(), indent=2), filename="metrics.json")


def _open(state: OverlayMixin, wanted: bool) -> None:
    state.overlay_open = wanted
    feed = state._feed()
    if feed is not None:
        feed.watched = wanted
    if wanted:
        fill(state, feed)


def fill(state: OverlayMixin, feed: OverlayFeed | None) -> None:
    """Bring an open overlay up to date. No method of the state: a browser could call it."""
    metrics = state.get_value("metrics")
    live = feed.live(metrics) if feed else metrics
    _put(state, "figure_rows", figures.figure_rows(metrics, feed.recent() if feed else None))
    _put(state, "fact_rows", figures.fact_rows(live))
    _put(state, "shares", figures.shares(metrics))
    _put(state, "steps", waterfall.steps(metrics))
    _put(state, "steps_caption", waterfall.caption(metrics))
    _put(state, "session_age", feed.age if feed else "")
    _show_log(state, feed)
    if feed is not None:
        feed.shown()


def _show_log(state: OverlayMixin, feed: OverlayFeed | None) -> None:
    if feed is not None and not (state.log_paused and state._log):
        _put(state, "_log", tuple(feed.log.lines()))
    found = event_log.matching(state._log, state.log_kind, state.log_text)
    _put(state, "log_rows", event_log.newest_first(found))
    _put(state, "log_note", _note(state, feed, len(found)))


def _note(state: OverlayMixin, feed: OverlayFeed | None, found: int) -> str:
    """How many there are, how many of them are shown, and what came during a pause."""
    of = f"{found:,} of {len(state._log):,} events"
    if found > event_log.SHOWN:
        of += f", newest {event_log.SHOWN} shown"
    if not state.log_paused:
        return of
    last = max((line["number"] for line in state._log), default=0)
    return f"{of}. Paused; {feed.log.count - last if feed else 0:,} new since."


def _put(state: OverlayMixin, name: str, value: object) -> None:
    """Assign what differs alone: Reflex sends whatever is assigned."""
    if getattr(state, name) != value:
        setattr(state, name, value)

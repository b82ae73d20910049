"""What the overlay is fed with: never due while it is closed, at most twice a second open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.overlay_facts import STARTED, metrics, report
from voice_loop.latency.clock import ManualClock
from voice_loop.protocol.events import (
    MetricsUpdate,
    TurnState,
    UserSpeech,
)
from voice_loop.session.facts import ClockSample, Mark, SessionEnded
from voice_loop.ui import overlay_feed
from voice_loop.ui.overlay_feed import EVERY_MS, IDLE_MS, OverlayFeed, begin_feed, feed_of
from voice_loop.ui.sparkline import SHOWN


@pytest.fixture(autouse=True)
def _forget_feeds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(overlay_feed, "_FEEDS", type(overlay_feed._FEEDS)())
    yield


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000.0)


@pytest.fixture
def feed(clock: ManualClock) -> OverlayFeed:
    made = OverlayFeed(clock)
    begin_feed("voice", "", made)
    return made


def test_a_closed_overlay_is_never_due_whatever_happens(
    feed: OverlayFeed, clock: ManualClock
) -> None:
    for fact in (STARTED, TurnState("thinking", 1), metrics(1, ttfb_ms=120.0)):
        feed.add(fact)
        clock.advance_ms(EVERY_MS * 10)
        assert not feed.due()
    assert not feed.close()


@given(st.lists(st.tuples(st.floats(0, 400), st.booleans()), max_size=80))
def test_an_open_one_is_due_as_often_as_is_allowed_and_not_oftener(
    steps: list[tuple[float, bool]],
) -> None:
    clock = ManualClock(0.0)
    feed = OverlayFeed(clock)
    feed.watched = True
    shown_ms: list[float] = []
    for wait_ms, happens in steps:
        clock.advance_ms(wait_ms)
        if happens:
            feed.add(TurnState("thinking", 1))
        if feed.due():
            shown_ms.append(clock.now_ms())
            feed.shown()
    assert all(b - a >= EVERY_MS for a, b in zip(shown_ms, shown_ms[1:], strict=False))


def test_where_nothing_happens_it_is_told_how_old_the_session_is_now_and_then(
    feed: OverlayFeed, clock: ManualClock
) -> None:
    feed.watched = True
    feed.add(STARTED)
    feed.shown()
    due = 0
    for _ in range(100):
        clock.advance_ms(100)
        if feed.due():
            due += 1
            feed.shown()
    assert due == 10_000 / IDLE_MS
    assert feed.age == "0:10"


def test_what_came_last_is_shown_when_the_session_ends(
    feed: OverlayFeed, clock: ManualClock
) -> None:
    feed.watched = True
    feed.shown()
    feed.add(SessionEnded("s1", "user", 1.0))
    assert not feed.due()
    assert feed.close()
    age = feed.age
    clock.advance_ms(60_000)
    assert feed.age == age


def test_a_turn_that_is_told_again_counts_once_and_only_the_newest_are_kept(
    feed: OverlayFeed,
) -> None:
    feed.add(metrics(1, ttfb_ms=100.0))
    feed.add(metrics(1, ttfb_ms=110.0, turn_latency_ms=200.0))
    feed.add(metrics(2, ttfb_ms=120.0))
    assert feed.recent()["ttfb_ms"] == [110.0, 120.0]
    assert feed.recent()["turn_latency_ms"] == [200.0]
    for turn in range(3, 100):
        feed.add(metrics(turn, ttfb_ms=float(turn)))
    assert feed.recent()["ttfb_ms"] == [float(turn) for turn in range(100 - SHOWN, 100)]


def test_what_changes_between_turns_is_shown_as_it_is_now(
    feed: OverlayFeed, clock: ManualClock
) -> None:
    told = {"values": {"round_trip_ms": 80.0, "jitter_buffer_ms": 90.0}, "clock": None, "turn": 1}
    assert feed.live(told)["values"]["round_trip_ms"] == 80.0
    feed.add(ClockSample(1, 0.0, 990.0, 990.0, 500.0, 4.0))
    for fact in (report(2, 7), report(1, 3), UserSpeech("rejected", 1, 0.0, 1.0, True, 0)):
        feed.add(fact)
    live = feed.live({**told, "counters": {"underruns": 1, "clock_jumps": 1}})
    assert live["values"] == {"round_trip_ms": 4.0, "jitter_buffer_ms": 90.0}
    assert live["clock"]["offset_ms"] == pytest.approx(500.0, abs=0.1)
    assert 2.0 <= live["clock"]["uncertainty_ms"] < 10.0
    assert live["counters"] == {
        "underruns": 2, "dropped_chunks": 7, "false_onsets": 1, "clock_jumps": 1,
    }  # fmt: skip
    assert live["turn"] == 1


def test_marks_of_the_page_stand_in_the_log_on_the_servers_line(
    feed: OverlayFeed, clock: ManualClock
) -> None:
    feed.add(STARTED)
    clock.advance_ms(5_000)
    feed.add(Mark("first_sound", 3_500.0, "client", 1))
    feed.add(ClockSample(1, 0.0, 1_000.0, 1_000.0, 500.0, 1.0))
    feed.add(Mark("first_sound", 3_500.0, "client", 2))
    feed.add(Mark("first_delta", 3_900.0, "server", 2))
    assert [(line["turn"], line["at"]) for line in feed.log.lines()] == [
        (0, "0.000"), (2, "2.900"), (2, "3.000"), (1, "5.000"),
    ]  # fmt: skip


@pytest.mark.parametrize("turn", [None, "1", 1.5])
def test_figures_of_no_turn_are_not_drawn(feed: OverlayFeed, turn: object) -> None:
    feed.add(MetricsUpdate({"turn": turn, "figures": {"ttfb_ms": {"value_ms": 1.0}}}))
    assert feed.recent()["ttfb_ms"] == []


def test_a_tabs_next_session_goes_on_in_the_same_overlay_and_feeds_are_bounded(
    feed: OverlayFeed,
) -> None:
    feed.watched = True
    again = OverlayFeed()
    begin_feed("voice", "", again)
    assert feed_of("voice", "") is again
    assert again.watched
    for number in range(overlay_feed.MAX_FEEDS):
        begin_feed("voice", f"tab-{number}", OverlayFeed())
    assert feed_of("voice", "") is None
    assert len(overlay_feed._FEEDS) == overlay_feed.MAX_FEEDS

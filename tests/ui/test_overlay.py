"""What the overlay shows: nothing is sent while it is closed; a file holds everything at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import anyio
import pytest
import reflex as rx

from tests.ui.overlay_facts import STARTED, metrics, report
from tests.ui.test_bridge import Tab, watch_to_the_end
from tests.ui.test_state import call
from tests.ui.tree import find, one
from voice_loop.config import Settings
from voice_loop.latency.clock import ManualClock
from voice_loop.protocol.events import (
    TranscriptUpdate,
    TurnState,
)
from voice_loop.session.facts import Fact, Mark
from voice_loop.ui import overlay_feed
from voice_loop.ui.bridge import StateBridge
from voice_loop.ui.debug_overlay import PANEL_ID, debug_overlay
from voice_loop.ui.event_log import ALL, KEPT
from voice_loop.ui.figures import COUNTERS, VALUES
from voice_loop.ui.overlay_feed import OverlayFeed, begin_feed, feed_of
from voice_loop.ui.overlay_state import OverlayMixin, fill
from voice_loop.ui.state import VoiceState

anyio_tests = pytest.mark.anyio
OF_THE_OVERLAY = set(OverlayMixin.__annotations__) - {"metrics", "overlay_open"}


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


@pytest.fixture
def state() -> VoiceState:
    """A tab's own; its token is empty, as nobody is connected."""
    root = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    made = cast(VoiceState, root.get_substate(VoiceState.get_full_name().split(".")))
    made._clean()  # type: ignore[no-untyped-call]  # of Reflex
    return made


def sent(state: VoiceState) -> set[str]:
    """Names of what the browser would be told now; told, they are not told again."""
    delta = state.get_delta().get(state.get_full_name(), {})
    state._clean()  # type: ignore[no-untyped-call]  # of Reflex
    return {name.removesuffix("_rx_state_") for name in delta}


# The state.


def test_opened_it_shows_what_happened_while_it_was_closed(
    state: VoiceState, feed: OverlayFeed
) -> None:
    state.metrics = dict(metrics(2, ttfb_ms=120.0, turn_latency_ms=150.0).metrics)
    for fact in (STARTED, metrics(1, ttfb_ms=100.0), metrics(2, ttfb_ms=120.0)):
        feed.add(fact)
    call(state, "toggle_overlay")
    assert feed.watched
    assert state.figure_rows[0]["words"] == "Newest 2 values, from 100 to 120 ms, last 120 ms"
    assert [share["owner"] for share in state.shares] == ["provider", "tools", "not split"]
    assert [line["kind"] for line in state.log_rows] == ["figures", "figures", "session"]
    assert state.log_note == "3 of 3 events"
    call(state, "toggle_overlay")
    assert (feed.watched, state.overlay_open) == (False, False)


def test_without_a_session_in_this_process_what_the_page_knows_is_shown(state: VoiceState) -> None:
    state.metrics = dict(metrics(2, ttfb_ms=120.0).metrics)
    call(state, "toggle_overlay")
    assert state.figure_rows[0]["last"] == "120"
    assert (state.log_rows, state.session_age) == ([], "")
    assert call(state, "download_metrics") is not None


def test_an_update_that_changes_nothing_sends_nothing(state: VoiceState, feed: OverlayFeed) -> None:
    feed.add(STARTED)
    call(state, "toggle_overlay")
    assert sent(state) >= {"overlay_open", "log_rows", "figure_rows"}
    fill(state, feed)
    assert sent(state) == set()
    feed.add(TurnState("thinking", 1))
    fill(state, feed)
    assert sent(state) == {"log_rows", "log_note"}


def test_the_log_is_filtered_by_kind_and_text_and_nonsense_means_all(
    state: VoiceState, feed: OverlayFeed
) -> None:
    for fact in (STARTED, TurnState("thinking", 1), TurnState("speaking", 1)):
        feed.add(fact)
    call(state, "toggle_overlay")
    call(state, "filter_log_kind", "turn")
    assert [line["text"] for line in state.log_rows] == ["speaking", "thinking"]
    call(state, "filter_log_text", "THINK" + " " * 500)
    assert [line["text"] for line in state.log_rows] == ["thinking"]
    assert len(state.log_text) <= 60
    assert state.log_note == "1 of 3 events"
    call(state, "filter_log_kind", "no such kind")
    assert state.log_kind == ALL


def test_a_paused_log_stands_still_is_filtered_still_and_tells_what_it_misses(
    state: VoiceState, feed: OverlayFeed
) -> None:
    feed.add(STARTED)
    call(state, "toggle_overlay")
    call(state, "toggle_log_pause")
    for _ in range(KEPT + 3):
        feed.add(TurnState("thinking", 1))
    fill(state, feed)
    assert [line["kind"] for line in state.log_rows] == ["session"]
    assert state.log_note == f"1 of 1 events. Paused; {KEPT + 3} new since."
    call(state, "filter_log_text", "nothing like it")
    assert state.log_rows == []
    call(state, "filter_log_text", "")
    call(state, "toggle_log_pause")
    assert state.log_rows[0]["kind"] == "turn"
    assert state.log_note == f"{KEPT} of {KEPT} events, newest 40 shown"


def test_the_file_holds_everything_all_owners_included_and_nothing_that_was_said(
    state: VoiceState, feed: OverlayFeed
) -> None:
    told = metrics(1, ttfb_ms=100.0, turn_latency_ms=150.0)
    state.metrics = dict(told.metrics)
    state.session_id, state.provider, state.model, state.voice = "s1", "local", "m", "marin"
    for fact in (STARTED, TranscriptUpdate("u1", "user", 1, "4711", True), told, report(2, 0)):
        feed.add(fact)
    report_ = state._report()
    assert report_["session"] == {
        "session_id": "s1", "provider": "local", "model": "m", "voice": "marin",
        "status": "idle", "age_s": 0.0,
    }  # fmt: skip
    assert set(report_["metrics"]) == set(told.metrics)
    latency = report_["metrics"]["figures"]["turn_latency_ms"]
    assert set(latency["shares"]) == {"provider", "tools", "unsplit"}
    assert report_["metrics"]["counters"]["underruns"] == 2
    assert report_["recent"]["ttfb_ms"] == [100.0]
    assert len(report_["waterfall"]) == 7
    assert len(report_["events"]) == 3
    for spec in (call(state, "copy_metrics"), call(state, "download_metrics")):
        assert "4711" not in str(spec.args)
    assert json.loads(json.dumps(report_)) == report_


# The session writes into the state of its tab.


class Written:
    """What the state manager would have sent, write by write."""

    def __init__(self, app: rx.App, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deltas: list[set[str]] = []
        resolve = VoiceState._get_resolved_delta

        async def noted(root: Any) -> Any:
            delta = await resolve(root)
            names = {name for part in delta.values() for name in part}
            self.deltas.append({name.removesuffix("_rx_state_") for name in names})
            return delta

        monkeypatch.setattr(rx.State, "_get_resolved_delta", noted)

    def of_the_overlay(self) -> list[set[str]]:
        return [names for delta in self.deltas if (names := delta & OF_THE_OVERLAY)]


def conversation(turns: int) -> list[Fact]:
    """What a session tells of some turns."""
    facts: list[Fact] = [STARTED]
    for turn in range(1, turns + 1):
        facts += [
            TurnState("thinking", turn),
            Mark("first_delta", 1_000.0 * turn, "server", turn),
            TranscriptUpdate(f"a{turn}", "assistant", turn, "Yes.", True),
            metrics(turn, ttfb_ms=100.0 + turn),
            report(turn, 0),
        ]
    return facts


async def converse(app: rx.App, turns: int, *, opened: bool) -> None:
    """A whole session, told in steps, so that it is written many times."""
    bridge = StateBridge(Settings(), clock=TickingClock())
    bridge.app = app
    async with app.modify_state(rx.BaseStateToken(ident="tab-1", cls=VoiceState)) as root:
        (await root.get_state(VoiceState)).overlay_open = opened
    tab = Tab("tab-1")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(bridge.watch, tab.session)
            await anyio.lowlevel.checkpoint()
            for fact in conversation(turns):
                tab.bus.publish(fact)
                await anyio.lowlevel.checkpoint()
            tab.bus.close()


class TickingClock:
    """A second goes by with each look: an open overlay is always due."""

    def __init__(self) -> None:
        self._now_ms = 0.0

    def now_ms(self) -> float:
        self._now_ms += 1_000.0
        return self._now_ms


@anyio_tests
async def test_while_it_is_closed_no_delta_holds_anything_of_it(
    app: rx.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Written(app, monkeypatch)
    await converse(app, 5, opened=False)
    assert any("metrics" in delta for delta in written.deltas), "the page itself was written to"
    assert written.of_the_overlay() == []


@anyio_tests
async def test_while_it_is_open_it_is_brought_up_to_date(
    app: rx.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Written(app, monkeypatch)
    await converse(app, 5, opened=True)
    assert set().union(*written.of_the_overlay()) >= {"figure_rows", "log_rows", "session_age"}
    token = rx.BaseStateToken(ident="tab-1", cls=VoiceState)
    async with app.modify_state(token) as root:
        state = await root.get_state(VoiceState)
        assert state.figure_rows[0]["last"] == "105"
        assert state.log_rows[0]["turn"] == 5


@anyio_tests
async def test_what_happens_only_for_a_closed_overlay_is_not_even_looked_up(app: rx.App) -> None:
    bridge = StateBridge(Settings())
    bridge.app = app
    looked_up = 0
    modify = app.modify_state

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal looked_up
        looked_up += 1
        return modify(*arguments, **named)

    app.modify_state = counted  # type: ignore[method-assign]  # to count
    facts = (TurnState("thinking", 1), Mark("first_delta", 1.0, "server", 1), report(0, 0))
    await watch_to_the_end(bridge, Tab("tab-2"), *facts)
    assert looked_up == 0
    kept = feed_of("voice", "tab-2")
    assert kept is not None
    assert kept.log.count == 2


# What stands on the page.


def test_the_panel_has_every_part_and_room_for_more_at_its_end() -> None:
    panel = one(debug_overlay(VoiceState, rx.el.p("recorded", id="more")), id=PANEL_ID)
    labels = [section.props.get("aria-label") for section in find(panel, "section")]
    assert labels == ["Last turn", "Connection and device", "Events"]
    assert [head.text for head in find(panel, "h3")] == labels
    names = [name.text for name in find(one(panel, "dl", aria_label="Session"), "dt")]
    assert names == ["Connection", "Session age", "Provider", "Model", "Voice", "Session"]
    assert panel.inside[-1].props["id"] == "more"


def test_every_figure_is_reached_with_the_keyboard_and_described_by_what_it_means() -> None:
    panel = one(debug_overlay(VoiceState), id=PANEL_ID)
    described = [
        button.props["aria-describedby"]
        for button in find(panel, "button")
        if "aria-describedby" in button.props
    ]
    assert len(described) == 2
    ids = [element.props.get("id") for element in panel.inside]
    for reference in described:
        assert any(reference.split("-means")[1] in str(one_id) for one_id in ids)
    for part in ("voice-figure-", "voice-fact-"):
        assert sum(part in reference for reference in described) == 1


def test_explanations_come_by_pointing_and_by_focus_for_every_figure_and_fact() -> None:
    looks = str(debug_overlay(VoiceState).render()).replace("\\'", "'")
    for key in (*VALUES, *COUNTERS, "ttfb_ms", "barge_in_stop_ms"):
        assert f"[data-explained='{key}']:hover" in looks
        assert f"[data-explained='{key}']:focus-within" in looks

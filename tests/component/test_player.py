"""The player against the real playback worklet's code, and its clock."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reflex_voice_audio.browser.context_clock import ContextClock
from reflex_voice_audio.browser.jsapi import ArrayBuffer, Float32Array
from reflex_voice_audio.browser.player import Player
from reflex_voice_audio.browser.playout import Playout

from tests.component.fake_audio import Context
from tests.component.fake_page import Page, browser
from tests.component.fake_values import bytearray_of

RATE_HZ = 48_000
QUANTUM = 128


class Speaker:
    """A player whose port leads to a real `Playout` that renders as time passes."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.reports: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self.context = page._make_context({})
        self.clock = ContextClock(self.context)
        self.player = Player(self.context, self.clock, self)
        self.player.attach()
        port = self.player.node.port
        self.messages: list[dict[str, Any]] = []
        self.playout = Playout(RATE_HZ, self._tell)
        port.other = lambda event: self.playout.receive(event.data)
        self.output = Float32Array(QUANTUM)
        self.loud: list[bool] = []
        self.frames = 0

    def _tell(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self.player.node.port.say(**message)

    def on_report(self, report: dict[str, Any]) -> None:
        self.reports.append(report)
        latency = self.clock.latency_ms()
        self.player.post({"type": "latency", "seconds": latency / 1000}, [])

    def on_failure(self, code: str) -> None:
        self.failures.append(code)

    def send(self, turn: int, item: int = 0, milliseconds: int = 200, at_ms: int = 0) -> None:
        pcm = bytearray_of((8_000).to_bytes(2, "little") * (24 * milliseconds))
        self.player.play(turn, item, at_ms * 24, ArrayBuffer(pcm))

    def render(self, milliseconds: float) -> None:
        end = self.frames + milliseconds * RATE_HZ / 1000
        while self.frames < end:
            self.playout.render(self.output, QUANTUM, self.frames / RATE_HZ)
            self.loud.append(max(self.output) > 0.01)
            self.frames += QUANTUM
            self.page.advance(QUANTUM / RATE_HZ * 1000)

    def phases(self) -> list[str]:
        return [report["phase"] for report in self.reports if report["phase"] != "playing"]


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    with browser() as page:
        yield Speaker(page)


def test_an_item_is_played_to_its_end_and_all_of_it_was_heard(speaker: Speaker) -> None:
    speaker.send(1)
    speaker.player.finish(1, 0, "completed")
    playing = [speaker.player.is_playing]
    speaker.render(400)
    playing.append(speaker.player.is_playing)
    assert speaker.phases() == ["started", "finished"]
    assert speaker.reports[-1]["played_ms"] == 200
    assert playing == [True, False]
    started = speaker.reports[0]
    assert started["client_first_sound_ms"] == pytest.approx(started["client_at_ms"] + 40, abs=5)
    assert started["client_received_ms"] <= started["client_queued_ms"] < started["client_at_ms"]
    assert speaker.reports[-1]["client_received_ms"] is None


def test_each_turn_tells_when_its_first_chunk_came_and_was_queued(speaker: Speaker) -> None:
    came = []
    for turn in (1, 2):
        came.append(speaker.page.now_ms)
        speaker.send(turn)
        speaker.player.finish(turn, 0, "completed")
        speaker.render(600)
    started = [report for report in speaker.reports if report["phase"] == "started"]
    assert [report["client_received_ms"] for report in started] == came
    for report in started:
        assert report["client_queued_ms"] == pytest.approx(report["client_received_ms"], abs=5)


def test_a_flush_tells_what_was_heard_one_latency_ago_and_is_silent(speaker: Speaker) -> None:
    cuts: list[tuple[Any, ...]] = []
    speaker.send(1, milliseconds=2_000)
    speaker.render(500)
    speaker.player.flush(1, lambda *cut: cuts.append(cut))
    speaker.render(50)
    [(turn, item, heard_ms, silent_ms)] = cuts
    assert (turn, item) == (1, 0)
    played = sum(speaker.loud[:-18]) * QUANTUM / RATE_HZ * 1000
    assert heard_ms == pytest.approx(played - 40, abs=15)
    assert silent_ms == pytest.approx(1_000 + 500 + 40, abs=15)
    assert not any(speaker.loud[-10:])
    assert not speaker.player.is_playing


def test_a_pause_longer_than_the_latency_was_heard_in_full(speaker: Speaker) -> None:
    cuts: list[tuple[Any, ...]] = []
    speaker.send(1, milliseconds=2_000)
    speaker.render(500)
    speaker.playout.receive_peer(SimpleNamespace(type="pause"))
    speaker.render(250)
    paused = next(report for report in speaker.reports if report["phase"] == "paused")
    speaker.player.flush(1, lambda *cut: cuts.append(cut))
    [(_, _, heard_ms, silent_ms)] = cuts
    assert heard_ms == speaker.messages[-1]["rendered"] / 24 > 400
    assert silent_ms == pytest.approx(paused["client_stopped_ms"], abs=1)


def test_later_audio_of_the_cut_turn_is_not_even_posted(speaker: Speaker) -> None:
    speaker.send(1)
    speaker.player.flush(1, None)
    speaker.send(1, at_ms=200)
    assert len(speaker.player.node.port.of("audio")) == 1
    speaker.send(2)
    speaker.render(200)
    assert speaker.reports[-1]["dropped_chunks"] == 1
    assert speaker.reports[-1]["turn"] == 2


def test_a_restarted_player_plays_turns_of_the_same_number(speaker: Speaker) -> None:
    speaker.send(3)
    speaker.player.flush(3, None)
    old = speaker.player.node
    speaker.player.restart()
    assert old.port.of("stop")
    assert old.connections == []
    speaker.send(1)
    assert speaker.player.node.port.of("audio")


def test_the_volume_is_bounded(speaker: Speaker) -> None:
    for given_volume, used in ((0.5, 0.5), (7, 1), (-1, 0)):
        speaker.player.set_volume(given_volume)
        assert speaker.player.gain.gain.value == used


@pytest.fixture
def early() -> Iterator[tuple[Page, Player]]:
    """A player whose worklet is not loaded yet."""
    with browser() as page:
        context = page._make_context({})
        yield page, Player(context, ContextClock(context), None)


def play_early(player: Player, turn: int) -> None:
    player.play(turn, 0, 0, ArrayBuffer(4))
    player.finish(turn, 0, "completed")


def told(player: Player) -> list[tuple[str, int]]:
    return [(m["type"], m.get("turn", 0)) for m in player.node.port.sent]


def test_what_comes_before_the_file_is_loaded_is_played_once_it_is(
    early: tuple[Page, Player],
) -> None:
    _, player = early
    play_early(player, 1)
    player.attach()
    assert told(player) == [("audio", 1), ("end", 1)]
    play_early(player, 2)
    assert told(player)[2:] == [("audio", 2), ("end", 2)]


def test_what_is_cut_before_the_file_is_loaded_was_not_heard(early: tuple[Page, Player]) -> None:
    page, player = early
    cuts: list[tuple[Any, ...]] = []
    play_early(player, 1)
    player.flush(1, lambda *cut: cuts.append(cut))
    page.advance(200)
    assert cuts == [(1, 0, 0, None)]
    player.attach()
    assert told(player)[-1] == ("flush", 1)


def test_nothing_of_an_old_session_waits_for_the_file(early: tuple[Page, Player]) -> None:
    _, player = early
    play_early(player, 3)
    player.restart()
    player.attach()
    assert told(player) == []


def test_a_closed_player_keeps_nothing(early: tuple[Page, Player]) -> None:
    _, player = early
    play_early(player, 1)
    player.close()
    assert len(player.waiting) == 0


def test_other_messages_and_old_flushes_are_ignored(speaker: Speaker) -> None:
    cuts: list[tuple[Any, ...]] = []
    speaker.send(1)
    speaker.player.flush(1, None)
    speaker.player.node.port.other = None
    speaker.player.flush(1, lambda *cut: cuts.append(cut))
    speaker.player.node.port.say(type="flushed", id=1, turn=1, item=0, heard=0, time=0.0)
    speaker.player.node.port.say(type="something")
    assert cuts == []


@pytest.fixture
def context() -> Iterator[Context]:
    with browser() as page:
        yield page._make_context({})


def test_a_context_time_becomes_the_pages_time(context: Context) -> None:
    clock = ContextClock(context)
    context.page.advance(1_234)
    assert clock.page_ms(1.0) == pytest.approx(2_000)
    assert clock.audible_ms(1.0) == pytest.approx(2_040)
    assert clock.audible_ms(None) is None


@pytest.mark.parametrize("told", [None, 0])
def test_an_unknown_latency_gives_no_figure(context: Context, told: float | None) -> None:
    context.outputLatency = told
    clock = ContextClock(context)
    assert clock.latency_ms() is None
    assert clock.audible_ms(0.5) is None


@pytest.mark.parametrize(
    ("system", "latency_ms"), [("Linux x86_64", 25), ("Intel Mac OS X 10.15", 40), (None, 40)]
)
def test_firefox_on_linux_is_never_asked_for_what_may_freeze_its_tab(
    system: str | None, latency_ms: float
) -> None:
    with browser() as page:
        page.navigator.oscpu = system
        context = page._make_context({})
        asked: list[bool] = []

        def stamp() -> SimpleNamespace:
            asked.append(True)
            return SimpleNamespace(contextTime=0.0, performanceTime=1_000 + latency_ms)

        context.getOutputTimestamp = stamp
        clock = ContextClock(context)
        assert clock.latency_ms() == pytest.approx(latency_ms)
        assert clock.audible_ms(1.0) == pytest.approx(2_000 + latency_ms)
        assert bool(asked) == (latency_ms != 25)


@pytest.mark.parametrize(("off_ms", "believed"), [(7, True), (2_000, False), (-500, False)])
def test_the_browsers_own_timestamp_is_believed_where_it_is_plausible(
    context: Context, off_ms: float, believed: bool
) -> None:
    clock = ContextClock(context)
    context.getOutputTimestamp = lambda: SimpleNamespace(
        contextTime=0.2, performanceTime=1_000 + 200 + 40 + off_ms
    )
    assert clock.audible_ms(1.0) == pytest.approx(2_040 + (off_ms if believed else 0))


def test_a_clock_that_jumps_is_followed(context: Context) -> None:
    clock = ContextClock(context)
    clock.observe()
    context.born_ms += 60_000
    context.page.advance(61_000)
    clock.observe()
    assert clock.page_ms(1.0) == pytest.approx(62_000, abs=1)


def test_a_glitch_that_sets_the_graph_back_is_known_a_second_later(context: Context) -> None:
    clock = ContextClock(context)
    for _ in range(100):
        context.page.advance(20)
        clock.observe()
    context.born_ms += 30
    for _ in range(50):
        context.page.advance(20)
        clock.observe()
    assert clock.page_ms(1.0) == pytest.approx(2_030)


@given(st.lists(st.floats(0, 12), min_size=30, max_size=60))
def test_batches_of_rendering_do_not_blur_the_offset(lags: list[float]) -> None:
    with browser() as page:
        behind = SimpleNamespace(currentTime=0.0)
        clock = ContextClock(behind)
        for index, lag in enumerate([*lags, 0.0]):
            page.now_ms = 5_000 + index * 20
            behind.currentTime = (index * 20 - lag) / 1000
            clock.observe()
        assert clock.page_ms(1.0) == pytest.approx(6_000, abs=0.6)

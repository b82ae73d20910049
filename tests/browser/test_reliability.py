"""The network and the provider fail in mid-conversation; the person loses as little as can be.

A real TCP proxy stands between Chromium and the server, and a Realtime server that misbehaves on
cue behind it. What was heard is judged from the loudspeaker's recording: no word twice, none lost
beyond the cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Arrive
from tests.browser.served_app import ServedApp, free_port, serve
from tests.browser.visitor import LIVE, Visitor
from tests.faults.proxy import FaultProxy
from tests.faults.realtime import misbehaving, settings_for
from tests.listening import resample, windows_in_order
from tests.speech import Samples, sounding_s
from voice_loop.errors import ERRORS
from voice_loop.local import Faults, LocalOptions
from voice_loop.protocol.events import AudioChunk, SessionReady, TranscriptUpdate

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

RESUME_ATTEMPTS = 12
QUIET = np.zeros(48_000, np.float32)
STORY = "Tell me a long story."
Network = tuple[ServedApp, FaultProxy]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """The app, whose voice socket runs through a network that fails on cue."""
    port = free_port()
    log = tmp_path_factory.mktemp("network") / "app.log"
    with FaultProxy(port) as proxy:
        settings = {"VOICE_WS_URL": f"ws://localhost:{proxy.port}/voice"}
        with serve(log, settings, page_port=port) as served:
            yield served, proxy
        assert "Traceback" not in served.log_text(), served.log_text()[-6000:]


@pytest.fixture(autouse=True)
def mended(request: pytest.FixtureRequest) -> None:
    """Each test begins with a network that works."""
    if "network" in request.fixturenames:
        _, proxy = request.getfixturevalue("network")
        proxy.closed = False
        proxy.slow_to(None)


def greetings(visitor: Visitor) -> list[SessionReady]:
    return [event for event in visitor.wire.received if isinstance(event, SessionReady)]


def assert_arrived_once_and_whole(visitor: Visitor, key: tuple[int, int]) -> Samples:
    """No chunk of the item is missing and none came twice; its sound."""
    chunks = [
        event
        for event in visitor.wire.received
        if isinstance(event, AudioChunk) and (event.turn, event.item) == key
    ]
    at = 0
    for chunk in chunks:
        assert chunk.position_samples == at, "a gap, or the same sound again"
        at += len(chunk.pcm) // 2
    return visitor.wire.items()[key]


def assert_heard_in_order(visitor: Visitor, sent: Samples, *, pauses: int) -> None:
    """All of `sent` is in the recording, in order and once, with at most so many pauses in it."""
    tape = visitor.heard()
    wanted = resample(sent, 24_000, tape.rate_hz)
    places = windows_in_order(wanted, tape.samples, tape.rate_hz)
    assert len(places.lags) > 5
    places.assert_whole(pauses=pauses)
    heard_s, sent_s = (
        sounding_s(tape.samples, tape.rate_hz),
        sounding_s(wanted, tape.rate_hz),
    )
    assert abs(heard_s - sent_s) < 0.5, f"{heard_s} s of sound for {sent_s} s"


def hear_the_story(visitor: Visitor, *, before_ms: float = 1_500) -> None:
    visitor.start_talking()
    visitor.type_in(STORY)
    visitor.wait_until_heard(before_ms)


def test_a_socket_that_breaks_in_mid_answer_is_taken_up_and_nothing_is_lost_or_repeated(
    network: Network, arrive: Arrive
) -> None:
    served, proxy = network
    visitor = arrive(served.url, microphone=QUIET)
    hear_the_story(visitor)
    proxy.cut()
    # The page may be back before it could show that it had been away.
    visitor.wait_for_answers(1)
    first, second = greetings(visitor)
    assert (second.resumed, second.session_id) == (True, first.session_id)
    sent = assert_arrived_once_and_whole(visitor, (1, 0))
    visitor.assert_played_whole(least=1)
    assert_heard_in_order(visitor, sent, pauses=0)
    assert visitor.underruns() == 0, "the player's store outlasts the break"
    assert visitor.wire.errors() == []


def test_an_outage_longer_than_the_players_store_is_a_pause_and_no_loss(
    network: Network, arrive: Arrive
) -> None:
    served, proxy = network
    visitor = arrive(served.url, microphone=QUIET)
    hear_the_story(visitor)
    proxy.closed = True
    proxy.cut()
    visitor.page.wait_for_timeout(6_000)
    assert proxy.refused > 1
    proxy.closed = False
    visitor.wait_for_answers(1)
    assert [ready.resumed for ready in greetings(visitor)] == [False, True]
    assert_heard_in_order(visitor, assert_arrived_once_and_whole(visitor, (1, 0)), pauses=1)


def test_a_connection_that_falls_silent_is_noticed_and_replaced(
    network: Network, arrive: Arrive
) -> None:
    served, proxy = network
    visitor = arrive(served.url, microphone=QUIET)
    hear_the_story(visitor)
    proxy.stall()
    visitor.wait_for_answers(1)
    assert [ready.resumed for ready in greetings(visitor)] == [False, True]
    assert_heard_in_order(visitor, assert_arrived_once_and_whole(visitor, (1, 0)), pauses=1)


def test_a_network_slower_than_speech_makes_pauses_and_no_loss(
    network: Network, arrive: Arrive
) -> None:
    served, proxy = network
    visitor = arrive(served.url, microphone=QUIET)
    visitor.start_talking()
    proxy.slow_to(40_000)
    visitor.type_in(STORY)
    visitor.wait_for_answers(1, timeout_ms=180_000)
    assert len(greetings(visitor)) == 1
    assert_arrived_once_and_whole(visitor, (1, 0))
    assert visitor.wire.errors() == []


def test_too_late_is_a_new_session_with_the_conversation_and_that_is_said(
    network: Network, arrive: Arrive
) -> None:
    served, proxy = network
    visitor = arrive(served.url, microphone=QUIET)
    visitor.start_talking()
    visitor.type_in("What is two plus three?")
    visitor.wait_for_answers(1)
    refused = proxy.refused
    proxy.closed = True
    proxy.cut()
    visitor.wait_for_status("reconnecting")
    for _ in range(300):
        if proxy.refused - refused >= RESUME_ATTEMPTS:
            break
        visitor.page.wait_for_timeout(100)
    # The page gives up on the old session now, and asks for a new ticket.
    proxy.closed = False
    alert = visitor.page.get_by_role("alert").filter(has_text="A new conversation goes on")
    expect(alert).to_be_visible(timeout=30_000)
    first, second = greetings(visitor)
    assert second.resumed is False
    assert second.session_id != first.session_id
    visitor.type_in("Say that again, please.")
    visitor.page.wait_for_function(
        "document.querySelector('[role=log]').innerText.match(/5|five/gi)?.length >= 2",
        timeout=30_000,
    )
    assert visitor.status() in LIVE


def test_a_page_that_is_reloaded_starts_nothing_and_goes_on_with_the_conversation(
    network: Network, arrive: Arrive
) -> None:
    served, _ = network
    visitor = arrive(served.url, microphone=QUIET)
    visitor.start_talking()
    visitor.type_in("What is two plus three?")
    visitor.wait_for_answers(1)
    sockets = visitor.wire.sockets
    visitor.page.reload()
    visitor.wait_for_status("idle")
    expect(visitor.page.get_by_role("log")).to_contain_text("two plus three")
    assert visitor.wire.sockets == sockets, "a reload starts nothing"
    visitor.start_talking()
    visitor.type_in("Say that again, please.")
    for _ in range(100):
        said = [e.text for e in visitor.wire.received if isinstance(e, TranscriptUpdate)]
        if sum(bool(re.search(r"\b(5|five)\b", text, re.IGNORECASE)) for text in said[-3:]):
            break
        visitor.page.wait_for_timeout(200)
    else:
        raise AssertionError("the conversation before the reload is forgotten")
    first, second = greetings(visitor)
    assert second.session_id != first.session_id


def test_two_tabs_are_two_conversations(network: Network, arrive: Arrive) -> None:
    served, _ = network
    one = arrive(served.url, microphone=QUIET)
    two = Visitor(one.page.context.new_page())
    two.visit(served.url)
    assert two.wire.sockets == 0, "a second tab starts nothing"
    one.start_talking()
    two.start_talking()
    assert greetings(one)[0].session_id != greetings(two)[0].session_id
    two.type_in("What is two plus three?")
    two.wait_for_answers(1)
    assert one.status() in LIVE
    assert "plus" not in one.page.get_by_role("log").inner_text()
    two.click_talk()
    two.wait_for_status("idle")
    assert one.status() in LIVE


def seconds_left(visitor: Visitor) -> int:
    """What the countdown on the card shows."""
    found = re.search(r"in (\d+) s", visitor.page.get_by_role("timer").inner_text())
    assert found, visitor.page.get_by_role("timer").inner_text()
    return int(found[1])


def watch_the_countdown(visitor: Visitor) -> None:
    """Keep every text the countdown shows, from now on, in the page."""
    visitor.page.evaluate(
        """() => {
            window.shown = [];
            const note = () => {
                const timer = document.querySelector("[role=timer]");
                const text = timer && timer.innerText;
                if (text && text !== window.shown.at(-1)) window.shown.push(text);
            };
            new MutationObserver(note).observe(
                document.body, {childList: true, subtree: true, characterData: true});
            note();
        }"""
    )


def test_a_provider_that_asks_to_wait_is_waited_for_with_a_countdown_and_can_be_cancelled(
    arrive: Arrive, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("limited") / "app.log"
    with misbehaving() as realtime, serve(log, settings_for(realtime)) as served:
        realtime.faults = Faults(connections=1, refuse_status=429, retry_after_s=6)
        visitor = arrive(served.url, microphone=QUIET)
        watch_the_countdown(visitor)
        visitor.click_talk()
        alert = visitor.page.get_by_role("alert")
        expect(alert).to_contain_text(ERRORS["provider_rate_limited"].message)
        visitor.wait_for_status(*LIVE)
        expect(alert).to_have_count(0)
        shown = [int(text.split()[-2]) for text in visitor.page.evaluate("window.shown")]
        assert shown[0] <= 6
        assert len(shown) >= 4, "the seconds pass while the person watches"
        assert shown == sorted(set(shown), reverse=True), "downwards, none shown twice"
        visitor.click_talk()
        visitor.wait_for_status("idle")

        realtime.faults = Faults(refuse_status=429, retry_after_s=50)
        visitor.click_talk()
        expect(visitor.page.get_by_role("timer")).to_have_attribute("aria-live", "off")
        assert 40 <= seconds_left(visitor) <= 50
        alert.get_by_role("button", name="Cancel").click()
        visitor.wait_for_status("idle")
        expect(alert).to_have_count(0)

        visitor.click_talk()
        expect(visitor.page.get_by_role("timer")).to_be_visible()
        realtime.faults = Faults()
        alert.get_by_role("button", name="Try now").click()
        visitor.wait_for_status(*LIVE, timeout_ms=20_000)
        expect(alert).to_have_count(0)
        assert "Traceback" not in served.log_text()


def test_the_providers_longest_session_is_rolled_over_and_nobody_notices(
    arrive: Arrive, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("rolled") / "app.log"
    options = LocalOptions(expire_after_s=24)
    with misbehaving(options) as realtime, serve(log, settings_for(realtime)) as served:
        visitor = arrive(served.url, microphone=QUIET)
        visitor.start_talking()
        visitor.type_in("What is two plus three?")
        visitor.wait_for_answers(1)
        visitor.page.wait_for_timeout(26_000)
        assert visitor.wire.errors() == [], "no expiry was met"
        assert visitor.wire.sockets == 1
        visitor.type_in("Say that again, please.")
        visitor.wait_for_answers(2)
        for _ in range(100):
            said = [e.text for e in visitor.wire.received if isinstance(e, TranscriptUpdate)]
            if re.search(r"\b(5|five)\b", said[-1], re.IGNORECASE):
                break
            # Its last words follow the page's report that they were heard.
            visitor.page.wait_for_timeout(100)
        else:
            raise AssertionError(said[-1])
        assert realtime.sessions == 1, "the old connection is closed"


def test_a_provider_that_breaks_in_mid_answer_is_replaced_and_that_is_said(
    arrive: Arrive, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("broken") / "app.log"
    with misbehaving() as realtime, serve(log, settings_for(realtime)) as served:
        realtime.faults = Faults(connections=1, slow_delta_ms=60, cut_after_audio_deltas=40)
        visitor = arrive(served.url, microphone=QUIET)
        visitor.start_talking()
        visitor.type_in(STORY)
        for _ in range(100):
            if visitor.wire.errors():
                break
            visitor.page.wait_for_timeout(100)
        assert [error.code for error in visitor.wire.errors()] == ["provider_lost"]
        visitor.wait_for_status("listening")
        visitor.type_in("What is two plus three?")
        for _ in range(100):
            if 2 in visitor.finished_turns():
                break
            visitor.page.wait_for_timeout(100)
        assert 2 in visitor.finished_turns()
        expect(visitor.page.get_by_role("alert")).to_have_count(0)
        assert "Traceback" not in served.log_text()

"""Several workers with a Redis: sessions on both, every order finds its session, one is killed.

Real processes on one port: the kernel says who takes which connection, so tabs are opened until
both workers have what a test needs. Which worker has a socket is read from the system.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.browser.conftest import Arrive
from tests.browser.hosting import KEEPS_WORKERS, REFLEX_RUN, Hosting, backend
from tests.browser.served_app import ServedApp
from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.faults.realtime import misbehaving, settings_for
from tests.redis_support import running_redis
from voice_loop.protocol.codec import decode_server, encode_client
from voice_loop.protocol.events import ErrorEvent, SessionStart, TranscriptUpdate

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
QUIET = np.zeros(48_000, np.float32)
STORY = "Tell me a long story."
MOST_TABS = 10
"""Each falls to either worker by chance: one in 512 times ten of them are on one side."""
MOST_SHOWN = 30
COMPARED = 20


@dataclass(frozen=True)
class Crew:
    """The app with its workers, and the browser of its visitors."""

    app: ServedApp

    def workers(self) -> set[int]:
        """The processes that serve."""
        children = psutil.Process(self.app.process.pid).children(recursive=True)
        return {child.pid for child in children if child.net_connections()}

    def worker_at(self, port: int) -> int:
        """The one whose connection ends at `port` of this machine."""
        for pid in self.workers():
            ends = psutil.Process(pid).net_connections()
            if any(end.raddr and end.raddr.port == port for end in ends):
                return pid
        raise AssertionError("nobody took the connection")


@pytest.fixture(scope="module")
def settings() -> Iterator[dict[str, str]]:
    """Two workers, a Redis, and an assistant elsewhere."""
    with running_redis() as url, misbehaving() as realtime:
        yield {
            **settings_for(realtime),
            "REFLEX_REDIS_URL": url,
            "GRANIAN_WORKERS": "2",
            "VOICE_TICKET_SECRET": "a secret that both workers know",
        }


@pytest.fixture
def crew(hosted: Hosting, settings: dict[str, str], tmp_path: Path) -> Iterator[Crew]:
    with backend(hosted, tmp_path / "app.log", settings) as app:
        yield Crew(app)
    assert "Traceback" not in app.log_text(), app.log_text()[-6000:]


def text_of(page: Page, name: str) -> str:
    """What the page says of a worker, once it says something."""
    expect(page.locator(name)).to_have_text(re.compile(r"\w"), timeout=PATIENCE_MS)
    return page.locator(name).inner_text()


def session_worker(visitor: Visitor) -> int:
    return int(text_of(visitor.page, "#session-worker"))


def events_worker(visitor: Visitor) -> int:
    visitor.page.get_by_role("button", name="Look").click()
    return int(text_of(visitor.page, "#events-worker"))


def is_across(visitor: Visitor) -> bool:
    """Its session is on one worker, its own socket on the other: so its state outlives the first.
    A tab whose own socket was on a killed worker gets a new state from Reflex."""
    return session_worker(visitor) != events_worker(visitor)


def another_tab(context: BrowserContext, url: str) -> Visitor:
    """A tab that talks."""
    visitor = Visitor(context.new_page())
    visitor.visit(f"{url}/crew")
    visitor.start_talking()
    return visitor


def talking_tabs(
    first: Visitor, url: str, enough: Callable[[list[Visitor]], bool]
) -> list[Visitor]:
    """Tabs that talk, opened until there are enough."""
    first.start_talking()
    tabs = [first]
    while not enough(tabs):
        assert len(tabs) < MOST_TABS, "all tabs are on one side"
        tabs.append(another_tab(first.page.context, url))
    return tabs


def said(visitor: Visitor) -> list[str]:
    """What the assistant said, newest last; only what is long enough to be compared."""
    lines: dict[str, str] = {}
    for event in visitor.wire.received:
        if isinstance(event, TranscriptUpdate) and event.role == "assistant":
            lines[event.line] = event.text
    return [text for text in lines.values() if len(text) >= COMPARED]


def test_sessions_on_both_workers_reach_their_own_tabs(crew: Crew, arrive: Arrive) -> None:
    first = arrive(f"{crew.app.url}/crew", microphone=QUIET)

    def enough(tabs: list[Visitor]) -> bool:
        held = {session_worker(tab) for tab in tabs}
        return held == crew.workers() and len(held) == 2 and any(map(is_across, tabs))

    tabs = talking_tabs(first, crew.app.url, enough)
    for number, tab in enumerate(tabs):
        tab.type_in(f"What is {number} plus one hundred?")
    for number, tab in enumerate(tabs):
        log = tab.page.get_by_role("log")
        expect(log.get_by_text(f"What is {number} plus").first).to_be_visible(timeout=PATIENCE_MS)
        expect(log.get_by_text(re.compile(r"plus one hundred\?"))).to_have_count(1)
        tab.wait_for_answers(1)
    for tab in tabs:
        expected = "no" if is_across(tab) else "yes"
        assert text_of(tab.page, "#found-here") == expected
        tab.page.get_by_role("button", name="Speak up").click()
    for tab in tabs:
        line = tab.page.get_by_role("log").get_by_text("Lunch is ready.")
        expect(line.first).to_be_visible(timeout=PATIENCE_MS)
    away = next(filter(is_across, tabs))
    away.wait_for_answers(2)
    before = len(away.wire.reports())
    away.type_in(STORY)
    for _ in range(300):
        if any(report.played_ms > 1_000 for report in away.wire.reports()[before:]):
            break
        away.page.wait_for_timeout(100)
    away.page.get_by_role("button", name="Hush").click()
    away.wait_for_status("listening")
    assert away.wire.errors() == []


def show_again(crew: Crew, ticket: str) -> tuple[int, str]:
    """Show a used ticket: the worker that took the connection, and what it said."""
    url = crew.app.backend_url.replace("http", "ws") + "/voice"
    protocol, origin = Subprotocol("voice-loop.v1"), Origin(crew.app.url)
    with connect(url, subprotocols=[protocol], origin=origin) as page:
        worker = crew.worker_at(int(page.socket.getsockname()[1]))
        page.send(encode_client(SessionStart(0.0, ticket)))
        event = decode_server(page.recv(timeout=10))
        return worker, event.code if isinstance(event, ErrorEvent) else type(event).__name__


def test_a_ticket_that_was_used_is_refused_by_both_workers(crew: Crew, arrive: Arrive) -> None:
    visitor = arrive(f"{crew.app.url}/crew", microphone=QUIET)
    visitor.start_talking()
    (start,) = [event for event in visitor.wire.sent if isinstance(event, SessionStart)]
    assert start.ticket is not None
    answers: dict[int, str] = {}
    for _ in range(MOST_SHOWN):
        worker, code = show_again(crew, start.ticket)
        assert code == "ticket_spent"
        answers[worker] = code
        if len(answers) == 2:
            break
    assert set(answers) == crew.workers()


def test_a_worker_that_is_killed_takes_nothing_from_the_others_and_its_page_goes_on(
    hosted: Hosting, settings: dict[str, str], arrive: Arrive, tmp_path: Path
) -> None:
    run = {
        **settings,
        "__REFLEX_SKIP_COMPILE": "true",
        "REFLEX_ENV_MODE": "prod",
        "REFLEX_BACKEND_ONLY": "true",
        "GRANIAN_PORT": str(hosted.backend_port),
    }
    with backend(hosted, tmp_path / "app.log", run, KEEPS_WORKERS) as app:
        crew = Crew(app)
        first = arrive(f"{app.url}/crew", microphone=QUIET)
        tabs = talking_tabs(
            first,
            app.url,
            lambda tabs: any(map(is_across, tabs)) and len({*map(session_worker, tabs)}) == 2,
        )
        victim = next(filter(is_across, tabs))
        killed = session_worker(victim)
        other = next(tab for tab in tabs if session_worker(tab) != killed)
        kept = session_worker(other)
        keeps_its_state = not is_across(other)
        victim.type_in(STORY)
        victim.wait_until_heard(1_500)
        told = said(victim)[-1]
        os.kill(killed, signal.SIGKILL)
        alert = victim.page.get_by_role("alert")
        expect(alert).to_contain_text("A new conversation goes on", timeout=PATIENCE_MS)
        assert victim.wire.sessions == 2
        victim.type_in("Say that again, please.")
        for _ in range(200):
            if len(said(victim)) > 1:
                break
            victim.page.wait_for_timeout(100)
        assert said(victim)[-1][:COMPARED] == told[:COMPARED], "the history went along"
        other.type_in("What is two plus three?")
        other.wait_for_answers(1)
        assert (other.wire.sessions, other.wire.errors()) == (1, [])
        if keeps_its_state:
            assert session_worker(other) == kept
        assert len(crew.workers()) == 2, "another one took the place"


def test_under_reflex_run_a_killed_worker_ends_all_and_a_restart_brings_the_pages_back(
    hosted: Hosting, settings: dict[str, str], arrive: Arrive, tmp_path: Path
) -> None:
    """`reflex run` does not replace a worker: it stops, and whoever started it starts it again."""
    with backend(hosted, tmp_path / "app.log", settings, REFLEX_RUN) as app:
        first = arrive(f"{app.url}/crew", microphone=QUIET)
        tabs = talking_tabs(first, app.url, lambda tabs: any(map(is_across, tabs)))
        visitor = next(filter(is_across, tabs))
        visitor.type_in(STORY)
        visitor.wait_until_heard(1_500)
        told = said(visitor)[-1]
        os.kill(session_worker(visitor), signal.SIGKILL)
        assert app.process.wait(60) != 0
    with backend(hosted, tmp_path / "again.log", settings, REFLEX_RUN):
        alert = visitor.page.get_by_role("alert")
        expect(alert).to_have_count(1, timeout=PATIENCE_MS)
        visitor.start_talking()
        visitor.type_in("Say that again, please.")
        for _ in range(200):
            if len(said(visitor)) > 1:
                break
            visitor.page.wait_for_timeout(100)
        assert said(visitor)[-1][:COMPARED] == told[:COMPARED], "the history went along"

"""The debug overlay during a real conversation: what it shows is what the session knows.

Seen in light, in dark and on a phone; looked through with the keyboard; filtered, held still and
saved. Closed, nothing of it crosses the wire.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, WebSocket, expect

from tests.browser.conftest import Arrive
from tests.browser.served_app import ServedApp
from tests.browser.test_page import assert_readable, settled
from tests.browser.visitor import Visitor
from tests.speech import conversation
from voice_loop.protocol.events import MetricsUpdate
from voice_loop.ui.event_log import KINDS
from voice_loop.ui.figures import NAMES, ms
from voice_loop.ui.sparkline import trend
from voice_loop.ui.waterfall import steps

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

TWO_TURNS = conversation(
    ("Hello there.", 1.0), ("What is seventeen plus twenty five?", 13.0), length_s=60
)
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
OF_THE_OVERLAY = ("log_rows", "figure_rows", "fact_rows", "session_age", "steps")


class Deltas:
    """What the server sends to the page's state, counted where it is the overlay's."""

    def __init__(self, page: Page) -> None:
        self.frames: list[str] = []
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        if "/_event/" in socket.url:
            socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

    def of_the_overlay(self) -> int:
        """Frames that hold something of it."""
        return sum(any(name in frame for name in OF_THE_OVERLAY) for frame in self.frames)


def figures_of(page: Page) -> Locator:
    """The overlay."""
    return page.get_by_role("region", name="Figures")


def events_of(page: Page) -> Locator:
    """What its log shows."""
    return page.get_by_role("region", name=re.compile("^Events, newest")).get_by_role("listitem")


def saved(page: Page, folder: Path) -> dict[str, Any]:
    """What the download holds."""
    with page.expect_download() as saving:
        page.get_by_role("button", name="Download the figures").click()
    path = folder / "metrics.json"
    saving.value.save_as(path)
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def last_metrics(visitor: Visitor) -> dict[str, Any]:
    """What the server told last."""
    told = [event for event in visitor.wire.received if isinstance(event, MetricsUpdate)]
    return dict(told[-1].metrics)


def as_json(data: object) -> Any:
    return json.loads(json.dumps(data))


def assert_agrees(visitor: Visitor, report: dict[str, Any]) -> None:
    """Table, lines and waterfall show the numbers of the file, and the file the session's."""
    page, metrics = visitor.page, last_metrics(visitor)
    for name in ("turn", "provider", "figures", "absent", "stages", "session", "verdicts"):
        assert report["metrics"][name] == as_json(metrics[name]), name
    assert report["session"]["provider"] == "local"
    assert report["session"]["session_id"] in figures_of(page).inner_text()
    assert 5 < report["session"]["age_s"] < 300
    for key, name in NAMES.items():
        row = (
            figures_of(page)
            .get_by_role("row")
            .filter(has=page.get_by_role("button", name=name, exact=True))
        )
        last = report["metrics"]["figures"].get(key, {}).get("value_ms")
        cells = row.get_by_role("cell")
        expect(cells.nth(0)).to_have_text(ms(last))
        expect(cells.nth(3)).to_have_text(ms(report["metrics"]["session"].get(key, {}).get("p95")))
        words = trend(report["recent"][key])["words"]
        if words:
            expect(row.get_by_role("img")).to_have_attribute("aria-label", words)
        else:
            expect(row.get_by_role("img")).to_have_count(0)
    assert len(report["recent"]["ttfb_ms"]) == 2
    assert report["recent"]["ttfb_ms"][-1] == report["metrics"]["figures"]["ttfb_ms"]["value_ms"]
    assert report["waterfall"] == as_json(steps(metrics))
    shown = page.get_by_role("list", name="Steps of the last turn").get_by_role("listitem")
    expect(shown).to_have_count(len(report["waterfall"]))
    for step, item in zip(report["waterfall"], shown.all(), strict=True):
        expect(item).to_contain_text(step["name"])
        expect(item).to_contain_text(step["unknown"] or step["value"])


def assert_fits(page: Page) -> None:
    """No scrolling sideways, neither of the page nor of the overlay."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert figures_of(page).evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    box = figures_of(page).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page.evaluate("innerWidth")


def look(page: Page, path: Path) -> None:
    """Two pictures: the overlay's upper part, and what is below."""
    settled(page)
    assert_fits(page)
    assert_readable(page)
    page.screenshot(path=path.with_suffix(".png"))
    figures_of(page).evaluate("e => e.scrollTo(0, e.scrollHeight)")
    expect(figures_of(page).get_by_text("Published elsewhere")).to_be_in_viewport()
    page.wait_for_timeout(300)  # until what was scrolled to is painted
    page.screenshot(path=path.with_name(f"{path.name}-below.png"))
    figures_of(page).evaluate("e => e.scrollTo(0, 0)")


def assert_explains_itself(page: Page) -> None:
    """By pointing and by the keyboard; a reader of screens is told it with the name."""
    table = figures_of(page).get_by_role("table", name="Latencies")
    explained = figures_of(page).get_by_text("End of your turn to the first sound at the loudspeak")
    name = table.get_by_role("button", name="First sound")
    expect(explained).to_be_hidden()
    described = name.evaluate("e => document.getElementById(e.ariaDescribedByElements?.[0]?.id ?? "
                              "e.getAttribute('aria-describedby')).textContent")  # fmt: skip
    assert described.startswith("End of your turn to the first sound")
    name.hover()
    expect(explained).to_be_visible()
    page.mouse.move(2, 2)
    expect(explained).to_be_hidden()
    table.get_by_role("button", name="First audio").focus()
    page.keyboard.press("Tab")
    expect(name).to_be_focused()
    expect(explained).to_be_visible()
    figures_of(page).get_by_role("button", name="Jitter buffer").focus()
    expect(explained).to_be_hidden()
    expect(figures_of(page).get_by_text("Audio that waited in the page")).to_be_visible()


def test_the_overlay_shows_the_session_in_light_in_dark_and_on_a_phone(
    app: ServedApp, arrive: Arrive, tmp_path: Path
) -> None:
    visitor = arrive(
        f"{app.url}?debug=1", microphone=TWO_TURNS, viewport=DESKTOP, color_scheme="light"
    )
    page = visitor.page
    expect(figures_of(page)).to_be_visible()
    look(page, tmp_path / "empty")
    visitor.start_talking()
    visitor.wait_for_answers(2)
    visitor.wait_for_status("listening")
    expect(figures_of(page).get_by_text("Turn 2:")).to_be_visible()
    assert_agrees(visitor, saved(page, tmp_path))
    assert_explains_itself(page)
    page.mouse.move(2, 2)
    look(page, tmp_path / "light")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a plain mapping
    look(page, tmp_path / "phone-light")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    look(page, tmp_path / "phone-dark")
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # as above
    look(page, tmp_path / "dark")
    assert visitor.console == []


def test_events_are_filtered_held_still_and_saved_without_a_word_that_was_said(
    app: ServedApp, arrive: Arrive, tmp_path: Path
) -> None:
    visitor = arrive(f"{app.url}?debug=1", microphone=TWO_TURNS, viewport=DESKTOP)
    page = visitor.page
    visitor.start_talking()
    visitor.wait_for_answers(1)
    events = events_of(page)
    expect(events.filter(has_text="first audio at the server")).to_have_count(1)
    page.get_by_role("combobox", name="Kind of event").select_option("turn")
    expect(events.filter(has_text="first audio")).to_have_count(0)
    expect(events.filter(has_text="thinking")).to_have_count(1)
    page.get_by_role("combobox", name="Kind of event").select_option("all")
    page.get_by_role("searchbox", name="Text in the event").fill("FIRST audio")
    expect(events.filter(has_text="thinking")).to_have_count(0)
    assert all("first audio" in text.lower() for text in events.all_inner_texts())
    page.get_by_role("searchbox", name="Text in the event").fill("")
    expect(events.filter(has_text="thinking")).to_have_count(1)
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Resume")).to_be_focused()
    held = events.all_inner_texts()
    visitor.wait_for_answers(2)
    expect(figures_of(page).get_by_text("Turn 2:")).to_be_visible()
    assert events.all_inner_texts() == held
    expect(figures_of(page).get_by_text(re.compile(r"Paused; \d+ new since"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(events.filter(has_text="turn 2").first).to_be_visible()
    region = page.get_by_role("region", name=re.compile("^Events, newest"))
    region.focus()
    page.keyboard.press("End")
    page.wait_for_function("e => e.scrollTop > 0", arg=region.element_handle())
    report = saved(page, tmp_path)
    assert {event["kind"] for event in report["events"]} <= set(KINDS)
    assert report["events"][0]["text"].startswith("begun: local")
    numbers = sorted(event["number"] for event in report["events"])
    assert numbers == list(range(1, len(numbers) + 1))
    ages = [float(event["at"]) for event in report["events"]]
    assert ages == sorted(ages)
    text = json.dumps(report).lower()
    for word in ("seventeen", "hello", "offline assistant", "ticket", "resume_key"):
        assert word not in text


def test_closed_the_overlay_costs_the_wire_nothing_and_open_at_most_four_updates_a_second(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=TWO_TURNS, viewport=DESKTOP)
    deltas = Deltas(visitor.page)
    visitor.visit(app.url)
    visitor.start_talking()
    visitor.wait_for_answers(1)
    closed_from = next(i for i, frame in enumerate(deltas.frames) if "listening" in frame)
    while_closed = [f for f in deltas.frames[closed_from:] if any(n in f for n in OF_THE_OVERLAY)]
    assert while_closed == []
    assert any("metrics" in frame for frame in deltas.frames)
    visitor.page.keyboard.press("Control+Shift+D")
    expect(figures_of(visitor.page).get_by_text("Turn 1:")).to_be_visible()
    expect(events_of(visitor.page).filter(has_text="begun: local")).to_have_count(1)
    before, began_ms = deltas.of_the_overlay(), visitor.page.evaluate("performance.now()")
    visitor.wait_for_answers(2)
    lasted_s = (visitor.page.evaluate("performance.now()") - began_ms) / 1000
    updates = deltas.of_the_overlay() - before
    assert lasted_s * 0.3 <= updates <= lasted_s * 4 + 1
    visitor.page.get_by_role("button", name="Close the figures").click()
    expect(figures_of(visitor.page)).to_have_count(0)
    expect(visitor.page.get_by_role("button", name="Figures")).to_be_focused()
    visitor.click_talk()
    visitor.wait_for_status("idle")
    visitor.page.get_by_role("button", name="Figures").click()
    expect(events_of(visitor.page).filter(has_text="ended: user")).to_have_count(1)

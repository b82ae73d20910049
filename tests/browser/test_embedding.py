"""Foreign apps on the installed wheel, talked to: the assistant drives them and they speak up.

1. The to-do list of the examples: "add milk to the list", "show only open items".
2. An app with two loops and tools of every kind: slow, broken, in the background.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import assert_accessible
from tests.browser.conftest import Arrive
from tests.browser.served_app import ROOT, ServedApp, serve
from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.embed.conftest import Packages, packages
from tests.speech import conversation

__all__ = ["packages"]
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
EXAMPLE = ROOT / "docs" / "examples" / "todo"
FOREIGN = ROOT / "tests" / "embed" / "foreign_app"


def served(app: Path, packages: Packages, folder: Path) -> Iterator[ServedApp]:
    """`app`, copied away from the checkout, on the installed wheel."""
    away = folder / "app"
    shutil.copytree(app, away, ignore=shutil.ignore_patterns("__pycache__", ".web*", ".states"))
    with serve(folder / "app.log", packages.environment, folder=away) as running:
        yield running
    assert str(ROOT / "voice_loop") not in running.log_text()


@pytest.fixture(scope="module")
def todo(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    yield from served(EXAMPLE, packages, tmp_path_factory.mktemp("todo"))


@pytest.fixture(scope="module")
def workshop(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    yield from served(FOREIGN, packages, tmp_path_factory.mktemp("workshop"))


def wait_until_heard(visitor: Visitor, text: str) -> None:
    """Until the transcript shows `text`."""
    said = visitor.page.get_by_role("log").get_by_text(text)
    expect(said.first).to_be_visible(timeout=PATIENCE_MS)


def test_a_todo_list_is_driven_by_speaking_to_it(todo: ServedApp, arrive: Arrive) -> None:
    spoken = conversation(
        ("Add milk to the list.", 2.0),
        ("Add butter to the list.", 12.0),
        ("Finish milk.", 22.0),
        ("Show only open items.", 32.0),
        length_s=45,
    )
    visitor = arrive(todo.url, microphone=spoken)
    items = visitor.page.locator("#items label")
    visitor.start_talking()
    expect(items).to_have_text(["milk"], timeout=PATIENCE_MS)
    expect(items).to_have_text(["milk", "butter"], timeout=PATIENCE_MS)
    ticked = visitor.page.locator("#items [role=checkbox][aria-checked=true]")
    expect(ticked).to_have_count(1, timeout=PATIENCE_MS)
    expect(items).to_have_text(["butter"], timeout=PATIENCE_MS)
    wait_until_heard(visitor, "Showing open items")
    visitor.page.get_by_role("button", name="Read to me").press("Enter")
    wait_until_heard(visitor, "Still open: butter.")
    call = visitor.page.locator("[data-role=tool]").first
    expect(call).to_contain_text("add item")
    expect(call).to_contain_text("done")
    call.get_by_text("Called with").click()
    expect(call.locator("code")).to_contain_text("milk")
    assert_accessible(visitor.page, "[aria-label=Transcript]")
    visitor.click_talk()
    visitor.wait_for_status("idle")
    assert visitor.wire.errors() == []
    assert "Traceback" not in todo.log_text()


def test_tools_of_every_kind_and_an_app_that_speaks_up(workshop: ServedApp, arrive: Arrive) -> None:
    spoken = conversation(
        ("Look for the tea.", 2.0),
        ("Open drawer seven.", 5.0),
        ("Lock the cabinet.", 22.0),
        ("Measure the table.", 32.0),
        length_s=45,
    )
    visitor = arrive(workshop.url, microphone=spoken)
    page = visitor.page
    visitor.start_talking()
    expect(page.locator("#found")).to_have_text("looking", timeout=PATIENCE_MS)
    expect(page.locator("#drawers")).to_have_text("drawer 7", timeout=PATIENCE_MS)
    expect(page.locator("#told")).to_have_value("opened 7")
    expect(page.locator("#path")).to_have_text("/")
    expect(page.locator("#found")).to_have_text("tea", timeout=PATIENCE_MS)
    # The talk went on meanwhile: the model has the result, and the handler speaks up itself.
    expect(page.locator(".tool", has_text="look_for_tea: done")).to_be_visible(timeout=PATIENCE_MS)
    wait_until_heard(visitor, "the kettle is on")
    expect(page.locator(".tool", has_text="lock_cabinet: failed")).to_be_visible(
        timeout=PATIENCE_MS
    )
    wait_until_heard(visitor, "two metres")
    assert "swordfish" not in page.content()
    # By keyboard: the transcript grows and moves a button away from under a pointer.
    page.get_by_role("button", name="Speak up").press("Enter")
    wait_until_heard(visitor, "Lunch is ready.")
    page.get_by_role("button", name="Hang up").press("Enter")
    visitor.wait_for_status("idle")
    assert visitor.wire.errors() == []


def test_a_second_loop_talks_on_its_own_path(workshop: ServedApp, arrive: Arrive) -> None:
    spoken = conversation(("Pull drawer two.", 2.0), length_s=20)
    visitor = arrive(f"{workshop.url}/kitchen", microphone=spoken, voice_path="/kitchen-voice")
    visitor.start_talking()
    expect(visitor.page.locator("#drawers")).to_have_text("drawer 2", timeout=PATIENCE_MS)
    wait_until_heard(visitor, "drawer 2 is open")
    assert visitor.wire.sockets == 1
    visitor.page.goto(workshop.url)
    visitor.wait_for_status("idle")
    expect(visitor.page.locator("#drawers")).to_have_text("drawer 2")
    expect(visitor.page.get_by_role("log").get_by_text("drawer 2 is open")).to_have_count(0)

"""The page in every state, judged by axe-core: WCAG 2.2 AA, both modes, desk and phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import assert_accessible, found_by_axe
from tests.browser.conftest import Arrive
from tests.browser.served_app import ServedApp
from tests.speech import conversation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
STORY = conversation(("Tell me a story.", 1.0), length_s=60)
LOOKS = {
    "light, desk": ("light", (1280, 800)),
    "dark, desk": ("dark", (1280, 800)),
    "light, phone": ("light", (360, 740)),
    "dark, phone": ("dark", (390, 844)),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_no_state_of_the_page_breaks_a_rule(
    app: ServedApp, arrive: Arrive, look: tuple[str, tuple[int, int]]
) -> None:
    scheme, (width, height) = look
    visitor = arrive(
        app.url,
        microphone=STORY,
        color_scheme=scheme,
        viewport={"width": width, "height": height},
    )
    page = visitor.page
    page.locator("[data-voice-provider]").wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="Settings", exact=True).click()
    expect(page.get_by_role("region", name="Settings")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("switch", name="Hold to talk").check()
    expect(page.locator("[data-voice=press]")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("switch", name="Hold to talk").uncheck()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Figures").click()
    assert_accessible(page)
    page.get_by_role("button", name="Close the figures").click()
    visitor.start_talking()
    visitor.wait_for_status("speaking")
    page.locator("[data-live]").first.wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="Mute", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("log").get_by_text("cut", exact=True)).to_be_visible()
    assert_accessible(page)
    visitor.click_talk()
    visitor.wait_for_status("idle")
    assert_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_error_breaks_no_rule(app: ServedApp, arrive: Arrive, scheme: str) -> None:
    visitor = arrive(app.url, extra=("--deny-permission-prompts",), color_scheme=scheme)
    visitor.click_talk()
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    assert_accessible(visitor.page)


def test_axe_finds_what_is_wrong(app: ServedApp, arrive: Arrive) -> None:
    page = arrive(app.url).page
    page.evaluate("document.querySelector('[data-voice=talk] span:last-child').remove()")
    page.evaluate("document.querySelector('footer').style.color = '#ccc'")
    found = " ".join(found_by_axe(page))
    assert "button-name" in found
    assert "color-contrast" in found

"""The page as it is seen and used: every size, both modes, the keyboard, a reader of screens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Arrive
from tests.browser.served_app import ServedApp
from tests.browser.visitor import TALK, Visitor
from tests.speech import conversation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

HELLO = conversation(("Hello there.", 1.0), length_s=30)
SIZES = {
    "small phone": (360, 640),
    "phone": (390, 844),
    "phone on its side": (844, 390),
    "laptop at 200 %": (720, 450),
    "tablet": (900, 1100),
    "desktop": (1440, 900),
    "wide": (2200, 1200),
}

# Every piece of text that is shown: its colour over the first ground that is not see-through.
READ_COLOURS = """
() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    if (!walker.currentNode.data.trim() || box.width < 2 || style.visibility === 'hidden') continue;
    if (['SCRIPT', 'STYLE', 'OPTION'].includes(element.tagName)) continue;
    let ground = [255, 255, 255], at = element;
    for (; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) { ground = colour; break; }
    }
    const text = walker.currentNode.data.trim();
    found.push([text, parse(style.color).slice(0, 3), ground.slice(0, 3)]);
  }
  return found;
}
"""
PLAYING = "document.getAnimations().filter(a => a instanceof CSSAnimation).length"


def luminance(rgb: list[float]) -> float:
    parts = [value / 255 for value in rgb]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def assert_readable(page: Page) -> None:
    """Everything that is shown now keeps 4.5 : 1."""
    texts = page.evaluate(READ_COLOURS)
    assert len(texts) > 10
    for text, colour, ground in texts:
        light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, colour, ground)


def settled(page: Page) -> None:
    """Until who answers is known and nothing changes its colour any more."""
    page.locator("[data-voice-provider]").wait_for()
    page.wait_for_function("!document.getAnimations().some(a => a instanceof CSSTransition)")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_the_page_fits_every_width_and_talk_is_in_sight(
    app: ServedApp, arrive: Arrive, size: tuple[int, int]
) -> None:
    width, height = size
    page = arrive(app.url, viewport={"width": width, "height": height}).page
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    box = page.locator(TALK).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= height
    assert min(box["width"], box["height"]) >= 130
    for button in page.get_by_role("button").all():
        area = button.bounding_box()
        assert area is not None
        assert min(area["width"], area["height"]) >= 44
        assert area["x"] >= 0
        assert area["x"] + area["width"] <= width


def test_a_phone_on_its_side_and_high_contrast_keep_dial_and_conversation_in_sight(
    app: ServedApp, arrive: Arrive
) -> None:
    page = arrive(
        app.url, viewport={"width": 844, "height": 390}, forced_colors="active", has_touch=True
    ).page
    settled(page)
    dial = page.locator("[data-voice-meter]")
    talk, said = dial.bounding_box(), page.get_by_role("log").bounding_box()
    assert talk is not None
    assert said is not None
    assert talk["x"] + talk["width"] <= said["x"], "side by side"
    drawn = "element => [...element.children].map(child => getComputedStyle(child).backgroundImage)"
    assert any("conic-gradient" in image for image in dial.evaluate(drawn)), "its level is seen"
    page.get_by_role("button", name="Settings").click()
    shades = (
        "e => [getComputedStyle(e, '::after'), getComputedStyle(e)].map(s => s.backgroundColor)"
    )
    for switch in page.get_by_role("switch").all():
        thumb, ground = switch.evaluate(shades)
        assert thumb != ground, "on or off is seen"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_both_modes(app: ServedApp, arrive: Arrive, scheme: str) -> None:
    visitor = arrive(f"{app.url}?debug=1", microphone=HELLO, color_scheme=scheme)
    page = visitor.page
    settled(page)
    page.get_by_role("button", name="Settings", exact=True).click()
    expect(page.get_by_role("region", name="Settings")).to_be_visible()
    settled(page)
    assert_readable(page)
    dark = page.evaluate("getComputedStyle(document.querySelector('main')).color")
    assert (luminance([float(c) for c in re.findall(r"\d+", dark)]) > 0.5) == (scheme == "dark")
    page.get_by_role("button", name="Close the settings").click()
    visitor.start_talking()
    visitor.wait_for_status("speaking")
    settled(page)
    assert_readable(page)


def test_the_mode_can_be_changed_and_is_kept(app: ServedApp, arrive: Arrive) -> None:
    page = arrive(app.url, color_scheme="light").page
    page.get_by_role("button", name="Switch to dark colours").click()
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    page.reload()
    expect(page.get_by_role("button", name="Switch to light colours")).to_be_visible()


def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    page = visitor.page
    settled(page)
    names = []
    for _ in range(10):
        page.keyboard.press("Tab")
        focus = page.locator(":focus")
        assert focus.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        assert focus.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2
        names.append(focus.evaluate("e => e.getAttribute('aria-label') || e.innerText || e.name"))
    assert [name for name in names if "“" not in name] == [
        "Figures", "Settings", "Switch to dark colours", "Talk", "Conversation, scrollable",
        "text", "Send",
    ]  # fmt: skip
    page.locator(TALK).focus()
    page.keyboard.press("Enter")
    visitor.wait_for_status("listening", "user_speaking", "thinking", "speaking")
    visitor.wait_for_status("speaking")
    # Something of it has to be heard: an answer of which nothing was heard leaves no line.
    expect(page.get_by_role("log")).to_contain_text("offline")
    page.keyboard.press("Escape")
    expect(page.get_by_role("log").get_by_text("cut", exact=True)).to_be_visible()
    page.locator(TALK).focus()
    page.keyboard.press("Space")
    visitor.wait_for_status("idle")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_who_asked_for_that(app: ServedApp, arrive: Arrive, motion: str) -> None:
    visitor = arrive(app.url, microphone=HELLO, reduced_motion=motion)
    visitor.start_talking()
    visitor.wait_for_status("speaking")
    visitor.page.locator("[data-live]").first.wait_for()
    assert (visitor.page.evaluate(PLAYING) == 0) == (motion == "reduce")


def test_a_typed_message_is_answered_and_the_microphone_stays_off(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    page = visitor.page
    field = page.get_by_role("textbox", name="Message")
    field.fill("What is six times seven?")
    field.press("Enter")
    log = page.get_by_role("log", name="Conversation")
    expect(log.get_by_role("listitem")).to_have_count(2, timeout=30_000)
    user, assistant = log.get_by_role("listitem").all()
    expect(user).to_contain_text("What is six times seven?")
    expect(user).to_contain_text("(typed)")
    expect(assistant).to_contain_text(re.compile(r"42|forty.two", re.IGNORECASE))
    expect(field).to_have_value("")
    visitor.wait_for_status("listening")
    expect(page.get_by_text("The microphone is off.")).to_be_visible()
    expect(page.get_by_role("button", name="Mute")).to_be_disabled()


def test_a_question_of_the_empty_transcript_is_asked_by_a_click(
    app: ServedApp, arrive: Arrive
) -> None:
    page = arrive(app.url, microphone=HELLO).page
    page.get_by_role("button", name="Tell me a joke.").click()
    expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2, timeout=30_000)
    expect(page.get_by_text("Nothing said yet")).to_have_count(0)


def hear_an_answer(visitor: Visitor) -> None:
    """Hello is said and answered; the conversation is over."""
    visitor.start_talking()
    visitor.wait_for_status("speaking")
    visitor.wait_for_status("listening")
    visitor.click_talk()
    visitor.wait_for_status("idle")


def test_the_conversation_can_be_saved_copied_and_cleared(
    app: ServedApp, arrive: Arrive, tmp_path: Path
) -> None:
    visitor = arrive(
        app.url, microphone=HELLO, permissions=["microphone", "clipboard-read", "clipboard-write"]
    )
    page = visitor.page
    hear_an_answer(visitor)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Download the conversation").click()
    saved = tmp_path / "conversation.txt"
    saving.value.save_as(saved)
    lines = saved.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("You: ")
    assert lines[1].startswith("Assistant: ")
    page.get_by_role("button", name="Copy the conversation").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.includes('You: '))")
    page.get_by_role("button", name="Clear the conversation").click()
    expect(page.get_by_text("Nothing said yet")).to_be_visible()


def test_figures_open_by_a_chord_and_close_again(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    page = visitor.page
    settled(page)
    figures = page.get_by_role("region", name="Figures")
    page.keyboard.press("d")
    page.keyboard.press("Control+Shift+D")
    expect(figures).to_be_visible()
    row = figures.get_by_role("row", name=re.compile("First audio"))
    expect(row).to_contain_text("–")
    visitor.start_talking()
    visitor.wait_for_status("speaking")
    expect(row.get_by_role("cell").first).to_have_text(re.compile(r"^[\d,.]+$"))
    expect(row).to_contain_text(re.compile("met|missed"))
    page.get_by_role("button", name="Close the figures").click()
    expect(figures).to_have_count(0)


def test_settings_change_what_the_page_offers(app: ServedApp, arrive: Arrive) -> None:
    page = arrive(app.url, microphone=HELLO).page
    settled(page)
    hold = page.get_by_role("button", name="Hold to talk")
    expect(hold).to_have_count(0)
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_role("switch", name="Hold to talk").check()
    expect(hold).to_be_visible()
    expect(page.get_by_role("switch", name="Talk over the answer")).to_be_checked()
    page.get_by_role("slider", name="Volume of the answer").fill("40")
    page.wait_for_function("localStorage.length > 0")
    page.get_by_role("button", name="Close the settings").click()
    expect(page.get_by_role("region", name="Settings")).to_have_count(0)


def test_an_error_card_tries_again_and_can_be_put_away(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, extra=("--deny-permission-prompts",))
    page = visitor.page
    visitor.click_talk()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The microphone is blocked.")
    alert.get_by_role("button", name="Dismiss this message").click()
    expect(alert).to_have_count(0)
    expect(page.get_by_text("Ready when you are").first).to_be_visible()
    visitor.click_talk()
    # Allowed before the page has asked, it would not be blocked a second time.
    expect(alert).to_contain_text("The microphone is blocked.")
    page.context.grant_permissions(["microphone"])
    alert.get_by_role("button", name="Try again").click()
    visitor.wait_for_status("listening", "user_speaking", "thinking", "speaking")
    expect(alert).to_have_count(0)


def test_what_a_reload_helps_with_offers_one(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    page = visitor.page
    page.add_init_script("AudioWorklet.prototype.addModule = () => Promise.reject(Error('lost'));")
    visitor.visit(app.url)
    visitor.click_talk()
    page.evaluate("window.before = true")
    page.get_by_role("link", name="Reload the page").click()
    page.wait_for_function("window.before === undefined")
    visitor.wait_for_status("idle")


def test_the_head_tells_title_language_description_and_icons(
    app: ServedApp, arrive: Arrive
) -> None:
    page = arrive(app.url).page
    assert page.title() == "Voice Loop"
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.locator("head meta[name=description]").get_attribute("content")
    for icon in page.locator("head link[rel~=icon], head link[rel=apple-touch-icon]").all():
        href = icon.get_attribute("href") or ""
        response = page.request.get(f"{app.url}{href}")
        assert response.status == 200
        assert response.headers["content-type"].startswith("image/")

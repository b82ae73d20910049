"""What people expect of the controls: held and clicked, by finger, mouse and key, remembered."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Arrive
from tests.browser.served_app import ServedApp
from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.speech import conversation
from voice_loop.protocol.events import (
    AppCommand,
    InputCancel,
    InputCommit,
    InputMute,
    InputPress,
    SessionStart,
    UserBargeIn,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
HELLO = conversation(("Hello there.", 1.0), length_s=60)
STORY = conversation(("Tell me a story.", 1.0), length_s=60)
HELD = "[data-voice=press]"
NO_STORAGE = """
Object.defineProperty(window, "localStorage", {
  configurable: true,
  get() { throw new DOMException("The operation is insecure.", "SecurityError"); },
});
"""


def open_settings(page: Page) -> None:
    page.get_by_role("button", name="Settings", exact=True).click()
    expect(page.get_by_role("region", name="Settings")).to_be_visible()


def hold_to_talk(visitor: Visitor) -> None:
    """Choose push-to-talk and put the settings away."""
    open_settings(visitor.page)
    visitor.page.get_by_role("switch", name="Hold to talk").check()
    expect(visitor.page.locator(HELD)).to_have_text("Hold to talk")
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_role("region", name="Settings")).to_have_count(0)


def sent(visitor: Visitor, kind: type[object]) -> int:
    return sum(isinstance(event, kind) for event in visitor.wire.sent)


def wait_for_sent(visitor: Visitor, kind: type[object], count: int) -> None:
    deadline = visitor.page.evaluate("performance.now()") + PATIENCE_MS
    while sent(visitor, kind) < count:
        assert visitor.page.evaluate("performance.now()") < deadline, visitor.wire.sent[-5:]
        visitor.page.wait_for_timeout(50)


def test_talk_is_held_with_space_spoken_to_and_let_go(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    page = visitor.page
    hold_to_talk(visitor)
    assert page.evaluate("document.activeElement.id") == "voice-settings-button"
    page.locator(HELD).focus()
    page.keyboard.down("Space")
    visitor.wait_for_status("user_speaking")
    expect(page.locator(HELD)).to_have_text("Let go to send")
    page.wait_for_timeout(2_500)
    page.keyboard.up("Space")
    visitor.wait_for_answers(1)
    expect(page.get_by_role("log")).to_contain_text("Hello there")
    assert (sent(visitor, InputPress), sent(visitor, InputCommit)) == (1, 1)
    page.get_by_role("button", name="End", exact=True).click()
    visitor.wait_for_status("idle")
    expect(page.locator(HELD)).to_have_text("Hold to talk")


def test_a_short_tap_and_a_slide_off_say_nothing(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    page = visitor.page
    hold_to_talk(visitor)
    page.locator(HELD).click()
    visitor.wait_for_status("listening")
    page.locator(HELD).click()
    # The first one began the conversation too; what was held for it went up with it.
    wait_for_sent(visitor, InputCancel, 2)
    box = page.locator(HELD).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    visitor.wait_for_status("user_speaking")
    page.wait_for_timeout(1_500)
    page.mouse.move(5, 5)
    page.mouse.up()
    wait_for_sent(visitor, InputCancel, 3)
    visitor.wait_for_status("listening")
    assert sent(visitor, InputCommit) == 0
    expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(0)


def test_escape_closes_the_settings_leaves_a_field_alone_and_then_interrupts(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=STORY)
    page = visitor.page
    visitor.start_talking()
    visitor.wait_for_status("speaking")
    page.locator("[data-live]").first.wait_for()
    open_settings(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name="Settings")).to_have_count(0)
    page.get_by_role("textbox", name="Message").press("Escape")
    page.get_by_role("textbox", name="Message").press("Space")
    assert visitor.status() == "speaking"
    assert sent(visitor, UserBargeIn) == 0
    page.get_by_role("button", name="Settings", exact=True).focus()
    page.keyboard.press("Escape")
    expect(page.get_by_role("log").get_by_text("cut", exact=True)).to_be_visible()
    assert sent(visitor, UserBargeIn) == 1


def test_a_mute_keeps_the_conversation_and_ends_with_it(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, microphone=conversation(("Hello there.", 6.0), length_s=60))
    page = visitor.page
    visitor.start_talking()
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(page.get_by_text("You are muted: the assistant does not hear you.")).to_be_visible()
    page.wait_for_timeout(7_000)
    expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(0)
    field = page.get_by_role("textbox", name="Message")
    field.fill("What is two plus two?")
    field.press("Enter")
    expect(page.get_by_role("log")).to_contain_text(re.compile("4|four"), timeout=PATIENCE_MS)
    page.get_by_role("button", name="Unmute").click()
    wait_for_sent(visitor, InputMute, 2)
    assert visitor.wire.sessions == 1
    page.get_by_role("button", name="Mute", exact=True).click()
    visitor.click_talk()
    visitor.wait_for_status("idle")
    visitor.start_talking()
    expect(page.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    assert visitor.wire.sessions == 2


def test_devices_and_volume_are_named_and_remembered(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    page = visitor.page
    visitor.start_talking()
    open_settings(page)
    microphones = page.get_by_role("combobox", name="Microphone")
    named = microphones.locator("option").all_inner_texts()
    assert len(named) > 1
    assert "Unnamed device" not in named
    chosen = microphones.locator("option").last.get_attribute("value") or ""
    microphones.select_option(chosen)
    page.get_by_role("slider", name="Volume of the answer").fill("40")
    page.wait_for_function(
        "localStorage['reflex-voice-audio.volume'] === '0.4' && "
        f"localStorage['reflex-voice-audio.input'] === '{chosen}'"
    )
    page.get_by_role("button", name="Close the settings").click()
    expect(page.get_by_role("region", name="Settings")).to_have_count(0)
    visitor.visit(app.url)
    open_settings(page)
    expect(page.get_by_role("slider", name="Volume of the answer")).to_have_value("40")
    expect(page.get_by_role("combobox", name="Microphone")).to_have_value(chosen)


def test_wishes_reach_the_conversation_that_is_on(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    page = visitor.page
    visitor.start_talking()
    open_settings(page)
    wishes = page.get_by_role("textbox", name="How the assistant should behave")
    wishes.fill("Speak slowly.")
    wishes.blur()
    wait_for_sent(visitor, AppCommand, 1)
    page.get_by_role("button", name="Close the settings").click()
    open_settings(page)
    expect(wishes).to_have_value("Speak slowly.")
    assert visitor.wire.errors() == []


def test_a_finger_holds_and_lets_go(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(
        app.url, microphone=HELLO, has_touch=True, viewport={"width": 360, "height": 740}
    )
    page = visitor.page
    hold_to_talk(visitor)
    box = page.locator(HELD).bounding_box()
    assert box is not None
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [place]})
    visitor.wait_for_status("user_speaking")
    page.wait_for_timeout(2_500)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    visitor.wait_for_answers(1)
    expect(page.get_by_role("log")).to_contain_text("Hello there")


def test_a_browser_that_refuses_storage_talks_and_says_nothing_scary(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    page = visitor.page
    page.add_init_script(NO_STORAGE)
    visitor.visit(app.url)
    open_settings(page)
    page.get_by_role("slider", name="Volume of the answer").fill("40")
    page.get_by_role("button", name="Close the settings").click()
    visitor.start_talking()
    visitor.wait_for_answers(1)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert any(isinstance(event, SessionStart) for event in visitor.wire.sent)
    assert not [line for line in visitor.console if "insecure" in line]


def test_the_newest_line_is_in_sight_on_a_phone(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, microphone=HELLO, viewport={"width": 360, "height": 740})
    page = visitor.page
    field = page.get_by_role("textbox", name="Message")
    lines = page.get_by_role("log").get_by_role("listitem")
    for count, words in enumerate(("What can you do?", "Who are you?", "What is two plus two?"), 1):
        field.fill(words)
        field.press("Enter")
        expect(lines).to_have_count(2 * count, timeout=PATIENCE_MS)
    inside = page.get_by_role("group", name="Conversation, scrollable")
    ends = [each.evaluate("e => e.getBoundingClientRect().bottom") for each in (lines.last, inside)]
    assert ends[0] <= ends[1]
    assert lines.first.evaluate("e => e.getBoundingClientRect().top") < inside.evaluate(
        "e => e.getBoundingClientRect().top"
    )

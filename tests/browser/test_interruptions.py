"""What the device, the browser and the person's other windows do to a running conversation.

Silence and a suspended context are the real thing. No fake device of Chromium's can be muted by a
system, be in use, or lose its permission, and without a screen no tab is hidden: there the
browser's own objects are made to say so, and everything behind them is real.
"""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Arrive
from tests.browser.served_app import ServedApp
from tests.browser.test_failures import assert_told
from tests.browser.test_hardening import UNPLUG, WATCH_MICROPHONE
from tests.browser.visitor import LIVE, Visitor
from tests.speech import conversation
from voice_loop.protocol.events import AudioChunk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]

QUIET = np.zeros(48_000, np.float32)
HELLO = conversation(("Hello there.", 1.5), length_s=40)
KEEP_CONTEXT = """
(() => {
  const Native = window.AudioContext;
  window.AudioContext = class extends Native {
    constructor(...options) { super(...options); window.__context ??= this; }
  };
})();
"""
REFUSE = """
navigator.mediaDevices.getUserMedia =
  () => Promise.reject(new DOMException("%s", "%s"));
"""


def talking(app: ServedApp, arrive: Arrive, script: str, **options: object) -> Visitor:
    """A page with this script in it, whose conversation runs."""
    visitor = arrive(app.url, **options)
    visitor.page.add_init_script(script)
    visitor.visit(app.url)
    visitor.start_talking()
    return visitor


def alert_of(visitor: Visitor, sentence: str) -> None:
    expect(visitor.page.get_by_role("alert").filter(has_text=sentence)).to_be_visible(
        timeout=30_000
    )


def assert_it_goes_on(visitor: Visitor) -> None:
    """The same session, on the same socket, still takes sound."""
    before = sum(isinstance(event, AudioChunk) for event in visitor.wire.sent)
    for _ in range(100):
        if sum(isinstance(event, AudioChunk) for event in visitor.wire.sent) > before + 25:
            break
        visitor.page.wait_for_timeout(100)
    else:
        raise AssertionError(f"no more sound comes; status {visitor.status()}")
    assert visitor.status() in LIVE
    assert visitor.wire.sockets == 1
    assert visitor.wire.errors() == []


@pytest.mark.parametrize(
    ("words", "name", "sentence"),
    [
        ("Permission dismissed", "NotAllowedError", "The question about the microphone was closed"),
        ("Could not start audio source", "NotReadableError", "in use by another program"),
    ],
)
def test_a_question_that_is_closed_and_a_device_in_use_are_told_and_tried_again(
    app: ServedApp, arrive: Arrive, words: str, name: str, sentence: str
) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    visitor.page.evaluate(f"() => {{ window.__ask = navigator.mediaDevices.getUserMedia; "
                          f"{REFUSE % (words, name)} }}")  # fmt: skip
    visitor.click_talk()
    assert_told(visitor, sentence)
    visitor.page.evaluate("() => { navigator.mediaDevices.getUserMedia = __ask; }")
    visitor.page.get_by_role("button", name="Try again").click()
    visitor.wait_for_status(*LIVE)
    expect(visitor.page.get_by_role("alert")).to_have_count(0)


def test_a_permission_taken_back_while_talking_is_told_and_a_new_one_goes_on(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = talking(app, arrive, WATCH_MICROPHONE, microphone=HELLO)
    refuse = REFUSE % ("Permission denied", "NotAllowedError")
    visitor.page.evaluate(
        f"() => {{ window.__ask = navigator.mediaDevices.getUserMedia; {refuse} {UNPLUG} }}"
    )
    alert_of(visitor, "The microphone is blocked.")
    assert visitor.status() in LIVE, "the conversation stays"
    visitor.page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = __ask;"
        " navigator.mediaDevices.dispatchEvent(new Event('devicechange')); }"
    )
    expect(visitor.page.get_by_role("alert")).to_have_count(0, timeout=30_000)
    assert_it_goes_on(visitor)


def test_a_microphone_muted_by_the_system_is_told_as_long_as_it_is(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = talking(app, arrive, WATCH_MICROPHONE, microphone=HELLO)
    hint = visitor.page.get_by_text("Your system has muted the microphone.")
    expect(hint).to_have_count(0)
    for muted in (True, False):
        visitor.page.evaluate(
            """(muted) => {
              const track = __tracks[0];
              Object.defineProperty(track, "muted", { value: muted, configurable: true });
              track.dispatchEvent(new Event(muted ? "mute" : "unmute"));
            }""",
            muted,
        )
        expect(hint).to_have_count(int(muted), timeout=30_000)
    assert_it_goes_on(visitor)


def test_a_microphone_that_gives_nothing_but_zeros_is_told_until_it_gives_sound(
    app: ServedApp, arrive: Arrive
) -> None:
    silent_then_not = np.concatenate((np.zeros(24_000 * 15, np.float32), HELLO[: 24_000 * 10]))
    visitor = arrive(app.url, microphone=silent_then_not)
    visitor.start_talking()
    hint = visitor.page.get_by_text("Your microphone is silent.")
    expect(hint).to_be_visible(timeout=30_000)
    expect(hint).to_have_count(0, timeout=30_000)
    assert_it_goes_on(visitor)


def test_a_context_that_the_browser_suspends_is_told_and_unlocked(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = talking(app, arrive, KEEP_CONTEXT, microphone=HELLO)
    # Held back, whatever the page asks for, until the person clicks.
    visitor.page.evaluate(
        """async () => {
          const resume = __context.resume;
          __context.resume = () => Promise.resolve();
          addEventListener("pointerdown", () => { __context.resume = resume; }, { capture: true });
          await __context.suspend();
        }"""
    )
    alert_of(visitor, "The browser is blocking the sound.")
    visitor.page.get_by_role("heading", level=1).first.click()
    visitor.page.wait_for_function("__context.state === 'running'")
    expect(visitor.page.get_by_role("alert")).to_have_count(0, timeout=30_000)
    assert_it_goes_on(visitor)


def test_a_tab_that_is_hidden_and_comes_back_goes_on_talking(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    visitor.start_talking()
    control = visitor.page.context.new_cdp_session(visitor.page)
    hidden = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      Object.defineProperty(document, "visibilityState",
        { value: hidden ? "hidden" : "visible", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    control.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    other = visitor.page.context.new_page()
    other.bring_to_front()
    visitor.page.evaluate(hidden, True)
    visitor.wait_for_answers(1)
    assert_it_goes_on(visitor)
    visitor.page.bring_to_front()
    visitor.page.evaluate(hidden, False)
    assert_it_goes_on(visitor)
    visitor.assert_played_whole(least=1)

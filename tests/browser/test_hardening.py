"""The page under a strict policy, and with a microphone that is pulled out while it is used."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route

from tests.browser.conftest import Arrive
from tests.browser.served_app import ROOT, ServedApp
from tests.browser.visitor import LIVE
from tests.speech import conversation
from voice_loop.protocol.events import AudioChunk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]

QUESTION = conversation(("What is two plus three?", 1.5), length_s=30)
WATCH_MICROPHONE = """
(() => {
  const tracks = (window.__tracks = []);
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    tracks.push(...stream.getTracks());
    return stream;
  };
})();
"""
UNPLUG = """
const track = __tracks[__tracks.length - 1];
track.stop();
track.dispatchEvent(new Event("ended"));
navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
"""


def policy() -> str:
    """The header that docs/security.md recommends, as it stands there."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    block = text.split("Content-Security-Policy:", 1)[1].split("```", 1)[0]
    return " ".join(block.split())


def test_a_conversation_works_under_the_documented_policy(app: ServedApp, arrive: Arrive) -> None:
    # A document that a test answers for has no address, and Chromium would let it reach none.
    unchecked = ("--disable-features=LocalNetworkAccessChecks",)
    visitor = arrive(app.url, microphone=QUESTION, extra=unchecked)
    guarded = []

    def guard(route: Route) -> None:
        response = route.fetch()
        guarded.append(route.request.url)
        headers = {**response.headers, "content-security-policy": policy()}
        route.fulfill(response=response, headers=headers)

    visitor.page.route(f"{app.url}/", guard)
    visitor.console.clear()
    visitor.visit(f"{app.url}/")
    assert guarded, "the page came with the policy"
    visitor.start_talking()
    visitor.wait_for_answers(1)
    told = [line for line in visitor.console if "blob:" not in line]
    assert told == [], "nothing of the page breaks the policy; the test's own recorder does"


def test_a_microphone_that_is_pulled_out_is_replaced_and_the_session_goes_on(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=QUESTION)
    visitor.page.add_init_script(WATCH_MICROPHONE)
    visitor.visit(app.url)
    visitor.start_talking()
    visitor.page.evaluate(f"() => {{ {UNPLUG} }}")
    visitor.page.wait_for_function("__tracks.length > 1 && __tracks[1].readyState === 'live'")
    visitor.wait_for_answers(1)
    assert visitor.status() in LIVE
    assert visitor.wire.sockets == 1
    assert visitor.wire.errors() == []
    chunks = [event for event in visitor.wire.sent if isinstance(event, AudioChunk)]
    positions = [chunk.position_samples for chunk in chunks]
    assert positions == sorted(set(positions)), "the line of samples goes on"

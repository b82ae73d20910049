"""`reflex_voice_audio` without anything else of this project: an app with its own handlers, and a
server that was written from the protocol's document."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Arrive
from tests.browser.parrot import parrot_server
from tests.browser.served_app import ROOT, ServedApp, serve
from tests.browser.visitor import PATIENCE_MS
from tests.listening import find, resample
from tests.speaker_tap import take_recordings
from tests.speech import conversation, say, sounding_s

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
ALIVE = "#status:text('idle')"
HOLD_WORKLETS = """(() => {
    const load = AudioWorklet.prototype.addModule;
    const held = new Promise(letThemLoad => Object.assign(window, { letThemLoad }));
    AudioWorklet.prototype.addModule = function (url) {
        return held.then(() => load.call(this, url));
    };
})()"""
WORDS = "The quick brown fox is at the door."


@pytest.fixture(scope="module")
def intercom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    folder = tmp_path_factory.mktemp("intercom")
    environment = {"REFLEX_USE_NPM": "1"}
    away = folder / "app"
    shutil.copytree(
        ROOT / "docs" / "examples" / "intercom", away, ignore=shutil.ignore_patterns("__pycache__")
    )
    with (
        parrot_server() as address,
        serve(folder / "app.log", environment | {"INTERCOM_SERVER": address}, folder=away) as app,
    ):
        yield app


def test_what_is_said_comes_back_through_a_server_that_only_knows_the_protocol(
    intercom: ServedApp, arrive: Arrive
) -> None:
    spoken = conversation((WORDS, 2.0), length_s=20)
    visitor = arrive(intercom.url, microphone=spoken, alive=ALIVE)
    page = visitor.page
    page.get_by_role("button", name="Talk").click()
    expect(page.locator("#status")).to_have_text("listening", timeout=PATIENCE_MS)
    expect(page.locator("#status")).to_have_text("user_speaking", timeout=PATIENCE_MS)
    expect(page.locator("#status")).to_have_text("speaking", timeout=PATIENCE_MS)
    expect(page.locator(".line")).to_have_count(2, timeout=PATIENCE_MS)
    expect(page.locator(".line").last).to_have_text("assistant: The same.")
    expect(page.locator("#status")).to_have_text("listening", timeout=PATIENCE_MS)
    tape = visitor.heard()
    said = resample(say(WORDS), 24_000, tape.rate_hz)
    # The browser's noise suppression and gain have worked on it; other words come to less than 0.2.
    assert find(said, tape.samples).correlation > 0.4
    page.get_by_role("button", name="Talk").click()
    expect(page.locator("#status")).to_have_text("idle", timeout=PATIENCE_MS)
    expect(page.locator("#problem")).to_have_text("")


def test_a_microphone_alone_hands_its_audio_to_a_handler(
    intercom: ServedApp, arrive: Arrive
) -> None:
    spoken = conversation((WORDS, 1.0), length_s=20)
    visitor = arrive(f"{intercom.url}/ear", microphone=spoken, alive=ALIVE, voice_path="localhost")
    page = visitor.page
    page.get_by_role("button", name="Listen").click()
    page.wait_for_function("Number(document.querySelector('#chunks').textContent) > 10")
    page.wait_for_function("Number(document.querySelector('#level').textContent) > 0")
    expect(page.locator("#status")).to_have_text("listening")
    assert visitor.wire.sockets == 0
    assert all(sounding_s(tape.samples, tape.rate_hz) == 0 for tape in take_recordings(page))


def test_a_speaker_alone_says_what_its_server_sends_and_asks_for_no_microphone(
    intercom: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(f"{intercom.url}/mouth", device=False, alive=ALIVE)
    page = visitor.page
    page.get_by_role("button", name="Call them").click()
    expect(page.locator("#status")).to_have_text("speaking", timeout=PATIENCE_MS)
    expect(page.locator(".line").first).to_have_text("user: Dinner is ready.")
    expect(page.locator("#status")).to_have_text("listening", timeout=PATIENCE_MS)
    tape = visitor.heard()
    assert sounding_s(tape.samples, tape.rate_hz) > 0.8
    expect(page.locator("#problem")).to_have_text("")


def test_what_the_server_says_before_the_worklets_are_loaded_is_heard_from_its_first_sample(
    intercom: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(f"{intercom.url}/mouth", device=False, alive=ALIVE)
    page = visitor.page
    page.evaluate(HOLD_WORKLETS)
    page.get_by_role("button", name="Call them").click()
    expect(page.locator(".line").last).to_have_text("assistant: Hmm.", timeout=PATIENCE_MS)
    page.evaluate("window.letThemLoad()")
    expect(page.locator("#status")).to_have_text("listening", timeout=PATIENCE_MS)
    tape = visitor.heard()
    assert sounding_s(tape.samples, tape.rate_hz) > 0.8

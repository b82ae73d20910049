"""What can go wrong for a person at the page: each has its own sentence and a way to try again.

The faults are real: a browser that denies, a machine without a microphone, a page that is not
secure, a server that is not there, a provider that refuses.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Arrive
from tests.browser.served_app import ROOT, ServedApp, app_environment, free_port, serve
from tests.browser.visitor import TALK, Visitor
from tests.speech import conversation
from voice_loop.errors import ERRORS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

HELLO = conversation(("Hello there.", 1.0), length_s=8)


def assert_told(visitor: Visitor, sentence: str) -> None:
    """The error stands on the page as an alert, the status shows it, and Talk is there again."""
    expect(visitor.page.get_by_role("alert").filter(has_text=sentence)).to_be_visible(
        timeout=30_000
    )
    visitor.wait_for_status("error")
    button = visitor.page.locator(TALK)
    expect(button).to_be_enabled()
    expect(button).to_contain_text("Talk")


def test_a_microphone_that_is_denied_is_said_and_can_be_tried_again(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, extra=("--deny-permission-prompts",))
    visitor.click_talk()
    assert_told(visitor, "The microphone is blocked.")
    visitor.page.context.grant_permissions(["microphone"])
    visitor.start_talking()
    expect(visitor.page.get_by_role("alert")).to_have_count(0)


def test_a_machine_without_a_microphone_is_told_to_connect_one(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, device=False, permissions=["microphone"])
    visitor.click_talk()
    assert_told(visitor, "No microphone was found.")


def test_a_page_that_is_not_secure_says_so(app: ServedApp, arrive: Arrive) -> None:
    url = app.url.replace("localhost", "voice.test")
    visitor = arrive(url, extra=("--host-resolver-rules=MAP voice.test 127.0.0.1",))
    visitor.click_talk()
    assert_told(visitor, "works only on https pages or on localhost")


def test_a_browser_without_worklets_is_told_which_to_use(app: ServedApp, arrive: Arrive) -> None:
    visitor = arrive(app.url, microphone=HELLO)
    visitor.page.add_init_script("delete window.AudioWorkletNode; delete window.AudioWorklet;")
    visitor.visit(app.url)
    visitor.click_talk()
    assert_told(visitor, "This browser cannot process live audio.")


def test_a_voice_server_that_is_not_there_is_said(arrive: Arrive, tmp_path: Path) -> None:
    nowhere = f"ws://127.0.0.1:{free_port()}/voice"
    with serve(tmp_path / "app.log", {"VOICE_WS_URL": nowhere}) as served:
        visitor = arrive(served.url, microphone=HELLO)
        visitor.click_talk()
        assert_told(visitor, "The voice server cannot be reached.")


@contextmanager
def local_server(log: Path, *arguments: str) -> Iterator[str]:
    """The public local server; yields its base URL."""
    port = free_port()
    command = [sys.executable, "-m", "voice_loop.local", "--port", str(port), *arguments]
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, cwd=ROOT, env=app_environment({}), stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(10)


def test_a_key_that_the_provider_refuses_is_said_and_never_shown(
    arrive: Arrive, tmp_path: Path
) -> None:
    key = "sk-wrong-and-secret"
    with local_server(tmp_path / "local.log", "--key", "the-right-key", "--scripted") as base_url:
        settings = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": base_url}
        with serve(tmp_path / "app.log", settings) as served:
            visitor = arrive(served.url, microphone=HELLO)
            visitor.click_talk()
            assert_told(visitor, ERRORS["provider_key_refused"].message)
            assert key not in visitor.page.content()
        log = served.log_text()
        assert "provider_key_refused" in log
        assert key not in log
        assert "Traceback" not in log


def test_a_provider_that_is_not_there_is_said(arrive: Arrive, tmp_path: Path) -> None:
    settings = {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1",
    }
    with serve(tmp_path / "app.log", settings) as served:
        visitor = arrive(served.url, microphone=HELLO)
        visitor.click_talk()
        assert_told(visitor, ERRORS["provider_unreachable"].message)
        assert "Traceback" not in served.log_text()

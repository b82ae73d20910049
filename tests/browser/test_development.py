"""Development mode: `reflex run`, page and backend on two ports, React mounting everything twice.

A copy of the checkout is served, so that an edit can be made without touching the real one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Arrive
from tests.browser.served_app import ROOT, serve
from tests.speech import conversation

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(500)]


def copy_of_the_checkout(folder: Path) -> Path:
    """Everything that git knows or would add; none of what was built."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return folder


def test_a_conversation_in_development_mode_survives_a_hot_reload(
    arrive: Arrive, tmp_path: Path
) -> None:
    folder = copy_of_the_checkout(tmp_path / "checkout")
    with serve(tmp_path / "app.log", {}, mode="dev", folder=folder) as served:
        microphone = conversation(("What is two plus three?", 2.0), length_s=15)
        visitor = arrive(served.url, microphone=microphone)
        assert visitor.wire.sockets == 0, "mounting twice must start nothing"
        visitor.start_talking()
        visitor.wait_for_answers(1)
        visitor.assert_played_whole(least=1)
        assert visitor.wire.sockets == 1, "one click, one socket, also under StrictMode"

        edited = folder / "voice_loop" / "ui" / "phases.py"
        text = edited.read_text(encoding="utf-8")
        assert "Ready when you are" in text
        edited.write_text(text.replace("Ready when you are", "Reloaded and ready"), "utf-8")

        told = re.compile("new conversation goes on", re.IGNORECASE)
        expect(visitor.page.locator("body")).to_contain_text(told, timeout=90_000)
        message = visitor.page.get_by_role("textbox")
        message.fill("What is two plus two?")
        message.press("Enter")
        visitor.wait_for_answers(2)
        visitor.click_talk()
        visitor.wait_for_status("idle")
        again = arrive(served.url, microphone=microphone)
        expect(again.page.locator("body")).to_contain_text("Reloaded and ready", timeout=60_000)
        again.start_talking()
        again.wait_for_answers(1)

        browser_code = folder / "custom_components/reflex_voice_audio/browser/choice.py"
        text = browser_code.read_text(encoding="utf-8")
        assert "reflex-voice-audio." in text
        browser_code.write_text(text.replace("reflex-voice-audio.", "edited-voice."), "utf-8")
        wait_for_text(folder, "voice-component.js", "edited-voice.")


def wait_for_text(folder: Path, name: str, text: str, timeout_s: float = 90) -> None:
    """Until the built file that the page gets holds `text`."""
    deadline = time.monotonic() + timeout_s
    while not any(
        text in path.read_text(encoding="utf-8")
        for path in (folder / ".web-test" / "public").rglob(name)
    ):
        assert time.monotonic() < deadline, f"{name} was not rebuilt"
        threading.Event().wait(0.5)

"""Development mode: `reflex run`, page and backend on two ports, React mounting everything twice.

A copy of the checkout is served, so that an edit can be made without touching the real one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

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

        visitor.wait_for_status("error", "idle", "reconnecting", timeout_ms=90_000)
        visitor.wait_for_status("error", "idle", timeout_ms=90_000)
        shown = visitor.page.locator("body").inner_text()
        assert re.search(r"restart|broke|reload|again", shown, re.IGNORECASE), shown

        again = arrive(served.url, microphone=microphone)
        again.start_talking()
        again.wait_for_answers(1)
        assert "Reloaded and ready" not in text
        visitor.start_talking()
        visitor.click_talk()
        visitor.wait_for_status("idle")
        assert "Reloaded and ready" in visitor.page.locator("body").inner_text()

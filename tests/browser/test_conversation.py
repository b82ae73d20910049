"""The main job, as a person does it: click, speak, hear, and again.

1. A click on Talk and a spoken sentence are answered by a spoken answer, three turns in a row.
2. What came down the wire is what the loudspeaker got, sample for sample.
3. The transcript shows both sides.
4. A second click ends it and the microphone is released.
5. It goes on for two minutes without an error, an underrun or a growing queue.
6. The same through the OpenAI adapter and the public local server.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import Arrive
from tests.browser.served_app import ROOT, ServedApp, app_environment, free_port, serve
from tests.browser.visitor import Visitor
from tests.speech import conversation, sounding_s
from voice_loop.protocol.events import AudioChunk, TranscriptUpdate

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

THREE_TURNS = conversation(
    ("Hello there.", 2.0),
    ("What is seventeen plus twenty five?", 17.0),
    ("Say that again, please.", 25.0),
    length_s=40,
)

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


def said(visitor: Visitor, role: str) -> list[str]:
    """Final lines of one side, as the server told them."""
    lines: dict[str, str] = {}
    for event in visitor.wire.received:
        if isinstance(event, TranscriptUpdate) and event.role == role:
            lines[event.line] = event.text
            if event.removed:
                del lines[event.line]
    return list(lines.values())


def hold_three_turns(visitor: Visitor) -> None:
    visitor.start_talking()
    visitor.wait_for_answers(3)
    visitor.assert_played_whole(least=3)
    tape = visitor.heard()
    assert sounding_s(tape.samples, tape.rate_hz) > 4
    assert visitor.underruns() == 0
    user = said(visitor, "user")
    assert len(user) == 3
    assert re.search(r"hello", user[0], re.IGNORECASE)
    assistant = said(visitor, "assistant")
    assert any(re.search(r"42|forty.two", line, re.IGNORECASE) for line in assistant), assistant
    shown = visitor.page.get_by_role("log").inner_text()
    for line in (user[0], assistant[0]):
        assert " ".join(line.split())[:30] in " ".join(shown.split())
    assert visitor.wire.errors() == []
    assert visitor.wire.undecodable == []


def test_three_spoken_turns_are_answered_and_a_second_click_ends_it(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=THREE_TURNS)
    visitor.page.add_init_script(WATCH_MICROPHONE)
    visitor.visit(app.url)
    hold_three_turns(visitor)
    assert visitor.page.evaluate("__tracks.map(t => t.readyState)") == ["live"]
    visitor.click_talk()
    visitor.wait_for_status("idle")
    assert visitor.page.evaluate("__tracks.map(t => t.readyState)") == ["ended"]
    assert visitor.console == []


def test_nothing_starts_before_the_click_and_the_first_words_are_not_lost(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(
        app.url, microphone=conversation(("What is ten plus five?", 0.05), length_s=12)
    )
    assert visitor.wire.sockets == 0
    visitor.start_talking()
    visitor.wait_for_answers(1)
    user = said(visitor, "user")
    assert re.search(r"(ten|10).*(five|5)", user[0], re.IGNORECASE), user
    first = next(event for event in visitor.wire.sent if isinstance(event, AudioChunk))
    assert first.position_samples == 0, "audio from the very first sample on"


@pytest.mark.slow
def test_two_minutes_without_an_error_an_underrun_or_a_growing_queue(
    app: ServedApp, arrive: Arrive
) -> None:
    lines = [
        ("Hello there.", 2.0),
        ("What is twelve plus thirty?", 16.0),
        ("What time is it?", 30.0),
        ("How do you spell banana?", 44.0),
        ("What is nine times eight?", 60.0),
        ("Repeat after me. The sun is shining.", 76.0),
        ("What day is it today?", 92.0),
        ("Say that again, please.", 106.0),
    ]
    visitor = arrive(app.url, microphone=conversation(*lines, length_s=130))
    visitor.start_talking()
    visitor.wait_for_answers(len(lines), timeout_ms=180_000)
    visitor.assert_played_whole(least=len(lines))
    assert visitor.underruns() == 0
    assert visitor.wire.errors() == []
    assert visitor.console == []
    reports = visitor.wire.reports()
    assert max(report.buffered_ms for report in reports) <= 4_000
    assert max(report.dropped_chunks for report in reports) == 0
    half = len(reports) // 2
    acknowledged = [report.received_seq for report in reports[half:]]
    assert acknowledged == sorted(acknowledged)
    visitor.click_talk()
    visitor.wait_for_status("idle")


def test_the_same_through_the_openai_adapter_and_the_public_local_server(
    arrive: Arrive, tmp_path: Path
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "voice_loop.local", "--port", str(port)]
    with (tmp_path / "local.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=app_environment({}), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        settings = {
            "VOICE_PROVIDER": "openai",
            "OPENAI_API_KEY": "sk-test-not-a-real-key",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        }
        with serve(tmp_path / "app.log", settings) as served:
            visitor = arrive(served.url, microphone=THREE_TURNS)
            hold_three_turns(visitor)
            page = visitor.page.locator("body").inner_text()
            assert "127.0.0.1 · gpt-realtime" in page
            assert "your voice is sent to 127.0.0.1" in page
            assert "sk-test-not-a-real-key" not in visitor.page.content()
        assert "sk-test-not-a-real-key" not in served.log_text()
    finally:
        server.terminate()
        server.wait(10)

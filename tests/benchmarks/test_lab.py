"""The benchmark's own instruments: a sound is where it was put, and a stop is where it happened."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Playwright

from benchmarks.lab import Lab
from benchmarks.measure import silences
from tests.browser_support import launch_chromium
from tests.listening import find

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PAGE = b"<!doctype html><title>lab</title><button>go</button>"
SPEAK = """async () => {
  const context = new AudioContext();
  await context.resume();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  window.source = context.createMediaStreamSource(stream);
  const sink = new GainNode(context, { gain: 0 });
  window.source.connect(sink);
  sink.connect(context.destination);
  window.tone = new OscillatorNode(context, { frequency: 300 });
  window.level = new GainNode(context, { gain: 0.2 });
  window.tone.connect(window.level).connect(context.destination);
  window.tone.start();
}"""
SILENCE = """(ahead) => {
  const context = level.context;
  const rate = context.sampleRate;
  const frame = Math.ceil((context.currentTime + ahead) * rate / 128) * 128;
  level.gain.setValueAtTime(0, frame / rate);
  // Asked for in time? The audio thread may be as far ahead of this clock as its device's buffer.
  if (context.currentTime + context.baseLatency + 0.1 < frame / rate) return frame;
  level.gain.cancelScheduledValues(0);
  level.gain.value = 0.2;
  return null;
}"""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def lab(playwright: Playwright) -> Iterator[Lab]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        browser = launch_chromium(playwright)
        context = browser.new_context()
        Lab.install(context)
        page = context.new_page()
        page.goto(f"http://localhost:{server.server_port}/")
        page.get_by_role("button").click()
        page.evaluate(SPEAK)
        yield Lab(page)
        browser.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_sound_is_recorded_where_it_was_put_and_reaches_the_page_a_little_later(lab: Lab) -> None:
    word = np.random.default_rng(1).normal(0, 0.2, 9_600).astype(np.float32)
    rate = lab.state().rate
    lab.load("word", word, rate)
    start = lab.play("word", 0.5, lab.state().frame + 2 * rate)
    tape = lab.take(start - rate // 4, start + rate)
    assert tape.missing == 0
    assert find(word, tape.source).lag == start - tape.first
    arrived = find(word, tape.microphone)
    assert arrived.correlation > 0.9
    assert 0 <= tape.ms(arrived.lag - (start - tape.first)) < 100


def silence_the_speaker(lab: Lab) -> int:
    """Schedule it for a frame that is still to come; that frame. A page that was held up by a busy
    machine until the frame was over takes it back and aims further ahead."""
    ahead_s = 1.0
    for _ in range(6):
        frame = lab.page.evaluate(SILENCE, ahead_s)
        if frame is not None:
            return int(frame)
        ahead_s *= 2
    raise AssertionError("the page was late for every moment it aimed at")


def test_the_speaker_is_heard_and_its_silence_is_found(lab: Lab) -> None:
    # It may sound from the context's very first frame on.
    start = lab.next_start(-1, 30_000)
    assert start is not None
    assert lab.state().speaking
    stop = silence_the_speaker(lab)
    tape = lab.take(stop - 12_000, stop + 24_000)
    assert tape.missing == 0
    found = silences(tape.speaker, 480)
    assert len(found) == 1
    assert found[0].start == pytest.approx(12_000, abs=2)
    assert found[0].end == 36_000


def test_the_outputs_latency_is_told_by_its_own_stamps(lab: Lab) -> None:
    told_ms = lab.output_latency_ms()
    assert 0 < told_ms < 1_000
    state = lab.state()
    assert told_ms == pytest.approx((state.base + state.output) * 1000, abs=200)


def test_an_echo_comes_back_through_the_room(lab: Lab) -> None:
    room = np.zeros(480, np.float32)
    room[240] = 1.0
    lab.load_room("room", room, 48_000)
    lab.echo("room", 0.1)
    begin = lab.state().frame + 9_600
    tape = lab.take(begin, begin + 24_000)
    lab.echo(None, 0.0)
    gain = float(np.std(tape.source) / np.std(tape.speaker))
    assert gain == pytest.approx(0.1, rel=0.05)

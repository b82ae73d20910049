"""The built worklets in a real Chromium: loaded as static files, silent from the next quantum.

A page served with `script-src 'self'` builds the real graph (playback → capture → destination) and
a tap on what the speaker gets. The page's script is browser Python too.
"""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Page, Playwright
from reflex_voice_audio.build import build
from reflex_voice_audio.transpile import translate

from tests.browser_support import launch_chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

QUANTUM = 128
POLICY = "default-src 'self'; script-src 'self'"
TAP = """
from typing import Any
from .jsapi import AudioWorkletProcessor, globalThis, registerProcessor


class Tap(AudioWorkletProcessor):
    def __init__(self, options):
        self.at = 0

    def process(self, inputs, outputs, parameters):
        channels = inputs[0]
        if len(channels) > 0:
            samples = channels[0].slice()
            self.port.postMessage({"frame": globalThis.currentFrame, "samples": samples})
        return True


registerProcessor("tap", Tap)
"""
PAGE = """
from .jsapi import (
    Array, AudioContext, AudioWorkletNode, Float32Array, Int16Array, MessageChannel, Reflect, window
)
import math


class Rig:
    def __init__(self, context):
        self.context = context
        self.reports = Array()
        self.blocks = Array()
        self.speech = Array()
        self.chunks = 0
        self.player = AudioWorkletNode(
            context, "voice-playback", {"numberOfInputs": 0, "outputChannelCount": [1]}
        )
        self.player.port.onmessage = self.on_report
        self.ear = AudioWorkletNode(
            context,
            "voice-capture",
            {"numberOfInputs": 2, "channelCount": 1, "channelCountMode": "explicit"},
        )
        self.ear.port.onmessage = self.on_capture
        self.player.onprocessorerror = self.on_error
        self.ear.onprocessorerror = self.on_error
        self.errors = Array()
        tap = AudioWorkletNode(context, "tap", {"channelCount": 1})
        tap.port.onmessage = self.on_tap
        self.player.connect(tap)
        self.player.connect(context.destination)
        self.player.connect(self.ear, 0, 1)
        tap.connect(context.destination)
        self.ear.connect(context.destination)
        channel = MessageChannel()
        self.player.port.postMessage({"type": "peer", "port": channel.port1}, [channel.port1])
        self.ear.port.postMessage({"type": "peer", "port": channel.port2}, [channel.port2])

    def on_error(self, event):
        self.errors.push("processor error")

    def on_report(self, event):
        self.reports.push(event.data)

    def on_capture(self, event):
        if event.data.type == "pcm":
            self.chunks += 1
        else:
            self.speech.push(event.data)

    def on_tap(self, event):
        self.blocks.push(event.data)

    def play(self, turn, seconds):
        count = math.floor(seconds * 24000)
        chunk = Int16Array(count)
        for i in range(count):
            chunk[i] = math.floor(12000 * math.sin(2 * math.pi * 440 * i / 24000))
        self.player.port.postMessage(
            {"type": "audio", "turn": turn, "item": 0, "position": 0, "pcm": chunk.buffer},
            [chunk.buffer],
        )

    def tell(self, message):
        self.player.port.postMessage(message)

    def noise_into(self, seconds):
        \"\"\"A person: a harmonic sound into the microphone's input.\"\"\"
        count = math.floor(seconds * self.context.sampleRate)
        buffer = self.context.createBuffer(1, count, self.context.sampleRate)
        data = buffer.getChannelData(0)
        for i in range(count):
            value = 0.0
            for k in range(1, 24):
                value += math.sin(2 * math.pi * 150 * k * i / self.context.sampleRate) / 24
            data[i] = 0.5 * value
        source = self.context.createBufferSource()
        source.buffer = buffer
        source.connect(self.ear, 0, 0)
        source.start()


async def start():
    context = AudioContext()
    await context.audioWorklet.addModule("/audio-worklet.js")
    await context.audioWorklet.addModule("/tap-worklet.js")
    await context.resume()
    window.rig = Rig(context)
    return context.sampleRate


Reflect.set(window, "start", start)
"""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """`folder` over HTTP with a strict policy, on a free port."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", POLICY)
            super().end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(timeout=5)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.component.v8 import copy_browser

    folder = tmp_path_factory.mktemp("site")
    sources = tmp_path_factory.mktemp("sources")
    build(folder)
    copy_browser(sources)
    (sources / "tap_worklet.py").write_text(TAP, encoding="utf-8")
    (sources / "page.py").write_text(PAGE, encoding="utf-8")
    tap = translate(sources, "tap_worklet.py", is_worklet=True)
    (folder / "tap-worklet.js").write_text(tap.code, encoding="utf-8")
    page = translate(sources, "page.py", is_worklet=False, small=False)
    (folder / "page.js").write_text(page.code, encoding="utf-8")
    (folder / "index.html").write_text(
        '<!doctype html><title>rig</title><script type="module" src="/page.js"></script>',
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="module")
def page(site: Path, playwright: Playwright) -> Iterator[Page]:
    with served(site) as url:
        browser = launch_chromium(playwright, extra=("--autoplay-policy=no-user-gesture-required",))
        try:
            page = browser.new_page()
            page.set_default_timeout(20_000)
            page.goto(url)
            page.wait_for_function("() => window.start")
            yield page
        finally:
            browser.close()


@pytest.fixture
def rig(page: Page) -> Page:
    page.reload()
    page.wait_for_function("() => window.start")
    assert page.evaluate("window.start()") in (44_100, 48_000)
    return page


def heard(page: Page) -> tuple[int, npt.NDArray[np.float64]]:
    """First frame and samples of the tap, which must be without a hole. A context that starts may
    leave some quanta out: what lies before them is left away, if it is silent."""
    blocks = page.evaluate("rig.blocks.map(b => [b.frame, Array.from(b.samples)])")
    frames = np.array([block[0] for block in blocks])
    holes = np.flatnonzero(np.diff(frames) != QUANTUM)
    first = int(holes[-1]) + 1 if len(holes) else 0
    assert not np.any([block[1] for block in blocks[:first]]), f"holes after {frames[holes]}"
    return int(frames[first]), np.concatenate([block[1] for block in blocks[first:]])


def wait_for(page: Page, phase: str, count: int = 1) -> dict[str, Any]:
    condition = f"rig.reports.filter(r => r.phase === '{phase}' || r.type === '{phase}')"
    page.wait_for_function(f"() => {condition}.length >= {count}")
    return dict(page.evaluate(f"{condition}[{count - 1}]"))


def test_a_flush_is_silent_from_the_next_quantum_but_for_its_fade(rig: Page) -> None:
    rig.evaluate("rig.play(1, 3)")
    wait_for(rig, "playing", 3)
    rig.evaluate("rig.tell({type: 'flush', turn: 1, id: 5})")
    flushed = wait_for(rig, "flushed")
    stopped = wait_for(rig, "stopped")
    assert flushed["id"] == 5
    assert 0 < flushed["heard"] <= flushed["rendered"] < 72_000
    rig.evaluate("rig.play(1, 0.5)")
    rig.wait_for_function(f"() => rig.context.currentTime > {flushed['time'] + 0.2}")
    first, samples = heard(rig)
    rate = rig.evaluate("rig.context.sampleRate")
    end = int(np.flatnonzero(np.abs(samples) > 0)[-1]) + first
    assert end / rate == pytest.approx(stopped["stopped_time"], abs=2 * QUANTUM / rate)
    loud = np.abs(samples[: end - first - int(0.006 * rate)]).reshape(-1, 1)
    assert float(loud[-200:].max()) > 0.3
    assert float(np.max(np.abs(np.diff(samples)))) < 0.05
    assert rig.evaluate("rig.errors") == []


def test_a_pause_holds_and_goes_on_without_losing_a_sample(rig: Page) -> None:
    rig.evaluate("rig.play(1, 0.6)")
    rig.evaluate("rig.tell({type: 'end', turn: 1, item: 0})")
    wait_for(rig, "playing")
    rig.evaluate("rig.tell({type: 'pause'})")
    wait_for(rig, "paused")
    rig.wait_for_function("() => rig.context.currentTime > rig.reports.at(-1).time + 0.1")
    rig.evaluate("rig.tell({type: 'resume'})")
    finished = wait_for(rig, "finished")
    assert finished["rendered"] == 14_400
    assert finished["underruns"] == 0
    _, samples = heard(rig)
    assert float(np.max(np.abs(np.diff(samples)))) < 0.05


def test_playing_is_gap_free_and_the_capture_sees_a_person_over_it(rig: Page) -> None:
    rig.evaluate("rig.play(1, 3.5)")
    wait_for(rig, "playing", 12)
    rig.evaluate("rig.noise_into(0.8)")
    paused = wait_for(rig, "paused")
    rig.wait_for_function("() => rig.speech.some(s => s.phase === 'confirmed')")
    speech = rig.evaluate("rig.speech")
    assert [event["phase"] for event in speech][:2] == ["candidate", "confirmed"]
    assert speech[0]["during_playback"] is True
    # From worklet to worklet a few batches of quanta lie between candidate and silence, however
    # busy the machine: the graph's own clock counts them.
    assert paused["stopped_time"] - speech[0]["at_time"] < 0.1
    assert paused["stopped_time"] - speech[0]["onset_time"] < 0.2
    rate = rig.evaluate("rig.context.sampleRate")
    first, samples = heard(rig)
    begin = int(np.flatnonzero(np.abs(samples) > 0)[0]) + int(0.01 * rate)
    end = int(paused["stopped_time"] * rate) - first - int(0.01 * rate)
    played = samples[begin:end]
    quiet = np.abs(played).reshape(-1)[: len(played) // QUANTUM * QUANTUM]
    assert float(quiet.reshape(-1, QUANTUM).max(axis=1).min()) > 0.1
    assert rig.evaluate("rig.chunks") >= 50
    assert rig.evaluate("rig.errors") == []

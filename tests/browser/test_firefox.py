"""The main job in Firefox: a spoken turn, an interruption, the end.

Its fake microphone is a tone, so the page is given one made of Web Audio nodes that says what the
test wants it to say, when the test wants it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.served_app import ServedApp, free_port
from tests.firefox_support import firefox, sound_card
from tests.speaker_tap import recordings, tap_script
from tests.speech import say, sounding_s

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
PATIENCE_S = 60
ANSWER_S = 20
"""As long as an answer may be on its way."""
TRIES = 3
"""How often somebody says what was not understood: a busy machine leaves holes in Web Audio."""
MICROPHONE = """
(() => {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  context.resume();
  window.__tracks = out.stream.getTracks();
  window.__say = (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const pcm = new Int16Array(bytes.buffer);
    const buffer = context.createBuffer(1, pcm.length, 24000);
    buffer.getChannelData(0).set(Float32Array.from(pcm, (sample) => sample / 32768));
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(out);
    source.start();
  };
  navigator.mediaDevices.getUserMedia = async () => {
    await context.resume();
    return out.stream;
  };
})();
"""
ADD_SCRIPT = """
const script = document.createElement("script");
script.textContent = arguments[0];
document.head.append(script);
"""
STATUS = "return document.querySelector('[data-voice-status]').dataset.voiceStatus"
LOG = "return document.querySelector('[role=log]').innerText"


class Fox:
    """Somebody in front of a Firefox."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def run(self, script: str, *arguments: Any) -> Any:
        """In the page's own world."""
        return self.client.execute_script(script, script_args=arguments, sandbox=None)

    def visit(self, url: str) -> None:
        """Open the page and give it the microphone and the tap."""
        self.client.navigate(url)
        self.wait_for(lambda: self.status() == "idle", "an idle page")
        for script in (tap_script(), MICROPHONE):
            self.run(ADD_SCRIPT, script)

    def status(self) -> str:
        return str(self.run(STATUS))

    def log(self) -> str:
        """The transcript."""
        return str(self.run(LOG))

    def click_talk(self) -> None:
        """As a person: Firefox lets sound begin only after one."""
        self.client.find_element("css selector", "[data-voice=talk]").click()

    def say(self, text: str) -> None:
        """Into the microphone, now."""
        pcm = (np.clip(say(text), -1, 1) * 32767).astype("<i2").tobytes()
        self.run("window.__say(arguments[0])", base64.b64encode(pcm).decode())

    def say_until(self, text: str, condition: Any, what: str, *, said: bool = False) -> None:
        """Into the microphone (unless it was said), and again while it is not understood."""
        from marionette_driver.errors import TimeoutException

        for attempt in range(TRIES):
            if attempt or not said:
                self.say(text)
            try:
                self.wait_for(condition, what, patience_s=ANSWER_S)
            except TimeoutException:
                if attempt == TRIES - 1:
                    raise
            else:
                return

    def wait_for(self, condition: Any, what: str, *, patience_s: float = PATIENCE_S) -> None:
        """Until it is true; bounded."""
        from marionette_driver import Wait

        Wait(self.client, timeout=patience_s, interval=0.1).until(
            lambda _: condition(), message=f"waited for {what}; {self.status()}: {self.log()}"
        )


@pytest.fixture
def fox(tmp_path: Path) -> Iterator[Fox]:
    with sound_card() as variables, firefox(tmp_path, free_port(), variables) as client:
        yield Fox(client)


def test_a_turn_by_voice_an_interruption_and_the_end(app: ServedApp, fox: Fox) -> None:
    fox.visit(app.url)
    fox.click_talk()
    fox.wait_for(lambda: fox.status() == "listening", "the assistant to listen")
    fox.say_until("Hello there.", lambda: "offline assistant" in fox.log(), "an answer")
    fox.wait_for(lambda: fox.status() == "listening", "the end of the answer")
    fox.say_until("Tell me a story.", lambda: "little voice" in fox.log(), "a long answer")
    fox.say_until("Stop. What is two plus three?", lambda: "cut" in fox.log(), "the interruption")

    def is_answered() -> bool:
        return "5" in fox.log() or "five" in fox.log()

    fox.say_until("What is two plus three?", is_answered, "the answer to what was asked", said=True)
    fox.wait_for(lambda: fox.status() == "listening", "the end of that answer")
    tapes = recordings(fox.run("return window.__takeTap()"))
    tape = max(tapes, key=lambda each: float(np.max(np.abs(each.samples))))
    assert sounding_s(tape.samples, tape.rate_hz) > 2
    fox.click_talk()
    fox.wait_for(lambda: fox.status() == "idle", "the end")
    assert fox.run("return window.__tracks.map((track) => track.readyState)") == ["ended"]
    assert fox.run("return document.querySelectorAll('[role=alert]').length") == 0

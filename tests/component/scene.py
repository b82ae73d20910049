"""A conversation in the browser's dialect: both machines run it, and must agree.

An assistant speaks through the playout, its echo comes back through a small room, a person coughs,
hums and then talks over it. Written in the dialect so that CPython and V8 make the same sounds.
"""

from __future__ import annotations

import math
from typing import Any

from reflex_voice_audio.browser.capture import Capture
from reflex_voice_audio.browser.dsp import to_int16
from reflex_voice_audio.browser.jsapi import Array, Float32Array, Int16Array
from reflex_voice_audio.browser.playout import Playout

QUANTUM: int = 128
SECONDS: float = 3.1
ECHO_DELAY_SECONDS: float = 0.06
MODULUS: int = 2147483647


class Resonator:
    """Two poles: one formant."""

    def __init__(self, rate: float, frequency: float, bandwidth: float) -> None:
        radius = math.exp(-math.pi * bandwidth / rate)
        self.first = 2.0 * radius * math.cos(2.0 * math.pi * frequency / rate)
        self.second = -radius * radius
        self.gain = 1.0 - self.first - self.second
        self.one = 0.0
        self.two = 0.0

    def next(self, value: float) -> float:
        result = self.gain * value + self.first * self.one + self.second * self.two
        self.two = self.one
        self.one = result
        return result


class Voice:
    """Syllables of a vowel, or a hum, or a rush of noise."""

    def __init__(self, rate: float, pitch: float, seed: int) -> None:
        self.rate = rate
        self.pitch = pitch
        self.seed = seed
        self.phase = 0.0
        self.flow = 0.0
        self.source = Resonator(rate, 0.0, 180.0)
        self.low = Resonator(rate, 650.0, 90.0)
        self.middle = Resonator(rate, 1250.0, 120.0)
        self.high = Resonator(rate, 2600.0, 180.0)
        self.nose = Resonator(rate, 240.0, 60.0)

    def random(self) -> float:
        """Noise in [-1, 1), the same in both machines."""
        product = self.seed * 16807
        self.seed = product - MODULUS * (product // MODULUS)
        return 2.0 * self.seed / MODULUS - 1.0

    def next(self, kind: str, time: float) -> float:
        """One sample of `kind` at `time`."""
        self.phase += self.pitch * (1.0 + 0.04 * math.sin(5.0 * time)) / self.rate
        pulse = 0.0
        if self.phase >= 1.0:
            self.phase -= 1.0
            pulse = self.rate / self.pitch
        flow = self.source.next(pulse)
        # Lips radiate the change of the flow.
        voiced = flow - 0.95 * self.flow
        self.flow = flow
        speech = self.low.next(voiced) + 0.6 * self.middle.next(voiced)
        speech += 0.35 * self.high.next(voiced)
        hum = self.nose.next(voiced)
        rush = self.random()
        if kind == "hum":
            return 0.25 * hum
        if kind == "cough":
            return 0.12 * rush
        syllable = 0.5 - 0.5 * math.cos(2.0 * math.pi * 4.0 * time)
        return 0.3 * syllable * speech


class Scene:
    """Playout, room and capture at one device rate."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.time = 0.0
        self.events = Array()
        self.pcm = Array()
        self.heard = Array()
        self.playout = Playout(rate, self.on_report)
        self.capture = Capture(rate, self.on_captured, self.on_pause)
        self.assistant = Voice(24000.0, 105.0, 11)
        self.person = Voice(rate, 190.0, 23)
        self.echo = Float32Array(math.ceil(ECHO_DELAY_SECONDS * rate))
        self.echo_at = 0

    def on_report(self, message: Any) -> None:
        if message["type"] == "flushed":
            self.note("flushed", message["rendered"], message["heard"])
        elif message["phase"] != "playing":
            self.note(message["phase"], message["rendered"], message["heard"])

    def on_captured(self, message: Any, chunk: Any) -> None:
        if message["type"] == "speech":
            self.note(message["phase"], message["onset"], message["at"])
            if message["phase"] == "confirmed":
                self.playout.flush(1, 1)
        else:
            samples = Int16Array(chunk)
            for i in range(len(samples)):
                self.pcm.push(samples[i])

    def on_pause(self, message: Any) -> None:
        if message["type"] == "pause":
            self.playout.pause(True)
        else:
            self.playout.resume()

    def note(self, phase: str, first: int, second: int) -> None:
        self.events.push([phase, first, second])

    def speak(self) -> None:
        """Some seconds of the assistant, all at once, as a provider sends them."""
        chunk = Int16Array(72000)
        for i in range(72000):
            chunk[i] = to_int16(3.0 * self.assistant.next("speech", i / 24000.0))
        self.playout.add_audio(1, 0, 0, chunk)

    def person_says(self, time: float) -> float:
        if time >= 1.0 and time < 1.2:
            return self.person.next("cough", time)
        if time >= 1.5 and time < 1.75:
            return self.person.next("hum", time)
        if time >= 2.1 and time < 2.9:
            return self.person.next("speech", time)
        return 0.0005 * self.person.random()

    def run(self) -> None:
        played = Float32Array(QUANTUM)
        microphone = Float32Array(QUANTUM)
        while self.time < SECONDS:
            self.playout.render(played, QUANTUM, self.time)
            for i in range(QUANTUM):
                at = self.echo_at
                microphone[i] = self.person_says(self.time + i / self.rate) + self.echo[at]
                self.echo[at] = 0.1 * played[i] + 0.3 * self.echo[at]
                self.heard.push(to_int16(played[i]))
                self.echo_at = at + 1
                if self.echo_at == len(self.echo):
                    self.echo_at = 0
            self.capture.push(microphone, played, QUANTUM, self.time)
            self.time += QUANTUM / self.rate


def play(rate: float) -> Any:
    """The whole scene at a device's rate."""
    scene = Scene(rate)
    scene.speak()
    scene.run()
    return {"events": scene.events, "pcm": scene.pcm, "heard": scene.heard}


def main() -> Any:
    """At both common rates."""
    return [play(44100.0), play(48000.0)]

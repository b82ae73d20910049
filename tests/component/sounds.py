"""Sounds for the detector's tests, made with numpy: voices, hums, knocks, coughs, rooms.

All at 24 kHz, reproducible, nothing recorded. `Room` closes the loop: what the playout renders
comes back through a room response into the capture, whose pauses reach the playout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
from reflex_voice_audio.browser.capture import Capture
from reflex_voice_audio.browser.jsapi import Float32Array, Int16Array
from reflex_voice_audio.browser.playout import Playout

Samples = npt.NDArray[np.float64]
RATE = 24_000
QUANTUM = 128
FORMANTS = {
    "a": ((700.0, 90.0), (1220.0, 110.0), (2600.0, 160.0)),
    "e": ((450.0, 80.0), (1800.0, 120.0), (2500.0, 160.0)),
    "i": ((300.0, 70.0), (2200.0, 120.0), (2900.0, 160.0)),
    "o": ((480.0, 80.0), (900.0, 100.0), (2400.0, 160.0)),
}
CLOSE_VOWELS = {
    "u": ((290.0, 60.0), (720.0, 90.0), (2250.0, 160.0)),
    "y": ((270.0, 60.0), (1900.0, 160.0), (2300.0, 200.0)),
}


def ratio(db: float) -> float:
    """Amplitude of a level in dB."""
    return float(10 ** (db / 20))


def at_level(samples: Samples, dbfs: float) -> Samples:
    """The same sound with its loud parts at `dbfs` RMS."""
    loud = np.abs(samples) > np.max(np.abs(samples)) * 0.05
    rms = float(np.sqrt(np.mean(samples[loud] ** 2)))
    return np.asarray(samples * (ratio(dbfs) / rms), dtype=np.float64)


def noise(seconds: float, dbfs: float, seed: int = 1) -> Samples:
    """A room's noise: a little more below than above."""
    white = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    return at_level(np.convolve(white, [0.5, 0.3, 0.15, 0.05], "same"), dbfs)


def _resonate(source: Samples, frequency: float, bandwidth: float) -> Samples:
    radius = np.exp(-np.pi * bandwidth / RATE)
    first, second = 2 * radius * np.cos(2 * np.pi * frequency / RATE), -radius * radius
    length = int(min(len(source), 8 * RATE / bandwidth))
    response = np.zeros(length)
    response[0] = 1 - first - second
    response[1] = first * response[0]
    for i in range(2, length):
        response[i] = first * response[i - 1] + second * response[i - 2]
    size = 1 << int(np.ceil(np.log2(len(source) + length)))
    whole = np.fft.irfft(np.fft.rfft(source, size) * np.fft.rfft(response, size), size)
    return np.asarray(whole[: len(source)], dtype=np.float64)


def _glottis(seconds: float, pitch: tuple[float, float]) -> Samples:
    phase = np.cumsum(np.linspace(*pitch, int(seconds * RATE))) / RATE
    pulses = np.zeros(len(phase))
    pulses[np.flatnonzero(np.diff(np.floor(phase)) > 0)] = 1.0
    flow = _resonate(pulses, 0.0, 200.0)
    return np.asarray(np.diff(flow, prepend=0.0) + 0.03 * flow, dtype=np.float64)


def _edges(samples: Samples, rise: float = 0.02, fall: float = 0.04) -> Samples:
    shaped = samples / np.max(np.abs(samples))
    up, down = int(rise * RATE), int(fall * RATE)
    shaped[:up] *= np.linspace(0, 1, up)
    shaped[-down:] *= np.linspace(1, 0, down)
    return np.asarray(shaped, dtype=np.float64)


def vowel(name: str, seconds: float, pitch: tuple[float, float] = (125.0, 110.0)) -> Samples:
    """One steady vowel."""
    source = _glottis(seconds, pitch)
    formants = (FORMANTS | CLOSE_VOWELS)[name]
    gains = (1, 0.7, 0.5) if name in FORMANTS else (1, 0.1, 0.06)
    parts = [g * _resonate(source, *f) for f, g in zip(formants, gains, strict=True)]
    return _edges(np.sum(np.array(parts), axis=0))


def speech(seconds: float, pitch: float = 120.0, seed: int = 3) -> Samples:
    """Syllables: vowels of 120 to 260 ms with fricatives and short gaps between."""
    random = np.random.default_rng(seed)
    parts: list[Samples] = []
    total = 0
    while total < seconds * RATE:
        length = random.uniform(0.12, 0.26)
        height = pitch * random.uniform(0.85, 1.2)
        parts.append(vowel(str(random.choice(list(FORMANTS))), length, (height, height * 0.9)))
        if random.random() < 0.4:
            hiss = random.standard_normal(int(0.07 * RATE))
            parts.append(0.12 * _edges(np.diff(hiss, prepend=0.0)))
        parts.append(np.zeros(int(random.uniform(0.01, 0.06) * RATE)))
        if random.random() < 0.12:
            parts.append(np.zeros(int(random.uniform(0.15, 0.35) * RATE)))
        total = sum(map(len, parts))
    return np.concatenate(parts)[: int(seconds * RATE)]


def hum(seconds: float = 0.4, pitch: tuple[float, float] = (115.0, 135.0)) -> Samples:
    """A closed mouth: energy below 600 Hz."""
    source = _resonate(_glottis(seconds, pitch), 0.0, 250.0)
    return _edges(
        _resonate(source, 250.0, 60.0) + 0.03 * _resonate(source, 1100.0, 250.0), 0.03, 0.08
    )


def backchannel() -> Samples:
    """ "Mm-hmm"."""
    return np.concatenate([hum(0.2, (125.0, 115.0)), np.zeros(1_200), hum(0.28, (118.0, 150.0))])


def click(decay_ms: float = 5.0, seed: int = 4) -> Samples:
    """A key, a switch."""
    count = int(0.05 * RATE)
    burst = np.random.default_rng(seed).standard_normal(count)
    return np.asarray(burst * np.exp(-np.arange(count) / (decay_ms * 24)), dtype=np.float64)


def typing(keys: int, interval_s: float = 0.14) -> Samples:
    """Keys going down and up again."""
    random = np.random.default_rng(9)
    line = np.zeros(int((keys * interval_s + 0.3) * RATE))
    for index in range(keys):
        at = int((index * interval_s + random.uniform(0, 0.04)) * RATE)
        for offset, gain in ((0, random.uniform(0.5, 1.0)), (1_700, 0.4)):
            key = click(random.uniform(3, 8), seed=index)
            line[at + offset : at + offset + len(key)] += gain * key
    return line


def cough(seed: int = 5) -> Samples:
    """A burst, a rush, a short voiced end."""
    count = int(0.28 * RATE)
    times = np.arange(count) / RATE
    rush = np.random.default_rng(seed).standard_normal(count)
    rush = 3 * _resonate(rush, 1_200.0, 900.0) + 0.4 * rush
    shape = np.exp(-times / 0.02) + 0.5 * np.exp(-(((times - 0.12) / 0.08) ** 2))
    sound = rush / np.max(np.abs(rush)) * shape
    tail = vowel("a", 0.09, (180.0, 140.0))
    sound[int(0.17 * RATE) : int(0.17 * RATE) + len(tail)] += 0.3 * tail
    return np.asarray(sound, dtype=np.float64)


def hoarse_cough(voice_s: float = 0.09) -> Samples:
    """A rush of 150 ms whose end is voiced, and as loud: 50 ms of it count as voice."""
    rush = np.random.default_rng(12).standard_normal(int(0.15 * RATE))
    parts = (_resonate(rush, 1_200.0, 900.0), vowel("a", voice_s, (180.0, 140.0)))
    return np.concatenate([at_level(part, -25) for part in parts])


def slam() -> Samples:
    """A door."""
    count = int(0.4 * RATE)
    rush = np.random.default_rng(6).standard_normal(count)
    low = 12 * _resonate(rush, 90.0, 60.0) + 6 * _resonate(rush, 180.0, 80.0)
    return _edges((low + 0.15 * rush) * np.exp(-np.arange(count) / (0.07 * RATE)), 0.001)


def timeline(seconds: float, *sounds: tuple[float, Samples]) -> Samples:
    """Silence with sounds at their seconds."""
    line = np.zeros(int(seconds * RATE))
    for start, sound in sounds:
        at = int(start * RATE)
        part = sound[: len(line) - at]
        line[at : at + len(part)] += part
    return line


@dataclass
class Heard:
    """One phase of a sound, in milliseconds."""

    phase: str
    sound: int
    onset_ms: float
    at_ms: float
    during_playback: bool


@dataclass
class Ear:
    """A capture at 24 kHz that writes down what it tells."""

    heard: list[Heard] = field(default_factory=list)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    learned: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.capture = Capture(RATE, self._send, self._tell)
        self.frames = 0

    def _send(self, message: dict[str, Any], chunk: Any) -> None:
        if message["type"] == "speech":
            self.heard.append(
                Heard(
                    message["phase"],
                    message["sound"],
                    message["onset"] / 24,
                    message["at"] / 24,
                    message["during_playback"],
                )
            )
        elif message["type"] == "learned":
            self.learned.append(message)
        else:
            self.chunks.append(message)

    def _tell(self, message: dict[str, Any]) -> None:
        self.told.append(message["type"])

    def send(self, **fields: Any) -> None:
        self.capture.receive(SimpleNamespace(**fields))

    def listen(self, microphone: Samples) -> list[Heard]:
        """Hear it without any playback."""
        for start in range(0, len(microphone) - QUANTUM + 1, QUANTUM):
            block = Float32Array(microphone[start : start + QUANTUM].tolist())
            self.capture.push(block, None, QUANTUM, self.frames / RATE)
            self.frames += QUANTUM
        return self.heard

    def phases(self) -> list[str]:
        return [event.phase for event in self.heard]

    def first(self, phase: str) -> Heard:
        return next(event for event in self.heard if event.phase == phase)


class Room(Ear):
    """The assistant speaks into the room; its echo and the person reach the microphone."""

    def __init__(
        self, reply: Samples, echo_db: float, delay_ms: float, *, reverb_db: float = -6.0
    ) -> None:
        super().__init__()
        self.reports: list[dict[str, Any]] = []
        self.playout = Playout(RATE, self.reports.append)
        self.playout.peer.join(self._hear_peer)
        self.reply = Int16Array(np.clip(reply * 32_768, -32_768, 32_767).astype(int).tolist())
        self.queued = 0
        self.taps, self.gains = _response(echo_db, delay_ms, reverb_db)
        self.played = np.zeros(int(self.taps[-1]) + QUANTUM)

    def _tell(self, message: dict[str, Any]) -> None:
        super()._tell(message)
        self.playout.receive_peer(SimpleNamespace(**message))

    def _hear_peer(self, message: dict[str, Any]) -> None:
        self.capture.receive_peer(SimpleNamespace(**message))

    def _feed(self) -> None:
        """Keep the ring as full as the server's pacing does."""
        while self.queued < len(self.reply) and self.playout.held < 60_000:
            part = Int16Array(self.reply[self.queued : self.queued + 9_600])
            self.playout.add_audio(1, 0, self.queued, part)
            self.queued += len(part)
        if self.queued == len(self.reply):
            self.playout.ledger.end_item(1, 0)

    def converse(self, person: Samples, reply_at_s: float = 0.5) -> list[Heard]:
        """The reply starts at `reply_at_s`; `person` is what the microphone hears of the room."""
        block = Float32Array(QUANTUM)
        for start in range(0, len(person) - QUANTUM + 1, QUANTUM):
            if start >= reply_at_s * RATE:
                self._feed()
            self.playout.render(block, QUANTUM, self.frames / RATE)
            self.played = np.concatenate([self.played[QUANTUM:], np.array(block)])
            newest = len(self.played) - QUANTUM
            picks = newest + np.arange(QUANTUM)[:, None] - self.taps[None, :]
            echo = self.played[picks] @ self.gains
            microphone = person[start : start + QUANTUM] + echo
            self.capture.push(Float32Array(microphone.tolist()), block, QUANTUM, self.frames / RATE)
            self.frames += QUANTUM
        return self.heard


def _response(echo_db: float, delay_ms: float, reverb_db: float) -> tuple[Any, Samples]:
    random = np.random.default_rng(8)
    late = np.sort(random.integers(24, int(0.35 * RATE), 120))
    gains = random.standard_normal(120) * np.exp(-6.9 * late / (0.35 * RATE))
    gains *= ratio(reverb_db) / np.sqrt(np.sum(gains**2))
    first = int(delay_ms * RATE / 1000)
    return (
        np.concatenate([[first], first + late]),
        np.concatenate([[1.0], gains]) * ratio(echo_db),
    )

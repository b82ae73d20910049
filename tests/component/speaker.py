"""A loudspeaker without a browser: what the playout plays, and what it says of it."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
from reflex_voice_audio.browser.dsp import WIRE_RATE_HZ
from reflex_voice_audio.browser.jsapi import ArrayBuffer, Float32Array, Int16Array
from reflex_voice_audio.browser.playout import (
    Playout,
)

Samples = npt.NDArray[np.float64]
QUANTUM = 128


def pcm(samples: npt.NDArray[np.int16]) -> ArrayBuffer:
    return Int16Array(samples.tolist()).buffer  # type: ignore[no-any-return]


def tone(count: int, start: int = 0) -> npt.NDArray[np.int16]:
    """A 440 Hz tone at 24 kHz, continuous over `start`."""
    phase = 2 * np.pi * 440 * (np.arange(count) + start) / WIRE_RATE_HZ
    return (12_000 * np.sin(phase)).astype(np.int16)


class Speaker:
    """A playout, the clock of its context, and everything that came out."""

    def __init__(self, rate: int = 48_000) -> None:
        self.rate = rate
        self.messages: list[dict[str, Any]] = []
        self.playout = Playout(rate, self.messages.append)
        self.frames = 0
        self.output: list[float] = []

    @property
    def now(self) -> float:
        return self.frames / self.rate

    def send(self, **fields: Any) -> None:
        self.playout.receive(SimpleNamespace(**fields))

    def audio(
        self, samples: npt.NDArray[np.int16], turn: int = 1, item: int = 0, position: int = 0
    ) -> None:
        self.send(type="audio", turn=turn, item=item, position=position, pcm=pcm(samples))

    def end(self, turn: int = 1, item: int = 0) -> None:
        self.send(type="end", turn=turn, item=item, reason="completed")

    def flush(self, turn: int = 1, flush_id: int = 1) -> None:
        self.send(type="flush", turn=turn, id=flush_id)

    def peer(self, kind: str) -> None:
        self.playout.receive_peer(SimpleNamespace(type=kind, sound=1))

    def render(self, seconds: float) -> Samples:
        """Render whole quanta of at least `seconds`; what came out in them."""
        start = len(self.output)
        block = Float32Array(QUANTUM)
        for _ in range(max(1, math.ceil(seconds * self.rate / QUANTUM))):
            self.playout.render(block, QUANTUM, self.now)
            self.frames += QUANTUM
            self.output.extend(block)
        return np.array(self.output[start:])

    def phases(self) -> list[str]:
        return [
            message.get("phase", message["type"])
            for message in self.messages
            if message.get("phase") != "playing"
        ]

    def last(self, phase: str) -> dict[str, Any]:
        return [m for m in self.messages if m.get("phase", m["type"]) == phase][-1]


def audible_span(output: Samples) -> tuple[int, int]:
    loud = np.flatnonzero(np.abs(output) > 0)
    return int(loud[0]), int(loud[-1])


def largest_step(output: Samples) -> float:
    return float(np.max(np.abs(np.diff(output))))


STEP_OF_TONE = 12_000 / 32_768 * 2 * np.pi * 440 / 24_000 * 1.2

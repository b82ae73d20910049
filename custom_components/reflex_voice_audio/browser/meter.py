"""The levels, written as CSS custom properties on the page's own elements, never through state.

`--voice-level` (the user) and `--voice-output-level` (the assistant), 0 to 1, on every element with
`data-voice-meter="<id>"`, once a frame while a conversation is on.
"""

from __future__ import annotations

import math
from typing import Any

from .jsapi import (
    Float32Array,
    cancelAnimationFrame,
    document,
    performance,
    requestAnimationFrame,
)

LEVEL_EVENT_MS = 250
FFT_SIZE = 512
FLOOR_DB = 60


def rounded(level: float) -> str:
    """As short as CSS needs it."""
    return str(math.floor(level * 1000 + 0.5) / 1000)


class Meter:
    """One component's levels. `on_level({level, output_level})` at most four times a second."""

    def __init__(self, name: str, on_level: Any) -> None:
        self.name = name
        self.on_level = on_level
        self.level: float = 0
        self.analyser: Any = None
        self.samples: Any = Float32Array(FFT_SIZE)
        self.frame: Any = None
        self.told_ms: float = 0

    def start(self, context: Any, output: Any) -> None:
        if output is not None:
            self.analyser = context.createAnalyser()
            self.analyser.fftSize = FFT_SIZE
            output.connect(self.analyser)
        self.draw()

    def draw(self) -> None:
        self.frame = requestAnimationFrame(self.draw)
        output = self.output_level()
        self.write(self.level, output)
        now = performance.now()
        if now - self.told_ms >= LEVEL_EVENT_MS:
            self.told_ms = now
            self.on_level({"level": self.level, "output_level": output})

    def output_level(self) -> float:
        """How loud the answer is, on a scale that follows hearing."""
        if self.analyser is None:
            return 0
        samples = self.samples
        self.analyser.getFloatTimeDomainData(samples)
        energy = 0.0
        for i in range(FFT_SIZE):
            energy += samples[i] * samples[i]
        if energy <= 0:
            return 0
        decibels = 10 * math.log10(energy / FFT_SIZE)
        return max(0, min(1, 1 + decibels / FLOOR_DB))

    def write(self, level: float, output: float) -> None:
        elements = document.querySelectorAll('[data-voice-meter="' + self.name + '"]')
        for i in range(len(elements)):
            style = elements[i].style
            style.setProperty("--voice-level", rounded(level))
            style.setProperty("--voice-output-level", rounded(output))

    def stop(self) -> None:
        cancelAnimationFrame(self.frame)
        self.analyser = None
        self.level = 0
        self.write(0, 0)

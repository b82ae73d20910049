"""Streaming sample-rate conversion between the device's rate and the wire's 24 kHz.

A rational polyphase filter: Kaiser-windowed sinc, 16 half-taps at the lower rate, so any native
rate works and nothing drifts. Output n stands for the input's instant n * in / out exactly: the
filter's delay is look-ahead, not a shift. Hot paths allocate nothing. No ring buffer, no timing:
`playout` and `capture` have those.
"""

from __future__ import annotations

import math

from .jsapi import Float32Array, Float64Array

WIRE_RATE_HZ: int = 24000
HALF_TAPS: int = 16
KAISER_BETA: float = 8.0
CUTOFF: float = 0.92


def common_divisor(a: int, b: int) -> int:
    """Greatest common divisor of two positive integers."""
    while b > 0:
        rest = a - b * (a // b)
        a = b
        b = rest
    return a


def bessel_i0(x: float) -> float:
    """Modified Bessel function of the first kind, order zero."""
    total = 1.0
    term = 1.0
    for k in range(1, 40):
        term = term * (x / (2.0 * k)) * (x / (2.0 * k))
        total += term
    return total


def to_int16(value: float) -> int:
    """A float sample as a 16-bit integer, clipped at full scale."""
    scaled = math.floor(value * 32768.0 + 0.5)
    if scaled > 32767:
        return 32767
    if scaled < -32768:
        return -32768
    return scaled


class Resampler:
    """Converts a stream, in blocks of any size, with the same result for every size."""

    def __init__(self, rate_in: float, rate_out: float, max_block: int) -> None:
        """`max_block` is the largest number of samples that one `feed` brings."""
        whole_in = math.floor(rate_in + 0.5)
        whole_out = math.floor(rate_out + 0.5)
        divisor = common_divisor(whole_in, whole_out)
        self.up = whole_out // divisor
        self.down = whole_in // divisor
        lower = min(1.0, self.up / self.down)
        # Input samples on each side of an output sample.
        self.half = 1 if self.up == self.down else math.ceil(HALF_TAPS / lower)
        self.taps = 2 * self.half
        self.table = Float64Array(self.up * self.taps)
        self.capacity = 2 * (self.taps + self.down // self.up + 2) + max_block
        self.held = Float32Array(self.capacity)
        self.filled = 0
        self.start = 0
        self.phase = 0
        self._design(lower)
        self.reset()

    def _design(self, lower: float) -> None:
        if self.up == self.down:
            # The same rate: output n is input n.
            self.table[self.half - 1] = 1.0
            return
        cutoff = CUTOFF * lower
        window_scale = bessel_i0(KAISER_BETA)
        for phase in range(self.up):
            total = 0.0
            base = phase * self.taps
            for tap in range(self.taps):
                offset = tap - (self.half - 1) - phase / self.up
                share = offset / self.half
                weight = 0.0
                if share > -1.0 and share < 1.0:
                    window = bessel_i0(KAISER_BETA * math.sqrt(1.0 - share * share)) / window_scale
                    angle = math.pi * cutoff * offset
                    weight = window
                    if math.fabs(angle) > 1e-9:
                        weight = window * math.sin(angle) / angle
                self.table[base + tap] = weight
                total += weight
            # Each phase passes a constant unchanged, so no phase adds a tone of its own.
            for tap in range(self.taps):
                self.table[base + tap] = self.table[base + tap] / total

    def reset(self) -> None:
        """Forget everything, as if nothing had come."""
        self.held.fill(0.0)
        # The past of the first sample is silence.
        self.filled = self.half - 1
        self.start = 0
        self.phase = 0

    def lookahead(self) -> int:
        """Input samples after an output's instant that it needs."""
        return self.half

    def available(self) -> int:
        """Outputs that can be made of what is held."""
        return self.outputs_of(0)

    def outputs_of(self, more: int) -> int:
        """Outputs that could be made if `more` input samples were fed."""
        last_start = self.filled + more - self.taps - self.start
        if last_start < 0:
            return 0
        return ((last_start + 1) * self.up - 1 - self.phase) // self.down + 1

    def needed(self, outputs: int) -> int:
        """Input samples that must be fed before `outputs` outputs can be made."""
        last_start = self.start + (self.phase + (outputs - 1) * self.down) // self.up
        return max(0, last_start + self.taps - self.filled)

    def feed(self, source: Float32Array, count: int) -> None:
        """Take the first `count` samples of `source`: at most `max_block`, all outputs taken."""
        self._make_room(count)
        held = self.held
        filled = self.filled
        for i in range(count):
            held[filled + i] = source[i]
        self.filled = filled + count

    def _make_room(self, count: int) -> None:
        if self.filled + count <= self.capacity:
            return
        held = self.held
        start = self.start
        kept = self.filled - start
        for i in range(kept):
            held[i] = held[start + i]
        self.filled = kept
        self.start = 0

    def produce(self, target: Float32Array, offset: int, most: int) -> int:
        """Write at most `most` outputs into `target` from `offset`; returns how many."""
        held = self.held
        table = self.table
        taps = self.taps
        start = self.start
        phase = self.phase
        last_start = self.filled - taps
        made = 0
        while made < most and start <= last_start:
            base = phase * taps
            total = 0.0
            for tap in range(taps):
                total += held[start + tap] * table[base + tap]
            target[offset + made] = total
            made += 1
            phase += self.down
            steps = phase // self.up
            start += steps
            phase -= steps * self.up
        self.start = start
        self.phase = phase
        return made

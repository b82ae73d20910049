"""Band powers and periodicity of 10 ms frames: what the speech detector looks at.

Works at 12 kHz, half the wire's rate: speech's evidence lies below 5 kHz. The microphone and the
echo reference go through one complex transform together, so both cost what one would. Hot paths
allocate nothing. Decides nothing: `detector` does.
"""

from __future__ import annotations

import math

from .jsapi import Float32Array, Float64Array, Int32Array

FRAME_SAMPLES: int = 240
HALF_FRAME: int = 120
FFT_SIZE: int = 256
WINDOW_SAMPLES: int = 240
BAND_COUNT: int = 10
# The last band is what lies above the transform: the halvers' high half, where an "s" is.
TOP_BAND: int = 9
# First bin of the others, 46.875 Hz a bin: 94 234 422 609 891 1219 1688 2344 3375 5156 Hz.
BAND_EDGES = [2, 5, 9, 13, 19, 26, 36, 50, 72, 110]
PRE_EMPHASIS: float = 0.9
PITCH_HISTORY: int = 228
PITCH_WINDOW: int = 120
PITCH_SHORTEST: int = 15
PITCH_LONGEST: int = 100


class Halver:
    """24 kHz frames to 12 kHz, with a short low-pass that keeps its state; the rest as power."""

    def __init__(self) -> None:
        self.high = 0.0
        self.one = 0.0
        self.two = 0.0

    def halve(self, source: Float32Array, target: Float64Array, offset: int) -> None:
        """Half a frame of samples into `target` from `offset`."""
        one = self.one
        two = self.two
        power = 0.0
        for i in range(HALF_FRAME):
            first = source[2 * i]
            second = source[2 * i + 1]
            target[offset + i] = (two + 3.0 * one + 3.0 * first + second) * 0.125
            high = two - 3.0 * one + 3.0 * first - second
            power += high * high
            two = first
            one = second
        self.one = one
        self.two = two
        self.high = power / (64.0 * HALF_FRAME)


class Spectrum:
    """Band powers of the last 20 ms of two signals, 100 times a second."""

    def __init__(self) -> None:
        self.microphone = Float64Array(WINDOW_SAMPLES)
        self.reference = Float64Array(WINDOW_SAMPLES)
        self.microphone_bands = Float64Array(BAND_COUNT)
        self.reference_bands = Float64Array(BAND_COUNT)
        self.microphone_halver = Halver()
        self.reference_halver = Halver()
        self.last = 0.0
        self.pitch = Float64Array(PITCH_HISTORY)
        self.window = Float64Array(WINDOW_SAMPLES)
        self.real = Float64Array(FFT_SIZE)
        self.imaginary = Float64Array(FFT_SIZE)
        self.cosines = Float64Array(FFT_SIZE)
        self.sines = Float64Array(FFT_SIZE)
        self.reversed = Int32Array(FFT_SIZE)
        total = 0.0
        for i in range(WINDOW_SAMPLES):
            self.window[i] = 0.5 - 0.5 * math.cos(2.0 * math.pi * (i + 0.5) / WINDOW_SAMPLES)
            total += self.window[i] * self.window[i]
        # Mean square of the signal, whatever the window takes away.
        self.scale = 2.0 / (total * FFT_SIZE)
        for i in range(FFT_SIZE):
            self.cosines[i] = math.cos(2.0 * math.pi * i / FFT_SIZE)
            self.sines[i] = -math.sin(2.0 * math.pi * i / FFT_SIZE)
            self.reversed[i] = self._reverse(i)

    def _reverse(self, index: int) -> int:
        rest = index
        result = 0
        size = FFT_SIZE
        while size > 1:
            half = rest // 2
            result = result * 2 + rest - half * 2
            rest = half
            size = size // 2
        return result

    def analyse(self, microphone: Float32Array, reference: Float32Array) -> None:
        """Take one frame of each; the band powers are then those of the last 20 ms."""
        self._shift(self.microphone, self.microphone_halver, microphone)
        self._shift(self.reference, self.reference_halver, reference)
        self._note_pitch()
        self._transform()
        self._sum_bands()

    def _shift(self, held: Float64Array, halver: Halver, source: Float32Array) -> None:
        for i in range(HALF_FRAME):
            held[i] = held[HALF_FRAME + i]
        halver.halve(source, held, HALF_FRAME)

    def _note_pitch(self) -> None:
        """Keep the microphone at 6 kHz: enough for periodicity, and quick."""
        pitch = self.pitch
        fresh = HALF_FRAME // 2
        for i in range(PITCH_HISTORY - fresh):
            pitch[i] = pitch[i + fresh]
        held = self.microphone
        at = PITCH_HISTORY - fresh
        last = self.last
        for i in range(fresh):
            value = 0.5 * (held[HALF_FRAME + 2 * i] + held[HALF_FRAME + 2 * i + 1])
            # A rumble is periodic too: only what lies above it may speak.
            pitch[at + i] = value - PRE_EMPHASIS * last
            last = value
        self.last = last

    def _transform(self) -> None:
        real = self.real
        imaginary = self.imaginary
        order = self.reversed
        window = self.window
        for i in range(FFT_SIZE):
            at = order[i]
            if i < WINDOW_SAMPLES:
                real[at] = self.microphone[i] * window[i]
                imaginary[at] = self.reference[i] * window[i]
            else:
                real[at] = 0.0
                imaginary[at] = 0.0
        half = 1
        stride = FFT_SIZE // 2
        while half < FFT_SIZE:
            self._pass(half, stride)
            half = half * 2
            stride = stride // 2

    def _pass(self, half: int, stride: int) -> None:
        real = self.real
        imaginary = self.imaginary
        start = 0
        while start < FFT_SIZE:
            for k in range(half):
                c = self.cosines[k * stride]
                s = self.sines[k * stride]
                a = start + k
                b = a + half
                x = real[b] * c - imaginary[b] * s
                y = real[b] * s + imaginary[b] * c
                real[b] = real[a] - x
                imaginary[b] = imaginary[a] - y
                real[a] = real[a] + x
                imaginary[a] = imaginary[a] + y
            start += 2 * half

    def _sum_bands(self) -> None:
        """Part the two real signals' spectra and add up their powers."""
        real = self.real
        imaginary = self.imaginary
        self.microphone_bands[TOP_BAND] = self.microphone_halver.high
        self.reference_bands[TOP_BAND] = self.reference_halver.high
        for band in range(TOP_BAND):
            mine = 0.0
            other = 0.0
            for k in range(BAND_EDGES[band], BAND_EDGES[band + 1]):
                a = real[k]
                b = imaginary[k]
                c = real[FFT_SIZE - k]
                d = imaginary[FFT_SIZE - k]
                mine += (a + c) * (a + c) + (b - d) * (b - d)
                other += (b + d) * (b + d) + (c - a) * (c - a)
            self.microphone_bands[band] = mine * 0.25 * self.scale
            self.reference_bands[band] = other * 0.25 * self.scale

    def periodicity(self) -> float:
        """Highest normalised autocorrelation at a pitch period of 60 to 400 Hz, 0 to 1."""
        pitch = self.pitch
        begin = PITCH_HISTORY - PITCH_WINDOW
        energy = 0.0
        for i in range(begin, PITCH_HISTORY):
            energy += pitch[i] * pitch[i]
        best = 0.0
        lagged = 0.0
        for i in range(begin - PITCH_SHORTEST, PITCH_HISTORY - PITCH_SHORTEST):
            lagged += pitch[i] * pitch[i]
        for lag in range(PITCH_SHORTEST, PITCH_LONGEST):
            product = 0.0
            for i in range(begin, PITCH_HISTORY):
                product += pitch[i] * pitch[i - lag]
            if product > 0.0:
                both = energy * lagged
                if both > 0.0:
                    best = max(best, product * product / both)
            first = pitch[begin - lag - 1]
            last = pitch[PITCH_HISTORY - lag - 1]
            lagged += first * first - last * last
        return math.sqrt(best)

"""How loud the assistant's own voice is expected to come back through the microphone.

Learned per band from envelopes, so it needs no aligned waveform and works whether or not the
browser cancels echo: the delay by correlating level changes, the gain as a high quantile of
microphone over reference. The rule: what was said over the assistant must not be learned as echo,
so a frame is learned a little late, and not at all when a sound was found meanwhile.
"""

from __future__ import annotations

import math
from typing import Any

from .jsapi import Array, Float64Array, Int16Array
from .spectrum import BAND_COUNT

HISTORY_FRAMES: int = 128
SEARCH_FRAMES: int = 32
BASE_MAX_FRAMES: int = 60
PENDING_FRAMES: int = 15
RATIO_BINS: int = 48
RATIO_LOWEST_DB: float = -70.0
RATIO_STEP_DB: float = 2.0
QUANTILE: float = 0.9
PRIOR_DB: float = -32.0
PRIOR_WEIGHT: float = 2.0
FORGET: float = 1.003
REJECTED_WEIGHT: float = 0.3
KNOWN_REJECTED_WEIGHT: float = 0.05
AUDIBLE_POWER: float = 0.000001
LEARN_POWER: float = 0.00000003
LEARN_RATIO: float = 0.4
PEAK_DECAY: float = 0.998
TAIL_DECAY: float = 0.78
CORRELATION_DECAY: float = 0.995
TRUST: float = 0.35
DISTRUST: float = 0.2
MIN_CORRELATED_FRAMES: int = 60
KNOWN_FRAMES: int = 50


def decibels(power: float) -> float:
    """Power in dB, -120 at least."""
    if power < 0.000000000001:
        return -120.0
    return 10.0 * math.log10(power)


class EchoModel:
    """Expected echo power per band, from what the assistant plays."""

    def __init__(self) -> None:
        self.expected = Float64Array(BAND_COUNT)
        self.total = 0.0
        self.unit = Float64Array(BAND_COUNT)
        self.loudest = Float64Array(BAND_COUNT)
        self.gain = Float64Array(BAND_COUNT)
        self.reference = Float64Array(HISTORY_FRAMES * BAND_COUNT)
        self.changes = Float64Array(HISTORY_FRAMES)
        self.at = 0
        self.quiet_frames = HISTORY_FRAMES
        self.reply_frames = 0
        self.base = 0
        self.counts = Float64Array(BAND_COUNT * RATIO_BINS)
        self.weight = 1.0
        self.pending = Int16Array(HISTORY_FRAMES * BAND_COUNT)
        self.pending_open = Int16Array(HISTORY_FRAMES)
        self.correlation = Float64Array(SEARCH_FRAMES)
        self.next_band = 0
        self.relearn()

    def relearn(self) -> None:
        """Another device or another room: begin again, from the careful side."""
        self.counts.fill(0.0)
        self.pending_open.fill(0)
        self.weight = 1.0
        self.learned_frames = 0
        self.correlation.fill(0.0)
        self.microphone_power = 0.0
        self.reference_power = 0.0
        self.correlated_frames = 0
        self.last_level = 0.0
        self.older_level = 0.0
        self.last_reference_level = 0.0
        self.older_reference_level = 0.0
        self.delay = -1
        prior = math.floor((PRIOR_DB - RATIO_LOWEST_DB) / RATIO_STEP_DB)
        for band in range(BAND_COUNT):
            self.counts[band * RATIO_BINS + prior] = PRIOR_WEIGHT
            self._set_gain(band)

    def learned(self) -> Any:
        """What is known of the way, to be taken up again by `adopt`; None while nothing is."""
        if not self.is_known():
            return None
        places = Array()
        for band in range(BAND_COUNT):
            level = decibels(self.gain[band]) - RATIO_LOWEST_DB
            places.push(math.floor(level / RATIO_STEP_DB - 0.5))
        return {"places": places, "delay": self.delay, "base": self.base}

    def adopt(self, learned: Any) -> None:
        """Begin with what an earlier conversation learned of the same devices."""
        self.relearn()
        self.counts.fill(0.0)
        for band in range(BAND_COUNT):
            place = max(0, min(RATIO_BINS - 1, learned.places[band]))
            self.counts[band * RATIO_BINS + place] = KNOWN_FRAMES
            self._set_gain(band)
        self.learned_frames = KNOWN_FRAMES
        if learned.base == self.base:
            self.delay = learned.delay

    def place(self, seconds: float) -> None:
        """Where to look for the echo: it comes no sooner than `seconds`."""
        base = max(0, min(BASE_MAX_FRAMES, math.floor(seconds * 100.0) - 2))
        if base != self.base:
            self.base = base
            self.correlation.fill(0.0)
            self.delay = -1

    def is_audible(self, hold_frames: int) -> bool:
        """Whether the assistant was audible within the last `hold_frames`."""
        return self.quiet_frames < hold_frames

    def is_known(self) -> bool:
        """Whether enough of the echo was heard to rely on what is expected."""
        return self.learned_frames >= KNOWN_FRAMES

    def predict(self, bands: Float64Array) -> None:
        """Take the reference's frame; `expected` is then the echo expected in this one."""
        self.at += 1
        if self.at == HISTORY_FRAMES:
            self.at = 0
        row = self.at * BAND_COUNT
        power = 0.0
        for band in range(BAND_COUNT):
            self.reference[row + band] = bands[band]
            power += bands[band]
        self._note_audible(power)
        first = self.base
        last = self.base + SEARCH_FRAMES
        if self.delay >= 0:
            first = max(0, self.delay - 1)
            last = self.delay + 2
        self.total = 0.0
        for band in range(BAND_COUNT):
            loudest = self.unit[band] * TAIL_DECAY
            for lag in range(first, last):
                loudest = max(loudest, self.reference[self._row(lag) + band])
            self.unit[band] = loudest
            self.expected[band] = loudest * self.gain[band]
            self.total += self.expected[band]

    def _row(self, lag: int) -> int:
        frame = self.at - lag
        if frame < 0:
            frame += HISTORY_FRAMES
        return frame * BAND_COUNT

    def _note_audible(self, power: float) -> None:
        if power > AUDIBLE_POWER:
            if self.quiet_frames >= 100:
                self.reply_frames = 0
            self.quiet_frames = 0
        elif self.quiet_frames < HISTORY_FRAMES:
            self.quiet_frames += 1
        self.reply_frames += 1
        level = max(0.0, decibels(power) + 60.0)
        self.changes[self.at] = max(-15.0, min(15.0, level - self.older_reference_level))
        self.older_reference_level = self.last_reference_level
        self.last_reference_level = level

    def learn(self, bands: Float64Array, floor: Float64Array, in_sound: bool) -> None:
        """Take the microphone's frame; a frame of a sound is put aside, not learned."""
        self._correlate(bands, floor, in_sound)
        row = self.at * BAND_COUNT
        for band in range(BAND_COUNT):
            place = -1
            unit = self.unit[band]
            self.loudest[band] = max(unit, self.loudest[band] * PEAK_DECAY)
            # Where the assistant is faint, the room's noise would pass for its echo.
            if unit > LEARN_POWER and unit > self.loudest[band] * LEARN_RATIO:
                above = max(bands[band] - floor[band], floor[band] * 0.1)
                ratio = decibels(above / unit)
                place = math.floor((ratio - RATIO_LOWEST_DB) / RATIO_STEP_DB)
                place = max(0, min(RATIO_BINS - 1, place))
            self.pending[row + band] = place
        self.pending_open[self.at] = 2 if in_sound else 1
        old = self.at - PENDING_FRAMES
        if old < 0:
            old += HISTORY_FRAMES
        if self.pending_open[old] == 1:
            self._commit(old, 1.0)
        self._set_gain(self.next_band)
        self.next_band += 1
        if self.next_band == BAND_COUNT:
            self.next_band = 0

    def put_aside(self, frames: int) -> None:
        """The last `frames` belong to a sound after all: do not learn them."""
        self._mark(frames, 2)

    def take_back(self, frames: int) -> None:
        """The last `frames` were no speech: they may have been echo, so they count a little."""
        # Once the echo is known, a cough is the likelier cause.
        weight = KNOWN_REJECTED_WEIGHT if self.is_known() else REJECTED_WEIGHT
        for lag in range(min(frames, HISTORY_FRAMES - 1)):
            frame = self._row(lag) // BAND_COUNT
            if self.pending_open[frame] != 0:
                self._commit(frame, weight)

    def _mark(self, frames: int, mark: int) -> None:
        for lag in range(min(frames, HISTORY_FRAMES - 1)):
            frame = self._row(lag) // BAND_COUNT
            if self.pending_open[frame] != 0:
                self.pending_open[frame] = mark

    def _commit(self, frame: int, weight: float) -> None:
        self.pending_open[frame] = 0
        row = frame * BAND_COUNT
        learned: bool = False
        for band in range(BAND_COUNT):
            place = self.pending[row + band]
            if place >= 0:
                self.counts[band * RATIO_BINS + place] += self.weight * weight
                learned = True
        if learned:
            self.learned_frames += 1
            # Growing weights are a decay of everything older.
            self.weight = self.weight * FORGET
            if self.weight > 1000000.0:
                self._shrink()

    def _shrink(self) -> None:
        for i in range(BAND_COUNT * RATIO_BINS):
            self.counts[i] = self.counts[i] / self.weight
        self.weight = 1.0

    def _set_gain(self, band: int) -> None:
        row = band * RATIO_BINS
        total = 0.0
        for i in range(RATIO_BINS):
            total += self.counts[row + i]
        rest = total * (1.0 - QUANTILE)
        place = RATIO_BINS - 1
        above = self.counts[row + place]
        while above <= rest and place > 0:
            place -= 1
            above += self.counts[row + place]
        ratio = RATIO_LOWEST_DB + (place + 1) * RATIO_STEP_DB
        self.gain[band] = math.pow(10.0, ratio / 10.0)

    def _correlate(self, bands: Float64Array, floor: Float64Array, in_sound: bool) -> None:
        """Find the delay at which the microphone's level follows the reference's."""
        power = 0.0
        quiet = 0.0
        for band in range(1, BAND_COUNT):
            power += bands[band]
            quiet += floor[band]
        level = max(0.0, decibels(power) - decibels(quiet))
        change = max(-15.0, min(15.0, level - self.older_level))
        self.older_level = self.last_level
        self.last_level = level
        if in_sound or self.quiet_frames > SEARCH_FRAMES + self.base:
            return
        self.correlated_frames += 1
        here = self.changes[self.at]
        self.microphone_power = self.microphone_power * CORRELATION_DECAY + change * change
        self.reference_power = self.reference_power * CORRELATION_DECAY + here * here
        best = 0
        for lag in range(SEARCH_FRAMES):
            frame = self._row(self.base + lag) // BAND_COUNT
            value = self.correlation[lag] * CORRELATION_DECAY + change * self.changes[frame]
            self.correlation[lag] = value
            if value > self.correlation[best]:
                best = lag
        scale = math.sqrt(self.microphone_power * self.reference_power)
        if self.correlated_frames < MIN_CORRELATED_FRAMES or scale <= 0.0:
            return
        strength = self.correlation[best] / scale
        if strength >= TRUST:
            self.delay = self.base + best
        elif strength < DISTRUST:
            self.delay = -1

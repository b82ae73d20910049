"""The room's noise, per band: followed through speech, and quick to accept a new steady sound.

Minimum statistics: the least smoothed power of the last one and a half seconds, corrected for being
a minimum. A fan that starts would be a sound for that long; a sound whose level hardly moves for
400 ms is called steady, and the detector may accept it as the new floor at once.
"""

from __future__ import annotations

import math

from .jsapi import Float64Array
from .spectrum import BAND_COUNT

SMOOTHING: float = 0.7
PART_FRAMES: int = 25
PARTS: int = 6
BIAS: float = 1.8
LOWEST_POWER: float = 0.000000001
START_POWER: float = 0.00000003
STEADY_FRAMES: int = 40
STEADY_DB: float = 1.6
FAR: float = 1000.0
UNREST_RATE: float = 0.007
UNREST_MOST_DB: float = 12.0
UNREST_USUAL_DB: float = 1.0
UNREST_SHARE: float = 1.5
UNREST_LIMIT_DB: float = 7.0


class NoiseFloor:
    """`power` is the noise expected in each band."""

    def __init__(self) -> None:
        self.power = Float64Array(BAND_COUNT)
        self.smooth = Float64Array(BAND_COUNT)
        self.mean = Float64Array(BAND_COUNT)
        self.least = Float64Array(BAND_COUNT)
        self.parts = Float64Array(BAND_COUNT * PARTS)
        self.levels = Float64Array(STEADY_FRAMES)
        self.relearn()

    def relearn(self) -> None:
        """Nothing is known of the room."""
        self.power.fill(START_POWER)
        self.smooth.fill(START_POWER)
        self.mean.fill(START_POWER)
        self.least.fill(FAR)
        self.parts.fill(START_POWER)
        self.unrest_db = 0.0
        self.frames = 0
        self.part = 0
        self.steady_frames = 0

    def note_unrest(self, bands: Float64Array, echo: float) -> None:
        """Take a frame that is no speech: talk in the background rises and falls; no fan does."""
        power = 0.0
        floor = 0.0
        for band in range(1, BAND_COUNT):
            power += bands[band]
            floor += self.power[band]
        if echo * 2.0 > power:
            return
        above = max(0.0, min(UNREST_MOST_DB, 10.0 * math.log10((power + LOWEST_POWER) / floor)))
        self.unrest_db += (above - self.unrest_db) * UNREST_RATE

    def unrest_over_db(self) -> float:
        """How far the noise is likely to rise above its floor, in dB; a fan's does not."""
        extra = max(0.0, self.unrest_db - UNREST_USUAL_DB) * UNREST_SHARE
        return min(UNREST_LIMIT_DB, extra)

    def follow(self, bands: Float64Array, echo: float, in_sound: bool) -> bool:
        """Take a frame; True when the sound in it has been steady for a while."""
        power = 0.0
        for band in range(BAND_COUNT):
            power += bands[band]
        if echo * 2.0 > power:
            # What the assistant's echo fills says nothing about the room.
            self.steady_frames = 0
            return False
        for band in range(BAND_COUNT):
            value = self.smooth[band] * SMOOTHING + bands[band] * (1.0 - SMOOTHING)
            self.smooth[band] = value
            self.mean[band] = self.mean[band] * 0.95 + bands[band] * 0.05
            if value < self.least[band]:
                self.least[band] = value
            low = max(LOWEST_POWER, value * BIAS)
            if low < self.power[band]:
                self.power[band] = low
        self.frames += 1
        if self.frames == PART_FRAMES:
            self._turn()
        return self._is_steady(power, in_sound)

    def _turn(self) -> None:
        """A part of the window is complete: the floor is the least of all parts."""
        self.frames = 0
        for band in range(BAND_COUNT):
            row = band * PARTS
            self.parts[row + self.part] = self.least[band]
            least = self.least[band]
            for i in range(PARTS):
                least = min(least, self.parts[row + i])
            self.power[band] = max(LOWEST_POWER, least * BIAS)
            self.least[band] = FAR
        self.part += 1
        if self.part == PARTS:
            self.part = 0

    def _is_steady(self, power: float, in_sound: bool) -> bool:
        if not in_sound or power <= 0.0:
            self.steady_frames = 0
            return False
        for i in range(STEADY_FRAMES - 1):
            self.levels[i] = self.levels[i + 1]
        self.levels[STEADY_FRAMES - 1] = 10.0 * math.log10(power)
        self.steady_frames += 1
        if self.steady_frames < STEADY_FRAMES:
            return False
        total = 0.0
        for i in range(STEADY_FRAMES):
            total += self.levels[i]
        mean = total / STEADY_FRAMES
        spread = 0.0
        for i in range(STEADY_FRAMES):
            spread += (self.levels[i] - mean) * (self.levels[i] - mean)
        return spread < STEADY_DB * STEADY_DB * STEADY_FRAMES

    def accept(self) -> None:
        """What sounds now is the floor; how far it rose above another says nothing any more."""
        self.unrest_db = 0.0
        for band in range(BAND_COUNT):
            self.power[band] = self.mean[band] * 1.2
            self.least[band] = self.mean[band]
            for i in range(PARTS):
                self.parts[band * PARTS + i] = self.mean[band] / BIAS * 1.2
        self.steady_frames = 0

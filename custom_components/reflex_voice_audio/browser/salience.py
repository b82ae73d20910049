"""How a frame of the microphone stands out from what is expected, and what it looks like.

Expected are the noise of the room and the assistant's echo, band by band. A frame is voiced with
formants, a hiss, bright, falling: figures and looks of single frames only. What they amount to is
the detector's business.
"""

from __future__ import annotations

import math

from .echo import EchoModel
from .jsapi import Float32Array, Float64Array
from .noise import NoiseFloor
from .spectrum import BAND_COUNT, Spectrum

FRAME_MS: int = 10
FIRST_BAND: int = 1
BRIGHT_BAND: int = 6
HIGH_BAND: int = 8
HUM_BANDS: int = 3
HISS_RATIO: float = 4.0
MARGIN_SLOPE: float = 0.06
TONE_SHARE: float = 0.98
RECENT_FRAMES: int = 5
FALLING_RATIO: float = 0.4
CLEAR_HUM: float = 0.01
CLOSED_HUM: float = 0.0025
OPEN_BANDS: int = 5
CLEAR_PITCH: float = 0.8


class Salience:
    """The last frame's `score` in dB over all bands, `bands_over`, `power`, and its looks."""

    def __init__(self, settings: dict[str, float]) -> None:
        """`settings` is the detector's own, as it is at any time."""
        self.settings = settings
        self.spectrum = Spectrum()
        self.echo = EchoModel()
        self.noise = NoiseFloor()
        self.bands = self.spectrum.microphone_bands
        self.score = 0.0
        self.power = 0.0
        self.floor_power = 0.0
        self.bands_over = 0
        self.low_over = 0
        self.weak = Float64Array(8)
        self.recent = Float64Array(RECENT_FRAMES)
        self.noise_margin = Float64Array(BAND_COUNT)
        self.minimum_power = 0.0
        self.hum_ratio = 0.0

    def configure(self) -> None:
        """The settings changed."""
        values = self.settings
        for band in range(BAND_COUNT):
            # The wider a band, the less its noise varies.
            margin = values["noise_margin_db"] * (1.0 - MARGIN_SLOPE * band)
            self.noise_margin[band] = math.pow(10.0, margin / 10.0)
        self.minimum_power = math.pow(10.0, values["minimum_level_dbfs"] / 10.0)
        self.hum_ratio = math.pow(10.0, values["hum_db"] / 10.0)

    def relearn(self) -> None:
        """The device changed: the floor and the echo are unknown again."""
        self.echo.relearn()
        self.noise.relearn()

    def take(self, frame: Float32Array, reference: Float32Array) -> None:
        """The next 10 ms of both; what echo they bring is known then."""
        self.spectrum.analyse(frame, reference)
        self.bands = self.spectrum.microphone_bands
        self.echo.predict(self.spectrum.reference_bands)

    def reach_back(self) -> int:
        """How many frames the rise may have begun ago, this one counted."""
        back = 1
        while back < 5 and self.weak[7 - back] > 0.0:
            back += 1
        return back

    def measure(self) -> None:
        """How far this frame rises above the floor and the echo."""
        margin = self.settings["echo_margin_db"]
        age = self.echo.reply_frames * FRAME_MS
        if age < self.settings["care_ms"]:
            margin += self.settings["care_db"] * (1.0 - age / self.settings["care_ms"])
        echo_margin = math.pow(10.0, margin / 10.0)
        unrest = math.pow(10.0, self.noise.unrest_over_db() / 10.0)
        self.score = 0.0
        self.bands_over = 0
        self.low_over = 0
        power = 0.0
        least = 0.0
        quiet = 0.0
        for band in range(BAND_COUNT):
            floor = self.noise.power[band] * self.noise_margin[band] * unrest
            limit = floor + self.echo.expected[band] * echo_margin
            value = self.bands[band]
            power += value
            least += limit
            quiet += floor
            if band >= FIRST_BAND and value > limit * 1.6:
                over = min(15.0, 10.0 * math.log10(value / limit))
                self.score += over
                self.bands_over += 1
                if band < HIGH_BAND:
                    self.low_over += 1
        self.power = power
        self.floor_power = max(self.minimum_power, quiet * 1.6)
        if power < self.minimum_power:
            self.score = 0.0
            self.bands_over = 0
        self._remember(power > least * 0.7 and power > self.minimum_power * 0.3)

    def _remember(self, is_weak_rise: bool) -> None:
        for i in range(RECENT_FRAMES - 1):
            self.recent[i] = self.recent[i + 1]
        self.recent[RECENT_FRAMES - 1] = self.power
        for i in range(7):
            self.weak[i] = self.weak[i + 1]
        self.weak[7] = 1.0 if is_weak_rise else 0.0

    def is_bright(self) -> bool:
        """More above 1.7 kHz than below, as in a click or a hiss, not as in a vowel."""
        return self._brightness() > 1.0

    def is_hiss(self) -> bool:
        """Almost all above 1.7 kHz: an "s" or "sh", not the rush of a cough."""
        return self.bands_over >= 2 and self._brightness() > HISS_RATIO

    def _brightness(self) -> float:
        bands = self.bands
        low = 0.0
        high = 0.0
        for band in range(FIRST_BAND, BAND_COUNT):
            if band < BRIGHT_BAND:
                low += bands[band]
            else:
                high += bands[band]
        return high / max(low, 0.000000000001)

    def is_falling(self) -> bool:
        """What was struck dies away from its beginning; a vowel stays for a while."""
        loudest = 0.0
        for i in range(RECENT_FRAMES):
            loudest = max(loudest, self.recent[i])
        return self.power < loudest * FALLING_RATIO

    def is_voice(self) -> bool:
        """Voiced, with energy above the hum, in several bands: a vowel or close to it."""
        if self.bands_over < self.settings["voiced_bands"]:
            return False
        bands = self.bands
        hum = 0.0
        formants = 0.0
        for band in range(BAND_COUNT):
            above = max(0.0, bands[band] - self.noise.power[band] - self.echo.expected[band])
            if band < HUM_BANDS:
                hum += above
            else:
                formants += above
        if formants < hum * self.hum_ratio and not self._is_open_hum(hum, formants):
            return False
        return self.is_periodic()

    def _is_open_hum(self, hum: float, formants: float) -> bool:
        """The "oo" and "ee" of people hum, too: with a clearer pitch than things, and with more
        above it than a closed mouth."""
        if formants < hum * CLOSED_HUM:
            return False
        if formants < hum * CLEAR_HUM and self.bands_over < OPEN_BANDS:
            return False
        if self.echo.total > self.minimum_power and not self.echo.is_known():
            return False
        return self.spectrum.periodicity() >= CLEAR_PITCH

    def is_tone(self, share: float) -> bool:
        """Whether one band holds more than `share` of the power."""
        most = 0.0
        for band in range(BAND_COUNT):
            most = max(most, self.bands[band])
        return most > self.power * share

    def is_periodic(self) -> bool:
        """Whether it has a pitch, and is more than a beep."""
        if self.is_tone(TONE_SHARE):
            return False
        return self.spectrum.periodicity() >= self.settings["periodicity"]

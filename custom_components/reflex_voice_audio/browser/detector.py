"""When a person begins to speak, and whether it is speech: decided in the browser, every 10 ms.

A sound is a *candidate* 10 to 40 ms after its onset, *confirmed* when speech-like evidence adds up
or it simply lasts, *rejected* when it ends before, and *ended* after a silence. Evidence is voiced
frames with formants: not a hum, not a click, not a rush of noise. While the assistant is audible a
frame counts only above the echo expected of it. The floor of the room is followed all the time.
All thresholds are in DEFAULTS; knows samples and frames, no ports and no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .jsapi import Float32Array, Object
from .salience import FRAME_MS, Salience
from .spectrum import FRAME_SAMPLES

STEADY_EVIDENCE_MS: int = 50
MASKED_FRAMES: int = 40
MASKING_RATIO: float = 6.0
HISS_MOST_MS: float = 120.0
LOUDEST_DECAY: float = 0.93
TAIL_RATIO: float = 0.1
SPENT_SCORE: float = 0.25
SPENT_RATIO: float = 0.06
UNREST_MS: float = 5.0
MURMUR_ECHO: float = 0.25
SAMPLES_PER_MS: int = 24
WARY_SAMPLES: int = 48000
STALE_ONSET_SAMPLES: int = 2400
WARY_EVIDENCE_MS: int = 30
PATIENT_EVIDENCE_MS: int = 36
SYLLABLE_SAMPLES: int = 4320
FADE_SAMPLES: int = 720
CARE_SLOPE: float = 3.0
CARE_MOST_DB: float = 6.0
FAINT_ECHO: float = 0.5
CALM_DB: float = 1.0
CLEAR_TONE_SHARE: float = 0.85

DEFAULTS: dict[str, float] = {
    # Pause on a candidate while the assistant is audible; 0 never does.
    "barge_in": 1,
    # Clear voice: a short word holds 70 to 200 of it; coughs and slams showed 54 at most.
    "confirm_speech_ms": 70,
    "confirm_unlearned_ms": 250,
    "confirm_sound_ms": 700,
    # What has shown no voice is over sooner than what has.
    "reject_silence_ms": 70,
    "reject_voice_ms": 260,
    # A sound soon after a rejected one goes on where that one stopped.
    "carry_ms": 400,
    "end_silence_ms": 300,
    # A candidate that is neither is given up.
    "candidate_most_ms": 1500,
    "candidate_ms": 20,
    "candidate_hiss_ms": 40,
    # A frame is part of a sound when bands rise this far above what is expected in them.
    "noise_margin_db": 4,
    "echo_margin_db": 3,
    "start_score_db": 14,
    # Voice that stands out this far, in a calm room, needs no second frame.
    "clear_voice_score_db": 40,
    "murmur_score_db": 10,
    "keep_score_db": 8,
    "minimum_level_dbfs": -58,
    # More care at the beginning of a reply, fading out.
    "care_db": 3,
    "care_ms": 1000,
    "reference_hold_ms": 400,
    # What counts as speech-like.
    "periodicity": 0.5,
    "hum_db": -14,
    "voiced_bands": 3,
    "unvoiced_weight": 0.4,
    "hiss_weight": 1,
    "click_drop_db": 6,
}

QUIET: int = 0
RISING: int = 1
CANDIDATE: int = 2
CONFIRMED: int = 3


class SpeechDetector:
    """Feeds on frames of microphone and reference, tells phases of sounds."""

    def __init__(self, tell: Callable[[str, int, int, bool], None]) -> None:
        """`tell(phase, sound, onset, during_playback)`; `onset` is a position in samples."""
        self.tell = tell
        self.settings: dict[str, float] = {}
        self.salience = Salience(self.settings)
        self.echo = self.salience.echo
        self.noise = self.salience.noise
        self.barge_in: bool = True
        self.running: bool = True
        self.position = 0
        self.state = QUIET
        self.sound = 0
        self.onset = 0
        self.last_active = 0
        self.heard_until = 0
        self.during_playback: bool = False
        self.is_told: bool = False
        self.is_answering: bool = False
        self.answered_at = -1000000
        self.carried_ms = 0.0
        self.carried_until: float = 0.0
        self.hiss_ms = 0.0
        self.silent_frames = 0
        self.sustained = 0
        self.peak_energy = 0.0
        self.evidence_ms = 0.0
        self.sound_ms = 0.0
        self.loudest = 0.0
        self.best_score = 0.0
        self.masked_frames = 0
        self.voiced_ago = 100
        self.wary_until = 0
        self.configure({})

    def configure(self, message: Any) -> None:
        """Take the settings that `message` has; the rest are as they were, or the defaults."""
        names = Object.keys(DEFAULTS)
        for i in range(len(names)):
            name = names[i]
            if Object.hasOwn(message, name):
                self.settings[name] = message[name]
            elif not Object.hasOwn(self.settings, name):
                self.settings[name] = DEFAULTS[name]
        values = self.settings
        self.salience.configure()
        self.barge_in = values["barge_in"] > 0
        self.click_ratio = math.pow(10.0, -values["click_drop_db"] / 10.0)
        self.hold_frames = math.ceil(values["reference_hold_ms"] / FRAME_MS)

    def relearn(self) -> None:
        """The device changed: the floor and the echo are unknown again."""
        self.salience.relearn()

    def place_echo(self, seconds: float) -> None:
        """A latency on the way: the echo comes no sooner."""
        self.echo.place(seconds)

    def follow_playback(self, is_answering: bool) -> None:
        """Whether an answer is playing, though it may pause for breath just now."""
        self.is_told = True
        self.is_answering = is_answering
        self.answered_at = self.position

    def _is_over_playback(self) -> bool:
        if not self.is_told:
            return self.echo.is_audible(self.hold_frames)
        held = self.position - self.answered_at < self.hold_frames * FRAME_SAMPLES
        return self.is_answering or held

    def stop(self) -> None:
        """Hear nothing; an open sound is over."""
        self.running = False
        self._close()

    def start(self) -> None:
        """Hear again."""
        self.running = True

    def push(self, frame: Float32Array, reference: Float32Array, energy: float) -> None:
        """Take 10 ms of both at 24 kHz; `energy` is the microphone's mean square."""
        self.position += FRAME_SAMPLES
        self.salience.take(frame, reference)
        if not self.running:
            return
        bands = self.salience.bands
        self.salience.measure()
        self._step(self._is_active(), energy)
        # What stands out is not learned, though it may be too faint for a sound.
        faint = self.salience.bands_over > 0 and self.echo.is_known() is True
        self.echo.learn(bands, self.noise.power, self.state != QUIET or faint)
        open_sound = self.state != QUIET and self.silent_frames == 0
        if self.state != CONFIRMED:
            self.noise.note_unrest(bands, self.echo.total)
        steady = self.noise.follow(bands, self.echo.total, open_sound) is True
        if steady and self.evidence_ms < STEADY_EVIDENCE_MS:
            # A sound that only goes on, without a voice in it, is the room's new floor.
            self.noise.accept()
            self._close()

    def _is_active(self) -> bool:
        """Whether this frame belongs to a sound."""
        seen = self.salience
        if self.state == QUIET:
            if seen.bands_over < 2 or seen.score < self.settings["murmur_score_db"]:
                return False
            if seen.score >= self.settings["start_score_db"] + self._care_db():
                return True
            # An "n" or "w" begins softly, but with a pitch.
            return self.echo.total < seen.power * MURMUR_ECHO and seen.is_periodic() is True
        limit = self.settings["keep_score_db"]
        if self.state == CONFIRMED:
            # What babbles on behind a person who has stopped is no part of the sound.
            limit = max(limit, self.best_score * SPENT_SCORE)
        elif self.evidence_ms < WARY_EVIDENCE_MS and seen.power < self.loudest * SPENT_RATIO:
            # A knock that rings on in the room is over.
            return False
        self.best_score = max(self.best_score, seen.score)
        return seen.score >= limit and seen.bands_over >= 1

    def _care_db(self) -> float:
        """How much further a sound must stand out over echo, or where others talk: both rise and
        fall, the noise of a room does not."""
        if self.echo.total > self.salience.floor_power * FAINT_ECHO:
            return CARE_MOST_DB
        return min(CARE_MOST_DB, self.noise.unrest_over_db() * CARE_SLOPE)

    def _step(self, active: bool, energy: float) -> None:
        self.voiced_ago += 1
        if active:
            self.silent_frames = 0
            self.last_active = self.position
        elif not (self.state == CANDIDATE and self._is_masked()):
            self.silent_frames += 1
        if active or self._fades():
            self.heard_until = self.position
        if self.state == QUIET:
            if active:
                self._rise()
                self._sustain(energy)
        elif self.state == RISING:
            self._sustain(energy if active else 0.0)
            if self.silent_frames >= 3:
                self.state = QUIET
        else:
            self._follow(active)

    def _fades(self) -> bool:
        """Too faint to hold a sound open, but it goes on from there and stands out of the room."""
        if self.state != CONFIRMED or self.position - self.heard_until > FADE_SAMPLES:
            return False
        seen = self.salience
        return seen.bands_over >= 1 and seen.score >= self.settings["keep_score_db"]

    def sound_end(self) -> int:
        """Where the last sound was over: a frame is judged with the one before it, so what is heard
        in a frame for the last time ended by its beginning."""
        return self.heard_until - FRAME_SAMPLES

    def _is_masked(self) -> bool:
        """Loud, but perhaps echo: playback is paused, so waiting for it to fade tells."""
        if not self.during_playback or self.masked_frames >= MASKED_FRAMES:
            return False
        if (
            self.salience.power <= self.salience.floor_power
            or self.salience.power > self.echo.total * MASKING_RATIO
        ):
            return False
        self.masked_frames += 1
        return True

    def _rise(self) -> None:
        """A first frame: note the onset where the energy rose, some frames back at most."""
        self.state = RISING
        back = self.salience.reach_back()
        self.onset = self.position - back * FRAME_SAMPLES
        self.during_playback = self._is_over_playback()
        self.sustained = 0
        self.peak_energy = 0.0
        self.evidence_ms = self.carried_ms if self.position < self.carried_until else 0.0
        self.carried_ms = 0.0
        self.hiss_ms = 0.0
        self.sound_ms = 0.0
        self.loudest = 0.0
        self.best_score = 0.0
        self.masked_frames = 0
        self.voiced_ago = 100
        self.echo.put_aside(back + 2)

    def _sustain(self, energy: float) -> None:
        """Whether the rise lasts: a click falls off at once, speech does not."""
        if energy <= 0.0:
            return
        if energy > self.peak_energy:
            self.peak_energy = energy
        if energy >= self.peak_energy * self.click_ratio:
            self.sustained += 1
        else:
            self.sustained = 0
            self.peak_energy = energy
            if self.position - self.onset > STALE_ONSET_SAMPLES:
                self.onset = self.position - FRAME_SAMPLES
        self._weigh()
        hiss = self.salience.low_over < 2 or self.salience.is_bright()
        needed = self.settings["candidate_hiss_ms"] if hiss else self.settings["candidate_ms"]
        if self.during_playback and not self.echo.is_known():
            needed += FRAME_MS
        elif self._is_clear_voice():
            needed = FRAME_MS
        if self.position < self.wary_until and self.evidence_ms < WARY_EVIDENCE_MS:
            return
        if self.sustained * FRAME_MS >= needed:
            self.state = CANDIDATE
            self.sound += 1
            self.tell("candidate", self.sound, self.onset, self.during_playback)

    def _is_clear_voice(self) -> bool:
        seen = self.salience
        if seen.score < self.settings["clear_voice_score_db"]:
            return False
        # Where a tone begins or ends, it is all bands for a frame, but most of it is the tone.
        if seen.is_tone(CLEAR_TONE_SHARE):
            return False
        return self.noise.unrest_over_db() < CALM_DB and seen.is_voice() is True

    def _follow(self, active: bool) -> None:
        """An open sound: count what speaks for speech, and the silence that ends it."""
        if active:
            self._weigh()
        else:
            self.sound_ms = max(0.0, self.sound_ms - FRAME_MS)
        silence = self.silent_frames * FRAME_MS
        if self.state == CONFIRMED:
            if silence >= self.settings["end_silence_ms"]:
                self._close()
        elif (
            self.evidence_ms >= self._needed_ms()
            or self.sound_ms >= self.settings["confirm_sound_ms"]
        ):
            self.state = CONFIRMED
            self.tell("confirmed", self.sound, self.onset, self.during_playback)
        elif silence >= self._patience_ms() or (
            (self.position - self.onset) // SAMPLES_PER_MS >= self.settings["candidate_most_ms"]
        ):
            self._close()

    def _needed_ms(self) -> float:
        """Evidence that confirms: more while the first reply's echo is not known yet."""
        if self.during_playback and not self.echo.is_known():
            # A late echo goes on for as long after the pause.
            return self.settings["confirm_unlearned_ms"] + self.echo.base * FRAME_MS
        # Where others talk in the background, what is said to the assistant must be clearer.
        return self.settings["confirm_speech_ms"] + self.noise.unrest_over_db() * UNREST_MS

    def _patience_ms(self) -> float:
        """How long a candidate may be silent."""
        if self.evidence_ms < PATIENT_EVIDENCE_MS or not self._is_syllable():
            return self.settings["reject_silence_ms"]
        return self.settings["reject_voice_ms"]

    def _is_syllable(self) -> bool:
        """The gap in a word comes soon after its vowel. What has lasted longer and shown so little
        voice, as a cough does at its end, is no word that goes on."""
        return self.last_active - self.onset <= SYLLABLE_SAMPLES

    def _weigh(self) -> None:
        """Add this frame to the evidence."""
        seen = self.salience
        self.loudest = max(seen.power, self.loudest * LOUDEST_DECAY)
        # The tail of a knock in a room lasts, but it is no sound that goes on.
        if seen.power < self.loudest * TAIL_RATIO:
            self.sound_ms = max(0.0, self.sound_ms - FRAME_MS)
            return
        if seen.is_falling():
            return
        self.sound_ms += FRAME_MS
        if seen.is_voice():
            # An "s" is a sound of speech once a vowel goes with it, frame by frame.
            hiss = min(self.hiss_ms, FRAME_MS)
            self.hiss_ms -= hiss
            self.evidence_ms += FRAME_MS + hiss * self.settings["hiss_weight"]
            self.voiced_ago = 0
        elif seen.is_hiss():
            self.hiss_ms = min(HISS_MOST_MS, self.hiss_ms + FRAME_MS)
        elif self.voiced_ago < 15 and (seen.bands_over >= 3 or seen.is_periodic()):
            # What follows a vowel at once goes with it: a nasal, a creak, a breath.
            self.evidence_ms += FRAME_MS * self.settings["unvoiced_weight"]

    def _close(self) -> None:
        """The open sound is over."""
        state = self.state
        self.state = QUIET
        if state == CANDIDATE:
            self.carried_ms = self.evidence_ms if self._is_syllable() else 0.0
            self.carried_until = self.last_active + self.settings["carry_ms"] * SAMPLES_PER_MS
            if self.evidence_ms < WARY_EVIDENCE_MS:
                # Typing, dishes: the next knock must show a voice before it interrupts.
                self.wary_until = self.position + WARY_SAMPLES
            if self.during_playback:
                self.echo.take_back((self.position - self.onset) // FRAME_SAMPLES)
            self.tell("rejected", self.sound, self.onset, self.during_playback)
        elif state == CONFIRMED:
            self.tell("ended", self.sound, self.onset, self.during_playback)

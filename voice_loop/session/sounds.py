"""Sounds and their places: the browser's time line, and the provider's laid over it.

The provider places speech on the line of audio appended to its connection; the browser on the line
of samples captured. `AppendLedger` translates the first into the second (mute and reconnects make
them differ); `SoundLog` finds which of the browser's sounds a stretch of speech belongs to.
Positions are samples of 24 kHz.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from voice_loop.audio.pcm import ms_to_samples
from voice_loop.protocol.events import SpeechPhase, UserSpeech

SAME_SOUND_MS: Final = 300
MAX_SOUNDS: Final = 64
MAX_SEGMENTS: Final = 256


class AppendLedger:
    """Which captured samples were appended to the present connection, in order."""

    def __init__(self) -> None:
        self._segments: deque[tuple[int, int]] = deque(maxlen=MAX_SEGMENTS)
        self.appended = 0

    def restart(self) -> None:
        """A new connection: its line begins at nothing."""
        self._segments.clear()
        self.appended = 0

    def append(self, position: int, samples: int) -> None:
        """`samples` captured at `position` went to the provider."""
        if not self._segments or self._captured(self.appended) != position:
            self._segments.append((self.appended, position))
        self.appended += samples

    def _captured(self, appended: int) -> int | None:
        for start, position in reversed(self._segments):
            if start <= appended:
                return position + appended - start
        return None

    def captured_at(self, appended_ms: float) -> int | None:
        """The captured position of a place on the provider's line; None when it is forgotten."""
        return self._captured(ms_to_samples(max(0.0, appended_ms)))


@dataclass(slots=True)
class Sound:
    """One sound of the browser's detector."""

    id: int
    onset: int
    end: int | None
    phase: SpeechPhase
    confirmed: bool
    during_playback: bool


class SoundLog:
    """The last sounds, by the number the browser gave them."""

    def __init__(self) -> None:
        self._sounds: dict[int, Sound] = {}

    def update(self, event: UserSpeech) -> Sound:
        """Take in one event of the detector."""
        sound = self._sounds.get(event.sound)
        if sound is None:
            sound = Sound(
                event.sound, event.position_samples, None, event.phase, False, event.during_playback
            )
            self._sounds[event.sound] = sound
            while len(self._sounds) > MAX_SOUNDS:
                del self._sounds[next(iter(self._sounds))]
        sound.phase = event.phase
        if event.phase == "confirmed":
            sound.confirmed = True
        if event.phase in ("rejected", "ended"):
            lasted = ms_to_samples(max(0.0, event.client_at_ms - event.client_onset_ms))
            sound.end = sound.onset + lasted
        return sound

    @property
    def any_open(self) -> bool:
        """A sound is going on."""
        return any(sound.end is None for sound in self._sounds.values())

    def overlapping(self, onset: int | None, end: int | None) -> list[Sound]:
        """Sounds within 300 ms of the stretch from `onset` to `end` (None: not over yet)."""
        if onset is None:
            return []
        tolerance = ms_to_samples(SAME_SOUND_MS)
        return [
            sound
            for sound in self._sounds.values()
            if (end is None or sound.onset <= end + tolerance)
            and (sound.end is None or sound.end >= onset - tolerance)
        ]

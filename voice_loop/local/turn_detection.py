"""From likelihoods of speech to turns: when the user started, paused, went on and stopped.

Pure: one likelihood per 32 ms frame in, at most one event out, times in samples of the appended
audio. Start: two frames above the threshold. Silence counts below a second, lower threshold, so
that a voice that wavers around the first does not chop its own sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from voice_loop.local.detector import FRAME_MS

START_FRAMES: Final = 2
HYSTERESIS: Final = 0.15
LOWEST_THRESHOLD: Final = 0.05
PATIENCE_MS: Final = {"low": 8_000.0, "medium": 4_000.0, "auto": 4_000.0, "high": 2_000.0}
COMPLETE_MS: Final = {"low": 800.0, "medium": 500.0, "auto": 500.0, "high": 300.0}
_SPECULATE_SHARE: Final = 0.4
_SPECULATE_MIN_MS: Final = 96.0
_SEMANTIC_SPECULATE_MS: Final = 200.0
FRAME_24K_SAMPLES: Final = 768
"""A detector frame on the 24 kHz line of appended audio."""


@dataclass(frozen=True, slots=True)
class Started:
    """Speech began at `onset_sample`."""

    onset_sample: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Silence has lasted long enough that recognising what there is may pay."""

    at_sample: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The pause was one: what was recognised is out of date."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The turn ended at `end_sample`, which includes the silence."""

    end_sample: int


TurnEvent = Started | Paused | Resumed | Stopped


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """A turn detector's numbers, from the session's `turn_detection`."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_ms: float = 500.0
    complete_ms: float | None = None
    """Semantic detection: the silence that ends a turn whose text sounds finished."""

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> TurnSettings:
        """Of a completed `server_vad` or `semantic_vad` object."""
        if wire["type"] == "semantic_vad":
            eagerness = wire["eagerness"]
            return cls(silence_ms=PATIENCE_MS[eagerness], complete_ms=COMPLETE_MS[eagerness])
        return cls(wire["threshold"], wire["prefix_padding_ms"], wire["silence_duration_ms"])

    @property
    def speculate_ms(self) -> float:
        """Silence after which recognition may start ahead of the turn's end."""
        if self.complete_ms is not None:
            return min(_SEMANTIC_SPECULATE_MS, self.complete_ms)
        return max(_SPECULATE_MIN_MS, self.silence_ms * _SPECULATE_SHARE)


class TurnDetector:
    """The state between two frames."""

    def __init__(self, settings: TurnSettings) -> None:
        self.adopt(settings)
        self._run = 0
        self._silent_frames = 0
        self._paused = False
        self.speaking = False
        self.sounds_complete = False
        """Set by the owner when the recognised text sounds finished (semantic detection)."""
        self.voiced_ms = 0.0
        """Voice heard in this turn."""

    def adopt(self, settings: TurnSettings) -> None:
        """From the next frame on; a turn that is open stays open."""
        self._settings = settings
        self._lower = max(LOWEST_THRESHOLD, settings.threshold - HYSTERESIS)

    @property
    def silence_limit_ms(self) -> float:
        """The silence that ends the turn now."""
        complete = self._settings.complete_ms
        if complete is not None and self.sounds_complete:
            return complete
        return self._settings.silence_ms

    @property
    def silence_left_ms(self) -> float:
        """How much more silence ends the turn."""
        return max(0.0, self.silence_limit_ms - self._silent_frames * FRAME_MS)

    def feed(self, likelihood: float, frame_start_sample: int) -> TurnEvent | None:
        """One frame, which starts at `frame_start_sample` of the 24 kHz line."""
        voiced = likelihood > self._settings.threshold
        if voiced:
            self.voiced_ms += FRAME_MS
        if not self.speaking:
            return self._wait_for_speech(voiced, frame_start_sample)
        if voiced or likelihood > self._lower:
            return self._go_on()
        return self._count_silence(frame_start_sample + FRAME_24K_SAMPLES)

    def _wait_for_speech(self, voiced: bool, frame_start_sample: int) -> TurnEvent | None:
        self._run = self._run + 1 if voiced else 0
        if self._run < START_FRAMES:
            if not voiced:
                self.voiced_ms = 0.0
            return None
        self.speaking = True
        self._silent_frames = 0
        return Started(max(0, frame_start_sample - (self._run - 1) * FRAME_24K_SAMPLES))

    def _go_on(self) -> TurnEvent | None:
        self._silent_frames = 0
        if not self._paused:
            return None
        self._paused = False
        self.sounds_complete = False
        return Resumed()

    def _count_silence(self, frame_end_sample: int) -> TurnEvent | None:
        self._silent_frames += 1
        silent_ms = self._silent_frames * FRAME_MS
        if silent_ms >= self.silence_limit_ms:
            self.reset()
            return Stopped(frame_end_sample)
        if not self._paused and silent_ms >= self._settings.speculate_ms:
            self._paused = True
            return Paused(frame_end_sample)
        return None

    def reset(self) -> None:
        """Back to silence; `voiced_ms` stays until the next turn, for whoever ended this one."""
        self.speaking = False
        self.sounds_complete = False
        self._paused = False
        self._run = 0
        self._silent_frames = 0


_TRAILING: Final = frozenset(
    ("a", "an", "and", "the", "of", "to", "in", "on", "at", "for", "with", "but", "or", "so", "if")
    + ("because", "when", "that", "my", "your", "is", "are", "was", "i", "um", "uh", "er", "hmm")
    + ("like", "please", "can", "could", "would", "what", "how")
)


_MAY_END: Final = frozenset(("on", "in", "is", "are", "for", "please", "that", "i"))
_WHOLE: Final = frozenset(
    ("yes", "yeah", "yep", "no", "nope", "ok", "okay", "sure", "thanks", "stop", "hello", "hi")
    + ("hey", "right", "fine", "good", "great", "exactly", "never", "always", "continue", "again")
    + ("goodbye", "bye", "perfect", "correct", "wrong", "maybe", "nothing", "help", "repeat")
)
"""Words that are answers by themselves."""


def sounds_finished(text: str) -> bool:
    """Whether a speaker who said this is probably done."""
    stripped = text.strip()
    if not stripped or stripped.endswith((",", "...", "-", "…")):
        return False
    words = stripped.lower().strip(".!?").split()
    if not words or stripped.endswith(("?", "!")):
        return bool(words)
    if len(words) == 1:
        return words[0] in _WHOLE
    # "Turn it on." ends there; "it is on" and "I was" do not.
    ends = stripped.endswith(".") and len(words) > 2 and words[-1] in _MAY_END
    return ends or words[-1] not in _TRAILING

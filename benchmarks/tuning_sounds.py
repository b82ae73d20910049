"""Sounds to tune the detector by: other voices, sentences and noises than the benchmark's.

The words that were once the benchmark's are here, too: they were looked at. `sounds` has the
held-out ones; a test holds the two apart. All seeded; mono float32 at 48 kHz, peak 1.0.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from benchmarks.sounds import FRAME, RATE_HZ, Samples, Sound, band, envelope, peak, spoken
from tests.speech import say

VOICES = (
    "en-us", "en-gb-x-rp", "en-us+f3", "en-gb-scotland+m3", "en-us+f5", "en-029+m7", "en-us+linda",
    "en-gb+steph", "en-us+victor", "en-gb-x-rp+f1", "en-us+m4", "en-gb+boris",
)  # fmt: skip
LONG_WORDS = (
    "Wait a moment please.",
    "Hold on, that is not what I meant.",
    "Stop talking, I have a question.",
    "No, tell me something else instead.",
    "Excuse me, what about tomorrow?",
    "Actually, I changed my mind.",
    "How much does it cost?",
    "Yes but what happens then?",
)
SHORT_WORDS = (
    "Stop!", "No wait.", "Hold on.", "Okay stop.", "Listen.", "Why?", "Thanks.", "Hey!", "What?",
    "Sorry?", "Please stop.", "Which one?",
)  # fmt: skip
ASSISTANT = (
    "The weather will be mild this afternoon, with a little wind from the west.",
    "You have two meetings, the first at ten and the second one just before lunch.",
    "Perhaps you would like me to read the messages that came in over night.",
    "Boil the water first, then add some salt, and stir it slowly for a minute.",
)
ASSISTANT_SPEAKERS = ("hibari", "en-us+m6", "en-gb+f2")
ASSISTANT_RMS = 0.1
DITHER = 2 / 32768


@functools.cache
def words(kind: str) -> list[Sound]:
    """Every voice says every sentence of the kind: `long` (≥ 700 ms) or `short` (300–700 ms)."""
    sentences = LONG_WORDS if kind == "long" else SHORT_WORDS
    speed = 165 if kind == "long" else 185
    made = [
        Sound(f"{text} ({voice})", kind, spoken(text, voice, speed))
        for text in sentences
        for voice in VOICES
    ]
    low, high = (700, 10_000) if kind == "long" else (300, 700)
    return [sound for sound in made if low <= sound.length_ms <= high]


@functools.cache
def assistant(seed: int) -> npt.NDArray[np.float64]:
    """What the loudspeaker says, 24 kHz, over and over, with pauses for breath."""
    speaker = ASSISTANT_SPEAKERS[seed % len(ASSISTANT_SPEAKERS)]
    parts = []
    for text in ASSISTANT:
        if speaker == "hibari":
            said = np.asarray(say(text), dtype=np.float64)
        else:
            whole = spoken(text, speaker).astype(np.float64)
            spectrum = np.fft.rfft(whole)[: len(whole) // 4 + 1]
            said = np.fft.irfft(spectrum, len(whole) // 2)
        parts += [said / np.sqrt(np.mean(said**2)) * ASSISTANT_RMS, np.zeros(4_800)]
    line = np.concatenate(parts)
    rng = np.random.default_rng(seed)
    return np.asarray(line + np.where(rng.random(len(line)) < 0.5, -DITHER, DITHER))


def cough(rng: np.random.Generator) -> Samples:
    """One or two bursts of throat noise, 120 to 220 ms each."""
    bursts = []
    for _ in range(int(rng.integers(1, 3))):
        length = int(rng.uniform(0.12, 0.22) * RATE_HZ)
        noise = band(rng.normal(size=length), 250, rng.uniform(3_000, 6_000))
        bursts += [noise * envelope(length, 240, length / 3), np.zeros(int(0.12 * RATE_HZ))]
    return peak(np.concatenate(bursts))


def click(rng: np.random.Generator) -> Samples:
    """A mouse or a pen: a few milliseconds, and silence to make whole frames."""
    length = int(rng.uniform(0.004, 0.015) * RATE_HZ)
    knock = rng.normal(size=length) * envelope(length, 4, length / 5)
    return peak(np.pad(knock, (0, 4 * FRAME - length)))


def keyboard(rng: np.random.Generator) -> Samples:
    """A second and a half of typing: clicks 70 to 180 ms apart."""
    line = np.zeros(int(1.5 * RATE_HZ))
    at = 0
    while True:
        at += int(rng.uniform(0.07, 0.18) * RATE_HZ)
        key = click(rng) * rng.uniform(0.4, 1.0)
        if at + len(key) > len(line):
            return peak(line)
        line[at : at + len(key)] += key


def door(rng: np.random.Generator) -> Samples:
    """A slam: a low thump that rings for a third of a second."""
    length = int(rng.uniform(0.25, 0.4) * RATE_HZ)
    time_s = np.arange(length) / RATE_HZ
    thump = np.sin(2 * np.pi * rng.uniform(60, 110) * time_s)
    noise = band(rng.normal(size=length), 40, 1_200)
    return peak((thump + 0.7 * noise) * envelope(length, 48, length / 5))


def hum(rng: np.random.Generator) -> Samples:
    """ "Mm-hmm": two closed-mouth syllables, their energy below 600 Hz."""
    parts = []
    for low, high in ((115, 105), (110, 140)):
        length = int(rng.uniform(0.14, 0.2) * RATE_HZ)
        pitch = np.linspace(low, high, length) * rng.uniform(0.9, 1.6)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
        tone = sum(np.sin(n * phase) / n**2 for n in range(1, 4))
        swell = np.sin(np.linspace(0, np.pi, length)) ** 0.5
        parts += [tone * swell, np.zeros(int(0.03 * RATE_HZ))]
    return peak(np.concatenate(parts[:-1]))


NOISES = {"cough": cough, "click": click, "keyboard": keyboard, "door": door, "mm-hmm": hum}


def noises(count_each: int, seed: int) -> list[Sound]:
    """`count_each` of every kind."""
    rng = np.random.default_rng(seed)
    return [
        Sound(f"{kind} {number}", kind, make(rng))
        for kind, make in NOISES.items()
        for number in range(count_each)
    ]

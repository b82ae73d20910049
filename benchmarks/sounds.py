"""Sounds for the interruption benchmark: words of several voices, noises, rooms. All seeded.

Words are spoken by espeak-ng (several voices, from the system's packages); noises, impulses and
room responses are made with numpy. None of them was used to tune the detector.
All samples are mono float32 at 48 kHz, peak 1.0 unless said otherwise.
"""

from __future__ import annotations

import functools
import io
import subprocess
import wave
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
RATE_HZ = 48_000
FRAME = RATE_HZ // 100

VOICES = ("en-us", "en-gb-x-rp", "en-us+f3", "en-gb-scotland+m3", "en-us+f5", "en-029+m7")
LONG_WORDS = (
    "Wait a moment please.",
    "Hold on, that is not what I meant.",
    "Stop talking, I have a question.",
    "No, tell me something else instead.",
    "Excuse me, what about tomorrow?",
)
SHORT_WORDS = ("Stop!", "No wait.", "Hold on.", "Okay stop.", "Listen.")


@dataclass(frozen=True)
class Sound:
    """A sound and where it begins."""

    name: str
    kind: str
    samples: Samples

    @property
    def onset(self) -> int:
        """First sample of the first 10 ms within 15 dB of the loudest 10 ms."""
        whole = self.samples[: len(self.samples) // FRAME * FRAME].reshape(-1, FRAME)
        energy = np.sqrt(np.mean(np.square(whole, dtype=np.float64), axis=1))
        return int(np.argmax(energy >= energy.max() * 10 ** (-15 / 20))) * FRAME

    @property
    def length_ms(self) -> float:
        """Whole length."""
        return len(self.samples) * 1000 / RATE_HZ


def _peak(samples: npt.ArrayLike) -> Samples:
    array = np.asarray(samples, dtype=np.float64)
    return np.asarray(array / (np.max(np.abs(array)) or 1.0), dtype=np.float32)


@functools.cache
def spoken(text: str, voice: str, speed_wpm: int = 165) -> Samples:
    """`text` by espeak-ng, trimmed. Raises FileNotFoundError where espeak-ng is not installed."""
    done = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(speed_wpm), "--stdout", text],
        capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    with wave.open(io.BytesIO(done.stdout)) as source:
        rate_hz = source.getframerate()
        data = source.readframes(source.getnframes())
    samples = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.float64)
    count = int(len(samples) * RATE_HZ / rate_hz)
    # Through the spectrum: exact below the source's own limit.
    spectrum = np.fft.rfft(samples)
    padded = np.zeros(count // 2 + 1, dtype=np.complex128)
    padded[: min(len(spectrum), len(padded))] = spectrum[: len(padded)]
    out = np.fft.irfft(padded, count)
    loud = np.flatnonzero(np.abs(out) > 0.01 * np.max(np.abs(out)))
    return _peak(out[loud[0] : loud[-1] + 1])


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


def _envelope(length: int, attack: int, decay: float) -> npt.NDArray[np.float64]:
    ramp = np.minimum(1.0, np.arange(length) / max(attack, 1))
    return np.asarray(ramp * np.exp(-np.arange(length) / decay))


def _band(noise: npt.NDArray[np.float64], low_hz: float, high_hz: float) -> npt.NDArray[np.float64]:
    spectrum = np.fft.rfft(noise)
    frequency = np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    spectrum[(frequency < low_hz) | (frequency > high_hz)] = 0
    return np.asarray(np.fft.irfft(spectrum, len(noise)))


def cough(rng: np.random.Generator) -> Samples:
    """One or two bursts of throat noise, 120 to 220 ms each."""
    bursts = []
    for _ in range(int(rng.integers(1, 3))):
        length = int(rng.uniform(0.12, 0.22) * RATE_HZ)
        noise = _band(rng.normal(size=length), 250, rng.uniform(3_000, 6_000))
        bursts += [noise * _envelope(length, 240, length / 3), np.zeros(int(0.12 * RATE_HZ))]
    return _peak(np.concatenate(bursts))


def click(rng: np.random.Generator) -> Samples:
    """A mouse or a pen: a few milliseconds, and silence to make whole frames."""
    length = int(rng.uniform(0.004, 0.015) * RATE_HZ)
    knock = rng.normal(size=length) * _envelope(length, 4, length / 5)
    return _peak(np.pad(knock, (0, 4 * FRAME - length)))


def keyboard(rng: np.random.Generator) -> Samples:
    """A second and a half of typing: clicks 70 to 180 ms apart."""
    line = np.zeros(int(1.5 * RATE_HZ))
    at = 0
    while True:
        at += int(rng.uniform(0.07, 0.18) * RATE_HZ)
        key = click(rng) * rng.uniform(0.4, 1.0)
        if at + len(key) > len(line):
            return _peak(line)
        line[at : at + len(key)] += key


def door(rng: np.random.Generator) -> Samples:
    """A slam: a low thump that rings for a third of a second."""
    length = int(rng.uniform(0.25, 0.4) * RATE_HZ)
    time_s = np.arange(length) / RATE_HZ
    thump = np.sin(2 * np.pi * rng.uniform(60, 110) * time_s)
    noise = _band(rng.normal(size=length), 40, 1_200)
    return _peak((thump + 0.7 * noise) * _envelope(length, 48, length / 5))


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
    return _peak(np.concatenate(parts[:-1]))


NOISES = {"cough": cough, "click": click, "keyboard": keyboard, "door": door, "mm-hmm": hum}


def noises(count_each: int, seed: int = 11) -> list[Sound]:
    """`count_each` of every kind."""
    rng = np.random.default_rng(seed)
    return [
        Sound(f"{kind} {number}", kind, make(rng))
        for kind, make in NOISES.items()
        for number in range(count_each)
    ]


def bed(kind: str, length_s: float, level_dbfs: float, seed: int = 5) -> Samples:
    """Background: `quiet` (room), `white`, `pink`, `babble`; RMS `level_dbfs`."""
    rng = np.random.default_rng(seed)
    length = int(length_s * RATE_HZ)
    if kind == "babble":
        line = np.zeros(length)
        for number in range(12):
            voice = spoken(LONG_WORDS[number % len(LONG_WORDS)], VOICES[number % len(VOICES)])
            for at in range(int(rng.integers(RATE_HZ)), length - len(voice), len(voice) + 9_600):
                line[at : at + len(voice)] += voice
    else:
        line = rng.normal(size=length)
        if kind != "white":
            spectrum = np.fft.rfft(line)
            spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
            line = np.fft.irfft(spectrum, length)
    rms = np.sqrt(np.mean(line**2)) or 1.0
    return np.asarray(line / rms * 10 ** (level_dbfs / 20), dtype=np.float32)


def room(seed: int, decay_s: float = 0.25, delay_ms: float = 12.0) -> Samples:
    """Impulse response from loudspeaker to microphone: direct sound, reflections, decay."""
    rng = np.random.default_rng(seed)
    length = int(decay_s * RATE_HZ)
    tail = rng.normal(size=length) * np.exp(-np.arange(length) / (length / 6.9)) * 0.15
    start = int(delay_ms * RATE_HZ / 1000)
    tail[:start] = 0
    tail[start] = 1.0
    for _ in range(6):
        tail[start + int(rng.integers(40, length // 3))] += rng.uniform(-0.4, 0.4)
    return np.asarray(tail / np.sqrt(np.sum(tail**2)), dtype=np.float32)

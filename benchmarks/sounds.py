"""Sounds for the interruption benchmark: words of several voices, noises, rooms. All seeded.

Words are spoken by espeak-ng (several voices, from the system's packages); noises, impulses and
room responses are made with numpy. None of them tunes the detector: `tuning_sounds` does.
All samples are mono float32 at 48 kHz, peak 1.0 unless said otherwise.
"""

from __future__ import annotations

import functools
import io
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Line = npt.NDArray[np.float64]
RATE_HZ = 48_000
FRAME = RATE_HZ // 100

VOICES = (
    "en-us-nyc+m2", "en-gb-x-gbcwmd+f2", "en-gb-x-gbclan+m1", "en-us+Andrea", "en-gb+Michael",
    "en-us+Annie", "en-gb-scotland+f4", "en-029+Lee",
)  # fmt: skip
LONG_WORDS = (
    "Could you say that again?",
    "Let me ask you something different.",
    "That is enough for now, thank you.",
    "Sorry, I meant the other one.",
    "Never mind, forget about it.",
    "Please be quiet for a minute.",
    "Do you know when it opens?",
)
SHORT_WORDS = (
    "Stop it.", "Enough!", "Be quiet.", "Not that.", "Hang on.", "Pause.", "And then?", "Quiet!",
)  # fmt: skip


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


def peak(samples: npt.ArrayLike) -> Samples:
    """The same sound with peak 1.0."""
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
    return peak(out[loud[0] : loud[-1] + 1])


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


def envelope(length: int, attack: int, decay: float) -> Line:
    """A ramp up over `attack` samples, then a decay to 1/e in `decay` samples."""
    ramp = np.minimum(1.0, np.arange(length) / max(attack, 1))
    return np.asarray(ramp * np.exp(-np.arange(length) / decay))


def band(noise: Line, low_hz: float, high_hz: float) -> Line:
    """Only what lies between the two frequencies."""
    spectrum = np.fft.rfft(noise)
    frequency = np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    spectrum[(frequency < low_hz) | (frequency > high_hz)] = 0
    return np.asarray(np.fft.irfft(spectrum, len(noise)))


def _resonance(noise: Line, centre_hz: float, width_hz: float) -> Line:
    """`noise` through one resonance of the mouth or of a thing that was struck."""
    spectrum = np.fft.rfft(noise)
    frequency = np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    shape = 1 / (1 + ((frequency - centre_hz) / (width_hz / 2)) ** 2)
    return np.asarray(np.fft.irfft(spectrum * shape, len(noise)))


def cough(rng: np.random.Generator) -> Samples:
    """One to three: a burst, a rush through an open mouth, sometimes a little voice at its end."""
    parts: list[Line] = []
    tract = [(rng.uniform(500, 800), 200), (rng.uniform(1_200, 1_700), 300), (2_900, 700)]
    for _ in range(int(rng.integers(1, 4))):
        length = int(rng.uniform(0.15, 0.3) * RATE_HZ)
        source = rng.normal(size=length)
        rush = np.sum([_resonance(source, *place) for place in tract], axis=0) + 0.05 * source
        time_s = np.arange(length) / RATE_HZ
        shape = np.exp(-time_s / 0.018) + 0.4 * np.exp(-(((time_s - 0.09) / 0.06) ** 2))
        sound = rush / np.max(np.abs(rush)) * shape
        if rng.random() < 0.4:
            tail = int(0.06 * RATE_HZ)
            phase = np.cumsum(np.linspace(rng.uniform(150, 220), 120, tail)) / RATE_HZ
            buzz = _resonance(2 * (phase % 1) - 1, tract[0][0], 250) * np.hanning(tail)
            sound[-tail:] += 0.3 * buzz / np.max(np.abs(buzz))
        parts += [sound, np.zeros(int(rng.uniform(0.08, 0.2) * RATE_HZ))]
    return peak(np.concatenate(parts[:-1]))


def click(rng: np.random.Generator) -> Samples:
    """A switch: down and, a little later, up; each rings for a few milliseconds."""
    line = np.zeros(8 * FRAME)
    for at, gain in ((0, 1.0), (int(rng.uniform(0.02, 0.06) * RATE_HZ), rng.uniform(0.2, 0.6))):
        knock = _struck(rng, 0.012, (1_500, 6_000), 0.003)
        line[at : at + len(knock)] += gain * knock
    return peak(line)


def _struck(
    rng: np.random.Generator, length_s: float, range_hz: tuple[float, float], decay_s: float
) -> Line:
    """Some modes of a thing that was struck, each with its decay, and the noise of the blow."""
    time_s = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    sound = 0.5 * rng.normal(size=len(time_s)) * np.exp(-time_s / (decay_s / 3))
    for _ in range(6):
        mode_hz = rng.uniform(*range_hz)
        ring = np.sin(2 * np.pi * (mode_hz * time_s + rng.random()))
        sound += rng.uniform(0.3, 1) * ring * np.exp(-time_s / (decay_s * rng.uniform(0.5, 1.2)))
    return np.asarray(sound)


def keyboard(rng: np.random.Generator) -> Samples:
    """One to two seconds of typing in bursts: each key goes down and comes up again."""
    line = np.zeros(int(rng.uniform(1.0, 2.0) * RATE_HZ))
    at = 0
    while at < len(line) - RATE_HZ // 8:
        loud = rng.uniform(0.3, 1.0)
        for offset_s, gain in ((0.0, loud), (rng.uniform(0.05, 0.09), 0.4 * loud)):
            key = _struck(rng, 0.03, (300, 3_500), 0.005)
            begin = at + int(offset_s * RATE_HZ)
            line[begin : begin + len(key)] += gain * key[: len(line) - begin]
        at += int(rng.choice((0.09, 0.13, 0.17, 0.3)) * rng.uniform(0.85, 1.15) * RATE_HZ)
    return peak(line)


def door(rng: np.random.Generator) -> Samples:
    """The latch, the slam, the wood that rings, and what the room makes of it."""
    time_s = np.arange(int(0.5 * RATE_HZ)) / RATE_HZ
    sound = _struck(rng, 0.5, (45, 380), rng.uniform(0.04, 0.09))
    sound += 0.4 * band(rng.normal(size=len(time_s)), 80, 2_500) * np.exp(-time_s / 0.03)
    latch = _struck(rng, 0.02, (900, 4_000), 0.004)
    at = int(rng.uniform(0.0, 0.04) * RATE_HZ)
    sound[at : at + len(latch)] += 0.5 * latch
    hall = rng.normal(size=RATE_HZ // 5) * np.exp(-np.arange(RATE_HZ // 5) / (0.035 * RATE_HZ))
    wet = np.convolve(sound, hall / np.sqrt(np.sum(hall**2)))[: len(sound)]
    return peak(sound + 0.25 * wet)


def hum(rng: np.random.Generator) -> Samples:
    """ "Mm-hmm": a buzz through the nose, two swells, the second one higher."""
    base_hz = rng.uniform(95, 210)
    parts = []
    for begin, end in ((1.0, 0.92), (0.95, rng.uniform(1.15, 1.35))):
        length = int(rng.uniform(0.15, 0.25) * RATE_HZ)
        phase = np.cumsum(np.linspace(begin, end, length) * base_hz) / RATE_HZ
        buzz = np.sum([np.sin(2 * np.pi * n * phase) / n for n in range(1, 9)], axis=0)
        nose = _resonance(buzz, 260, 90) + 0.02 * _resonance(buzz, 1_050, 300)
        parts += [nose * np.hanning(length) ** 0.4, np.zeros(int(rng.uniform(0, 0.06) * RATE_HZ))]
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


def bed(
    kind: str,
    length_s: float,
    level_dbfs: float,
    *,
    seed: int,
    sentences: Sequence[str] = LONG_WORDS,
    voices: Sequence[str] = VOICES,
) -> Samples:
    """Background: `quiet` (room), `white`, `pink`, `babble`; RMS `level_dbfs`."""
    rng = np.random.default_rng(seed)
    length = int(length_s * RATE_HZ)
    if kind == "babble":
        line = np.zeros(length)
        for number in range(12):
            voice = spoken(sentences[number % len(sentences)], voices[number % len(voices)])
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

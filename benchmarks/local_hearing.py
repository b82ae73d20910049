"""How well the offline assistant hears: word error rates by voice, clean and in white noise.

The voices: the bundled one, three of flite's, each built from a person's recordings, and a person
recorded for telephones (Debian's `flite` and `asterisk-core-sounds-en-wav`). Three of espeak-ng
stand apart: they are formant synthesis, no recording of anybody. What is not installed is left out
and named. A clip is heard as a turn comes out of the buffer: with what was before it, and a pause.
"""

from __future__ import annotations

import functools
import io
import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import sounds
from benchmarks.measure import active_level_db
from tests.listening import Samples, resample
from tests.speech import say
from voice_loop.local.brain.numbers import with_digits
from voice_loop.local.detector import SileroDetector
from voice_loop.local.ear import voice_in
from voice_loop.local.recogniser import MoonshineRecogniser

RATE_HZ: Final = 16_000
BUNDLED: Final = "bundled"
FLITE: Final = ("flite slt", "flite rms", "flite awb")
PERSON: Final = "a person, by telephone"
ROBOTS: Final = ("espeak en-us", "espeak en-gb-x-rp", "espeak en-us+f3")
NATURAL: Final = (BUNDLED, *FLITE, PERSON)
NOISE_SNR_DB: Final = 10.0
LEVEL: Final = 0.4
QUESTIONS: Final = (
    "What is seventeen plus twenty five?",
    "What time is it?",
    "How many days until Christmas?",
    "What is nine times eight?",
    "How many kilometers are ten miles?",
    "What day is it tomorrow?",
)
SENTENCES: Final = (
    *QUESTIONS,
    "Please turn on the light in the kitchen.",
    "I would like to book a table for four people on Friday evening.",
    "The train to the airport leaves at half past nine.",
    "Could you tell me how the weather will be at the weekend?",
    "My sister has two small children and a big black dog.",
    "No, that is not what I wanted to know.",
    "Say that again, please.",
    "Let us talk about something else now.",
)
RECORDINGS: Final = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
RECORDED: Final[Mapping[str, str]] = {
    "cannot-complete-as-dialed": "Your call cannot be completed as dialed.",
    "check-number-dial-again": "Please check the number and dial again.",
    "conf-onlyperson": "You are currently the only person in this conference.",
    "conf-waitforleader": "The conference will begin when the leader arrives.",
    "privacy-prompt": "Please enter your phone number, starting with the area code.",
    "queue-youarenext": (
        "Your call is now first in line and will be answered by the next available representative."
    ),
    "vm-nobodyavail": "Nobody is available to take your call at the moment.",
    "ss-noservice": (
        "The number you have dialed is not in service. Please check the number and try again."
    ),
    "confbridge-menu-exit-in": "To exit the menu.",
    "dir-nomatch": "No directory entries match your search.",
    "feature-not-avail-line": "That feature is not available on this line.",
    "vm-rec-busy": "After the tone, say your busy message, and then press the pound key.",
    "entr-num-rmv-blklist": "Please enter the number to be removed from the black list.",
    "auth-incorrect": "Password incorrect. Please enter your password followed by the pound key.",
}
_SAME: Final = {"kilometres": "kilometers", "ok": "okay"}


def installed(voice: str) -> bool:
    """The voice is on this machine."""
    if voice in FLITE:
        return shutil.which("flite") is not None
    if voice in ROBOTS:
        return shutil.which("espeak-ng") is not None
    return voice == BUNDLED or RECORDINGS.is_dir()


@functools.cache
def spoken(text: str, voice: str, rate_hz: int) -> Samples:
    """`text` by a voice, trimmed, at a normal level; of the person, the recording of that name."""
    kind, _, name = voice.partition(" ")
    if voice == BUNDLED:
        samples, from_hz = say(text), 24_000
    elif kind == "espeak":
        samples, from_hz = sounds.spoken(text, name), sounds.RATE_HZ
    elif kind == "flite":
        samples, from_hz = _by_flite(text, name)
    else:
        samples, from_hz = _of_wav((RECORDINGS / f"{text}.wav").read_bytes())
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    trimmed = resample(samples[loud[0] : loud[-1] + 1], from_hz, rate_hz)
    return np.asarray(trimmed / np.abs(trimmed).max() * LEVEL, np.float32)


def _by_flite(text: str, name: str) -> tuple[Samples, int]:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(
            ["flite", "-voice", name, "-t", text, "-o", file.name],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        return _of_wav(Path(file.name).read_bytes())


def _of_wav(data: bytes) -> tuple[Samples, int]:
    with wave.open(io.BytesIO(data)) as source:
        raw = source.readframes(source.getnframes())
        samples = np.asarray(np.frombuffer(raw, "<i2") / 32768, np.float32)
        return samples, source.getframerate()


def words(text: str) -> list[str]:
    """Lower case, numbers as figures, one spelling, no punctuation."""
    found = re.findall(r"[a-z0-9']+", " ".join(with_digits(text.replace("+", " plus "))).lower())
    return [_SAME.get(word, word) for word in found]


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Substitutions, deletions and insertions."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        corner, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (word != other))
    return row[-1]


def with_noise(speech: Samples, snr_db: float, seed: int) -> Samples:
    """White noise below the level of the sounding parts."""
    level = 10 ** ((active_level_db(speech, RATE_HZ) - snr_db) / 20)
    noise = np.random.default_rng(seed).normal(0, level, len(speech))
    return np.asarray(speech + noise, np.float32)


def measure_hearing(quick: bool) -> list[dict[str, Any]]:
    """Word error rates: a row for each voice, one for the natural ones and one for the robots."""
    recogniser, detector = MoonshineRecogniser(), SileroDetector()

    def heard(sound: Samples) -> list[str]:
        return words(recogniser.recognise(sound, voice_in(sound, detector)))

    rows = []
    for voice in filter(installed, (*NATURAL, *ROBOTS)):
        said = dict(RECORDED) if voice == PERSON else {text: text for text in SENTENCES}
        row: dict[str, Any] = {"voice": voice, "words": 0, "clean": 0, "noise": 0}
        for number, (name, text) in enumerate(list(said.items())[: 7 if quick else None]):
            clip = np.pad(spoken(name, voice, RATE_HZ), (4_800, 3_200))
            right = words(text)
            row["words"] += len(right)
            row["clean"] += word_errors(right, heard(clip))
            row["noise"] += word_errors(right, heard(with_noise(clip, NOISE_SNR_DB, number)))
        rows.append(row)
    natural = [row for row in rows if row["voice"] in NATURAL]
    robots = [row for row in rows if row["voice"] in ROBOTS]
    together = [_together("natural", natural), _together("robotic", robots)]
    return [rated(row) for row in (*rows, *together) if row["words"]]


def _together(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"voice": name, **{n: sum(r[n] for r in rows) for n in ("words", "clean", "noise")}}


def rated(row: Mapping[str, Any]) -> dict[str, Any]:
    """Errors as shares of the words."""
    return {
        "voice": row["voice"],
        "words": row["words"],
        "wer_clean": row["clean"] / row["words"],
        "wer_noise": row["noise"] / row["words"],
    }

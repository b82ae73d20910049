"""How well the offline assistant hears: word error rates by voice, clean and in white noise.

What counts are people, recorded, and the bundled voice. The people: one who read prompts for
telephones and two who recorded for a recogniser's tests (Debian's `asterisk-core-sounds-en-wav` and
`pocketsphinx-testdata`), two readers in the recogniser's own package. Synthesisers stand apart,
three voices of flite's and three of espeak-ng's: nobody speaks like that. What is not installed is
left out and named. A clip is heard as a turn comes out of the buffer: with what was before it, and
a pause.
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
from dataclasses import dataclass
from importlib.util import find_spec
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
ESPEAK: Final = ("espeak en-us", "espeak en-gb-x-rp", "espeak en-us+f3")
SYNTHESISERS: Final = (*FLITE, *ESPEAK)
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


@dataclass(frozen=True)
class Person:
    """Recordings of somebody: files, and what is said in them."""

    folder: Path
    said: Mapping[str, str]


def _in_package(name: str) -> Path:
    found = find_spec(name)
    return Path(found.origin).parent if found and found.origin else Path(name)


_ASTERISK: Final = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
_SPHINX: Final = Path("/usr/share/pocketsphinx/test/data")
_PROMPTS: Final[Mapping[str, str]] = {
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
_AUSTEN: Final[Mapping[str, str]] = {
    "0870": (
        "And Mr. John Dashwood had then leisure to consider how much there might be prudently in "
        "his power to do for them."
    ),
    "0880": "He was not an ill-disposed young man.",
    "0890": "Unless to be rather cold-hearted and rather selfish is to be ill-disposed.",
    "0920": (
        "Had he married a more amiable woman, he might have been made still more respectable than "
        "he was."
    ),
    "0930": "He might even have been made amiable himself.",
}
_COMMANDS: Final[Mapping[str, str]] = {
    "cards/001.wav": "Ten of clubs.",
    "cards/002.wav": "Four, queen of clubs.",
    "cards/003.wav": "Seven of clubs.",
    "cards/004.wav": "Five, five.",
    "cards/005.wav": "Eight of spades, four of clubs, seven of hearts.",
    "goforward.raw": "Go forward ten meters.",
    "something.raw": "Go somewhere and do something.",
}
_DICKENS: Final = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the "
    "age of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was "
    "the season of Light, it was the season of Darkness, it was the spring of hope, it was the "
    "winter of despair, we had everything before us, we had nothing before us, we were all "
    "going direct to Heaven, we were all going direct the other way - in short, the period was "
    "so far like the present period, that some of its noisiest authorities insisted on its "
    "being received, for good or for evil, in the superlative degree of comparison only."
)
_BECKETT: Final = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
_PACKAGED: Final = _in_package("moonshine_voice") / "assets"
PEOPLE: Final[Mapping[str, Person]] = {
    "a woman, recorded for telephones": Person(
        _ASTERISK, {f"{name}.wav": text for name, text in _PROMPTS.items()}
    ),
    "a reader of Austen": Person(
        _SPHINX / "librivox",
        {f"sense_and_sensibility_01_austen_64kb-{name}.wav": t for name, t in _AUSTEN.items()},
    ),
    "a man with an accent, giving commands": Person(_SPHINX, _COMMANDS),
    "a reader of Dickens": Person(_PACKAGED, {"two_cities.wav": _DICKENS}),
    "a reader of Beckett": Person(_PACKAGED, {"beckett.wav": _BECKETT}),
}
NATURAL: Final = (BUNDLED, *PEOPLE)
_SAME: Final = {"kilometres": "kilometers", "ok": "okay", "mister": "mr"}


def installed(voice: str) -> bool:
    """The voice is on this machine."""
    if voice in FLITE:
        return shutil.which("flite") is not None
    if voice in ESPEAK:
        return shutil.which("espeak-ng") is not None
    return voice == BUNDLED or PEOPLE[voice].folder.is_dir()


@functools.cache
def spoken(text: str, voice: str, rate_hz: int) -> Samples:
    """`text` by a voice, trimmed, at a normal level; of a person, the recording of that name."""
    kind, _, name = voice.partition(" ")
    if voice == BUNDLED:
        samples, from_hz = say(text), 24_000
    elif kind == "espeak":
        samples, from_hz = sounds.spoken(text, name), sounds.RATE_HZ
    elif kind == "flite":
        samples, from_hz = _by_flite(text, name)
    else:
        samples, from_hz = _recording(PEOPLE[voice].folder / text)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    trimmed = resample(samples[loud[0] : loud[-1] + 1], from_hz, rate_hz)
    return np.asarray(trimmed / np.abs(trimmed).max() * LEVEL, np.float32)


def _recording(file: Path) -> tuple[Samples, int]:
    data = file.read_bytes()
    if file.suffix == ".raw":
        return np.asarray(np.frombuffer(data, "<i2") / 32768, np.float32), RATE_HZ
    return _of_wav(data)


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
    """Word error rates: a row for each voice, one for the natural ones and one for the others."""
    recogniser, detector = MoonshineRecogniser(), SileroDetector()

    def heard(sound: Samples) -> list[str]:
        return words(recogniser.recognise(sound, voice_in(sound, detector)))

    rows = []
    for voice in filter(installed, (*NATURAL, *SYNTHESISERS)):
        said = PEOPLE[voice].said if voice in PEOPLE else {text: text for text in SENTENCES}
        row: dict[str, Any] = {"voice": voice, "words": 0, "clean": 0, "noise": 0}
        for number, (name, text) in enumerate(list(said.items())[: 7 if quick else None]):
            clip = np.pad(spoken(name, voice, RATE_HZ), (4_800, 3_200))
            right = words(text)
            row["words"] += len(right)
            row["clean"] += word_errors(right, heard(clip))
            row["noise"] += word_errors(right, heard(with_noise(clip, NOISE_SNR_DB, number)))
        rows.append(row)
    natural = [row for row in rows if row["voice"] in NATURAL]
    others = [row for row in rows if row["voice"] in SYNTHESISERS]
    together = [_together("natural", natural), _together("synthesisers", others)]
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

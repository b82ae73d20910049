"""Words of recorded people, to tune the detector by, and, other people, to measure it.

A synthesiser's voices are cleaner than anybody's. These are recordings in Debian's packages:
prompts for telephones (`asterisk-core-sounds-en-wav`, `-es-`, `-fr-`, `-it-`, `-ru-`), letters and
syllables (`klettres-data`), names of things (`ktuberling-data`), actors of two games
(`hedgewars-data`, `fillets-ng-data-nl`). What is not installed is left out and named. ffmpeg reads
them. Who speaks for tuning is never heard by the benchmark.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.sounds import FRAME, RATE_HZ, Line, Samples, Sound, peak

SHARE: Final = Path("/usr/share")
TELEPHONE: Final = SHARE / "asterisk/sounds"
LETTERS: Final = SHARE / "klettres"
THINGS: Final = SHARE / "ktuberling/sounds"
ACTORS: Final = SHARE / "games/hedgewars/Data/Sounds/voices"
TUNING: Final[Mapping[Path, tuple[str, ...]]] = {
    LETTERS: (
        "ar", "cs", "da", "de", "en", "en_GB", "es", "fr", "he", "hu", "it", "lt", "ml", "nb",
        "nds", "nl", "pt_BR", "ru", "tn", "uk",
    ),
    THINGS: ("ca", "da", "de", "el", "fr", "ga", "it", "ru"),
    TELEPHONE: ("en_US_f_Allison", "es_MX_f_Allison", "ru_RU_f_IvrvoiceRU"),
    ACTORS: ("Classic", "Default", "Default_pl", "Mobster", "Robot", "Russian", "Surfer"),
}  # fmt: skip
HELD_OUT: Final[Mapping[Path, tuple[str, ...]]] = {
    THINGS: ("en", "es", "lt", "pt", "ro", "sl", "sv", "uk", "wa"),
    TELEPHONE: ("fr_CA_f_June", "it_IT_m_Carlo"),
    ACTORS: (
        "British", "Default_es", "Default_ru", "Default_uk", "HillBilly", "Pirate", "Russian_pl",
        "Singer",
    ),
    SHARE / "games/fillets-ng/sound": ("*/nl",),
}  # fmt: skip
NO_WORDS: Final = (
    "Cough",
    "PoisonCough",
    "Laugh",
    "Hmm",
    "Oof",
    "Jump",
    "Ow",
    "Firepunch",
    "Kamikaze",
    "Ouch",
)
MOST_OF_EACH: Final = 8
LOOKED_AT: Final = 70
FADE: Final = RATE_HZ // 400
LOWEST: Final = 10**-3.0
QUIET: Final = 10**-2.8
"""A recording's own background is at least so far below its voice."""


@functools.cache
def words(kind: str, *, held_out: bool) -> list[Sound]:
    """Up to eight of everybody: `long` (700 to 3500 ms) or `short` (300 to 700 ms). Raises
    FileNotFoundError where ffmpeg is not installed."""
    low, high = (700, 3_500) if kind == "long" else (300, 700)
    found = []
    for folder, names in (HELD_OUT if held_out else TUNING).items():
        for name in names:
            said = _said_by(folder, name)
            fitting = (sound for sound in said if low <= sound.length_ms < high)
            some = [sound for sound, _ in zip(fitting, range(MOST_OF_EACH), strict=False)]
            found += [Sound(sound.name, kind, sound.samples) for sound in some]
    return found


def missing(*, held_out: bool) -> list[str]:
    """Who is not installed."""
    everybody = (HELD_OUT if held_out else TUNING).items()
    return [
        f"{folder.name}/{name}"
        for folder, names in everybody
        for name in names
        if not _files(folder, name)
    ]


@functools.cache
def _files(folder: Path, name: str) -> list[Path]:
    found = [
        path
        for path in sorted(folder.glob(f"{name}/**/*"))
        if path.suffix in (".wav", ".ogg") and not path.stem.startswith(NO_WORDS)
    ]
    np.random.default_rng(5).shuffle(found)
    return found[:LOOKED_AT]


def _said_by(folder: Path, name: str) -> Iterator[Sound]:
    for path in _files(folder, name):
        cut = trimmed(_read(path))
        if cut is not None:
            yield Sound(f"{path.stem} ({folder.name}/{name})", "", cut)


def _read(path: Path) -> Line:
    command = ["ffmpeg", "-v", "quiet", "-i", str(path), "-ac", "1", "-ar", str(RATE_HZ)]
    done = subprocess.run(
        [*command, "-f", "f32le", "-"], capture_output=True, check=False, timeout=30
    )
    return np.frombuffer(done.stdout, dtype="<f4").astype(np.float64)


def trimmed(samples: Line) -> Samples | None:
    """From the first to the last 10 ms within 30 dB of the loudest; nothing of what is noisy."""
    whole = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    if len(whole) < 20:
        return None
    power = np.mean(whole**2, axis=1) + 1e-14
    voice = float(np.mean(power[power > power.max() * 10**-1.5]))
    if float(np.percentile(power, 5)) > voice * QUIET:
        return None
    heard = np.flatnonzero(power > power.max() * LOWEST)
    cut = samples[max(0, heard[0] - 1) * FRAME : (heard[-1] + 1) * FRAME].copy()
    cut[:FADE] *= np.linspace(0, 1, FADE)
    cut[-FADE:] *= np.linspace(1, 0, FADE)
    return peak(cut)

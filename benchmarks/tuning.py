"""The speech detector without a browser: minutes of audio in seconds, to tune it by.

    python -m benchmarks.tuning --trials 200 --noises 40 --echo-s 60
    python -m benchmarks.tuning --people --trials 560 --noises 0 --echo-s 0

The detector's own Python hears a room at 24 kHz: words or noises, a bed, the answer's echo. The
answer pauses and goes on as the player would, and the input is as late as the browser's simulated
one. The spectrum alone is computed with numpy, in the same figures. Its sounds are those of
`tuning_sounds`: the benchmark's are never heard here, and a test holds the two apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import multiprocessing
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from reflex_voice_audio.browser.detector import SpeechDetector
from reflex_voice_audio.browser.jsapi import Float32Array
from reflex_voice_audio.browser.spectrum import (
    BAND_EDGES,
    FFT_SIZE,
    HALF_FRAME,
    PITCH_HISTORY,
    PITCH_LONGEST,
    PITCH_SHORTEST,
    PITCH_WINDOW,
    PRE_EMPHASIS,
    TOP_BAND,
    Spectrum,
)

from benchmarks import measure, people, tuning_sounds
from benchmarks.measure import percentile
from benchmarks.sounds import Sound, bed, room

Line = npt.NDArray[np.float64]
RATE_HZ = 24_000
FRAME = 240
QUANTUM = 64
"""One render quantum at 48 kHz, in wire samples."""
FADE = 96
HOP = 528
"""The simulated input is 22 ms late."""
ASSISTANT_DB = -20.0
BEDS = {"quiet": -62.0, "white": -50.0, "pink": -46.0, "babble": -48.0}
ROOMS: tuple[tuple[str, float | None], ...] = (
    ("quiet", None), ("white", None), ("pink", None), ("babble", None),
    ("quiet", -30.0), ("pink", -20.0), ("quiet", -12.0),
)  # fmt: skip


class FastSpectrum(Spectrum):
    """The same figures with numpy."""

    def __init__(self) -> None:
        super().__init__()
        self._mine = np.zeros(2 * HALF_FRAME)
        self._other = np.zeros(2 * HALF_FRAME)
        self._tails = np.zeros(2), np.zeros(2)
        self._high = [0.0, 0.0]
        self._pitched = np.zeros(PITCH_HISTORY)
        self._shape = np.array(self.window)

    def analyse(self, microphone: Any, reference: Any) -> None:
        self._mine = self._halved(self._mine, np.asarray(microphone), 0)
        self._other = self._halved(self._other, np.asarray(reference), 1)
        held = self._mine[HALF_FRAME:].reshape(-1, 2).mean(axis=1)
        fresh = held - PRE_EMPHASIS * np.concatenate([[self.last], held[:-1]])
        self.last = float(held[-1])
        self._pitched = np.concatenate([self._pitched[len(fresh) :], fresh])
        for line, bands in (
            (self._mine, self.microphone_bands), (self._other, self.reference_bands),
        ):  # fmt: skip
            power = np.abs(np.fft.rfft(line * self._shape, FFT_SIZE)) ** 2 * self.scale
            sums = np.add.reduceat(power, BAND_EDGES)[:TOP_BAND]
            for band in range(TOP_BAND):
                bands[band] = float(sums[band])
        self.microphone_bands[TOP_BAND], self.reference_bands[TOP_BAND] = self._high

    def _halved(self, held: Line, source: Line, which: int) -> Line:
        line = np.concatenate([self._tails[which], source])
        self._tails[which][:] = source[-2:]
        high = line[0:-3:2] - 3 * line[1:-2:2] + 3 * line[2:-1:2] - line[3::2]
        self._high[which] = float(np.mean(high**2)) / 64
        made = (line[0:-3:2] + 3 * line[1:-2:2] + 3 * line[2:-1:2] + line[3::2]) * 0.125
        return np.concatenate([held[HALF_FRAME:], made])

    def periodicity(self) -> float:
        line = self._pitched
        begin = PITCH_HISTORY - PITCH_WINDOW
        window = line[begin:]
        products = np.correlate(line[begin - PITCH_LONGEST + 1 :][:-PITCH_SHORTEST], window)
        squares = np.concatenate([[0.0], np.cumsum(line**2)])
        starts = begin - np.arange(PITCH_SHORTEST, PITCH_LONGEST)
        lagged = squares[starts + PITCH_WINDOW] - squares[starts]
        products = products[::-1]
        both = float(window @ window) * lagged
        good = (products > 0) & (both > 0)
        return float(np.sqrt(np.max(products[good] ** 2 / both[good], initial=0.0)))


@dataclasses.dataclass
class Trial:
    """A sound over the answer, and what came of it; milliseconds from its acoustic onset."""

    name: str
    kind: str
    bed: str
    echo_db: float | None
    into_ms: float
    first_ms: float | None = None
    stop_ms: float | None = None
    confirmed_ms: float | None = None
    pauses: int = 0
    lag_ms: float | None = None
    """From the sound's end until the answer goes on, of the last pause."""
    early: bool = False
    """Already silent when the sound came."""
    phases: str = ""


class Speaker:
    """The answer: plays, pauses with a fade, goes on with the next sample, or is cut."""

    def __init__(self, voice: Line) -> None:
        self._voice = voice
        self._at = 0
        self.gain = 0.0
        self.wanted = False
        self._late = QUANTUM
        self.changes: list[tuple[int, bool]] = []
        self._sample = 0

    def frame(self, wanted: bool) -> Line:
        """The next 10 ms; a change takes effect one quantum later."""
        out = np.zeros(FRAME)
        if wanted == self.wanted and self.gain in (0.0, 1.0):
            if self.gain:
                out[:] = self._take(FRAME)
        else:
            before = QUANTUM if wanted != self.wanted else 0
            if self.gain:
                out[:before] = self._take(before)
            ramp = np.linspace(0, 1, FADE)
            if wanted:
                out[before:] = self._take(FRAME - before)
                out[before : before + FADE] *= ramp
                self.changes.append((self._sample + before, True))
            else:
                out[before : before + FADE] = self._take(FADE) * ramp[::-1]
                self.changes.append((self._sample + before + FADE, False))
            self.gain = 1.0 if wanted else 0.0
        self.wanted = wanted
        self._sample += FRAME
        return out

    def _take(self, count: int) -> Line:
        index = (self._at + np.arange(count)) % len(self._voice)
        self._at += count
        return self._voice[index]


class Rig:
    """One room, one page: trials one after the other, so that the echo stays learned."""

    def __init__(
        self, where: tuple[str, float | None], seed: int, settings: dict[str, float]
    ) -> None:
        self.bed, self.echo_db = where
        self._rng = np.random.default_rng(seed)
        self.events: list[tuple[str, int]] = []
        self.detector = SpeechDetector(self._tell)
        self.detector.salience.spectrum = FastSpectrum()
        self.detector.configure(settings)
        self.speaker = Speaker(tuning_sounds.assistant(seed))
        self._bed = half(
            bed(
                self.bed, 12.0, BEDS[self.bed], seed=seed,
                sentences=tuning_sounds.LONG_WORDS, voices=tuning_sounds.VOICES,
            )
        )  # fmt: skip
        response = half(room(seed + 100)) * 2
        gain = 0.0 if self.echo_db is None else 10 ** (self.echo_db / 20)
        self._size = 1 << int(np.ceil(np.log2(len(response) + FRAME)))
        self._response = np.fft.rfft(response * gain, self._size)
        self._echo = np.zeros(self._size)
        self._late = np.zeros(HOP)
        self.now = 0
        self.answering = False
        self.paused = False
        self.paused_ms = 0

    def _tell(self, phase: str, sound: int, onset: int, during_playback: bool) -> None:
        name = phase if during_playback else f"{phase}!"
        if phase == "rejected":
            name += f"[{self.detector.evidence_ms:.0f}]"
        self.events.append((name, self.now))
        if not during_playback:
            return
        if phase == "candidate":
            self.paused = True
        elif phase == "rejected":
            self.paused = False
        elif phase == "confirmed":
            self.paused = False
            self.answering = False
            self.detector.follow_playback(False)

    def answer(self) -> None:
        """A reply begins, or goes on."""
        if not self.answering:
            self.answering = True
            self.detector.follow_playback(True)

    def run(self, count: int, source: Line | None = None) -> None:
        """`count` frames; `source` is what else sounds in the room."""
        for number in range(count):
            played = self.speaker.frame(self.answering and not self.paused)
            self._echo = np.concatenate([self._echo[FRAME:], np.zeros(FRAME)])
            whole = np.fft.irfft(np.fft.rfft(played, self._size) * self._response, self._size)
            self._echo += whole
            begin = self.now % len(self._bed)
            index = (begin + np.arange(FRAME)) % len(self._bed)
            heard = self._bed[index] + self._echo[:FRAME]
            if source is not None:
                part = source[number * FRAME : (number + 1) * FRAME]
                heard[: len(part)] += part
            line = np.concatenate([self._late, heard])
            self._late = line[FRAME:]
            microphone = line[:FRAME]
            self.now += FRAME
            self.detector.push(
                Float32Array(microphone.tolist()), Float32Array(played.tolist()),
                float(np.mean(microphone**2)),
            )  # fmt: skip

    def learn(self, length_ms: int) -> None:
        """Hear the room, as a microphone that was just opened does, then the answer for a while."""
        self.run(60)
        self.answer()
        self.run(length_ms // 10)

    def trial(self, sound: Sound, gain: float, into_ms: int | None) -> Trial:
        """Play it; `into_ms` after the beginning of a fresh answer, or somewhere in one."""
        if into_ms is not None and self.answering:
            self.answering = False
            self.detector.follow_playback(False)
        if not self.answering:
            self.run(80)
        delay = into_ms if into_ms is not None else int(self._rng.uniform(1_200, 2_000))
        self.answer()
        self.run(delay // 10)
        samples = half(sound.samples.astype(np.float64)) * gain
        lead = int(self._rng.integers(FRAME))
        onset = self.now + lead + sound.onset // 2
        end = onset + measure.sounding_end(sound.samples[sound.onset :], 48_000) // 2
        found = Trial(sound.name, sound.kind, self.bed, self.echo_db, delay)
        self.events = []
        self.speaker.changes = []
        found.early = not self.speaker.wanted
        line = np.concatenate([np.zeros(lead), samples])
        self.run(len(line) // FRAME + 110, line)
        self._judge(found, onset, end)
        return found

    def _judge(self, found: Trial, onset: int, end: int) -> None:
        found.phases = " ".join(f"{p}@{(at - onset) / 24:.0f}" for p, at in self.events)
        changes = self.speaker.changes
        stops = [at for at, on in changes if not on]
        if stops:
            found.first_ms = (stops[0] - onset) / 24
        said = [at for phase, at in self.events if phase == "confirmed"]
        if said:
            found.confirmed_ms = (said[0] - onset) / 24
            before = [at for at in stops if at <= said[0] + 2 * FRAME]
            found.stop_ms = ((before or stops)[-1] - onset) / 24 if stops else None
        goes_on = [at for at, on in changes if on]
        found.pauses = len(goes_on)
        if goes_on:
            found.lag_ms = (goes_on[-1] - end) / 24


def half(samples: npt.NDArray[Any]) -> Line:
    """48 to 24 kHz by the spectrum."""
    count = len(samples) // 2
    spectrum = np.fft.rfft(samples)[: count // 2 + 1]
    return np.asarray(np.fft.irfft(spectrum, count) * (count / len(samples)), dtype=np.float64)


def speak(job: tuple[int, int, dict[str, float], bool]) -> list[Trial]:
    """Words in one room."""
    index, count, settings, of_people = job
    where = ROOMS[index % len(ROOMS)]
    rng = np.random.default_rng(1_000 + index)
    rig = Rig(where, index, settings)
    rig.learn(5_000)
    floor_db = BEDS[where[0]] + 10
    if where[1] is not None:
        floor_db = max(floor_db, ASSISTANT_DB + where[1] + 6)
    found = []
    for number in range(count):
        kind = ("long", "short")[number % 2]
        words = words_of(kind, of_people)
        sound = words[int(rng.integers(len(words)))]
        level_db = max(floor_db + rng.uniform(0, 12), -45.0)
        gain = 10 ** ((level_db - measure.active_level_db(sound.samples, 48_000)) / 20)
        into_ms = int(rng.uniform(100, 900)) if number % 4 == 1 else None
        found.append(rig.trial(sound, min(1.0, gain), into_ms))
    return found


def words_of(kind: str, of_people: bool) -> list[Sound]:
    """Recorded people's, or a synthesiser's."""
    return people.words(kind, held_out=False) if of_people else tuning_sounds.words(kind)


def knock(job: tuple[int, int, dict[str, float]]) -> list[Trial]:
    """Noises in one room."""
    index, count, settings = job
    rng = np.random.default_rng(2_000 + index)
    rig = Rig((("quiet", "pink")[index % 2], None), index, settings)
    rig.learn(3_000)
    return [
        rig.trial(sound, 10 ** (rng.uniform(-26, -8) / 20), None)
        for sound in tuning_sounds.noises(count, seed=50 + index)
    ]


def listen(job: tuple[int, float, dict[str, float]]) -> dict[str, Any]:
    """The assistant hears itself."""
    index, length_s, settings = job
    level_db = (-10.0, -20.0, -30.0)[index % 3]
    rig = Rig(("quiet", level_db), index, settings)
    stops = pauses = 0
    for _ in range(int(length_s / 10)):
        rig.events = []
        rig.answer()
        rig.run(930)
        rig.answering = False
        rig.detector.follow_playback(False)
        rig.run(70)
        stops += sum(phase == "confirmed" for phase, _ in rig.events)
        pauses += sum(phase == "candidate" for phase, _ in rig.events)
    return {"level_db": level_db, "seconds": length_s, "pauses": pauses, "stops": stops}


def rows(trials: Sequence[Trial]) -> Iterator[str]:
    """A line for each group of words."""
    whole = [trial for trial in trials if not trial.early]
    groups = {
        "all": whole,
        "long": [t for t in whole if t.kind == "long"],
        "short": [t for t in whole if t.kind == "short"],
        "first second": [t for t in whole if t.into_ms < 1000],
        "echo": [t for t in whole if t.echo_db is not None],
        **{name: [t for t in whole if t.bed == name and t.echo_db is None] for name in BEDS},
    }
    cut = {name: sum(t.early and t.bed == name for t in trials) for name in BEDS}
    for name, group in groups.items():
        first = [t.first_ms for t in group if t.first_ms is not None]
        stop = [t.stop_ms for t in group if t.stop_ms is not None]
        yield (
            f"{name:13} n {len(group):4}  first {ms(first, 0.5)} {ms(first, 0.95)}"
            f"  stop {ms(stop, 0.5)} {ms(stop, 0.95)} {ms(stop, 1)}"
            f"  missed {sum(t.confirmed_ms is None for t in group):3}"
            f"  stutters {sum(t.pauses > 0 for t in group):3}"
            f"  cut before {cut[name] if name in cut else sum(cut.values()):3}"
        )


def noise_rows(trials: Iterable[Trial]) -> Iterator[str]:
    """A line for each kind of noise."""
    whole = list(trials)
    for kind in dict.fromkeys(t.kind for t in whole):
        group = [t for t in whole if t.kind == kind]
        lags = [t.lag_ms for t in group if t.lag_ms is not None]
        yield (
            f"{kind:13} n {len(group):4}  stops {sum(t.confirmed_ms is not None for t in group):3}"
            f"  paused {sum(t.pauses > 0 for t in group):3}"
            f"  goes on {ms(lags, 0.5)} {ms(lags, 0.95)} {ms(lags, 1)}"
        )


def ms(values: list[float], share: float) -> str:
    value = percentile(values, share)
    return "    -" if value is None else f"{value:5.0f}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, default=140)
    parser.add_argument("--noises", type=int, default=8, help="of each kind")
    parser.add_argument("--echo-s", type=float, default=30.0, help="at each of six rooms")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--people", action="store_true", help="recorded people's words")
    parser.add_argument("--all", action="store_true", help="a line for each trial")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def settings_of(options: argparse.Namespace) -> dict[str, float]:
    pairs = (pair.split("=") for pair in options.set)
    return {name: float(value) for name, value in pairs}


def main() -> None:
    """Run and tell."""
    options = parse()
    settings = settings_of(options)
    begun = time.monotonic()
    for kind in ("long", "short"):
        # Spoken once, before the work is shared out.
        words_of(kind, options.people)
    run_each = functools.partial(_run_each, options.processes)
    jobs = [(n, options.trials // 14, settings, options.people) for n in range(14)]
    spoken = run_each(speak, jobs)
    noisy = run_each(knock, [(n, options.noises // 2, settings) for n in range(2)])
    trials = [trial for part in spoken for trial in part]
    knocks = [trial for part in noisy for trial in part]
    if options.all:
        for trial in sorted([*trials, *knocks], key=lambda t: t.first_ms or 0):
            print(_line(trial))
    print("\n".join([*rows(trials), *noise_rows(knocks)]))
    if options.echo_s:
        for row in run_each(listen, [(n, options.echo_s, settings) for n in range(6)]):
            print(row)
    print(f"{time.monotonic() - begun:.0f} s")


def _run_each(processes: int, work: Any, jobs: list[Any]) -> list[Any]:
    with multiprocessing.Pool(processes) as pool:
        return pool.map(work, jobs, chunksize=1)


def _line(t: Trial) -> str:
    lag = "" if t.lag_ms is None else f"lag {t.lag_ms:.0f}"
    return (
        f"{t.kind:8} first {t.first_ms or -1:5.0f} stop {t.stop_ms or -1:5.0f} {lag:8}"
        f" pauses {t.pauses} {t.bed} {t.echo_db} in {t.into_ms:.0f} {t.name}: {t.phases}"
    )


if __name__ == "__main__":
    main()

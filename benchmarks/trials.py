"""One trial of the interruption benchmark: a sound over the answer, and what came of it.

A trial is planned (which sound, how loud, over which bed and echo, when), played, recorded and
judged from the recording and from what crossed the wire. Times are measured on the sample clock
of the recording; nothing here reads a wall clock.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import measure
from benchmarks.harness import Stage
from benchmarks.lab import AUDIBLE, LabState, Samples, Sent, Tape
from benchmarks.sounds import RATE_HZ, Sound
from tests.listening import find

AFTER_MS = 1_600
"""Recorded after a sound's end."""
SECOND_CHANCE_MS = 3_500
"""How long a transcript may take to interrupt."""
KICK_GAIN = 0.35


@dataclass(frozen=True)
class Plan:
    """What to do."""

    sound: Sound
    kind: str
    """`long`, `short`, or the kind of a noise."""
    gain: float
    bed: str
    echo_db: float | None
    delay_ms: float
    """After the answer began to sound, for a trial that waits for a fresh one; else from now."""
    first_second: bool = False


@dataclass
class Outcome:
    """What came of it. Times in ms; None: it did not happen or could not be told."""

    name: str
    kind: str
    bed: str
    echo_db: float | None
    first_second: bool
    into_answer_ms: float
    snr_db: float
    sound_ms: float
    stop_ms: float | None = None
    """Acoustic onset → last sample at the tap."""
    hop_ms: float | None = None
    """Source → microphone as delivered: the stand-in for the device's input latency."""
    output_latency_ms: float | None = None
    decided_ms: float | None = None
    """Acoustic onset → `user.barge_in` sent."""
    onset_error_ms: float | None = None
    second_stop_ms: float | None = None
    """Acoustic onset → last sample, of an interruption by the server."""
    first_silence_ms: float | None = None
    """Acoustic onset → the first silence, taken back or not."""
    confirmed: bool = False
    """The detector decided that it was meant."""
    interrupted: bool = False
    """By the page, upon the detector's word."""
    second_chance: bool = False
    """By the server, from the transcript or the provider's detector."""
    pauses: int = 0
    """Silences taken back."""
    pause_lag_ms: float | None = None
    """End of the sound → the answer goes on, of the last pause."""
    truncation_error_ms: float | None = None
    phases: list[str] = field(default_factory=list)
    problem: str | None = None
    """Why this trial says nothing."""


class Trials:
    """Plays plans on a stage, one after the other."""

    def __init__(self, stage: Stage, kick: Sound, keep: Path | None = None) -> None:
        self._stage = stage
        self._lab = stage.lab
        self._kick = kick
        self._keep = keep
        self._count = 0

    def state(self) -> LabState:
        return self._lab.state()

    def make_it_speak(self) -> bool:
        """An answer is being heard, or begins within a few seconds."""
        for _ in range(4):
            state = self.state()
            if state.speaking or self._lab.next_start(state.stopped, 4_000) is not None:
                return True
            self._kick_now()
            if self._lab.next_start(self.state().frame, 7_000) is not None:
                return True
        return False

    def _kick_now(self) -> None:
        self._lab.load(self._kick.name, self._kick.samples, RATE_HZ)
        self._lab.play(self._kick.name, KICK_GAIN)

    def learn(self, length_ms: float) -> None:
        """Let the page hear the answer in a new room for a while."""
        self.make_it_speak()
        self._stage.page.wait_for_timeout(length_ms)

    def run(self, plan: Plan, *, bed_db: float) -> Outcome:
        """Play one plan and judge it."""
        outcome = Outcome(
            plan.sound.name, plan.kind, plan.bed, plan.echo_db, plan.first_second, 0.0,
            measure.active_level_db(plan.sound.samples, RATE_HZ) + _db(plan.gain) - bed_db,
            plan.sound.length_ms,
        )  # fmt: skip
        started = self._begin(plan)
        if started is None:
            outcome.problem = "no answer"
            return outcome
        answer_at, first = started
        state = self.state()
        rate = state.rate
        scale = rate / RATE_HZ
        onset = first + int(plan.sound.onset * scale)
        last = first + int(len(plan.sound.samples) * scale) + AFTER_MS * rate // 1000
        outcome.into_answer_ms = (onset - answer_at) * 1000 / rate
        tape = self._lab.take(first - rate, last)
        self._stage.page.wait_for_timeout(50)
        _judge(outcome, tape, self._lab.take_sent(), (first, onset), self._stage)
        if plan.kind in ("long", "short") and not outcome.interrupted:
            self._wait_for_second_chance(outcome)
        outcome.output_latency_ms = state.output_latency_ms
        if outcome.problem is None and _noteworthy(outcome):
            self._save(outcome, tape)
        return outcome

    def _begin(self, plan: Plan) -> tuple[int, int] | None:
        """The frame the answer began at, and that of the sound's first sample."""
        self._lab.load(plan.sound.name, plan.sound.samples, RATE_HZ)
        rate = self.state().rate
        delay = int(plan.delay_ms * rate / 1000)
        if plan.first_second:
            return self._begin_with_a_fresh_answer(plan, delay)
        if not self.make_it_speak():
            return None
        self._lab.take_sent()
        state = self.state()
        # A second of recording before, so that everything is learned and aligned.
        frame = max(state.frame + delay, state.started + int(1.2 * rate))
        return state.started, self._lab.play(plan.sound.name, plan.gain, frame)

    def _begin_with_a_fresh_answer(self, plan: Plan, delay: int) -> tuple[int, int] | None:
        state = self.state()
        if state.speaking:
            # Only a new answer will do: end the present one by talking over it.
            self._kick_now()
        # Counted from what was known before: the answer may begin while we are busy.
        after = state.started if state.speaking else state.stopped
        return self._lab.play_after_start(plan.sound.name, plan.gain, delay, after, 12_000)

    def _wait_for_second_chance(self, outcome: Outcome) -> None:
        if not outcome.second_chance:
            self._stage.page.wait_for_timeout(SECOND_CHANCE_MS - AFTER_MS)
            outcome.second_chance = any(map(is_cut, self._lab.take_sent()))

    def watch(self, length_ms: float) -> tuple[Tape, list[Sent], bool]:
        """Listen for a while: the recording, what was sent, and whether an answer was lost."""
        self._lab.take_sent()
        state = self.state()
        last = state.frame + int(length_ms * state.rate / 1000)
        tape = self._lab.take(state.frame, last)
        sent = self._lab.take_sent()
        lost = any(is_cut(message) or _is(message, "barge_in") for message in sent)
        return tape, sent, lost

    def _save(self, outcome: Outcome, tape: Tape) -> None:
        if self._keep is None:
            return
        self._count += 1
        what = "stop" if outcome.interrupted or outcome.second_chance else "miss"
        name = "".join(c if c.isalnum() else "-" for c in outcome.name)
        path = self._keep / f"{self._count:03d}-{outcome.kind}-{what}-{name}.wav"
        save_tape(path, tape)


def save_tape(path: Path, tape: Tape) -> None:
    """Three channels: source, microphone, speaker."""
    lines = np.stack([tape.source, tape.microphone, tape.speaker], axis=1)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(3)
        out.setsampwidth(2)
        out.setframerate(tape.rate_hz)
        out.writeframes((np.clip(lines, -1, 1) * 32767).astype("<i2").tobytes())


def _db(gain: float) -> float:
    return 20 * float(np.log10(gain))


def _noteworthy(outcome: Outcome) -> bool:
    if outcome.kind in ("long", "short"):
        late = outcome.stop_ms is not None and outcome.stop_ms > 100
        return not outcome.confirmed or outcome.pauses > 0 or late
    return outcome.interrupted or outcome.second_chance


def _judge(
    outcome: Outcome, tape: Tape, sent: list[Sent], frames: tuple[int, int], stage: Stage
) -> None:
    """`frames`: of the sound's first sample and of its acoustic onset. A soft beginning may stop
    the answer before that onset: such a time is less than nothing."""
    begun, onset = frames
    at = onset - tape.first
    begin = begun - tape.first
    outcome.hop_ms = _hop_ms(tape)
    if tape.missing:
        outcome.problem = "the recorder missed blocks"
        return
    if float(np.max(np.abs(tape.speaker[begin - tape.rate_hz // 50 : begin]))) <= AUDIBLE:
        outcome.problem = "the answer was not sounding"
        return
    underruns = [m.body["underruns"] for m in sent if m.body.get("type") == "playback.report"]
    if underruns and underruns[-1] > underruns[0]:
        outcome.problem = "the player ran dry"
        return
    after = [message for message in sent if message.frame >= begun]
    outcome.phases = [_phase(message, tape, onset) for message in after if _is(message, "speech")]
    outcome.confirmed = any(phase.startswith("confirmed") for phase in outcome.phases)
    barge_in = next((message for message in after if _is(message, "barge_in")), None)
    cut = next((message for message in after if is_cut(message)), None)
    if barge_in is not None:
        outcome.interrupted = True
        _judge_stop(outcome, tape, barge_in, (begin, at), stage)
    elif cut is not None:
        outcome.second_chance = True
        stop = measure.stop_at(tape.speaker, begin, cut.frame - tape.first, tape.rate_hz)
        outcome.second_stop_ms = None if stop is None else tape.ms(stop.start - at)
    _judge_pauses(outcome, tape, (begin, at), barge_in or cut)


def _is(message: Sent, what: str) -> bool:
    return message.body.get("type") == f"user.{what}"


def is_cut(message: Sent) -> bool:
    """The server says that the answer was interrupted."""
    return message.body.get("type") == "audio.end" and message.body.get("reason") == "interrupted"


def _phase(message: Sent, tape: Tape, onset: int) -> str:
    """`candidate@58`: ms from the acoustic onset; `!`: the detector heard no answer then."""
    deaf = "" if message.body["during_playback"] else "!"
    return f"{message.body['phase']}{deaf}@{tape.ms(message.frame - onset):.0f}"


def _loud(tape: Tape, at: int, outcome: Outcome) -> Samples:
    length = int(outcome.sound_ms * tape.rate_hz / 1000)
    return tape.source[at : at + length]


def _judge_stop(
    outcome: Outcome, tape: Tape, barge_in: Sent, places: tuple[int, int], stage: Stage
) -> None:
    begin, at = places
    decided = barge_in.frame - tape.first
    outcome.decided_ms = tape.ms(decided - at)
    stop = measure.stop_at(tape.speaker, begin, decided, tape.rate_hz)
    if stop is None:
        outcome.problem = "no silence around the decision"
        return
    outcome.stop_ms = tape.ms(stop.start - at)
    body = barge_in.body
    answer = stage.wire.answer(int(body["turn"]), int(body["item"]))
    place = measure.place_in_answer(tape.speaker, stop.start, tape.rate_hz, answer)
    if place is not None and place.correlation > 0.9:
        latency = stage.lab.state().output_latency_ms
        # What had been rendered one output latency before the report was made.
        unheard = max(0.0, latency - tape.ms(decided - stop.start))
        outcome.truncation_error_ms = float(body["played_ms"]) - (place.end_ms - unheard)


def _judge_pauses(outcome: Outcome, tape: Tape, places: tuple[int, int], over: Sent | None) -> None:
    """Silences that were taken back before the answer was `over`."""
    begin, at = places
    limit = len(tape.speaker) if over is None else over.frame - tape.first
    taken_back = [
        silence
        for silence in measure.silences(tape.speaker, tape.rate_hz // 50)
        if begin <= silence.start and silence.end < min(limit, len(tape.speaker))
    ]
    outcome.pauses = len(taken_back)
    starts = [s.start for s in measure.silences(tape.speaker, tape.rate_hz // 50)]
    first = next((start for start in starts if start >= begin), None)
    outcome.first_silence_ms = None if first is None else tape.ms(first - at)
    if taken_back:
        sound_end = at + measure.sounding_end(_loud(tape, at, outcome), tape.rate_hz)
        outcome.pause_lag_ms = tape.ms(taken_back[-1].end - sound_end)


def _hop_ms(tape: Tape) -> float | None:
    """By correlation of the two lines: the browser's own way from a stream to the page."""
    rate = tape.rate_hz
    piece = tape.source[rate : rate + rate]
    reach = tape.microphone[rate : rate + rate + rate // 5]
    if len(reach) < len(piece):
        return None
    return tape.ms(find(piece, reach).lag)

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
from voice_loop.protocol.events import AudioEnd

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
    interrupted: bool = False
    """By the detector."""
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
            self._lab.load(self._kick.name, self._kick.samples, RATE_HZ)
            self._lab.play(self._kick.name, KICK_GAIN)
            if self._lab.next_start(self.state().frame, 7_000) is not None:
                return True
        return False

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
        _judge(outcome, tape, self._lab.take_sent(), onset, self._stage)
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
        self._settle()
        state = self.state()
        # A second of recording before, so that everything is learned and aligned.
        frame = max(state.frame + delay, state.started + int(1.2 * rate))
        return state.started, self._lab.play(plan.sound.name, plan.gain, frame)

    def _begin_with_a_fresh_answer(self, plan: Plan, delay: int) -> tuple[int, int] | None:
        state = self.state()
        if state.speaking:
            # Only a new answer will do: end the present one by talking over it.
            self._settle()
            self._lab.load(self._kick.name, self._kick.samples, RATE_HZ)
            self._lab.play(self._kick.name, KICK_GAIN)
        else:
            self._settle()
        # Counts from before: the answer may have begun while we were busy.
        after = max(state.stopped, state.started)
        if not state.speaking and state.started < state.stopped:
            after = state.stopped
        found = self._lab.play_after_start(plan.sound.name, plan.gain, delay, after, 12_000)
        self._stage.wire.events.clear()
        return found

    def _settle(self) -> None:
        self._lab.take_sent()
        self._stage.wire.events.clear()

    def _wait_for_second_chance(self, outcome: Outcome) -> None:
        ends = self._interrupted_by_server()
        if not ends:
            self._stage.page.wait_for_timeout(SECOND_CHANCE_MS - AFTER_MS)
            ends = self._interrupted_by_server()
        outcome.second_chance = ends

    def _interrupted_by_server(self) -> bool:
        return any(
            isinstance(event, AudioEnd) and event.reason == "interrupted"
            for event in self._stage.wire.events
        )

    def watch(self, length_ms: float) -> tuple[Tape, list[Sent], bool]:
        """Listen for a while: the recording, what was sent, and whether an answer was lost."""
        self._settle()
        state = self.state()
        last = state.frame + int(length_ms * state.rate / 1000)
        tape = self._lab.take(state.frame, last)
        sent = self._lab.take_sent()
        lost = self._interrupted_by_server() or any(
            message.body.get("type") == "user.barge_in" for message in sent
        )
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
        return not outcome.interrupted or late
    return outcome.interrupted or outcome.second_chance


def _judge(outcome: Outcome, tape: Tape, sent: list[Sent], onset: int, stage: Stage) -> None:
    at = onset - tape.first
    outcome.hop_ms = _hop_ms(tape)
    if tape.missing:
        outcome.problem = "the recorder missed blocks"
        return
    if float(np.max(np.abs(tape.speaker[at - tape.rate_hz // 50 : at]))) <= AUDIBLE:
        outcome.problem = "the answer was not sounding"
        return
    outcome.phases = [
        f"{message.body['phase']}@{tape.ms(message.frame - onset):.0f}"
        for message in sent
        if message.body.get("type") == "user.speech" and message.frame >= onset
    ]
    barge_in = next(
        (m for m in sent if m.body.get("type") == "user.barge_in" and m.frame >= onset), None
    )
    sound_end = at + int(measure.sounding_end(_loud(tape, at, outcome), tape.rate_hz))
    if barge_in is not None:
        outcome.interrupted = True
        _judge_stop(outcome, tape, barge_in, at, stage)
    _judge_pauses(outcome, tape, at, sound_end, barge_in)
    if any(
        isinstance(event, AudioEnd) and event.reason == "interrupted" for event in stage.wire.events
    ):
        outcome.second_chance = not outcome.interrupted


def _loud(tape: Tape, at: int, outcome: Outcome) -> Samples:
    length = int(outcome.sound_ms * tape.rate_hz / 1000)
    return tape.source[at : at + length]


def _judge_stop(outcome: Outcome, tape: Tape, barge_in: Sent, at: int, stage: Stage) -> None:
    decided = barge_in.frame - tape.first
    outcome.decided_ms = tape.ms(decided - at)
    stop = measure.stop_at(tape.speaker, at, decided, tape.rate_hz)
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


def _judge_pauses(
    outcome: Outcome, tape: Tape, at: int, sound_end: int, barge_in: Sent | None
) -> None:
    limit = len(tape.speaker) if barge_in is None else barge_in.frame - tape.first
    taken_back = [
        silence
        for silence in measure.silences(tape.speaker, tape.rate_hz // 50)
        if at <= silence.start and silence.end < min(limit, len(tape.speaker))
    ]
    outcome.pauses = len(taken_back)
    if taken_back:
        outcome.pause_lag_ms = tape.ms(taken_back[-1].end - sound_end)


def _hop_ms(tape: Tape) -> float | None:
    """By correlation of the two lines: the browser's own way from a stream to the page."""
    rate = tape.rate_hz
    piece = tape.source[rate : rate + rate]
    reach = tape.microphone[rate : rate + rate + rate // 5]
    if len(reach) < len(piece):
        return None
    return tape.ms(find(piece, reach).lag)

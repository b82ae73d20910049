"""What the speaker plays: a ring of 24 kHz samples, pulled through the resampler by the quantum.

The rule: every sample is accounted for. `rendered` counts what left for the output, `heard` what
had left one output latency ago, both per item, and pausing costs no sample: playback goes on with
the very next one. Every change between sound and silence is a fade of a few milliseconds. Audio of
turns that were flushed is dropped on arrival and counted. Knows nothing of ports or worklets:
messages come in through `receive`, reports go out through a callback.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .dsp import WIRE_RATE_HZ, Resampler
from .jsapi import Array, Float32Array, Int16Array
from .ledger import Ledger, Segment
from .peer import Peer

RING_SAMPLES: int = 96000
FADE_SECONDS: float = 0.004
START_MIN_MS: float = 60.0
START_MAX_MS: float = 400.0
START_GROWTH_MS: float = 40.0
START_SHRINK_MS: float = 10.0
SHRINK_AFTER_SECONDS: float = 10.0
START_WAIT_SECONDS: float = 0.3
REPORT_SECONDS: float = 0.1
PEER_PAUSE_SECONDS: float = 3.0

IDLE: int = 0
BUFFERING: int = 1
PLAYING: int = 2


class Playout:
    """The playback worklet's whole behaviour."""

    def __init__(self, rate: float, report: Callable[[Any], None]) -> None:
        self.rate = rate
        self.post = report
        self.peer = Peer()
        self.resampler = Resampler(WIRE_RATE_HZ, rate, math.ceil(128 * WIRE_RATE_HZ / rate) + 64)
        self.ring = Int16Array(RING_SAMPLES)
        self.scratch = Float32Array(math.ceil(128 * WIRE_RATE_HZ / rate) + 64)
        self.head = 0
        self.held = 0
        # Indices on the playing line: every sample ever queued has one.
        self.ledger = Ledger()
        self.taken = 0
        self.base = 0
        self.outputs = 0
        self.state = IDLE
        self.draining: bool = False
        self.gain = 0.0
        self.fade_samples = max(1, math.floor(FADE_SECONDS * rate + 0.5))
        self.gain_step = 1.0 / self.fade_samples
        self.paused_by_page: bool = False
        self.paused_by_peer: bool = False
        self.pause_reported: bool = False
        self.peer_pause_time = 0.0
        self.flush_turn = -1
        self.flush_ids = Array()
        self.flushing: bool = False
        self.flushed_turn = -1
        self.start_ms = START_MIN_MS
        self.smooth_samples = 0
        self.waited = 0
        self.underruns = 0
        self.dropped = 0
        self.since_report = 0.0
        self.stopped_time = 0.0

    # What comes in.

    def receive(self, message: Any) -> None:
        """One message of the page."""
        kind = message.type
        if kind == "audio":
            self.add_audio(message.turn, message.item, message.position, Int16Array(message.pcm))
        elif kind == "end":
            self.ledger.end_item(message.turn, message.item)
        elif kind == "flush":
            self.flush(message.turn, message.id)
        elif kind == "pause":
            self.pause(False)
        elif kind == "resume":
            self.resume()
        elif kind == "latency":
            self.ledger.latency = message.seconds

    def receive_peer(self, message: Any) -> None:
        """One message of the capture worklet: a sound may be an interruption, or was none."""
        if message.type == "pause":
            self.pause(True)
        elif message.type == "resume" or not self.pause_reported:
            # After a sound that was meant, only what never began to sound is let go.
            self.paused_by_peer = False

    def add_audio(self, turn: int, item: int, position: int, pcm: Int16Array) -> None:
        """Queue samples of an item; what is flushed, known already or too much is dropped."""
        total = len(pcm)
        last = self.ledger.last()
        if turn <= self.flushed_turn or (last is not None and turn < last.turn):
            self.dropped += 1
            return
        skip = 0
        if last is None or last.turn != turn or last.item != item:
            last = self.ledger.open_segment(turn, item, position)
        else:
            expected = last.position + last.length
            if position < expected:
                skip = min(total, expected - position)
            elif position > expected:
                self.dropped += 1
                last = self.ledger.open_segment(turn, item, position)
        count = min(total - skip, RING_SAMPLES - self.held)
        if count < total - skip:
            self.dropped += 1
        self._write(pcm, skip, count)
        last.length += count
        if self.state == IDLE and count > 0:
            self.state = BUFFERING
            self.waited = 0

    def _write(self, pcm: Int16Array, skip: int, count: int) -> None:
        ring = self.ring
        at = self.head + self.held
        if at >= RING_SAMPLES:
            at -= RING_SAMPLES
        for i in range(count):
            ring[at] = pcm[skip + i]
            at += 1
            if at == RING_SAMPLES:
                at = 0
        self.held += count
        self.ledger.queued += count

    def pause(self, by_peer: bool) -> None:
        """Fade out and hold; nothing is lost. The peer's holds an answer's next item, too."""
        if by_peer:
            self.paused_by_peer = True
            self.peer_pause_time = self.ledger.now
        elif self.state != IDLE:
            self.paused_by_page = True

    def resume(self) -> None:
        """Go on with the sample after the last one rendered."""
        self.paused_by_page = False
        self.paused_by_peer = False

    def flush(self, turn: int, flush_id: Any) -> None:
        """Drop every turn up to `turn`, after a fade if it is sounding; then report `flushed`."""
        self.flushed_turn = max(self.flushed_turn, turn)
        self.flush_turn = max(self.flush_turn, turn)
        self.flush_ids.push(flush_id)
        self.flushing = True
        sounding = self.ledger.at(self.ledger.rendered + 1)
        if self.gain <= 0.0 or sounding is None or sounding.turn > self.flush_turn:
            self._complete_flush()

    def _complete_flush(self) -> None:
        self.flushing = False
        heard = self.ledger.heard()
        segment = self.ledger.at(heard)
        if segment is not None and segment.turn <= self.flush_turn:
            if self.gain > 0.0 or not self.pause_reported:
                self.stopped_time = self.ledger.now
            self._report("stopped")
        messages = Array()
        while len(self.flush_ids) > 0:
            message = self.ledger.message("flushed", segment, heard)
            message["id"] = self.flush_ids.shift()
            messages.push(message)
        self._drop_flushed()
        for i in range(len(messages)):
            self.post(messages[i])

    def _drop_flushed(self) -> None:
        first = self.ledger.drop(self.flush_turn)
        gone = first - self.taken
        if gone <= 0 and self.ledger.last() is not None:
            # What sounds is newer than what was flushed.
            return
        self.head = self.head + gone
        if self.head >= RING_SAMPLES:
            self.head -= RING_SAMPLES
        self.held -= gone
        self.taken = first
        self.paused_by_page = False
        self.paused_by_peer = False
        self.pause_reported = False
        self.gain = 0.0
        self._begin_stretch()
        self.state = BUFFERING if self.held > 0 else IDLE
        self.waited = 0

    def _begin_stretch(self) -> None:
        """The next sample taken begins a new stretch of the resampler."""
        self.resampler.reset()
        self.draining = False
        self.base = self.taken
        self.outputs = 0

    # What goes out.

    def render(self, target: Float32Array, count: int, time: float) -> None:
        """Fill `target` with the quantum that begins at `time` (context seconds)."""
        self.ledger.now = time + count / self.rate
        if self.paused_by_peer and self.ledger.now - self.peer_pause_time > PEER_PAUSE_SECONDS:
            # The capture side is gone: a question nobody answers must not end the answer.
            self.paused_by_peer = False
        made = 0
        if self.state == BUFFERING and not self._is_paused():
            self._try_start(count)
        if self.state == PLAYING:
            made = self._play(target, count, time)
        for i in range(made, count):
            target[i] = 0.0
        self.ledger.remember()
        self._retire()
        self.peer.follow(self.state != IDLE or self.ledger.heard() < self.ledger.queued)
        self.since_report += count / self.rate
        if self.state == PLAYING and self.gain > 0.0 and self.since_report >= REPORT_SECONDS:
            self._report("playing")

    def _is_paused(self) -> bool:
        return self.paused_by_page or self.paused_by_peer

    def _try_start(self, count: int) -> None:
        self.waited += count
        enough = self.held >= self.start_ms * WIRE_RATE_HZ / 1000.0
        waited = self.waited >= START_WAIT_SECONDS * self.rate
        if self.ledger.is_ended() and self.held == 0:
            self._finish_stretch()
        elif enough or self.ledger.is_ended() or (waited and self.held > 0):
            self.state = PLAYING
            self.smooth_samples = 0

    def _play(self, target: Float32Array, count: int, time: float) -> int:
        goal = 0.0 if self._is_paused() or self.flushing else 1.0
        if goal == 0.0 and self.gain <= 0.0:
            self._hold(time)
            return 0
        if goal > 0.0 and self.pause_reported:
            self.pause_reported = False
            self._report("resumed")
        most = count
        if goal == 0.0:
            most = min(count, math.ceil(self.gain / self.gain_step))
        self._take(most)
        left = self._outputs_left()
        made = self.resampler.produce(target, 0, min(most, left))
        self._shape(target, made, goal, left)
        self._account(made, time)
        if goal == 0.0 and (self.gain <= 0.0 or made < most):
            self.gain = 0.0
            self._hold(time + made / self.rate)
        elif goal > 0.0 and made >= left:
            self._run_dry()
        return made

    def _hold(self, time: float) -> None:
        """The output is silent from `time` on, because of a pause or a flush."""
        if self.flushing:
            self.stopped_time = time
            self.pause_reported = True
            self._complete_flush()
        elif not self.pause_reported:
            self.pause_reported = True
            self.stopped_time = time
            self._report("paused")

    def _take(self, most: int) -> None:
        """Move from the ring into the resampler what `most` outputs need."""
        need = self.resampler.needed(most)
        # What arrives while the end is played out begins a new stretch.
        count = 0 if self.draining else min(need, self.held)
        scratch = self.scratch
        ring = self.ring
        at = self.head
        for i in range(count):
            scratch[i] = ring[at] / 32768.0
            at += 1
            if at == RING_SAMPLES:
                at = 0
        self.head = at
        self.held -= count
        self.taken += count
        if self.draining or (self.held == 0 and self.ledger.is_ended()):
            self.draining = True
            for i in range(count, need):
                scratch[i] = 0.0
            count = need
        self.resampler.feed(scratch, count)

    def _outputs_left(self) -> int:
        """Outputs until the sound must be over, if nothing more arrives."""
        if self.draining:
            end = math.ceil((self.taken - self.base) * self.rate / WIRE_RATE_HZ)
            return max(0, end - self.outputs)
        more = self.held
        if self.ledger.is_ended():
            more += self.resampler.lookahead()
        return self.resampler.outputs_of(more)

    def _shape(self, target: Float32Array, made: int, goal: float, left: int) -> None:
        """Gain over the block: towards `goal`, and down to nothing where the sound runs out."""
        gain = self.gain
        step = self.gain_step
        if gain >= 1.0 and goal >= 1.0 and left - made > self.fade_samples:
            return
        for i in range(made):
            limit = min(goal, (left - i - 1) * step)
            if gain < limit:
                gain = min(gain + step, limit)
            else:
                gain = max(gain - step, limit, 0.0)
            target[i] = target[i] * gain
        self.gain = gain if gain > 0.000001 else 0.0

    def _account(self, made: int, time: float) -> None:
        before = max(self.ledger.rendered, self.base)  # what was flushed takes no time
        self.outputs += made
        line = self.base + math.floor(self.outputs * WIRE_RATE_HZ / self.rate + 0.000001)
        self.ledger.rendered = max(before, min(line, self.taken))
        for i in range(len(self.ledger.segments)):
            segment = self.ledger.segments[i]
            if not segment.started and self.ledger.rendered > segment.begin:
                segment.started = True
                ahead_s = max(0, segment.begin - before) / WIRE_RATE_HZ
                self._report_started(segment, time + ahead_s)
        self.smooth_samples += made
        if self.smooth_samples >= SHRINK_AFTER_SECONDS * self.rate:
            self.smooth_samples = 0
            self.start_ms = max(START_MIN_MS, self.start_ms - START_SHRINK_MS)

    def _run_dry(self) -> None:
        self.gain = 0.0
        if self.ledger.is_ended() and self.held == 0:
            self._finish_stretch()
            return
        self.state = BUFFERING
        self.waited = 0
        if self.draining:
            # More came while the end was played out.
            self.ledger.rendered = self.taken
            self._begin_stretch()
            return
        self.underruns += 1
        self.start_ms = min(START_MAX_MS, self.start_ms + START_GROWTH_MS)

    def _finish_stretch(self) -> None:
        """Everything queued has been rendered and nothing more is promised."""
        self.ledger.rendered = self.taken
        self._begin_stretch()
        self.state = IDLE
        self.stopped_time = self.ledger.now

    def _retire(self) -> None:
        """Report and forget what has been heard to its end."""
        while len(self.ledger.segments) > 0:
            segment = self.ledger.segments[0]
            end = segment.begin + segment.length
            more = len(self.ledger.segments) > 1
            if self.ledger.heard() < end or not (segment.ended is True or more):
                return
            same = False
            if more:
                following = self.ledger.segments[1]
                same = following.turn == segment.turn and following.item == segment.item
            if not same:
                self.post(self._report_of("finished", segment, end))
            self.ledger.segments.shift()

    def _report_of(self, phase: str, segment: Any, heard: int) -> Any:
        message = self.ledger.message("report", segment, heard)
        message["phase"] = phase
        message["buffered"] = self.ledger.queued - self.ledger.rendered
        message["underruns"] = self.underruns
        message["dropped"] = self.dropped
        silent = phase == "finished" and self.state == IDLE
        if phase == "paused" or phase == "stopped" or silent:
            message["stopped_time"] = self.stopped_time
        return message

    def _report(self, phase: str) -> None:
        self.since_report = 0.0
        heard = self.ledger.heard()
        segment = self.ledger.at(heard)
        if segment is not None:
            self.post(self._report_of(phase, segment, heard))

    def _report_started(self, segment: Segment, first_time: float) -> None:
        self.since_report = 0.0
        message = self._report_of("started", segment, 0)
        message["first_time"] = first_time
        message["queued_time"] = segment.queued_time
        self.post(message)

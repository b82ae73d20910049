"""The loudspeaker's side: the playback worklet, the volume, and what was really heard.

Hands chunks to the worklet, drops those of turns that were cut, and turns the worklet's reports
into `playback.report`. It does not decide when to cut.
"""

from __future__ import annotations

from typing import Any

from .jsapi import Array, AudioWorkletNode, clearTimeout, performance, setTimeout

FLUSH_TIMEOUT_MS = 100
SAMPLES_PER_MS = 24


class Player:
    """One conversation's playback. The listener has on_report(body) and on_failure(code)."""

    def __init__(self, context: Any, clock: Any, listener: Any) -> None:
        self.context = context
        self.clock = clock
        self.listener = listener
        self.node: Any = None
        # What comes before the worklet is loaded: no more than the server may send ahead.
        self.waiting: Any = Array()
        self.gain = context.createGain()
        self.gain.connect(context.destination)
        self.turn = 0
        self.item = 0
        self.received_ms: float = 0
        self.cut_turn = -1
        self.is_playing: bool = False
        self.dropped = 0
        self.last: Any = None
        self.stopped_time: Any = None
        self.flush_id = 0
        self.on_cut: Any = None
        self.timer: Any = None

    def attach(self) -> None:
        """Build the node; the worklet's file is loaded. What came before is played now."""
        self.node = AudioWorkletNode(
            self.context,
            "voice-playback",
            {"numberOfInputs": 0, "numberOfOutputs": 1, "outputChannelCount": [1]},
        )
        self.node.port.onmessage = self.on_message
        self.node.onprocessorerror = self.on_error
        self.node.connect(self.gain)
        waiting = self.waiting
        self.waiting = Array()
        for i in range(len(waiting)):
            self.post(waiting[i][0], waiting[i][1])

    def restart(self) -> None:
        """Begin anew for a session that counts its turns from the beginning."""
        self.on_cut = None
        self.turn = 0
        self.item = 0
        self.cut_turn = -1
        self.last = None
        self.is_playing = False
        self.waiting = Array()
        if self.node is not None:
            self.post({"type": "stop"}, [])
            self.node.disconnect()
            self.attach()

    def on_error(self, _event: Any) -> None:
        self.listener.on_failure("worklet_failed")

    def set_volume(self, volume: float) -> None:
        """0 to 1; ramped so that it does not click."""
        level = max(0, min(1, volume))
        self.gain.gain.setTargetAtTime(level, self.context.currentTime, 0.02)

    def post(self, message: Any, transfer: Any) -> None:
        if self.node is not None:
            self.node.port.postMessage(message, transfer)
        else:
            self.waiting.push([message, transfer])

    def play(self, turn: int, item: int, position: int, pcm: Any) -> None:
        if turn <= self.cut_turn:
            self.dropped += 1
            return
        if turn != self.turn:
            self.received_ms = performance.now()
        self.turn = turn
        self.item = item
        self.is_playing = True
        message = {"type": "audio", "turn": turn, "item": item, "position": position, "pcm": pcm}
        self.post(message, [pcm])

    def finish(self, turn: int, item: int, reason: str) -> None:
        """The server's `audio.end`: let it play out, or cut the turn."""
        if reason == "completed":
            self.post({"type": "end", "turn": turn, "item": item, "reason": reason}, [])
        elif turn > self.cut_turn:
            self.flush(turn, None)

    def flush(self, turn: int, on_cut: Any) -> None:
        """Silence now, drop the turns up to `turn`; `on_cut` gets what had been heard."""
        self.settle(self.last)
        self.cut_turn = max(self.cut_turn, turn)
        self.is_playing = False
        self.flush_id += 1
        self.on_cut = on_cut
        self.post({"type": "flush", "turn": turn, "id": self.flush_id}, [])
        # A worklet that does not answer must not keep the server talking.
        self.timer = setTimeout(self.on_flush_timeout, FLUSH_TIMEOUT_MS)

    def on_flush_timeout(self) -> None:
        self.settle(self.last)

    def settle(self, report: Any) -> None:
        """Tell who asked for the flush what had been heard: turn, item, ms, when it was silent."""
        clearTimeout(self.timer)
        on_cut = self.on_cut
        self.on_cut = None
        if on_cut is None:
            return
        heard = report
        if report is None or report.turn == 0:
            # Nothing of the turn is sounding: either all of it was heard, or none.
            heard = self.last
            if heard is None or heard.turn < self.cut_turn:
                on_cut(self.cut_turn, 0, 0, None)
                return
        stopped = self.stopped_time
        if stopped is None:
            stopped = heard.time
        on_cut(heard.turn, heard.item, heard.heard / SAMPLES_PER_MS, self.clock.audible_ms(stopped))

    def on_message(self, message: Any) -> None:
        report = message.data
        self.clock.observe()
        if report.type == "flushed":
            if report.id == self.flush_id:
                self.settle(report)
        elif report.type == "report":
            self.on_report(report)

    def on_report(self, report: Any) -> None:
        self.last = report
        phase = report.phase
        if phase == "paused" or phase == "stopped":
            self.stopped_time = report.stopped_time
        elif phase != "finished":
            self.stopped_time = None
        if phase == "finished" and report.turn == self.turn and report.item >= self.item:
            self.is_playing = False
        latency = self.clock.latency_ms()
        first = None
        received = None
        queued = None
        if phase == "started":
            first = self.clock.audible_ms(report.first_time)
            if report.turn == self.turn:
                received = self.received_ms
                # The worklet's clock stands still between two batches of quanta.
                queued = max(received, self.clock.page_ms(report.queued_time))
        self.listener.on_report(
            {
                "type": "playback.report",
                "turn": report.turn,
                "item": report.item,
                "phase": phase,
                "played_ms": report.heard / SAMPLES_PER_MS,
                "buffered_ms": report.buffered / SAMPLES_PER_MS,
                "underruns": report.underruns,
                "dropped_chunks": report.dropped + self.dropped,
                "output_latency_ms": 0 if latency is None else latency,
                "client_at_ms": self.clock.page_ms(report.time),
                "client_received_ms": received,
                "client_queued_ms": queued,
                "client_first_sound_ms": first,
                "client_stopped_ms": self.clock.audible_ms(report.stopped_time),
            }
        )

    def close(self) -> None:
        clearTimeout(self.timer)
        self.on_cut = None
        self.post({"type": "stop"}, [])
        self.node = None
        self.waiting = Array()

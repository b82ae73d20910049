"""What the microphone sends: 20 ms chunks of 24 kHz samples, and what the detector makes of them.

The rule: the position of a sample on the 24 kHz line and its instant on the context's clock belong
together for good. Muting sends nothing and hears nothing, but the line goes on. Knows nothing of
ports or worklets: messages come in through `receive`, results go out through callbacks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .detector import SpeechDetector
from .dsp import WIRE_RATE_HZ, Resampler, to_int16
from .jsapi import Float32Array, Int16Array
from .spectrum import FRAME_SAMPLES

CHUNK_SAMPLES: int = 480
METER_RANGE_DB: float = 60.0
QUANTUM_SAMPLES: int = 128
LONGEST_GAP_S: float = 1.0


class Capture:
    """The capture worklet's whole behaviour."""

    def __init__(
        self,
        rate: float,
        send: Callable[[Any, Any], None],
        tell_playback: Callable[[Any], None],
    ) -> None:
        """`send(message, chunk)`: to the page, `chunk` is the PCM to hand over or None."""
        self.rate = rate
        self.send = send
        self.tell_playback = tell_playback
        self.microphone = Resampler(rate, WIRE_RATE_HZ, 128)
        self.reference = Resampler(rate, WIRE_RATE_HZ, 128)
        self.silence = Float32Array(QUANTUM_SAMPLES)
        self.frame = Float32Array(FRAME_SAMPLES)
        self.reference_frame = Float32Array(FRAME_SAMPLES)
        self.filled = 0
        self.chunk = Int16Array(CHUNK_SAMPLES)
        self.chunk_filled = 0
        self.chunk_energy = 0.0
        self.position = 0
        self.taken = 0
        self.start_time = -1.0
        self.latency = 0.0
        self.muted: bool = False
        self.listening: bool = True
        self.detector = SpeechDetector(self._on_speech)

    def receive(self, message: Any) -> None:
        """One message of the page."""
        kind = message.type
        if kind == "mute":
            self.muted = message.muted is True
            self._follow_listening()
        elif kind == "detector":
            self.listening = message.enabled is True
            self._follow_listening()
        elif kind == "config":
            if message.settings is not None:
                self.detector.configure(message.settings)
        elif kind == "relearn":
            self.detector.relearn()
        elif kind == "learned":
            self.detector.echo.adopt(message.echo)
        elif kind == "latency":
            # The microphone's own: sound was there that much sooner, and echo is that much later.
            self.latency = message.seconds
            self.detector.place_echo(message.seconds)

    def receive_peer(self, message: Any) -> None:
        """One message of the playback worklet."""
        if message.type == "playing":
            self.detector.follow_playback(message.value is True)
            echo = self.detector.echo.learned()
            if message.value is not True and echo is not None:
                # For the next conversation on these devices.
                self.send({"type": "learned", "echo": echo}, None)

    def _follow_listening(self) -> None:
        if self.muted or not self.listening:
            self.detector.stop()
        else:
            self.detector.start()

    def push(self, microphone: Any, reference: Any, count: int, time: float) -> None:
        """One quantum that begins at `time`; None for an input that is not connected."""
        if self.start_time < 0.0:
            self.start_time = time
        # A browser may leave a worklet out for some quanta, as while its context starts. What is
        # lost was no sound, but it was time: without it all that follows would seem too early.
        left_out = math.floor((time - self.start_time) * self.rate + 0.5) - self.taken
        if left_out >= QUANTUM_SAMPLES:
            filled = min(left_out, math.floor(LONGEST_GAP_S * self.rate))
            self.start_time += (left_out - filled) / self.rate
            while filled > 0:
                self._take(self.silence, self.silence, min(filled, QUANTUM_SAMPLES))
                filled -= QUANTUM_SAMPLES
        self._take(
            self.silence if microphone is None else microphone,
            self.silence if reference is None else reference,
            count,
        )

    def _take(self, microphone: Any, reference: Any, count: int) -> None:
        self.taken += count
        self.microphone.feed(microphone, count)
        self.reference.feed(reference, count)
        made = FRAME_SAMPLES
        while made > 0:
            most = FRAME_SAMPLES - self.filled
            made = self.microphone.produce(self.frame, self.filled, most)
            self.reference.produce(self.reference_frame, self.filled, made)
            self.filled += made
            if self.filled == FRAME_SAMPLES:
                self._finish_frame()

    def _finish_frame(self) -> None:
        self.filled = 0
        frame = self.frame
        chunk = self.chunk
        at = self.chunk_filled
        energy = 0.0
        for i in range(FRAME_SAMPLES):
            value = frame[i]
            energy += value * value
            chunk[at + i] = to_int16(value)
        self.chunk_filled = at + FRAME_SAMPLES
        self.chunk_energy += energy
        self.position += FRAME_SAMPLES
        self.detector.push(frame, self.reference_frame, energy / FRAME_SAMPLES)
        if self.chunk_filled == CHUNK_SAMPLES:
            self._send_chunk()

    def _send_chunk(self) -> None:
        level = 0.0
        power = self.chunk_energy / CHUNK_SAMPLES
        if power > 0.0:
            level = max(0.0, min(1.0, 1.0 + 10.0 * math.log10(power) / METER_RANGE_DB))
        self.chunk_filled = 0
        self.chunk_energy = 0.0
        if self.muted:
            return
        first = self.position - CHUNK_SAMPLES
        pcm = self.chunk
        self.chunk = Int16Array(CHUNK_SAMPLES)
        self.send(
            {
                "type": "pcm",
                "position": first,
                "time": self.time_of(first),
                "level": level,
                "pcm": pcm.buffer,
            },
            pcm.buffer,
        )

    def time_of(self, position: int) -> float:
        """The context's time at which the sample at `position` was sound."""
        return self.start_time + position / WIRE_RATE_HZ - self.latency

    def _on_speech(self, phase: str, sound: int, onset: int, during_playback: bool) -> None:
        if during_playback and self.detector.barge_in is True:
            if phase == "candidate":
                self.tell_playback({"type": "pause", "sound": sound})
            elif phase == "rejected":
                self.tell_playback({"type": "resume", "sound": sound})
            elif phase == "ended":
                self.tell_playback({"type": "over", "sound": sound})
        # The sound was over when its last frame was: the silence that proved it came after.
        at = self.detector.sound_end() if phase == "ended" else self.position
        self.send(
            {
                "type": "speech",
                "phase": phase,
                "sound": sound,
                "onset": onset,
                "onset_time": self.time_of(onset),
                "at": at,
                "at_time": self.time_of(at),
                "during_playback": during_playback,
            },
            None,
        )

"""The capture worklet: `Capture` behind its ports and a render callback."""

from __future__ import annotations

from typing import Any

from .capture import Capture
from .jsapi import AudioWorkletProcessor, globalThis


class CaptureProcessor(AudioWorkletProcessor):
    """Inputs: 0 microphone, 1 echo reference. Output: silence, so that the graph pulls it.

    Messages: see `Capture.receive`; {type: "peer", port}; {type: "stop"}.
    """

    def __init__(self, options: Any) -> None:
        self.alive: bool = True
        self.peer: Any = None
        self.capture = Capture(globalThis.sampleRate, self.send, self.tell_playback)
        self.port.onmessage = self.on_message

    def on_message(self, event: Any) -> None:
        message = event.data
        if message.type == "peer":
            self.peer = message.port
            self.peer.onmessage = self.on_peer
        elif message.type == "stop":
            self.alive = False
        else:
            self.capture.receive(message)

    def on_peer(self, event: Any) -> None:
        self.capture.receive_peer(event.data)

    def send(self, message: Any, chunk: Any) -> None:
        if chunk is None:
            self.port.postMessage(message)
        else:
            self.port.postMessage(message, [chunk])

    def tell_playback(self, message: Any) -> None:
        if self.peer is not None:
            self.peer.postMessage(message)

    def process(self, inputs: Any, outputs: Any, parameters: Any) -> bool:
        microphone = inputs[0]
        reference = inputs[1]
        count = len(outputs[0][0])
        self.capture.push(
            microphone[0] if len(microphone) > 0 else None,
            reference[0] if len(reference) > 0 else None,
            count,
            globalThis.currentTime,
        )
        return self.alive

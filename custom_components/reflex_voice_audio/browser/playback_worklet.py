"""The playback worklet: `Playout` behind a port and a render callback."""

from __future__ import annotations

from typing import Any

from .jsapi import AudioWorkletProcessor, globalThis
from .playout import Playout


class PlaybackProcessor(AudioWorkletProcessor):
    """0 inputs, 1 output. Messages: see `Playout.receive`; {type: "peer", port}; {type: "stop"}."""

    def __init__(self, options: Any) -> None:
        self.alive: bool = True
        self.peer: Any = None
        self.playout = Playout(globalThis.sampleRate, self.send)
        self.port.onmessage = self.on_message

    def on_message(self, event: Any) -> None:
        message = event.data
        if message.type == "peer":
            self.peer = message.port
            self.peer.onmessage = self.on_peer
            self.playout.peer.join(self.tell_capture)
        elif message.type == "stop":
            self.alive = False
        else:
            self.playout.receive(message)

    def on_peer(self, event: Any) -> None:
        self.playout.receive_peer(event.data)

    def tell_capture(self, message: Any) -> None:
        self.peer.postMessage(message)

    def send(self, message: Any) -> None:
        self.port.postMessage(message)

    def process(self, inputs: Any, outputs: Any, parameters: Any) -> bool:
        channels = outputs[0]
        first = channels[0]
        self.playout.render(first, len(first), globalThis.currentTime)
        for i in range(1, len(channels)):
            channels[i].set(first)
        return self.alive

"""The audio graph and the devices, as far as the controllers touch them.

A worklet's port is answered by the test, or led to the real worklet's code (`Port.other`).
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from reflex_voice_audio.browser import jsapi

from tests.component.fake_values import EventTarget, Obj, Promise, js

if TYPE_CHECKING:
    from tests.component.fake_page import Page


class Port:
    """The page's end of a worklet's port."""

    def __init__(self) -> None:
        self.sent: list[Obj] = []
        self.onmessage: Callable[[Any], Any] | None = None
        self.other: Callable[[Any], Any] | None = None

    def postMessage(self, message: Any, transfer: Any = None) -> None:
        copy = js(message)
        self.sent.append(copy)
        if self.other is not None:
            self.other(SimpleNamespace(data=copy))

    def say(self, **message: Any) -> None:
        """What the worklet tells the page."""
        assert self.onmessage is not None
        self.onmessage(SimpleNamespace(data=Obj(message)))

    def of(self, kind: str) -> list[Obj]:
        return [message for message in self.sent if message.type == kind]


class Node:
    """An audio node."""

    def __init__(self, context: Context, name: str) -> None:
        self.context = context
        self.name = name
        self.port = Port()
        self.onprocessorerror: Callable[[Any], Any] | None = None
        self.connections: list[tuple[Any, int, int]] = []
        self.gain = SimpleNamespace(value=1.0, setTargetAtTime=self._set_gain)
        self.fftSize = 0
        self.waveform = 0.0

    def _set_gain(self, value: float, time: float, constant: float) -> None:
        self.gain.value = value

    def connect(self, target: Any, output: int = 0, input_: int = 0) -> None:
        self.connections.append((target, output, input_))

    def disconnect(self) -> None:
        self.connections.clear()

    def getFloatTimeDomainData(self, samples: Any) -> None:
        samples.fill(self.waveform)


class Context:
    """An AudioContext that runs with the page's clock."""

    def __init__(self, page: Page, options: Any) -> None:
        self.page = page
        self.born_ms = page.now_ms
        self.state = "running"
        self.closed = False
        self.resumed = 0
        self.onstatechange: Callable[[Any], Any] | None = None
        self.destination = object()
        self.baseLatency: float | None = 0.01
        self.outputLatency: float | None = 0.03
        self.nodes: list[Node] = []
        self.modules: dict[str, Promise] = {}
        self.audioWorklet = SimpleNamespace(addModule=self._add_module)
        self.sinkId = ""
        self.sinks: list[str] = []
        self.setSinkId: Any = self._set_sink
        self.getOutputTimestamp: Any = None

    @property
    def currentTime(self) -> float:
        return (self.page.now_ms - self.born_ms) / 1000

    def _add_module(self, url: str) -> Promise:
        return self.modules.setdefault(url, Promise())

    def _set_sink(self, sink: str) -> Promise:
        self.sinks.append(sink)
        return self.page.sink_promise

    def resume(self) -> None:
        self.resumed += 1

    def close(self) -> None:
        self.closed = True

    def node(self, name: str) -> Node:
        node = Node(self, name)
        self.nodes.append(node)
        return node

    def createGain(self) -> Node:
        return self.node("gain")

    def createAnalyser(self) -> Node:
        return self.node("analyser")

    def createMediaStreamSource(self, stream: Any) -> Node:
        return self.node("source")

    def last(self, name: str) -> Node:
        return [node for node in self.nodes if node.name == name][-1]

    def suspend(self) -> None:
        self.state = "suspended"
        assert self.onstatechange is not None
        self.onstatechange(None)


class Track(EventTarget):
    """A microphone's track."""

    def __init__(self, device: str = "built-in") -> None:
        self.enabled = True
        self.muted = False
        self.stopped = False
        self.label = device
        self.onended: Callable[[Any], Any] | None = None
        self.onmute: Callable[[Any], Any] | None = None
        self.onunmute: Callable[[Any], Any] | None = None
        self.settings = Obj(deviceId=device, echoCancellation=True, latency=0.01)

    def stop(self) -> None:
        self.stopped = True

    def getSettings(self) -> Obj:
        return self.settings


class Stream:
    def __init__(self, track: Track) -> None:
        self.track = track

    def getAudioTracks(self) -> list[Track]:
        return [self.track]

    getTracks = getAudioTracks


class MediaDevices(EventTarget):
    """`navigator.mediaDevices`; requests wait for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[Obj, Promise]] = []
        self.devices: list[Obj] = []

    def getUserMedia(self, constraints: Any) -> Promise:
        promise = Promise()
        self.requests.append((js(constraints), promise))
        return promise

    def enumerateDevices(self) -> Promise:
        return Promise().resolve(jsapi.Array(self.devices))

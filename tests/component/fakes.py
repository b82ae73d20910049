"""A browser page for the controllers: clock, timers, DOM, devices, sockets, audio graph.

Driven by the test: time moves only in `Page.advance`, a promise settles only when told to. Frames
are judged by the server's own codec. Missing attributes are None, as undefined is to the dialect.
"""

from __future__ import annotations

import base64
import heapq
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

from reflex_voice_audio.browser import jsapi, react_api
from reflex_voice_audio.browser.jsapi import ArrayBuffer

from voice_loop.protocol import codec
from voice_loop.protocol.events import ClientEvent, ServerEvent, SessionReady, StartOptions


class Obj(dict[str, Any]):
    """A JavaScript object: keys and attributes are the same, what is missing is undefined."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __missing__(self, key: str) -> Any:
        return None


def js(value: Any) -> Any:
    """Plain Python data as JavaScript sees it."""
    if isinstance(value, dict):
        return Obj({key: js(item) for key, item in value.items()})
    if isinstance(value, list):
        return jsapi.Array(js(item) for item in value)
    return value


class Promise:
    """Settles when the test says so, or is settled from the start."""

    def __init__(self) -> None:
        self._callbacks: list[tuple[Any, Any]] = []
        self._outcome: tuple[bool, Any] | None = None

    def then(self, done: Any = None, failed: Any = None) -> Promise:
        self._callbacks.append((done, failed))
        self._settle()
        return self

    def resolve(self, value: Any = None) -> Promise:
        self._outcome = (True, value)
        self._settle()
        return self

    def reject(self, name: str, message: str = "") -> Promise:
        self._outcome = (False, SimpleNamespace(name=name, message=message))
        self._settle()
        return self

    def _settle(self) -> None:
        if self._outcome is None:
            return
        good, value = self._outcome
        callbacks, self._callbacks = self._callbacks, []
        for done, failed in callbacks:
            callback = done if good else failed
            if callback is not None:
                callback(value)


class EventTarget:
    """Listeners with an abort signal, and a way to fire them."""

    def __init__(self) -> None:
        self.listeners: list[tuple[str, Callable[[Any], Any], Any]] = []

    def addEventListener(self, kind: str, handler: Callable[[Any], Any], options: Any) -> None:
        self.listeners.append((kind, handler, options["signal"]))

    def fire(self, kind: str, **fields: Any) -> Obj:
        event = Obj(type=kind, **fields)
        event["preventDefault"] = lambda: event.update(prevented=True)
        for name, handler, signal in list(self.listeners):
            if name == kind and not signal.aborted:
                handler(event)
        return event

    def live(self) -> int:
        """How many listeners would still hear something."""
        return sum(not signal.aborted for _, _, signal in self.listeners)


class Element:
    """An element of the page; `inside` is what it stands in."""

    def __init__(self, inside: Element | None = None, **data: str) -> None:
        self.data = {"data-" + name.replace("_", "-"): value for name, value in data.items()}
        self.inside = inside
        self.style = Style()

    def getAttribute(self, name: str) -> str | None:
        return self.data.get(name)

    def closest(self, selector: str) -> Element | None:
        name, value = selector.strip("[]").split("=")
        element: Element | None = self
        while element is not None and element.data.get(name) != value.strip('"'):
            element = element.inside
        return element


class Style(dict[str, str]):
    def setProperty(self, name: str, value: str) -> None:
        self[name] = value


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


class Socket:
    """The page's end of one WebSocket; the test is the server."""

    def __init__(self, page: Page, url: str, protocols: list[str]) -> None:
        self.page = page
        self.url = url
        self.protocols = protocols
        self.sent: list[str | bytes] = []
        self.bufferedAmount = 0
        self.closed_with: int | None = None
        self.binaryType = "blob"
        self.onopen: Callable[[Any], Any] | None = None
        self.onmessage: Callable[[Any], Any] | None = None
        self.onclose: Callable[[Any], Any] | None = None

    def send(self, data: Any) -> None:
        assert self.closed_with is None, "sent on a closed socket"
        self.sent.append(data if isinstance(data, str) else bytes(data))

    def close(self, code: int = 1000) -> None:
        self.closed_with = code

    def open(self) -> None:
        if self.onopen is not None:
            self.onopen(None)

    def events(self) -> list[ClientEvent]:
        """What arrived, as the server's codec reads it: it raises on anything it would refuse."""
        return [codec.decode_client(data) for data in self.sent]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events() if isinstance(event, kind)]

    def say(self, event: ServerEvent) -> None:
        """One frame of the server, as its codec writes it."""
        self.deliver(codec.encode_server(event))

    def deliver(self, data: str | bytes) -> None:
        if self.onmessage is not None:
            payload = data if isinstance(data, str) else ArrayBuffer(bytearray_of(data))
            self.onmessage(SimpleNamespace(data=payload))

    def break_off(self, code: int = 1006) -> None:
        if self.onclose is not None:
            self.onclose(SimpleNamespace(code=code))

    def ready(self, **fields: Any) -> None:
        """Open and answer `session.start` as a server does."""
        self.open()
        self.say(session_ready(**fields))


def bytearray_of(data: bytes) -> Any:
    """Memory for an ArrayBuffer."""
    import array

    return array.array("B", data)


def session_ready(**fields: Any) -> SessionReady:
    """A `session.ready` with the given fields."""
    values: dict[str, Any] = {
        "session_id": "session-1",
        "resume_key": "key-1",
        "resumed": False,
        "received_seq": 0,
        "provider": "local",
        "model": "test",
        "voice": "marin",
        "options": StartOptions(),
        "max_session_ms": 60_000,
        "max_ahead_ms": 3_000,
        "server_time_ms": 0,
        **fields,
    }
    return SessionReady(**values)


class Page:
    """Everything the browser names stand for during one test."""

    def __init__(self) -> None:
        self.now_ms = 1_000.0
        self._timers: list[tuple[float, int, Callable[[], Any]]] = []
        self._ids = itertools.count(1)
        self._cancelled: set[int] = set()
        self.sockets: list[Socket] = []
        self.contexts: list[Context] = []
        self.storage: dict[str, str] | None = {}
        self.devices = MediaDevices()
        self.document = Document()
        self.window = Window()
        self.navigator = SimpleNamespace(mediaDevices=self.devices)
        self.sink_promise = Promise()
        self.refuse_sockets = False

    # Time.

    def set_timeout(self, action: Callable[[], Any], delay_ms: float) -> int:
        number = next(self._ids)
        heapq.heappush(self._timers, (self.now_ms + delay_ms, number, action))
        return number

    def clear_timeout(self, number: int | None) -> None:
        if number is not None:
            self._cancelled.add(number)

    def advance(self, milliseconds: float) -> None:
        """Let time pass; what is due runs at its time, in order."""
        end = self.now_ms + milliseconds
        while self._timers and self._timers[0][0] <= end:
            due, number, action = heapq.heappop(self._timers)
            self.now_ms = max(self.now_ms, due)
            if number not in self._cancelled:
                action()
        self.now_ms = end

    def pending(self) -> int:
        """Timers that would still fire."""
        return sum(number not in self._cancelled for _, number, _ in self._timers)

    # Things.

    @property
    def socket(self) -> Socket:
        """The newest socket."""
        return self.sockets[-1]

    @property
    def context(self) -> Context:
        return self.contexts[-1]

    def _make_socket(self, url: str, protocols: list[str]) -> Socket:
        if self.refuse_sockets:
            raise jsapi.Error("mixed content")
        self.sockets.append(Socket(self, url, protocols))
        return self.socket

    def _make_context(self, options: Any) -> Context:
        self.contexts.append(Context(self, options))
        return self.context

    def _make_worklet(self, context: Context, name: str, options: Any) -> Node:
        return context.node(name)

    def _storage(self) -> dict[str, str]:
        if self.storage is None:
            raise jsapi.Error("SecurityError")
        return self.storage

    def names(self) -> dict[str, Any]:
        """The stand-in of every browser name that the main thread's code uses."""
        return {
            "AbortController": AbortController,
            "AudioContext": self._make_context,
            "AudioWorkletNode": self._make_worklet,
            "JSON": SimpleNamespace(stringify=stringify, parse=lambda text: js(json.loads(text))),
            "Math": SimpleNamespace(random=lambda: "0.5-" + str(next(self._ids))),
            "MessageChannel": lambda: SimpleNamespace(port1=object(), port2=object()),
            "String": SimpleNamespace(fromCharCode=chr),
            "URL": Address,
            "WebSocket": self._make_socket,
            "btoa": lambda text: base64.b64encode(text.encode("latin-1")).decode(),
            "cancelAnimationFrame": self.clear_timeout,
            "clearTimeout": self.clear_timeout,
            "document": self.document,
            "encodeURIComponent": lambda text: quote(text, safe=""),
            "localStorage": SimpleNamespace(
                getItem=lambda name: self._storage().get(name),
                setItem=lambda name, value: self._storage().__setitem__(name, value),
            ),
            "navigator": self.navigator,
            "parseFloat": float,
            "performance": SimpleNamespace(now=lambda: self.now_ms),
            "requestAnimationFrame": lambda action: self.set_timeout(action, 16),
            "setTimeout": self.set_timeout,
            "window": self.window,
        }


class Document(EventTarget):
    """Elements that carry a meter, and what is under a finger."""

    def __init__(self) -> None:
        super().__init__()
        self.meters: dict[str, list[Element]] = {}
        self.under: Element | None = None

    def querySelectorAll(self, selector: str) -> list[Element]:
        return self.meters.get(selector.split('"')[1], [])

    def elementFromPoint(self, x: float, y: float) -> Element | None:
        return self.under


class Window(EventTarget):
    def __init__(self) -> None:
        super().__init__()
        self.isSecureContext = True
        self.AudioWorkletNode: Any = Node


class AbortController:
    def __init__(self) -> None:
        self.signal = SimpleNamespace(aborted=False)

    def abort(self) -> None:
        self.signal.aborted = True


class Address:
    """`URL`, as far as it is used: a path that can be set."""

    def __init__(self, href: str) -> None:
        self._parts = urlsplit(href)
        self.pathname = self._parts.path

    @property
    def href(self) -> str:
        return self._parts._replace(path=self.pathname).geturl()


def stringify(value: Any) -> str:
    """As strict as the wire: JSON has no NaN."""
    return json.dumps(value, allow_nan=False)


@contextmanager
def browser() -> Iterator[Page]:
    """A page whose names the browser modules see until the end of the block."""
    page = Page()
    names = page.names()
    for name, target in names.items():
        jsapi.provide(name, target)
    try:
        yield page
    finally:
        for name in names:
            jsapi.provide(name, None)


class React:
    """React's hooks for one component: `render` runs it, `unmount` cleans up."""

    def __init__(self) -> None:
        self.refs: list[Any] = []
        self.effects: list[tuple[Any, list[Any]]] = []
        self.cleanups: dict[int, Any] = {}
        self.dependencies: dict[int, list[Any]] = {}
        self.handle: Any = None
        self._ref_index = 0

    def use_ref(self, initial: Any) -> Any:
        if self._ref_index == len(self.refs):
            self.refs.append(SimpleNamespace(current=initial))
        self._ref_index += 1
        return self.refs[self._ref_index - 1]

    def use_effect(self, effect: Any, dependencies: list[Any]) -> None:
        self.effects.append((effect, dependencies))

    def use_handle(self, ref: Any, make: Any, dependencies: list[Any]) -> None:
        if self.handle is None:
            self.handle = make()

    def render(self, component: Any, props: Any) -> Any:
        self._ref_index = 0
        self.effects = []
        element = component(props)
        for index, (effect, dependencies) in enumerate(self.effects):
            if self.dependencies.get(index) != dependencies:
                self._clean(index)
                self.dependencies[index] = dependencies
                self.cleanups[index] = effect()
        return element

    def _clean(self, index: int) -> None:
        cleanup = self.cleanups.pop(index, None)
        if cleanup is not None:
            cleanup()

    def unmount(self) -> None:
        for index in sorted(self.cleanups):
            self._clean(index)
        self.dependencies.clear()


@contextmanager
def react() -> Iterator[React]:
    hooks = React()
    names = {
        "createElement": lambda tag, props: (tag, props),
        "useEffect": hooks.use_effect,
        "useImperativeHandle": hooks.use_handle,
        "useRef": hooks.use_ref,
    }
    for name, target in names.items():
        react_api.provide(name, target)
    try:
        yield hooks
    finally:
        for name in names:
            react_api.provide(name, None)


class Component:
    """One mounted `Voice` with its props, its page and what it told the app."""

    def __init__(self, page: Page, name: str = "voice", **props: Any) -> None:
        from reflex_voice_audio.browser.voice import Voice

        self.page = page
        self.told: list[tuple[str, Any]] = []
        self.props = Obj(
            capture=True,
            playback=True,
            connect=True,
            serverUrl="ws://example.test:8000/_event",
            path="/voice",
            captureUrl="/capture.js",
            playbackUrl="/playback.js",
        )
        for trigger in TRIGGERS:
            self.props[trigger] = self._hears(trigger)
        self.props.update(props)
        self.voice = Voice(name, SimpleNamespace(current=self.props))
        self.voice.mount()
        self.voice.follow(self.props)
        self.talk_button = Element(voice="talk", voice_for=name)
        self.stop_button = Element(voice="stop", voice_for=name)
        self.mute_button = Element(voice="mute", voice_for=name)
        self.press_button = Element(voice="press", voice_for=name)
        page.advance(0)

    def _hears(self, trigger: str) -> Callable[[Any], None]:
        return lambda payload: self.told.append((trigger, json.loads(json.dumps(payload))))

    def of(self, trigger: str) -> list[Any]:
        """The payloads of one trigger, as the state receives them: JSON."""
        return [payload for name, payload in self.told if name == trigger]

    @property
    def statuses(self) -> list[str]:
        return [payload["status"] for payload in self.of("onStatus")]

    @property
    def errors(self) -> list[str]:
        return [payload["code"] for payload in self.of("onError")]

    def click(self, element: Element) -> None:
        self.page.document.fire("click", target=element)

    def order(self, op: str, **arguments: Any) -> None:
        """What an event of the state does."""
        self.voice.command(js({"op": op, **arguments}))

    def talk(self) -> None:
        self.click(self.talk_button)

    def allow(self, track: Track | None = None) -> Track:
        """The person allows the microphone."""
        track = track or Track()
        self.page.devices.requests[-1][1].resolve(Stream(track))
        return track

    def load(self) -> None:
        """The worklets' files arrive."""
        for url in ("/playback.js", "/capture.js"):
            if url in self.page.context.modules:
                self.page.context.modules[url].resolve()

    def ticket(self) -> None:
        request = self.of("onTicket")[-1]["request"]
        self.order("ticket", request=request, ticket="the-ticket")

    def begin(self, **ready: Any) -> Socket:
        """From the click to `session.ready`."""
        self.talk()
        self.allow()
        self.load()
        self.ticket()
        self.page.socket.ready(**ready)
        return self.page.socket

    @property
    def capture(self) -> Port:
        return self.page.context.last("voice-capture").port

    @property
    def playback(self) -> Port:
        return self.page.context.last("voice-playback").port

    def hear(self, position: int, value: int = 1000, level: float = 0.5) -> None:
        """20 ms from the capture worklet."""
        pcm = bytearray_of(value.to_bytes(2, "little", signed=True) * 480)
        self.capture.say(type="pcm", position=position, time=0.0, level=level, pcm=ArrayBuffer(pcm))

    def sound(self, phase: str, sound: int = 1, during_playback: bool = False) -> None:
        """The detector's word on a sound that began 30 ms ago."""
        now = self.page.context.currentTime
        self.capture.say(
            type="speech",
            phase=phase,
            sound=sound,
            onset=4800,
            onset_time=now - 0.03,
            at=5520,
            at_time=now,
            during_playback=during_playback,
        )

    def report(self, phase: str, turn: int = 1, item: int = 0, **fields: Any) -> None:
        """A report of the playback worklet."""
        values = {
            "rendered": 0,
            "heard": 0,
            "buffered": 0,
            "underruns": 0,
            "dropped": 0,
            "time": self.page.context.currentTime,
            **fields,
        }
        self.playback.say(type="report", phase=phase, turn=turn, item=item, **values)

    def flushed(self, turn: int = 1, item: int = 0, heard: int = 0) -> None:
        """The playback worklet answers the newest flush."""
        self.playback.say(
            type="flushed",
            id=self.playback.of("flush")[-1].id,
            turn=turn,
            item=item,
            rendered=heard,
            heard=heard,
            time=self.page.context.currentTime,
        )


TRIGGERS = (
    "onTicket",
    "onStatus",
    "onTranscript",
    "onMetrics",
    "onTool",
    "onError",
    "onDevice",
    "onSpeech",
    "onPlayback",
)
"""The rest, `onLevel` and `onAudio`, a test binds itself: they come all the time."""

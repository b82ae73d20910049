"""A browser page for the controllers: clock, timers, DOM, storage.

Driven by the test: time moves only in `Page.advance`, a promise settles only when told to.
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

from reflex_voice_audio.browser import jsapi

from tests.component.fake_audio import Context, MediaDevices, Node
from tests.component.fake_socket import Socket
from tests.component.fake_values import Element, EventTarget, Promise, js


class Page:
    """Everything the browser names stand for during one test."""

    def __init__(self) -> None:
        self.now_ms = 1_000.0
        self._timers: list[tuple[float, int, Callable[[], Any]]] = []
        self._ids = itertools.count(1)
        self._cancelled: set[int] = set()
        self.sockets: list[Socket] = []
        self.contexts: list[Context] = []
        self.context_class = ContextClass(self._make_context)
        self.storage: dict[str, str] | None = {}
        self.devices = MediaDevices()
        self.document = Document()
        self.window = Window()
        self.navigator = SimpleNamespace(mediaDevices=self.devices, oscpu=None)
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
            "AudioContext": self.context_class,
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


class ContextClass:
    """`AudioContext` itself: makes contexts, and tells what they can do."""

    def __init__(self, make: Callable[[Any], Context]) -> None:
        self.prototype = SimpleNamespace(setSinkId=object())
        self._make = make

    def __call__(self, options: Any) -> Context:
        return self._make(options)


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

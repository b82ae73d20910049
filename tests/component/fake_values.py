"""JavaScript values for the fakes: objects, promises, elements.

Missing attributes are None, as undefined is to the dialect.
"""

from __future__ import annotations

import array
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from reflex_voice_audio.browser import jsapi


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


def bytearray_of(data: bytes) -> Any:
    """Memory for an ArrayBuffer."""
    return array.array("B", data)


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

    tag = "button"

    def __init__(self, inside: Element | None = None, **data: str) -> None:
        self.clicks = 0
        self.data = {"data-" + name.replace("_", "-"): value for name, value in data.items()}
        self.inside = inside
        self.style = Style()

    def getAttribute(self, name: str) -> str | None:
        return self.data.get(name)

    def closest(self, selector: str) -> Element | None:
        element: Element | None = self
        while element is not None and not element.matches(selector):
            element = element.inside
        return element

    def matches(self, selector: str) -> bool:
        """One attribute with its value, or a list of names of elements."""
        if "=" not in selector:
            return self.tag in selector.split(", ")
        name, value = selector.strip("[]").split("=")
        return self.data.get(name) == value.strip('"')

    def click(self) -> None:
        self.clicks += 1


class Style(dict[str, str]):
    def setProperty(self, name: str, value: str) -> None:
        self[name] = value

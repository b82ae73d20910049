"""A component as a tree of elements, as Reflex hands it to its compiler."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import reflex as rx

_PROP = re.compile(r'^"?([\w-]+)"?:(.*)$', re.DOTALL)


@dataclass(frozen=True)
class Element:
    """One element: `props` hold JavaScript expressions, literals without their quotes."""

    name: str
    props: dict[str, str]
    data: dict[str, Any]

    @property
    def text(self) -> str:
        """All literal words inside, those of every branch."""
        return " ".join(" ".join(_contents(self.data)).split())

    @property
    def inside(self) -> list[Element]:
        """Every element below this one."""
        return list(_walk(self.data))[1:]


def _plain(value: str) -> str:
    return str(json.loads(value)) if re.fullmatch(r'"(?:[^"\\]|\\.)*"', value) else value


def _children(data: Any) -> Iterator[Any]:
    if isinstance(data, dict):
        yield from (value for key, value in data.items() if key not in ("name", "props"))
    elif isinstance(data, list | tuple):
        yield from data


def _walk(data: Any) -> Iterator[Element]:
    if isinstance(data, dict) and data.get("name"):
        matches = [found for prop in data["props"] if (found := _PROP.match(prop))]
        props = {found[1]: _plain(found[2]) for found in matches}
        yield Element(data["name"].strip('"'), props, data)
    for child in _children(data):
        yield from _walk(child)


def _contents(data: Any) -> Iterator[str]:
    if isinstance(data, dict) and "contents" in data:
        yield from re.findall(r'"((?:[^"\\]|\\.)*)"', data["contents"])
    for child in _children(data):
        yield from _contents(child)


def elements(component: rx.Component) -> list[Element]:
    """Every element of a component, of all its branches, in order."""
    return list(_walk(component.render()))


def find(where: rx.Component | Element, name: str | None = None, **props: str) -> list[Element]:
    """Elements with this name and these props (`aria_label` for `aria-label`)."""
    wanted = {key.replace("_", "-"): value for key, value in props.items()}
    every = where.inside if isinstance(where, Element) else elements(where)
    return [
        element
        for element in every
        if (name is None or element.name == name)
        and all(element.props.get(key) == value for key, value in wanted.items())
    ]


def one(where: rx.Component | Element, name: str | None = None, **props: str) -> Element:
    """The only such element."""
    found = find(where, name, **props)
    assert len(found) == 1, [(element.name, element.props) for element in found]
    return found[0]

"""Checks of what a client sends, built from small parts, with the Realtime API's own error codes.

A check takes a value and the path it stands at, and raises `ClientError` when the value does not
fit. The messages quote names and numbers of the protocol, never long values: those may be speech.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, str], None]


class ClientError(Exception):
    """The client sent what the protocol does not allow; becomes an `error` event."""

    def __init__(self, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


def kind_of(value: Any) -> str:
    """The JSON name of a value's type, as the API spells it in messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {int: "an integer", float: "a decimal", str: "a string", list: "an array"}
    return names.get(type(value), "an object")


def wrong_type(path: str, expected: str, value: Any) -> ClientError:
    """`invalid_type` for `path`."""
    message = f"Invalid type for '{path}': expected {expected}, but got {kind_of(value)} instead."
    return ClientError("invalid_type", message, path)


def missing(path: str) -> ClientError:
    """`missing_required_parameter` for `path`."""
    message = f"Missing required parameter: '{path}'."
    return ClientError("missing_required_parameter", message, path)


def unsupported(path: str, value: str, supported: tuple[str, ...]) -> ClientError:
    """`invalid_value` for `path`, with what would be right."""
    listed = ", ".join(f"'{name}'" for name in supported[:-1])
    listed = f"{listed}, and '{supported[-1]}'" if listed else f"'{supported[-1]}'"
    shown = value if len(value) <= 64 else value[:61] + "..."
    message = f"Invalid value: '{shown}'. Supported values are: {listed}."
    return ClientError("invalid_value", message, path)


def anything(value: Any, path: str) -> None:
    """No rule."""


def string(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise wrong_type(path, "a string", value)


def boolean(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise wrong_type(path, "a boolean", value)


def integer(low: int, high: int | None = None) -> Check:
    """A whole number within bounds."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(path, "an integer", value)
        _bounds(value, path, low, high, "integer")

    return check


def number(low: float, high: float) -> Check:
    """A number within bounds."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(path, "a decimal", value)
        _bounds(value, path, low, high, "decimal")

    return check


def _bounds(value: float, path: str, low: float, high: float | None, kind: str) -> None:
    if not value >= low:
        message = (
            f"Invalid '{path}': {kind} below minimum value. "
            f"Expected a value >= {low:g}, but got {value:g} instead."
        )
        raise ClientError(f"{kind}_below_min_value", message, path)
    if high is not None and value > high:
        message = (
            f"Invalid '{path}': {kind} above maximum value. "
            f"Expected a value <= {high:g}, but got {value:g} instead."
        )
        raise ClientError(f"{kind}_above_max_value", message, path)


def one_of(*supported: str) -> Check:
    """A string out of a list."""

    def check(value: Any, path: str) -> None:
        string(value, path)
        if value not in supported:
            raise unsupported(path, value, supported)

    return check


def nullable(inner: Check) -> Check:
    """`inner`, or null."""

    def check(value: Any, path: str) -> None:
        if value is not None:
            inner(value, path)

    return check


def array(inner: Check, longest: int) -> Check:
    """A list of at most `longest` values."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(path, "an array", value)
        if len(value) > longest:
            message = (
                f"Invalid '{path}': array too long. Expected an array with maximum length "
                f"{longest}, but got an array with length {len(value)} instead."
            )
            raise ClientError("array_above_max_length", message, path)
        for index, entry in enumerate(value):
            inner(entry, f"{path}[{index}]")

    return check


def record(fields: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    """An object with these fields and no others."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        for name in required:
            if name not in value:
                raise missing(f"{path}.{name}")
        for name, entry in value.items():
            where = f"{path}.{name}"
            if name not in fields:
                raise ClientError("unknown_parameter", f"Unknown parameter: '{where}'.", where)
            fields[name](entry, where)

    return check


def tagged(variants: Mapping[str, Check]) -> Check:
    """An object whose `type` says which of several shapes it has."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        if "type" not in value:
            raise missing(f"{path}.type")
        one_of(*variants)(value["type"], f"{path}.type")
        variants[value["type"]](value, path)

    return check


def plain_object(value: Any, path: str) -> None:
    """Any object."""
    if not isinstance(value, dict):
        raise wrong_type(path, "an object", value)

"""Registers a Python class as an audio worklet processor.

A class translated by PScript is no native subclass, so the browser cannot construct it: a plain
function takes its place, builds the native object with the class's prototype and initialises it.
"""

from __future__ import annotations

from typing import Any

from .jsapi import AudioWorkletProcessor, Reflect, registerProcessor


def register(name: str, kind: Any) -> None:
    """Make `kind` known to the audio graph as `name`."""

    def construct(options: Any) -> Any:
        processor = Reflect.construct(AudioWorkletProcessor, [options], kind)
        processor.__init__(options)
        return processor

    construct.prototype = kind.prototype  # type: ignore[attr-defined]
    registerProcessor(name, construct)

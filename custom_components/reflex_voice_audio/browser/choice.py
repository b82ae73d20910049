"""What the person and the app chose: device, volume, mute, options. Outlives a conversation.

Devices and volume are remembered in `localStorage`, where the browser allows it.
"""

from __future__ import annotations

from typing import Any

from .jsapi import Object, localStorage, parseFloat, window

STORAGE_PREFIX = "reflex-voice-audio."


def remember(name: str, value: str) -> None:
    """Store a choice; a browser that refuses storage forgets it, and nothing else happens."""
    try:
        localStorage.setItem(STORAGE_PREFIX + name, value)
    except Exception:
        return


def recall(name: str) -> Any:
    """What was stored, or None."""
    try:
        return localStorage.getItem(STORAGE_PREFIX + name)
    except Exception:
        return None


def stand_in() -> None:
    """Where storage is refused, something that forgets: Reflex's colour mode takes storage for
    granted, and its failure takes the whole page away. Called in an effect of ours, which runs
    before those of what stands around us."""
    try:
        localStorage.getItem(STORAGE_PREFIX)
    except Exception:
        kept = {"value": Forgetful(), "configurable": True}
        Object.defineProperty(window, "localStorage", kept)


class Forgetful:
    """Storage until the page is closed."""

    def __init__(self) -> None:
        self.kept: Any = {}

    def getItem(self, name: str) -> Any:
        if Object.hasOwn(self.kept, name):
            return self.kept[name]
        return None

    def setItem(self, name: str, value: str) -> None:
        self.kept[name] = value

    def removeItem(self, name: str) -> None:
        self.kept[name] = None


class Choice:
    """The current settings of one component."""

    def __init__(self) -> None:
        self.muted: bool = False
        self.volume: float = 1
        self.barge_in: bool = True
        self.turn_detection = "server_vad"
        self.voice: Any = None
        self.input_id = ""
        self.output_id = ""
        self.echo_cancellation: bool = True
        self.noise_suppression: bool = True
        self.auto_gain_control: bool = True
        self.detector: Any = None
        # What the last conversation learned of the echo: not stored, another day is another room.
        self.learned: Any = None

    def restore(self) -> None:
        """Take up what was remembered."""
        stand_in()
        stored = recall("input")
        if stored is not None:
            self.input_id = stored
        stored = recall("output")
        if stored is not None:
            self.output_id = stored
        stored = recall("volume")
        if stored is not None:
            self.volume = max(0, min(1, parseFloat(stored)))

    def follow(self, props: Any) -> None:
        """The component's props; what is not given stays."""
        if props.bargeIn is not None:
            self.barge_in = props.bargeIn is True
        if props.turnDetection is not None:
            self.turn_detection = props.turnDetection
        if props.voice is not None:
            self.voice = props.voice
        self.echo_cancellation = props.echoCancellation is not False
        self.noise_suppression = props.noiseSuppression is not False
        self.auto_gain_control = props.autoGainControl is not False
        if props.detector is not None:
            self.detector = props.detector

    def change(self, options: Any) -> None:
        """Options that the app sets while it runs; turn detection and voice hold from the next
        conversation on."""
        if options.barge_in is not None:
            self.barge_in = options.barge_in is True
        if options.turn_detection is not None:
            self.turn_detection = options.turn_detection
        if options.voice is not None:
            self.voice = options.voice
        if options.detector is not None:
            self.detector = options.detector

    def detector_settings(self) -> Any:
        """For the capture worklet: the app's thresholds, and whether a candidate pauses."""
        settings = {"barge_in": 1 if self.barge_in else 0}
        return Object.assign({}, self.detector, settings)

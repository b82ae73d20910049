"""One mounted voice component: what the person, the worklets and the state do to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from reflex_voice_audio.browser.jsapi import ArrayBuffer
from reflex_voice_audio.browser.voice import Voice
from reflex_voice_audio.failures import FAILURES, messages_with

from tests.component.fake_audio import Port, Stream, Track
from tests.component.fake_page import Page
from tests.component.fake_socket import Socket
from tests.component.fake_values import Element, Obj, bytearray_of, js


class Component:
    """One mounted `Voice` with its props, its page and what it told the app."""

    def __init__(self, page: Page, name: str = "voice", **props: Any) -> None:
        self.page = page
        self.told: list[tuple[str, Any]] = []
        self.props = Obj(
            capture=True,
            playback=True,
            connect=True,
            serverUrl="ws://example.test:8000/_event",
            path="/voice",
            workletUrl="/worklet.js",
            messages=js(messages_with({})),
            failures=js({code: recovery for code, (_, recovery) in FAILURES.items()}),
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
        """The worklets' file arrives."""
        self.page.context.modules["/worklet.js"].resolve()

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
        if phase == "started":
            values.setdefault("queued_time", self.page.context.currentTime)
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

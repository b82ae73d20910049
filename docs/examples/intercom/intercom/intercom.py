"""The component alone: an app with handlers of its own, on a server that is somebody else's.

`INTERCOM_SERVER` is the address of anything that speaks `voice-loop.v1`.
"""

from __future__ import annotations

import os
from typing import Any

import reflex as rx
from reflex.event import EventSpec
from reflex_voice_audio import deliver_ticket, microphone, send_text, speaker, voice_audio

SERVER = os.environ.get("INTERCOM_SERVER", "ws://localhost:8765")


class Intercom(rx.State):
    """What the page shows. Every handler here is the app's own."""

    status: str = "idle"
    lines: dict[str, str] = {}  # noqa: RUF012  # Reflex copies a state's defaults for each tab
    problem: str = ""
    level: float = 0.0
    chunks: int = 0

    @rx.event
    def let_in(self, data: dict[str, Any]) -> EventSpec:
        """Somebody clicked Talk: whatever the server takes as a ticket."""
        return deliver_ticket("door", data["request"], "open sesame")

    @rx.event
    def let_in_the_mouth(self, data: dict[str, Any]) -> EventSpec:
        """The same, for the speaker."""
        return deliver_ticket("mouth", data["request"], "open sesame")

    @rx.event
    def follow(self, data: dict[str, Any]) -> None:
        """What is going on."""
        self.status = data["status"]

    @rx.event
    def write_down(self, data: dict[str, Any]) -> None:
        """One line of either side, whole: it replaces the one with its id."""
        self.lines[data["line"]] = f"{data['role']}: {data['text']}"

    @rx.event
    def complain(self, data: dict[str, Any]) -> None:
        """A sentence for a person."""
        self.problem = data["message"]

    @rx.event
    def measure(self, data: dict[str, Any]) -> None:
        """How loud it is, four times a second."""
        self.level = data["level"]

    @rx.event
    def collect(self, data: dict[str, Any]) -> None:
        """200 ms of what the microphone hears, as base64 in `data["pcm"]`."""
        self.chunks += 1

    @rx.event
    def order(self) -> EventSpec:
        """The speaker's server says what it is sent."""
        return send_text("mouth", "Dinner is ready.")


def button(label: str, component_id: str) -> rx.Component:
    """Begins and ends; the component finds it by its attributes."""
    return rx.button(label, custom_attrs={"data-voice": "talk", "data-voice-for": component_id})


def shown() -> rx.Component:
    """Everything the handlers wrote down."""
    return rx.vstack(
        rx.text(Intercom.status, id="status"),
        rx.text(Intercom.problem, id="problem"),
        rx.foreach(Intercom.lines, lambda line: rx.text(line[1], class_name="line")),
    )


def index() -> rx.Component:
    """Both ways."""
    return rx.vstack(
        rx.heading("Intercom"),
        button("Talk", "door"),
        shown(),
        voice_audio(
            id="door",
            ws_url=SERVER,
            on_ticket=Intercom.let_in,
            on_status=Intercom.follow,
            on_transcript=Intercom.write_down,
            on_error=Intercom.complain,
        ),
    )


def ear() -> rx.Component:
    """A microphone and no server: the audio goes to a handler."""
    return rx.vstack(
        rx.heading("Ear"),
        button("Listen", "ear"),
        rx.text(Intercom.chunks, id="chunks"),
        rx.text(Intercom.level, id="level"),
        shown(),
        microphone(
            id="ear",
            connect=False,
            on_status=Intercom.follow,
            on_level=Intercom.measure,
            on_audio=Intercom.collect,
            on_error=Intercom.complain,
        ),
    )


def mouth() -> rx.Component:
    """A speaker and no microphone."""
    return rx.vstack(
        rx.heading("Mouth"),
        rx.button("Call them", on_click=Intercom.order),
        shown(),
        speaker(
            id="mouth",
            ws_url=SERVER,
            on_ticket=Intercom.let_in_the_mouth,
            on_status=Intercom.follow,
            on_transcript=Intercom.write_down,
            on_error=Intercom.complain,
        ),
    )


app = rx.App()
app.add_page(index, route="/")
app.add_page(ear, route="/ear")
app.add_page(mouth, route="/mouth")

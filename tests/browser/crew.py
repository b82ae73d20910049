"""A page with which tests look at the workers: which one handles events, which holds the session.

It joins the exported app (see `hosting`). Each worker writes its number beside the sessions that it
holds, into the state of their tabs; the buttons' handlers run where the tab's own socket is.
"""

from __future__ import annotations

import os
from typing import Any

import anyio
import reflex as rx
from reflex.event import EventSpec

from voice_loop import VoiceLoop

LOOPS: list[VoiceLoop] = []
"""The one that was joined; handlers find it here."""


class CrewState(rx.State):
    """Who does the work for this tab."""

    session_worker: str = ""
    events_worker: str = ""
    found_here: str = ""

    @rx.event
    async def look(self) -> None:
        """Who handles this event, and whether the session is there too."""
        state = await self.get_state(LOOPS[0].state)
        self.found_here = "yes" if state.session is not None else "no"
        self.events_worker = str(os.getpid())

    @rx.event
    def speak_up(self) -> EventSpec:
        """An order that must find its session."""
        return LOOPS[0].say("Lunch is ready.")

    @rx.event
    def hush(self) -> EventSpec:
        """Likewise."""
        return LOOPS[0].interrupt()


def page() -> rx.Component:
    """The pieces of the voice, the workers' numbers, and three buttons."""
    (voice,) = LOOPS
    pieces: rx.Component = rx.vstack(
        voice.talk_button(),
        voice.notices(),
        voice.transcript(),
        voice.controls(),
        rx.text(CrewState.session_worker, id="session-worker"),
        rx.text(CrewState.events_worker, id="events-worker"),
        rx.text(CrewState.found_here, id="found-here"),
        rx.button("Look", on_click=CrewState.look),
        rx.button("Speak up", on_click=CrewState.speak_up),
        rx.button("Hush", on_click=CrewState.hush),
    )
    return pieces


def join(app: rx.App, voice: VoiceLoop) -> None:
    """Add the page and the task that writes who holds what."""
    LOOPS.append(voice)
    app.add_page(page, route="/crew")

    async def tell() -> None:
        told: set[str] = set()
        while True:
            await anyio.sleep(0.1)
            for session in voice.server.manager.sessions:
                if session.id not in told:
                    token: Any = rx.BaseStateToken(ident=session.client_token, cls=CrewState)
                    async with app.modify_state(token) as root:
                        (await root.get_state(CrewState)).session_worker = str(os.getpid())
                    told.add(session.id)

    app.register_lifespan_task(tell)

"""A host app with everything that an app can ask of its voice.

Two loops on two pages; tools that are functions, handlers, slow, and broken; handlers that speak
up. A test copies this folder away from the checkout and talks to it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import reflex as rx
from reflex.event import EventSpec

from voice_loop import ToolContext, VoiceLoop, tool, tool_result

SECRET = "swordfish"
PATIENCE_S = 60
opened = asyncio.Event()
"""A drawer was opened since the search began: what the search waits for."""


class WorkshopState(rx.State):
    """What the assistant drives."""

    drawers: list[str] = []  # noqa: RUF012  # Reflex copies a state's defaults for each tab
    looking: bool = False
    found: str = ""
    path: str = ""

    @rx.var
    def opened(self) -> str:
        """For the page."""
        return ", ".join(self.drawers)

    @rx.event
    def open_drawer(self, number: int) -> EventSpec:
        """Open a drawer of the cabinet.

        Args:
            number: Which one.
        """
        self.drawers.append(f"drawer {number}")
        opened.set()
        self.path = self.router.url.path
        tool_result(f"drawer {number} is open")
        return rx.set_value("told", f"opened {number}")

    @rx.event(background=True)
    async def look_for_tea(self) -> EventSpec:
        """Search the cabinet for tea; this takes until somebody opens a drawer of it."""
        opened.clear()
        async with self:
            self.looking = True
        async with asyncio.timeout(PATIENCE_S):
            await opened.wait()
        async with self:
            self.looking = False
            self.found = "tea"
        tool_result("the tea is in drawer nine")
        return voice.say("By the way, the kettle is on.")

    @rx.event
    def lock_cabinet(self) -> None:
        """Lock the cabinet."""
        raise RuntimeError(SECRET)

    @rx.event
    def speak_up(self) -> EventSpec:
        """The page lets the assistant speak."""
        return voice.say("Lunch is ready.")

    @rx.event
    def hang_up(self) -> EventSpec:
        """The page ends the conversation."""
        return voice.end()


def measure_table(context: ToolContext) -> str:
    """Measure the table."""
    return "two metres" if context.client_token else "nothing"


async def paint_wall(colour: str = "white") -> dict[str, str]:
    """Paint the wall in a colour."""
    return {"wall": colour}


voice = VoiceLoop(
    tools=[
        WorkshopState.open_drawer,
        WorkshopState.look_for_tea,
        WorkshopState.lock_cabinet,
        measure_table,
        paint_wall,
    ],
)
kitchen = VoiceLoop(
    name="kitchen",
    path="/kitchen-voice",
    tools=[tool(WorkshopState.open_drawer, name="pull_drawer")],
)


def index() -> rx.Component:
    """The voice with everything."""
    return rx.vstack(
        rx.heading("Workshop"),
        voice.talk_button(),
        voice.notices(),
        rx.text(WorkshopState.opened, id="drawers"),
        rx.text(WorkshopState.path, id="path"),
        rx.text(rx.cond(WorkshopState.looking, "looking", WorkshopState.found), id="found"),
        rx.input(id="told", read_only=True),
        rx.foreach(voice.state.tools, tool_line),
        rx.button("Speak up", on_click=WorkshopState.speak_up),
        rx.button("Hang up", on_click=WorkshopState.hang_up),
        voice.transcript(),
    )


def tool_line(line: Any) -> rx.Component:
    """A call and what became of it."""
    return rx.text(line["name"], ": ", line["state"], class_name="tool")


def kitchen_page() -> rx.Component:
    """Another loop, on a path of its own."""
    return rx.vstack(
        rx.heading("Kitchen"),
        kitchen.talk_button(),
        rx.text(WorkshopState.opened, id="drawers"),
        kitchen.transcript(),
    )


app = rx.App()
voice.attach(app)
kitchen.attach(app)
app.add_page(index, route="/")
app.add_page(kitchen_page, route="/kitchen")

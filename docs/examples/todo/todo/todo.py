"""A to-do list that is driven by voice.

Click Talk and say "Add milk to the list" or "Show only open items". The event handlers that serve
the page are the assistant's tools: no line is written twice.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, get_args

import reflex as rx
from reflex.event import EventSpec

from voice_loop import VoiceLoop, tool_result

Filter = Literal["all", "open", "done"]
INSTRUCTIONS = (
    "You keep the user's to-do list. Use the tools for every change, and answer in one short "
    "spoken sentence."
)


class Item(TypedDict):
    """One thing to do."""

    text: str
    done: bool


class TodoState(rx.State):
    """The list of one visitor."""

    items: list[Item] = []  # noqa: RUF012  # Reflex copies a state's defaults for each tab
    show: Filter = "all"

    @rx.var
    def shown(self) -> list[Item]:
        """What the filter lets through."""
        return [item for item in self.items if self.show in ("all", _phase(item))]

    @rx.event
    def add_item(self, text: str) -> None:
        """Add an item to the list.

        Args:
            text: What is to be done.
        """
        self.items.append(Item(text=text, done=False))
        tool_result(f"{text} is on the list")

    @rx.event
    def finish_item(self, text: str) -> None:
        """Tick off an item of the list, because it is finished.

        Args:
            text: The item, as it stands on the list.
        """
        found = [item for item in self.items if item["text"].lower() == text.lower()]
        for item in found:
            item["done"] = True
        tool_result(f"{text} is done" if found else {"error": f"{text} is not on the list"})

    @rx.event
    def set_filter(self, show: Filter) -> None:
        """Choose which items the page shows.

        Args:
            show: All items, only the open ones, or only those that are done.
        """
        self.show = show
        tool_result(f"Showing {show} items")

    @rx.event
    def add_typed(self, form: dict[str, Any]) -> None:
        """The page's own way to add."""
        if text := str(form.get("text", "")).strip():
            self.items.append(Item(text=text, done=False))

    @rx.event
    def read_aloud(self) -> EventSpec:
        """The app speaks up: any handler can let the assistant say something."""
        waiting = [item["text"] for item in self.items if not item["done"]]
        return voice.say(f"Still open: {', '.join(waiting)}." if waiting else "Nothing is open.")


def _phase(item: Item) -> Filter:
    return "done" if item["done"] else "open"


voice = VoiceLoop(
    tools=[TodoState.add_item, TodoState.finish_item, TodoState.set_filter],
    instructions=INSTRUCTIONS,
)


def item_row(item: Any) -> rx.Component:
    """One item, with a box that ticks it off."""
    return rx.checkbox(
        item["text"],
        checked=item["done"],
        disabled=item["done"],
        on_change=lambda _: TodoState.finish_item(item["text"]),
    )


def filter_button(name: Filter) -> rx.Component:
    """One choice of the filter."""
    chosen: Any = TodoState.show == name
    return rx.button(
        name.title(),
        variant=rx.cond(chosen, "solid", "soft"),
        aria_pressed=rx.cond(chosen, "true", "false"),
        on_click=TodoState.set_filter(name),
    )


def todo_list() -> rx.Component:
    """The list and what is done with it by hand."""
    return rx.card(
        rx.vstack(
            rx.heading("To do", size="7"),
            rx.hstack(*(filter_button(name) for name in get_args(Filter))),
            rx.vstack(rx.foreach(TodoState.shown, item_row), id="items", min_height="12rem"),
            rx.form(
                rx.hstack(
                    rx.input(name="text", placeholder="Something to do", width="100%"),
                    rx.button("Add"),
                    rx.button("Read to me", type="button", on_click=TodoState.read_aloud),
                ),
                on_submit=TodoState.add_typed,
                reset_on_submit=True,
                width="100%",
            ),
            spacing="4",
        ),
        width="min(30rem, 100%)",
    )


def index() -> rx.Component:
    """The list beside the voice."""
    return rx.container(
        rx.flex(
            todo_list(),
            rx.vstack(voice.talk_button(), voice.notices(), align="center"),
            spacing="8",
            wrap="wrap",
            justify="center",
            align="center",
        ),
        rx.box(voice.transcript(), margin_top="2rem"),
        padding="2rem",
    )


app = rx.App()
voice.attach(app)
app.add_page(index, title="To do")

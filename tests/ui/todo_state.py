"""The state of a host app: what tests let the assistant drive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import reflex as rx

from voice_loop import ToolError, tool_result

SECRET = "the database password is swordfish"


class TodoState(rx.State):
    """A list."""

    items: list[str] = []  # noqa: RUF012  # Reflex copies a state's defaults for each tab
    show: str = "all"
    seen_token: str = ""
    gate: ClassVar[asyncio.Event | None] = None

    @rx.event
    def add_item(self, text: str) -> None:
        """Add an item to the list.

        Args:
            text: What to do.
        """
        self.items.append(text)

    @rx.event
    def set_filter(self, show: Literal["all", "open", "done"] = "all") -> None:
        """Choose which items are shown."""
        self.show = show
        tool_result({"shown": show})

    @rx.event
    async def count(self) -> Any:
        """Count the items."""
        self.seen_token = self.router.session.client_token
        tool_result("counting")
        tool_result(len(self.items))
        add_item: Any = TodoState.add_item
        return add_item("counted")

    @rx.event
    def add_twice(self, text: str) -> Iterator[Any]:
        """Add it, and once more."""
        self.items.append(text)
        yield
        self.items.append(text)

    @rx.event(background=True)
    async def research(self, topic: str) -> None:
        """Look something up; takes long."""
        assert self.gate is not None
        await self.gate.wait()
        async with self:
            self.items.append(f"found {topic}")
        tool_result("found it")

    @rx.event
    def break_down(self) -> None:
        """Fail without a word."""
        raise ValueError(SECRET)

    @rx.event
    def refuse(self) -> None:
        """Fail with a word."""
        raise ToolError("The list is full.", code="full")

    @rx.event
    def untyped(self, text) -> None:  # type: ignore[no-untyped-def]  # what is tested
        """No type hint."""

"""What the app tells its live conversation, as events: return or yield them from any handler.

    return voice.say("Your order has shipped.")

An order is sealed for the tab whose event is being handled, goes to that tab's VoiceState (which
knows the session), and from there, signed, through the page to the worker that holds the session.
So it works in every handler of every state on every worker. Without a conversation `say`,
`message`, `interrupt` and `end` do nothing; instructions and tools are kept for the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from reflex.event import EventSpec
from reflex_base.event.context import EventContext

from voice_loop.server.mount import VoiceServer
from voice_loop.tools import ToolAdapter, ToolSet
from voice_loop.ui.state import VoiceState
from voice_loop.ui.tools import Target, names_of

NO_HANDLER: Final = (
    "voice.{name}() works inside an event handler, because it acts on the tab whose event is "
    "handled. For a button write a handler that returns it."
)


class AppCommands:
    """The part of a VoiceLoop that speaks to its conversations."""

    state: type[VoiceState]
    server: VoiceServer
    tools: ToolSet

    def say(self, text: str) -> EventSpec:
        """Let the assistant say `text` aloud as soon as nobody speaks. Raises RuntimeError outside
        an event handler, as all of these do, and ValueError for what is too long or empty."""
        return self._order("say", text=_text(text))

    def message(self, text: str) -> EventSpec:
        """Put `text` into the conversation as if the person had typed it; it is answered."""
        return self._order("message", text=_text(text))

    def interrupt(self) -> EventSpec:
        """Stop the answer."""
        return self._order("interrupt")

    def set_instructions(self, instructions: str) -> EventSpec:
        """What the assistant is told about itself: in this tab, now and in later conversations."""
        return self._order("instructions", text=_text(instructions))

    def set_tools(self, tools: Iterable[Target | ToolAdapter | str]) -> EventSpec:
        """Offer only these of the VoiceLoop's tools: in this tab, now and in later conversations.

        Raises ValueError for one that the VoiceLoop was not made with.
        """
        return self._order("tools", tools=names_of(self.tools, tools))

    def end(self) -> EventSpec:
        """End the conversation; the microphone is given back."""
        return self._order("end")

    def _order(self, operation: str, **arguments: Any) -> EventSpec:
        try:
            client_token = EventContext.get().token
        except LookupError:
            client_token = ""
        if not client_token:
            raise RuntimeError(NO_HANDLER.format(name=_METHODS.get(operation, operation)))
        order = self.server.seal_order(client_token, operation, arguments)
        handler: Any = self.state.carry
        spec: EventSpec = handler(order)
        return spec


_METHODS: Final = {"instructions": "set_instructions", "tools": "set_tools"}


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("There is nothing to say: the text is empty.")
    return text

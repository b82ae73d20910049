"""What the state of a tab knows of its VoiceLoop, and what it carries to the live conversation.

Orders come from the app (sealed by `commands` for this tab) or from the person, who may choose a
voice and say how the assistant should be. The person's wishes stand behind the app's instructions
and never replace them: every handler here can be called by whoever has the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import reflex as rx
from reflex.event import EventSpec
from reflex_voice_audio import api

from voice_loop.errors import WireError
from voice_loop.session.session import Session
from voice_loop.ui.loops import Loop, loop_of

LOOP_NAME: Final = "voice"
MAX_WISHES_CHARS: Final = 1_000
VOICES: Final = (
    "marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse",
)  # fmt: skip
"""OpenAI's; the offline assistant has one of its own."""
_WISHES: Final = "\n\nThe person you talk with asks you to keep to this:\n"


def with_wishes(instructions: str, wishes: str) -> str:
    """The app's instructions, and behind them what the person asked for."""
    return f"{instructions}{_WISHES}{wishes}" if wishes else instructions


class TabMixin(rx.State, mixin=True):
    """The part of a VoiceLoop's state that reaches its loop and its session."""

    _loop_name: ClassVar[str] = LOOP_NAME
    session_id: str = ""
    voices: list[str] = []  # noqa: RUF012  # Reflex copies a state's defaults for each tab
    voice_wish: str = ""
    wishes: str = ""
    _instructions: str | None = None
    _offered: list[str] | None = None

    @property
    def _loop(self) -> Loop | None:
        return loop_of(self._loop_name)

    @property
    def _component(self) -> str:
        return self._loop.component_id if self._loop else self._loop_name

    @property
    def session(self) -> Session | None:
        """The live session of this tab, with the provider's socket in it, on the worker that holds
        it; None elsewhere and when nobody talks."""
        return self._loop.find(self.router.session.client_token) if self._loop else None

    def _offer_voices(self, loop: Loop) -> None:
        settings = loop.settings
        if settings.active_provider == "openai":
            self.voices = list(dict.fromkeys((settings.voice, *VOICES)))
            self.voice_wish = self.voice_wish or settings.voice

    def _told(self, loop: Loop) -> str:
        return with_wishes(self._instructions or loop.settings.instructions, self.wishes)

    def _send(self, loop: Loop, operation: str, arguments: Mapping[str, Any]) -> EventSpec | None:
        session_id = self.session.id if self.session else self.session_id
        if not session_id:
            return None
        command = loop.sign_command(session_id, operation, arguments)
        return api.send_command(self._component, command)

    @rx.event
    def carry(self, order: str) -> EventSpec | None:
        """The app's word to its conversation, sealed by `commands` for this tab alone."""
        loop = self._loop
        if loop is None:
            return None
        try:
            what = loop.open_order(self.router.session.client_token, order)
        except WireError:
            # Not from a handler of the app: whoever made it up is told nothing.
            return None
        arguments = what.arguments
        if what.operation == "instructions":
            self._instructions = arguments["text"]
            arguments = {"text": self._told(loop)}
        elif what.operation == "tools":
            self._offered = arguments["tools"]
        return self._send(loop, what.operation, arguments)

    @rx.event
    def choose_voice(self, voice: str) -> EventSpec | None:
        """Another voice. A live conversation goes on with it, history and all, in the next
        pause."""
        if self._loop is None or voice not in self.voices:
            return None
        self.voice_wish = voice
        return self._send(self._loop, "voice", {"text": voice})

    @rx.event
    def set_wishes(self, wishes: str) -> EventSpec | None:
        """How the assistant should be, in the person's words: from the next answer on."""
        if self._loop is None:
            return None
        self.wishes = wishes.strip()[:MAX_WISHES_CHARS]
        return self._send(self._loop, "instructions", {"text": self._told(self._loop)})

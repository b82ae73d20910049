"""Where event handlers find the voice loop they belong to.

Reflex makes state objects by itself, so a handler cannot be handed its VoiceLoop: it finds it here
by name. A loop enters when it is made and is replaced by a newer one of the same name (a reload).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from voice_loop.config import Settings
from voice_loop.session.operations import AppOperation
from voice_loop.session.session import Session


class Loop(Protocol):
    """What the state needs of a VoiceLoop."""

    settings: Settings

    @property
    def component_id(self) -> str:
        """The component's id on the page."""
        ...

    def issue_ticket(self, client_token: str, origin: str, address: str) -> str:
        """Permission for this page to open a session."""
        ...

    def open_order(self, client_token: str, order: str) -> AppOperation:
        """What the app orders in this tab. Raises WireError when it was not the app."""
        ...

    def sign_command(self, session_id: str, operation: str, arguments: Mapping[str, Any]) -> str:
        """A command for the page to carry to its session."""
        ...

    def sign_download(self, client_token: str, recording: str, file: str) -> str:
        """Where this page can fetch a file of its recording, once: path and query."""
        ...

    def find(self, client_token: str) -> Session | None:
        """The live session of this page, if this worker holds it."""
        ...

    def unavailable(self) -> str | None:
        """Wire code of what keeps anybody from talking; None when nothing does."""
        ...


_LOOPS: Final[dict[str, Loop]] = {}


def enter(name: str, loop: Loop) -> None:
    """The loop of `name` from now on."""
    _LOOPS[name] = loop


def loop_of(name: str) -> Loop | None:
    """The loop of `name`, if one was made in this process."""
    return _LOOPS.get(name)

"""A WebSocket whose server is the test; every frame goes through the server's own codec."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from reflex_voice_audio.browser.jsapi import ArrayBuffer

from tests.component.fake_values import bytearray_of
from voice_loop.protocol import codec
from voice_loop.protocol.events import ClientEvent, ServerEvent, SessionReady, StartOptions

if TYPE_CHECKING:
    from tests.component.fake_page import Page


class Socket:
    """The page's end of one WebSocket; the test is the server."""

    def __init__(self, page: Page, url: str, protocols: list[str]) -> None:
        self.page = page
        self.url = url
        self.protocols = protocols
        self.sent: list[str | bytes] = []
        self.bufferedAmount = 0
        self.closed_with: int | None = None
        self.binaryType = "blob"
        self.onopen: Callable[[Any], Any] | None = None
        self.onmessage: Callable[[Any], Any] | None = None
        self.onclose: Callable[[Any], Any] | None = None

    def send(self, data: Any) -> None:
        assert self.closed_with is None, "sent on a closed socket"
        self.sent.append(data if isinstance(data, str) else bytes(data))

    def close(self, code: int = 1000) -> None:
        self.closed_with = code

    def open(self) -> None:
        if self.onopen is not None:
            self.onopen(None)

    def events(self) -> list[ClientEvent]:
        """What arrived, as the server's codec reads it: it raises on anything it would refuse."""
        return [codec.decode_client(data) for data in self.sent]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events() if isinstance(event, kind)]

    def say(self, event: ServerEvent) -> None:
        """One frame of the server, as its codec writes it."""
        self.deliver(codec.encode_server(event))

    def deliver(self, data: str | bytes) -> None:
        if self.onmessage is not None:
            payload = data if isinstance(data, str) else ArrayBuffer(bytearray_of(data))
            self.onmessage(SimpleNamespace(data=payload))

    def break_off(self, code: int = 1006) -> None:
        if self.onclose is not None:
            self.onclose(SimpleNamespace(code=code))

    def ready(self, **fields: Any) -> None:
        """Open and answer `session.start` as a server does."""
        self.open()
        self.say(session_ready(**fields))


def session_ready(**fields: Any) -> SessionReady:
    """A `session.ready` with the given fields."""
    values: dict[str, Any] = {
        "session_id": "session-1",
        "resume_key": "key-1",
        "resumed": False,
        "received_seq": 0,
        "provider": "local",
        "model": "test",
        "voice": "marin",
        "options": StartOptions(),
        "max_session_ms": 60_000,
        "max_ahead_ms": 3_000,
        "server_time_ms": 0,
        **fields,
    }
    return SessionReady(**values)

"""The recording's part of a tab's state: what the person wants, what the server says, the files.

The notice shows before the order leaves (the same update carries both) and stays until the server
says that it is over, so nothing is recorded without it. The switch may be set before a conversation
begins; it holds for one.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

import reflex as rx
from reflex.config import get_config
from reflex.event import EventSpec

from voice_loop.errors import ERRORS
from voice_loop.recording.store import FILES
from voice_loop.session.facts import RecordingState
from voice_loop.ui.tab import TabMixin

_THIS_MACHINE: Final = ("localhost", "0.0.0.0", "::", "0:0:0:0:0:0:0:0")
"""Names in Reflex's `api_url` that a page replaces with the name it was loaded from."""


class RecordingMixin(TabMixin, rx.State, mixin=True):
    """Whether this tab's conversation is recorded."""

    recording_allowed: bool = False
    recording_wanted: bool = False
    recording_phase: str = ""
    """`running`, `ready` to be saved, or neither."""
    recording_keep: bool = False
    recording_keep_min: int = 0
    """How long one may be kept; 0: not at all."""
    recording_length: str = ""
    recording_message: str = ""
    _recording: str = ""
    _recorded_session: str = ""

    @rx.var
    def recording_notice(self) -> bool:
        """Whether the person has to be told."""
        return self.recording_wanted or self.recording_phase == "running"

    @rx.event
    def set_recording(self, wanted: bool) -> EventSpec | None:
        """Record this conversation, or the next one; or no more."""
        loop = self._loop
        if wanted and (loop is None or not loop.settings.recording.allowed):
            return None
        self.recording_wanted = wanted
        self.recording_message = ""
        return self._order_recording()

    @rx.event
    def stop_recording(self) -> EventSpec | None:
        """The notice's button."""
        self.recording_wanted = False
        return self._order_recording()

    @rx.event
    def set_recording_keep(self, keep: bool) -> EventSpec | None:
        """Let the files outlive the conversation, for their time."""
        self.recording_keep = keep and self.recording_keep_min > 0
        return self._order_recording()

    @rx.event
    def save_recording(self, file: str) -> EventSpec | None:
        """Fetch one of the files: by a link for this tab, for a minute, once."""
        loop = self._loop
        if loop is None or file not in FILES or not self._recording:
            return None
        link = loop.sign_download(self.router.session.client_token, self._recording, file)
        address = address_of(
            link, loop.settings.ws_url, str(get_config().api_url), self.router.headers.origin
        )
        return rx.download(url=rx.Var.create(address), filename=file)

    def _offer_recording(self) -> None:
        """What the server allows reaches the page when it comes alive."""
        policy = self._loop.settings.recording if self._loop else None
        self.recording_allowed = policy is not None and policy.allowed
        self.recording_keep_min = round(policy.keep_ms / 60_000) if policy else 0

    def _order_recording(self) -> EventSpec | None:
        session_id = self.session.id if self.session else self.session_id
        if self._loop is None or not session_id:
            return None
        if self.recording_wanted:
            self._recorded_session = session_id
        arguments = {"on": self.recording_wanted, "keep": self.recording_keep}
        return self._send(self._loop, "record", arguments)

    def _record_if_wanted(self) -> EventSpec | None:
        """A conversation goes on that was to be recorded and is not yet."""
        session_id = self.session.id if self.session else self.session_id
        if not self.recording_wanted or session_id == self._recorded_session:
            return None
        return self._order_recording()

    def _recording_over(self) -> None:
        """No conversation is on: nothing is recorded, and only what is kept can be fetched."""
        if self._recorded_session:
            self.recording_wanted = False
            self._recorded_session = ""
        if self.recording_phase == "running" or not self.recording_keep:
            self.recording_phase = "ready" if self._recording and self.recording_keep else ""
        if not self.recording_phase:
            self._recording = ""


def show_recording(state: RecordingMixin, said: RecordingState) -> None:
    """What the server says of it. No method of the state: a browser could call it."""
    newer = state.recording_phase == "running" and state._recording != said.name
    if said.phase != "running" and said.name and newer:
        # Of a session before: another one is recorded already.
        return
    state._recording = said.name
    state.recording_phase = "" if said.phase == "gone" else said.phase
    minutes, seconds = divmod(round(said.length_ms / 1000), 60)
    state.recording_length = f"{minutes}:{seconds:02d}"
    if said.phase != "running" and said.code:
        state.recording_wanted = False
        state.recording_message = ERRORS[said.code].message if said.code in ERRORS else said.code


def address_of(link: str, ws_url: str | None, api_url: str, origin: str) -> str:
    """Where the page finds `link` (path and query on this server): as Reflex's page finds its
    server, or beside the socket where that has an address of its own."""
    if ws_url is not None:
        socket = urlsplit(ws_url)
        scheme = "https" if socket.scheme == "wss" else "http"
        path = socket.path + link[link.rindex("/") :]
        return f"{scheme}://{socket.netloc}{path}"
    server, page = urlsplit(api_url), urlsplit(origin)
    scheme, netloc = server.scheme, server.netloc
    if server.hostname in _THIS_MACHINE and page.hostname:
        host = f"[{page.hostname}]" if ":" in page.hostname else page.hostname
        netloc = f"{host}:{server.port}" if server.port else host
        if page.scheme == "https":
            # As Reflex's page does: a proxy stands before both.
            scheme, netloc = "https", host
    return urlunsplit((scheme, netloc, *link.partition("?")[::2], ""))

"""VoiceState: opens, holds and drives the session of one tab, and shows what it is about.

The session writes transcript, tools, metrics and facts here (`bridge`); the component says what
only the browser knows: status, devices, its errors. Audio never passes through. "Running" is no
variable: nothing here starts anything, a click does, and on mount the component says what is true.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypedDict, cast

import anyio
import reflex as rx
from reflex.config import get_config
from reflex.event import EventHandler, EventSpec
from reflex_voice_audio import api

from voice_loop.errors import ERRORS, ConfigError, WireError
from voice_loop.session.session import Session
from voice_loop.ui import countdown
from voice_loop.ui.board import Line, ToolLine, as_cut
from voice_loop.ui.loops import Loop, loop_of
from voice_loop.ui.overlay_feed import OverlayFeed, feed_of
from voice_loop.ui.overlay_state import OverlayMixin

LOOP_NAME: Final = "voice"
MAX_TEXT_CHARS: Final = 4_000
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
QUIET_MICROPHONE: Final = (
    "Your microphone is silent. Check that it is switched on and the right one is chosen."
)
BLOCKED_MICROPHONE: Final = "Your system has muted the microphone."


class Device(TypedDict):
    """A microphone or a loudspeaker."""

    id: str
    label: str


class VoiceMixin(OverlayMixin, rx.State, mixin=True):
    """The conversation of this tab, as the page shows it: one state for each VoiceLoop."""

    _loop_name: ClassVar[str] = LOOP_NAME
    status: str = "idle"
    lines: list[Line] = []  # noqa: RUF012  # Reflex copies a state's defaults for each tab
    live: list[Line] = []  # noqa: RUF012  # as above
    tools: list[ToolLine] = []  # noqa: RUF012  # as above
    provider: str = ""
    model: str = ""
    voice: str = ""
    session_id: str = ""
    ws_url: str = ""
    socket_path: str = ""
    error_code: str = ""
    error_message: str = ""
    error_recoverable: bool = True
    retry_in_s: int = 0
    """Seconds of the wait that are left; they pass by themselves."""
    notice: str = ""
    microphone: bool = False
    muted: bool = False
    push_to_talk: bool = False
    barge_in: bool = True
    volume: float = 1.0
    inputs: list[Device] = []  # noqa: RUF012  # as above
    outputs: list[Device] = []  # noqa: RUF012  # as above
    input_id: str = ""
    output_id: str = ""
    settings_open: bool = False
    _welcomed: bool = False
    _retry_until_s: float = 0.0
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

    @rx.var
    def provider_label(self) -> str:
        """Who answers."""
        if self.provider == "openai":
            return f"OpenAI · {self.model}" if self.model else "OpenAI"
        return "Offline assistant" if self.provider == "local" else ""

    @rx.var
    def retry_label(self) -> str:
        """How long is still to wait, in words."""
        return countdown.words(self.retry_in_s)

    def _feed(self) -> OverlayFeed | None:
        return feed_of(self._loop_name, self.router.session.client_token)

    def _about(self) -> Mapping[str, Any]:
        names = ("session_id", "provider", "model", "voice", "status")
        return {name: getattr(self, name) for name in names}

    @rx.event
    def ticket_asked(self, data: dict[str, Any]) -> EventSpec | None:
        """Somebody clicked Talk: the session of this tab may open."""
        loop, request = self._loop, str(data.get("request", ""))
        self._forget_error()
        code = loop.unavailable() if loop else None
        if loop is None or code is not None:
            code = code or "not_attached"
            row = ERRORS[code]
            return api.refuse(
                self._component, request, code, row.message, recoverable=row.recoverable
            )
        ticket = loop.issue_ticket(
            self.router.session.client_token,
            self.router.headers.origin,
            self.router.session.client_ip,
        )
        return api.deliver_ticket(self._component, request, ticket)

    @rx.event
    def carry(self, order: str) -> EventSpec | None:
        """The app's word to its conversation, sealed by `commands` for this tab alone."""
        loop, client_token = self._loop, self.router.session.client_token
        if loop is None:
            return None
        try:
            what = loop.open_order(client_token, order)
        except WireError:
            # Not from a handler of the app: whoever made it up is told nothing.
            return None
        if what.operation == "instructions":
            self._instructions = what.arguments["text"]
        elif what.operation == "tools":
            self._offered = what.arguments["tools"]
        session_id = self.session.id if self.session else self.session_id
        if not session_id:
            return None
        command = loop.sign_command(session_id, what.operation, what.arguments)
        return api.send_command(self._component, command)

    @rx.event
    def status_changed(self, data: dict[str, Any]) -> None:
        """The component says what is true."""
        self.status = str(data.get("status", "idle"))
        self.microphone = bool(data.get("microphone", True))
        if self.status == "idle":
            self.session_id = ""
            self.notice = ""
            self.muted = False
            if self.retry_in_s:
                # Whoever was waiting waits no more.
                self._forget_error()
            self.lines, self.live = [*self.lines, *map(as_cut, self.live)], []
            self._welcome()
        elif self.status not in ("connecting", "error", "reconnecting"):
            self._forget_error()

    def _welcome(self) -> None:
        """What depends on the environment reaches the page here, never frozen into an export."""
        loop = self._loop
        if loop is None:
            return
        settings = loop.settings
        self.ws_url = settings.ws_url or ""
        self.socket_path = get_config().prepend_backend_path(settings.path)
        self.provider = settings.active_provider
        self.model = settings.openai_model if self.provider == "openai" else ""
        if not self._welcomed:
            self._welcomed = True
            self.barge_in = settings.barge_in
            self.push_to_talk = settings.turn_detection == "push_to_talk"

    @rx.event
    def failed(self, data: dict[str, Any]) -> EventHandler | None:
        """Something went wrong, in the browser or on the server."""
        self.error_code = str(data.get("code", "internal"))
        self.error_message = str(data.get("message", ""))
        self.error_recoverable = bool(data.get("recoverable", True))
        now_s, wait_s = time.time(), countdown.wait_s(data.get("retry_after_ms"))
        self._retry_until_s = now_s + wait_s
        self.retry_in_s = countdown.left_s(self._retry_until_s, now_s)
        return cast(EventHandler, type(self).count_down) if self.retry_in_s else None

    @rx.event(background=True)
    async def count_down(self) -> None:
        """Let the seconds pass on the page, until the wait is over or another one began."""
        async with self:
            # A deadline of this count's own: a second one, however begun, ends the first.
            until_s = self._retry_until_s = self._retry_until_s + 1e-6
        while True:
            now_s = time.time()
            async with self:
                if self._retry_until_s != until_s:
                    return
                self.retry_in_s = countdown.left_s(until_s, now_s)
                if not self.retry_in_s:
                    return
            await anyio.sleep(countdown.pause_s(until_s, now_s))

    @rx.event
    def devices_changed(self, data: dict[str, Any]) -> None:
        """Microphones and loudspeakers, and what they do."""
        for name in ("inputs", "outputs", "input_id", "output_id", "muted", "microphone"):
            if name in data:
                setattr(self, name, data[name])
        if data.get("blocked"):
            self.notice = BLOCKED_MICROPHONE
        else:
            self.notice = QUIET_MICROPHONE if data.get("silent") else ""

    @rx.event
    def send_text(self, form_data: dict[str, Any]) -> EventSpec | None:
        """A typed message."""
        text = str(form_data.get("text", "")).strip()[:MAX_TEXT_CHARS]
        return api.send_text(self._component, text) if text else None

    @rx.event
    def toggle_mute(self) -> EventSpec:
        """Mute or unmute; the conversation goes on."""
        self.muted = not self.muted
        return api.set_muted(self._component, self.muted)

    @rx.event
    def stop(self) -> EventSpec:
        """Interrupt the answer."""
        return api.interrupt(self._component)

    @rx.event
    def dismiss_error(self) -> None:
        """The person has read it."""
        self._forget_error()

    def _forget_error(self) -> None:
        self.error_code = self.error_message = ""
        self.retry_in_s, self._retry_until_s = 0, 0.0

    @rx.event
    def clear_transcript(self) -> None:
        """Forget the conversation: the next session begins without it."""
        self.lines, self.live, self.tools = [], [], []

    def _transcript_text(self) -> str:
        names = {"user": "You", "assistant": "Assistant"}
        return "\n".join(
            f"{names[line['role']]}: {line['text']}{' [cut]' if line['interrupted'] else ''}"
            for line in (*self.lines, *self.live)
        )

    @rx.event
    def copy_transcript(self) -> EventSpec:
        """Put the conversation on the clipboard."""
        return rx.set_clipboard(self._transcript_text())

    @rx.event
    def download_transcript(self) -> EventSpec:
        """Save the conversation as a text file."""
        return rx.download(data=self._transcript_text(), filename="conversation.txt")

    @rx.event
    def set_push_to_talk(self, wanted: bool) -> EventSpec:
        """Hold to talk, or hands free: from the next conversation on."""
        self.push_to_talk = wanted
        mode = "push_to_talk" if wanted else "server_vad"
        return api.set_options(self._component, turn_detection=mode)

    @rx.event
    def set_barge_in(self, wanted: bool) -> EventSpec:
        """Whether speech over the answer interrupts it."""
        self.barge_in = wanted
        return api.set_options(self._component, barge_in=wanted)

    @rx.event
    def set_volume_percent(self, value: list[int | float]) -> EventSpec:
        """Loudness of the answer."""
        self.volume = max(0.0, min(1.0, float(value[0]) / 100))
        return api.set_volume(self._component, self.volume)

    @rx.event
    def choose_input(self, device_id: str) -> EventSpec:
        """Another microphone."""
        self.input_id = device_id
        return api.set_devices(self._component, input_id=device_id)

    @rx.event
    def choose_output(self, device_id: str) -> EventSpec:
        """Another loudspeaker."""
        self.output_id = device_id
        return api.set_devices(self._component, output_id=device_id)

    @rx.event
    def toggle_settings(self) -> None:
        """Show or hide the settings."""
        self.settings_open = not self.settings_open


class VoiceState(VoiceMixin, rx.State):
    """The state of the VoiceLoop that has no name of its own."""


def state_of(name: str) -> type[VoiceState]:
    """The state class of a VoiceLoop, the same in every process. Raises ConfigError."""
    if name == LOOP_NAME:
        return VoiceState
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f'VoiceLoop(name="{name}"): write a name of lower-case letters, digits and "_" that '
            "begins with a letter, 32 at most."
        )
    class_name = f"VoiceState_{name}"
    if class_name not in globals():
        # A stored state is found again by module and class name.
        globals()[class_name] = type(
            class_name,
            (VoiceMixin, rx.State),
            {"__module__": __name__, "__doc__": VoiceMixin.__doc__, "_loop_name": name},
        )
    # Its members are VoiceState's, from the same mixin.
    return cast("type[VoiceState]", globals()[class_name])

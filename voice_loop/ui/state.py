"""VoiceState: opens, holds and drives the session of one tab, and shows what it is about.

The session writes transcript, tools, metrics and facts here (`bridge`); the component says what
only the browser knows: status, devices, its errors. Audio never passes through. "Running" is no
variable: nothing here starts anything, a click does, and on mount the component says what is true.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final, TypedDict, cast

import anyio
import reflex as rx
from reflex.config import get_config
from reflex.event import EventHandler, EventSpec
from reflex_voice_audio import api

from voice_loop.errors import ERRORS, ConfigError
from voice_loop.ui import countdown, privacy
from voice_loop.ui.board import Line, ToolLine, as_cut, as_left, as_text
from voice_loop.ui.overlay_feed import OverlayFeed, feed_of
from voice_loop.ui.overlay_state import OverlayMixin
from voice_loop.ui.recording_state import RecordingMixin
from voice_loop.ui.tab import LOOP_NAME as LOOP_NAME

MAX_TEXT_CHARS: Final = 4_000
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
QUIET_MICROPHONE: Final = (
    "Your microphone is silent. Check that it is switched on and the right one is chosen."
)
BLOCKED_MICROPHONE: Final = "Your system has muted the microphone."


def settings_button_id(component_id: str) -> str:
    """Id of the button that opens the settings."""
    return f"{component_id}-settings-button"


class Device(TypedDict):
    """A microphone or a loudspeaker."""

    id: str
    label: str


class VoiceMixin(RecordingMixin, OverlayMixin, rx.State, mixin=True):
    """The conversation of this tab, as the page shows it: one state for each VoiceLoop."""

    status: str = "idle"
    lines: list[Line] = []  # noqa: RUF012  # Reflex copies a state's defaults for each tab
    live: list[Line] = []  # noqa: RUF012  # as above
    tools: list[ToolLine] = []  # noqa: RUF012  # as above
    provider: str = ""
    model: str = ""
    voice: str = ""
    ws_url: str = ""
    socket_path: str = ""
    provider_name: str = ""
    privacy_note: str = ""
    """Where a voice goes, in a sentence."""
    error_code: str = ""
    error_message: str = ""
    error_recoverable: bool = True
    retry_in_s: int = 0
    """Seconds of the wait that are left; they pass by themselves."""
    notice: str = ""
    microphone: bool = False
    muted: bool = False
    push_to_talk: bool = False
    """What the person wants, from the next conversation on."""
    holds: bool = False
    """What is: the button is held to talk, now or as soon as a conversation begins."""
    barge_in: bool = True
    volume: float = 1.0
    inputs: list[Device] = []  # noqa: RUF012  # as above
    outputs: list[Device] = []  # noqa: RUF012  # as above
    input_id: str = ""
    output_id: str = ""
    settings_open: bool = False
    _welcomed: bool = False
    _retry_until_s: float = 0.0

    @rx.var
    def provider_label(self) -> str:
        """Who answers."""
        if self.provider == "openai":
            name = self.provider_name or "OpenAI"
            return f"{name} · {self.model}" if self.model else name
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
    def status_changed(self, data: dict[str, Any]) -> EventSpec | None:
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
            self.lines, self.live = [*map(as_left, [*self.lines, *map(as_cut, self.live)])], []
            self._welcome()
        elif self.status not in ("connecting", "error", "reconnecting"):
            self._forget_error()
        if self.status in ("idle", "error"):
            self._recording_over()
        mode = data.get("turn_detection")
        self.holds = mode == "push_to_talk" if mode else self.push_to_talk
        return self._record_if_wanted()

    def _welcome(self) -> None:
        """What depends on the environment reaches the page here, never frozen into an export."""
        loop = self._loop
        if loop is None:
            return
        settings = loop.settings
        self.ws_url = settings.ws_url or ""
        self.socket_path = get_config().prepend_backend_path(settings.path)
        self.provider = settings.active_provider
        self.provider_name = privacy.provider_name(settings)
        self.privacy_note = privacy.sentence(settings)
        self.model = settings.openai_model if self.provider == "openai" else ""
        self._offer_voices(loop)
        self._offer_recording()
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
        if "volume" in data:
            self.volume = max(0.0, min(1.0, float(data["volume"])))
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
        return "\n".join(map(as_text, (*self.lines, *self.live)))

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
        if self.status in ("idle", "error"):
            self.holds = wanted
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

    @rx.event
    def close_settings(self) -> EventSpec:
        """Put the settings away; the focus goes back to the button that opened them."""
        self.settings_open = False
        return rx.set_focus(settings_button_id(self._component))


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

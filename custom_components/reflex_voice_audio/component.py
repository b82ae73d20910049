"""Reflex components for live audio: `microphone()`, `speaker()` and `voice_audio()`, both in one.

Nothing visible: the page's own elements are the controls (`data-voice="talk | stop | mute | press"`
with `data-voice-for="<id>"`) and the meters (`data-voice-meter="<id>"`). The browser's part is
Python too, see `browser/`. The socket goes where Reflex's own goes, at `path`, and speaks
`voice-loop.v1`; who serves it there is not this package's business.
"""

from __future__ import annotations

from typing import Any, Literal

import reflex as rx
from reflex.config import get_config
from reflex.event import passthrough_event_spec
from reflex_components_core.core.banner import (  # type: ignore[import-untyped]
    WebsocketTargetURL,
)

from reflex_voice_audio import events
from reflex_voice_audio._generated import AUDIO_WORKLET, COMPONENT
from reflex_voice_audio.browser.detector import DEFAULTS
from reflex_voice_audio.failures import FAILURES, Recovery, messages_with

DEFAULT_PATH = "/voice"


class VoiceAudio(rx.Component):
    """Microphone and speaker of a spoken conversation. It needs an `id`."""

    library = COMPONENT.importable_path
    tag = "VoiceAudio"

    capture: rx.Var[bool]
    """Open the microphone when a conversation begins."""
    playback: rx.Var[bool]
    """Play what the server sends."""
    connect: rx.Var[bool]
    """Talk to a server. Without it the audio only reaches `on_audio`."""
    turn_detection: rx.Var[Literal["server_vad", "push_to_talk"]]
    barge_in: rx.Var[bool]
    """Speech over the answer interrupts it (default)."""
    muted: rx.Var[bool]
    volume: rx.Var[float]
    """0 to 1; without it what the person set last."""
    voice: rx.Var[str]
    """The voice asked for; the server may grant another."""
    echo_cancellation: rx.Var[bool]
    noise_suppression: rx.Var[bool]
    auto_gain_control: rx.Var[bool]
    detector: rx.Var[dict[str, float]]
    """Thresholds of the speech detector, by name (see browser/detector.py)."""
    messages: rx.Var[dict[str, str]]
    """Sentences for the codes of `FAILURES`, in the app's words or language; ours where one is
    left out."""
    ws_url: rx.Var[str]
    """Where the socket goes, if not where Reflex's goes; empty counts as not given."""

    server_url: rx.Var[str]
    path: rx.Var[str]
    """Where the server has its socket. A text is put behind Reflex's `backend_path`; a var is
    taken as it is."""
    worklet_url: rx.Var[str]
    failures: rx.Var[dict[str, Recovery]]

    @classmethod
    def get_event_triggers(cls) -> dict[str, Any]:
        """What it tells; `on_audio` is for small uses, not for a conversation."""
        return {
            **super().get_event_triggers(),
            "on_ticket": passthrough_event_spec(events.TicketRequest),
            "on_status": passthrough_event_spec(events.StatusChange),
            "on_transcript": passthrough_event_spec(events.TranscriptLine),
            "on_metrics": passthrough_event_spec(events.Metrics),
            "on_tool": passthrough_event_spec(events.ToolCall),
            "on_error": passthrough_event_spec(events.VoiceError),
            "on_device": passthrough_event_spec(events.DeviceState),
            "on_level": passthrough_event_spec(events.Levels),
            "on_speech": passthrough_event_spec(events.Speech),
            "on_playback": passthrough_event_spec(events.Playback),
            "on_audio": passthrough_event_spec(events.CapturedAudio),
        }

    @classmethod
    def create(cls, *children: Any, **props: Any) -> VoiceAudio:
        """Check and complete the props. Raises ValueError without a literal `id`, with children,
        for a message of no known code or a threshold of no known name, or where a server is meant
        and nobody answers `on_ticket`."""
        if children:
            raise ValueError("A voice component shows nothing and takes no children.")
        name = props.get("id")
        if not isinstance(name, str) or not name or '"' in name or "\\" in name:
            raise ValueError(
                'A voice component needs an id, for example id="voice": orders and the page\'s '
                "controls find it by that."
            )
        path = props.pop("path", DEFAULT_PATH)
        if isinstance(path, str):
            path = get_config().prepend_backend_path(path)
        detector = props.get("detector")
        unknown = sorted(set(detector) - set(DEFAULTS)) if isinstance(detector, dict) else []
        if unknown:
            raise ValueError(
                f"detector has no setting {', '.join(unknown)}; it has {', '.join(DEFAULTS)}."
            )
        messages = props.pop("messages", {})
        if isinstance(messages, rx.Var):
            messages = rx.Var.create(messages_with({})).merge(messages.to(dict[str, str]))
        else:
            messages = messages_with(messages)
        complete: dict[str, Any] = {
            "capture": True,
            "playback": True,
            "connect": True,
            "server_url": WebsocketTargetURL.create().to(str),
            "path": path,
            "worklet_url": AUDIO_WORKLET,
            "messages": messages,
            "failures": {code: recovery for code, (_, recovery) in FAILURES.items()},
            **props,
        }
        component = super().create(**complete)
        if complete["connect"] is not False and "on_ticket" not in props:
            raise ValueError(
                f'Nobody lets the voice component "{name}" in: give it on_ticket=State.ticket, a '
                f'handler that returns deliver_ticket("{name}", data["request"], ticket); or '
                "connect=False, if no server is meant."
            )
        return component


def voice_audio(**props: Any) -> rx.Component:
    """Microphone and speaker of one conversation; see `VoiceAudio` for the props."""
    return VoiceAudio.create(**props)


def microphone(**props: Any) -> rx.Component:
    """Only the microphone: what the server says is not played."""
    return VoiceAudio.create(**{"playback": False, **props})


def speaker(**props: Any) -> rx.Component:
    """Only the speaker: what the server says to typed text is played, nothing is captured."""
    return VoiceAudio.create(**{"capture": False, **props})

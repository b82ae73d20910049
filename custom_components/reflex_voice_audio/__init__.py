"""Live microphone and speaker for Reflex, in pure Python.

    from reflex_voice_audio import voice_audio, deliver_ticket

    voice_audio(id="voice", on_ticket=State.ticket, on_status=State.status)
    rx.el.button("Talk", custom_attrs={"data-voice": "talk", "data-voice-for": "voice"})

Streams 24 kHz audio over one WebSocket that speaks `voice-loop.v1`, detects speech in the browser
and stops the answer when it is talked over. Usable with any server that speaks that protocol.
"""

from __future__ import annotations

from reflex_voice_audio.api import (
    deliver_ticket,
    end,
    interrupt,
    order,
    refuse,
    send_command,
    send_text,
    set_devices,
    set_muted,
    set_options,
    set_volume,
)
from reflex_voice_audio.component import VoiceAudio, microphone, speaker, voice_audio
from reflex_voice_audio.failures import FAILURES

__all__ = [
    "FAILURES",
    "VoiceAudio",
    "deliver_ticket",
    "end",
    "interrupt",
    "microphone",
    "order",
    "refuse",
    "send_command",
    "send_text",
    "set_devices",
    "set_muted",
    "set_options",
    "set_volume",
    "speaker",
    "voice_audio",
]

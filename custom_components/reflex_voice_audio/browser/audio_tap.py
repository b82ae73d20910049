"""Captured audio for an event handler: ten chunks, 200 ms, as base64, when `on_audio` is bound.

Reflex events are no way for a conversation's audio; this is for dictation, levels and experiments.
"""

from __future__ import annotations

from typing import Any

from .jsapi import String, Uint8Array, btoa

CHUNKS = 10


class AudioTap:
    """Collects chunks; `on_audio({pcm, position_samples, sample_rate_hz})` five times a second."""

    def __init__(self, on_audio: Any) -> None:
        self.on_audio = on_audio
        self.is_on: bool = False
        self.text = ""
        self.count = 0
        self.position = 0

    def hear(self, position: int, pcm: Any) -> None:
        if not self.is_on:
            return
        if self.count == 0:
            self.position = position
        data = Uint8Array(pcm)
        for i in range(len(data)):
            self.text += String.fromCharCode(data[i])
        self.count += 1
        if self.count == CHUNKS:
            audio = {
                "pcm": btoa(self.text),
                "position_samples": self.position,
                "sample_rate_hz": 24000,
            }
            self.text = ""
            self.count = 0
            self.on_audio(audio)

"""Where the browser's built files lie, and the URLs under which Reflex serves them.

The files are made by `reflex_voice_audio.build` and are not in the repository. The URLs carry a
hash of the content, so a changed file is never taken from a cache.
"""

from __future__ import annotations

from typing import Final

import reflex as rx

from reflex_voice_audio.build import ensure_built

ensure_built()

AUDIO_WORKLET: Final = rx.asset("audio-worklet.js", shared=True)
COMPONENT: Final = rx.asset("voice-component.js", shared=True)

"""What the assistant answers: the port and its responders."""

from __future__ import annotations

from voice_loop.config import Settings
from voice_loop.local.brain.base import Responder
from voice_loop.local.brain.builtin import BuiltinResponder


def make_responder(settings: Settings) -> Responder:
    """The responder the settings ask for."""
    return BuiltinResponder()

"""What the assistant answers: the port and its responders."""

from __future__ import annotations

from voice_loop.config import Settings
from voice_loop.local.brain.base import Responder
from voice_loop.local.brain.builtin import BuiltinResponder


def make_responder(settings: Settings) -> Responder:
    """The responder the settings ask for: a chat server where one is set, else the rules."""
    builtin = BuiltinResponder()
    if settings.local_llm_url is None or settings.local_llm_model is None:
        return builtin
    # The client library is slow to import and few need it.
    from voice_loop.local.brain.chat import ChatResponder

    return ChatResponder(
        settings.local_llm_url,
        settings.local_llm_model,
        fallback=builtin,
        api_key=settings.local_llm_key,
    )

"""The built-in responder: no model, just rules; honest about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from voice_loop.local.brain.base import Context, Say, Step


class BuiltinResponder:
    """Answers by rules."""

    async def respond(self, context: Context) -> AsyncGenerator[Step, None]:
        text = context.last_user_text
        if not text:
            yield Say("Hello, I am the offline demo voice. Add a key for a real conversation.")
        else:
            yield Say(f"You said: {text}")

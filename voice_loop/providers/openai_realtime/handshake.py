"""From an open socket to a session in force: created, settings acknowledged, history replayed.

An accepted upgrade proves nothing: a bad key or model is refused after it. So the server's
`session.created` is awaited, then the acknowledgement of our own, complete `session.update`.
Anything else that comes meanwhile says nothing yet. Time is bounded by the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from voice_loop.errors import ProviderRejected
from voice_loop.providers.base import SessionSettings
from voice_loop.providers.openai_realtime import commands
from voice_loop.providers.openai_realtime.codec import (
    Decoded,
    Refusal,
    SessionCreated,
    SessionUpdated,
)
from voice_loop.providers.openai_realtime.faults import from_close, from_refusal
from voice_loop.providers.openai_realtime.link import Link, LinkClosed

_TRANSCRIPTION_PARAM: Final = "session.audio.input.transcription"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """What the server granted."""

    model: str
    voice: str | None
    transcription_model: str | None
    expires_at_s: float | None


class Handshake:
    """One use: `run` it on a fresh link."""

    def __init__(
        self,
        link: Link,
        decode: Callable[[bytes], Decoded],
        new_id: Callable[[commands.Kind], str],
        transcription_models: Sequence[str],
    ) -> None:
        self._link = link
        self._decode = decode
        self._new_id = new_id
        self._transcription_models = transcription_models

    async def run(self, settings: SessionSettings) -> Ready:
        """Raises ProviderUnavailable, ProviderRejected or ProviderTimeout."""
        created = await self._created()
        updated, transcription_model = await self._configured(settings)
        for line in settings.history:
            await self._link.send(commands.message(self._new_id("item"), line))
        return Ready(created.model, updated.voice, transcription_model, created.expires_at_s)

    async def _created(self) -> SessionCreated:
        while True:
            decoded = await self._next()
            if isinstance(decoded, SessionCreated):
                return decoded
            if isinstance(decoded, Refusal):
                raise from_refusal(decoded.code)

    async def _configured(self, settings: SessionSettings) -> tuple[SessionUpdated, str | None]:
        """An unknown transcription model is replaced by the next, the last is none: a new name
        that an account does not know yet must not keep people from talking."""
        candidates = [*self._transcription_models, None] if settings.transcribe else [None]
        for model in candidates:
            answer = await self._update(settings, model)
            if isinstance(answer, SessionUpdated):
                return answer, model
            if not (answer.param or "").startswith(_TRANSCRIPTION_PARAM):
                raise from_refusal(answer.code)
            _log.warning("transcription model refused model=%s", model)
        raise ProviderRejected("provider_rejected", detail_code="transcription")

    async def _update(
        self, settings: SessionSettings, transcription_model: str | None
    ) -> SessionUpdated | Refusal:
        frame = commands.session_update(
            self._new_id("update"), settings, transcription_model=transcription_model
        )
        await self._link.send(frame)
        while True:
            decoded = await self._next()
            if isinstance(decoded, SessionUpdated | Refusal):
                return decoded

    async def _next(self) -> Decoded:
        try:
            return self._decode(await self._link.receive())
        except LinkClosed as closed:
            raise from_close(closed.code, closed.reason) from None

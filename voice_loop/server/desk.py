"""The admission desk: from a ticket or a resume key to a session.

The cheap and certain checks come first, and the ticket is spent last, so that a page that is
refused for want of room can come back with the same ticket. What the session is to be is looked up
on the server by the ticket's client token, never taken from the page.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from typing import Final, Protocol

from voice_loop.errors import AdmissionError
from voice_loop.protocol.events import Resume, StartOptions
from voice_loop.providers.base import SessionSettings
from voice_loop.server.admission import origin_refusal, place_of
from voice_loop.server.shared_usage import SharedUsage
from voice_loop.server.tickets import Tickets
from voice_loop.session.manager import SessionManager
from voice_loop.session.session import Session

_VOICE_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class SessionHooks(Protocol):
    """What the host app decides about sessions; all of it is asked on the server."""

    async def settings_for(self, client_token: str) -> SessionSettings:
        """Instructions, voice, tools and history of this page's session."""
        ...

    async def watch(self, session: Session) -> None:
        """Read `session.bus` while the session lives; runs in the session's task group."""
        ...

    async def authorize(self, client_token: str, address: str) -> bool:
        """Whether this visitor may talk."""
        ...


class AdmissionDesk:
    """Opens and finds sessions for sockets."""

    def __init__(
        self,
        tickets: Tickets,
        manager: SessionManager,
        hooks: SessionHooks,
        allowed_origins: Sequence[str],
        usage: SharedUsage | None = None,
    ) -> None:
        self._tickets = tickets
        self._manager = manager
        self._hooks = hooks
        self._allowed_origins = tuple(allowed_origins)
        self._usage = usage

    async def open(self, ticket: str, options: StartOptions, origin: str) -> Session:
        """A new session. Raises AdmissionError."""
        claims = self._tickets.read(ticket)
        refusal = origin_refusal(origin, claims.origin, self._allowed_origins)
        if refusal is not None:
            raise AdmissionError(refusal)
        place = place_of(claims.address)
        if self._usage is not None:
            elsewhere_ms = await self._usage.elsewhere_ms(place)
            self._manager.learn_usage(place, elsewhere_ms)
        if self._manager.find(claims.client_token) is None:
            self._manager.admit(place)
        if not await self._hooks.authorize(claims.client_token, claims.address):
            raise AdmissionError("not_authorized")
        await self._tickets.spend(claims)
        settings = await self._hooks.settings_for(claims.client_token)
        if options.voice is not None and _VOICE_NAME.fullmatch(options.voice):
            settings = dataclasses.replace(settings, voice=options.voice)
        if settings.safety_identifier is None:
            hashed = hashlib.sha256(claims.client_token.encode()).hexdigest()
            settings = dataclasses.replace(settings, safety_identifier=hashed)
        return self._manager.open(claims.client_token, place, settings, options)

    def resume(self, resume: Resume, origin: str) -> Session:
        """The session that goes on. The key is the proof. Raises AdmissionError."""
        allowed = self._allowed_origins
        if origin_refusal(origin, origin, allowed) is not None:
            raise AdmissionError("origin_refused")
        return self._manager.resume(resume)

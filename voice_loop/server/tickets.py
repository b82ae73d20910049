"""Tickets: a page's permission to open one session, and the app's commands on a live one.

A ticket holds an id, the client token, the page's Origin, the client's address (for limits, never
compared: a phone changes it), the name of the VoiceLoop, an expiry, and nothing else; what the
session is to be stays on the server, looked up by client token. It is spent once. It proves a visit
to the page, not a person.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from voice_loop.errors import AdmissionError, WireError
from voice_loop.server.signing import SignatureExpired, SignatureInvalid, Signer, WallTime
from voice_loop.server.spent import SpentStore
from voice_loop.session.operations import AppOperation

TICKET_LIFETIME_S: Final = 30
COMMAND_LIFETIME_S: Final = 30


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says."""

    id: str
    client_token: str
    origin: str
    address: str


class Tickets:
    """Issues and takes the tickets of one VoiceLoop."""

    def __init__(
        self, secret: bytes, name: str, spent: SpentStore, wall_time: WallTime = time.time
    ) -> None:
        self._signer = Signer(secret, "ticket", wall_time)
        self._name = name
        self._spent = spent

    def issue(self, client_token: str, origin: str, address: str) -> str:
        """A ticket for the page that has this Origin, good for 30 s and one session."""
        claims = {
            "id": secrets.token_urlsafe(12),
            "tok": client_token,
            "org": origin,
            "adr": address,
            "for": self._name,
        }
        return self._signer.sign(claims, TICKET_LIFETIME_S)

    def read(self, ticket: str) -> Ticket:
        """What it says. Raises AdmissionError (`ticket_invalid`, `ticket_expired`)."""
        try:
            claims = self._signer.open(ticket)
        except SignatureInvalid:
            raise AdmissionError("ticket_invalid") from None
        except SignatureExpired:
            raise AdmissionError("ticket_expired") from None
        if claims.get("for") != self._name:
            raise AdmissionError("ticket_invalid")
        return Ticket(claims["id"], claims["tok"], claims["org"], claims["adr"])

    async def spend(self, ticket: Ticket) -> None:
        """Use it up. Raises AdmissionError `ticket_spent` the second time."""
        if not await self._spent.spend(ticket.id, 2 * TICKET_LIFETIME_S):
            raise AdmissionError("ticket_spent")


class Commands:
    """Signs the app's commands on any worker, verifies them on the one that holds the session."""

    def __init__(self, secret: bytes, name: str, wall_time: WallTime = time.time) -> None:
        self._signer = Signer(secret, "command", wall_time)
        self._name = name
        self._wall_time = wall_time
        self._last_counter = 0

    def sign(self, session_id: str, operation: str, arguments: Mapping[str, Any]) -> str:
        """A command for the page to carry. Raises ValueError when it is too long."""
        # Rising within this worker, and by wall time across workers.
        self._last_counter = max(self._last_counter + 1, int(self._wall_time() * 1_000_000))
        claims = {
            "ses": session_id,
            "cnt": self._last_counter,
            "op": operation,
            "arg": dict(arguments),
            "for": self._name,
        }
        return self._signer.sign(claims, COMMAND_LIFETIME_S)

    def verify(self, session_id: str, command: str) -> AppOperation:
        """What it says. Raises WireError `command_refused`."""
        try:
            claims = self._signer.open(command)
        except (SignatureInvalid, SignatureExpired):
            raise WireError("command_refused") from None
        if claims.get("for") != self._name or claims.get("ses") != session_id:
            raise WireError("command_refused")
        return AppOperation(claims["cnt"], claims["op"], claims["arg"])

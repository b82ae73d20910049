"""Signed, expiring, readable words of the server, carried by a page: tickets and app commands.

`base64url(JSON) "." base64url(HMAC-SHA-256)`, with a key of its own for each purpose, so that one
can never pass for the other. Wall time, because another machine may verify it; injected.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

MAX_TOKEN_CHARS: Final = 14_000
"""Fits into a `session.start` or `app.command` frame."""

WallTime = Callable[[], float]
"""Seconds since the epoch."""


class SignatureInvalid(Exception):
    """Not ours, or changed on the way."""


class SignatureExpired(Exception):
    """Ours, but too old."""


class Signer:
    """Signs and opens tokens of one purpose."""

    def __init__(self, secret: bytes, purpose: str, wall_time: WallTime = time.time) -> None:
        self._key = hmac.digest(secret, f"voice-loop {purpose} v1".encode(), hashlib.sha256)
        self._wall_time = wall_time

    def sign(self, claims: Mapping[str, Any], lifetime_s: float) -> str:
        """A token. Raises ValueError when it is too long for a frame."""
        body = {**claims, "exp": self._wall_time() + lifetime_s}
        payload = _encode(json.dumps(body, separators=(",", ":"), allow_nan=False).encode())
        token = f"{payload}.{_encode(self._mac(payload))}"
        if len(token) > MAX_TOKEN_CHARS:
            raise ValueError("too much to sign: it would not fit into a frame")
        return token

    def open(self, token: str) -> dict[str, Any]:
        """The claims. Raises SignatureInvalid or SignatureExpired, nothing else."""
        payload, dot, signature = token.partition(".")
        if not dot or len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise SignatureInvalid
        if not hmac.compare_digest(_encode(self._mac(payload)), signature):
            raise SignatureInvalid
        try:
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            expires = float(claims["exp"])
        except (binascii.Error, ValueError, TypeError, KeyError):
            raise SignatureInvalid from None
        if self._wall_time() >= expires:
            raise SignatureExpired
        return dict(claims)

    def _mac(self, payload: str) -> bytes:
        return hmac.digest(self._key, payload.encode(), hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

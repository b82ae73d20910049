"""A short-lived, signed permission to fetch one file of one recording. Pure.

The address of a download cannot carry a header, so the permission is in it; whoever has it may
fetch the file until it runs out, and nothing else. The secret is the tickets', for another purpose:
the purpose is signed too, so that neither passes for the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Final

from voice_loop.errors import AdmissionError

LIFETIME_S: Final = 60.0
MAX_TOKEN_CHARS: Final = 1_000
_PURPOSE: Final = b"voice-loop recording download v1\0"


@dataclass(frozen=True, slots=True)
class Download:
    """What a token permits."""

    recording: str
    file: str


def sign_download(
    secret: str, recording: str, file: str, *, now_s: float, lifetime_s: float = LIFETIME_S
) -> str:
    """A token for one file; `now_s` is wall time, which other workers share."""
    claim = json.dumps([recording, file, int(now_s + lifetime_s)], separators=(",", ":"))
    body = claim.encode()
    return f"{_text(body)}.{_text(_mac(secret, body))}"


def verify_download(secret: str, token: str, *, now_s: float) -> Download:
    """Raises AdmissionError: `ticket_invalid`, or `ticket_expired`."""
    body = _checked(secret, token)
    try:
        recording, file, expires_s = json.loads(body)
    except (ValueError, TypeError):
        raise AdmissionError("ticket_invalid") from None
    if now_s >= expires_s:
        raise AdmissionError("ticket_expired")
    return Download(recording, file)


def _checked(secret: str, token: str) -> bytes:
    if len(token) > MAX_TOKEN_CHARS:
        raise AdmissionError("ticket_invalid")
    claim, _, mac = token.partition(".")
    try:
        body, given = _bytes(claim), _bytes(mac)
    except (ValueError, binascii.Error):
        raise AdmissionError("ticket_invalid") from None
    if not hmac.compare_digest(given, _mac(secret, body)):
        raise AdmissionError("ticket_invalid")
    return body


def _mac(secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), _PURPOSE + body, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)

"""What a Realtime server refuses → our errors, in one place.

A refusal comes as an HTTP status before the upgrade, as an `error` frame, as a close code whose
reason ends in the error's code, or in a failed response. All name the same few codes; the table
maps them to the wire codes of `voice_loop.errors`. Foreign messages are never passed on: they may
quote the key. Foreign codes are, once they look like codes (`safe_code`).
"""

from __future__ import annotations

import re
from typing import Final

from voice_loop.errors import ERRORS, ProviderError, ProviderRejected, ProviderUnavailable

_WIRE_CODES: Final = {
    "invalid_api_key": "provider_key_refused",
    "invalid_authentication": "provider_key_refused",
    "authentication_error": "provider_key_refused",
    "account_deactivated": "provider_key_refused",
    "insufficient_quota": "provider_quota",
    "credit_balance_exhausted": "provider_quota",
    "billing_hard_limit_reached": "provider_quota",
    "billing_not_active": "provider_quota",
    "rate_limit_exceeded": "provider_rate_limited",
    "rate_limit_error": "provider_rate_limited",
    "missing_model": "provider_model_unknown",
    "invalid_model": "provider_model_unknown",
    "model_not_found": "provider_model_unknown",
    "model_deprecated": "provider_model_unknown",
    "deploymentnotfound": "provider_model_unknown",
    "unsupported_country_region_territory": "provider_forbidden",
    "ip_not_authorized": "provider_forbidden",
    "permission_denied": "provider_forbidden",
    "session_expired": "provider_expired",
    "local_unavailable": "local_unavailable",
}
_STATUS_CODES: Final = {
    401: "provider_key_refused",
    403: "provider_forbidden",
    # The path is ours and right, so what is not found is the model (or the whole address is wrong).
    404: "provider_model_unknown",
    408: "provider_unreachable",
    409: "provider_unreachable",
    425: "provider_unreachable",
    429: "provider_rate_limited",
}
_ENDING: Final = (
    "provider_key_refused",
    "provider_forbidden",
    "provider_quota",
    "provider_model_unknown",
)
_TRUNCATE_OR_DELETE: Final = ("truncate", "delete")
_BENIGN_CODES: Final = frozenset(
    {
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
        "conversation_already_has_active_response",
    }
)
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_SENT_KEY: Final = re.compile(r"(?i)sk_|[A-Za-z0-9]{25,}")


def safe_code(code: str | None) -> str | None:
    """A foreign code if it looks like one and not like a secret, else `other`."""
    if not code:
        return None
    return code if _CODE.fullmatch(code) and not _SENT_KEY.search(code) else "other"


def wire_code(code: str | None, default: str) -> str:
    """Our code for the provider's."""
    return _WIRE_CODES.get((code or "").lower(), default)


def is_benign(kind: str, code: str) -> bool:
    """Whether this refusal of our command is only a race that both sides lost.

    Every refusal of a truncation or deletion is: the item is shorter already, gone, or without
    audio, and the conversation is as it should be (these come under several codes, or none).
    """
    return code in _BENIGN_CODES or kind in _TRUNCATE_OR_DELETE


def ends_connection(code: str) -> bool:
    """Whether a fault of this wire code leaves nothing to go on with."""
    return code in _ENDING


def provider_error(
    code: str, detail: str | None = None, retry_after_ms: float | None = None
) -> ProviderError:
    """The exception that belongs to a wire code: retrying helps or it does not."""
    kind = ProviderUnavailable if ERRORS[code].recoverable else ProviderRejected
    return kind(code, retry_after_ms=retry_after_ms, detail_code=safe_code(detail))


def from_status(
    status: int, body_code: str | None, retry_after_ms: float | None = None
) -> ProviderError:
    """A handshake answered with an HTTP status instead of the upgrade."""
    if status >= 500:
        default = "provider_unreachable"
    else:
        default = _STATUS_CODES.get(status, "provider_rejected")
    code = wire_code(body_code, default)
    return provider_error(code, body_code or f"http_{status}", retry_after_ms)


def from_close(close_code: int | None, reason: str) -> ProviderError:
    """A connection that was closed before it was ready; reasons read `<type>.<code>`."""
    detail = reason.rpartition(".")[2]
    default = "provider_rejected" if close_code in (1008, 3000, 4000) else "provider_lost"
    code = wire_code(detail, default)
    return provider_error(code, detail if safe_code(detail) == detail else f"close_{close_code}")


def from_refusal(code: str, default: str = "provider_rejected") -> ProviderError:
    """An `error` frame while connecting."""
    return provider_error(wire_code(code, default), code)

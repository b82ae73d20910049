"""Identifiers as a Realtime client expects them: a prefix and random letters and digits.

`event_`, `sess_`, `conv_`, `item_`, `resp_` carry 21 characters, `call_` 16. They are unguessable,
so that one session's ids say nothing about another's.
"""

from __future__ import annotations

import secrets
import string
from typing import Final, Literal

Prefix = Literal["event", "sess", "conv", "item", "resp", "call"]

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 21
_CALL_LENGTH: Final = 16


def new_id(prefix: Prefix) -> str:
    """A fresh identifier."""
    length = _CALL_LENGTH if prefix == "call" else _LENGTH
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(length))

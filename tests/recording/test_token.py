"""A token permits one file for a minute."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.errors import AdmissionError
from voice_loop.recording import Download, sign_download, verify_download
from voice_loop.recording.token import LIFETIME_S

SECRET = "a secret of enough length"
NOW_S = 1_800_000_000.0


def token() -> str:
    return sign_download(SECRET, "recording-1", "conversation.wav", now_s=NOW_S)


def refused(text: str, *, secret: str = SECRET, now_s: float = NOW_S) -> str:
    with pytest.raises(AdmissionError) as error:
        verify_download(secret, text, now_s=now_s)
    return error.value.code


def test_a_token_permits_what_it_was_signed_for() -> None:
    assert verify_download(SECRET, token(), now_s=NOW_S + LIFETIME_S - 1) == Download(
        "recording-1", "conversation.wav"
    )


def test_it_runs_out() -> None:
    assert refused(token(), now_s=NOW_S + LIFETIME_S) == "ticket_expired"


def test_another_secret_does_not_open_it() -> None:
    assert refused(token(), secret="another secret") == "ticket_invalid"


def test_it_fits_into_an_address() -> None:
    assert set(token()) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_a_signature_for_another_purpose_does_not_pass() -> None:
    claim, _, _ = token().partition(".")
    body = base64.urlsafe_b64decode(claim + "=" * (-len(claim) % 4))
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    assert refused(f"{claim}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}") == (
        "ticket_invalid"
    )


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_changed_character_is_noticed(at: int, new: str) -> None:
    good = token()
    at %= len(good)
    changed = good[:at] + new + good[at + 1 :]
    try:
        permitted = verify_download(SECRET, changed, now_s=NOW_S)
    except AdmissionError as error:
        assert error.code == "ticket_invalid"
    else:
        # The last character of base64 holds bits that mean nothing.
        assert permitted == Download("recording-1", "conversation.wav")


@given(st.text(max_size=2_000))
def test_any_text_is_refused_without_a_traceback(text: str) -> None:
    assert refused(text) == "ticket_invalid"


def test_a_signed_claim_of_another_shape_is_refused() -> None:
    from voice_loop.recording.token import _mac, _text

    assert refused(f"{_text(b'[1]')}.{_text(_mac(SECRET, b'[1]'))}") == "ticket_invalid"

"""Every foreign refusal has one of our codes, and no foreign word gets through."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_loop.errors import ERRORS, ProviderRejected, ProviderUnavailable
from voice_loop.providers.openai_realtime import faults


@given(status=st.integers(100, 599), code=st.none() | st.text(max_size=30))
def test_any_status_has_a_code_of_ours(status: int, code: str | None) -> None:
    error = faults.from_status(status, code)
    assert error.code in ERRORS
    assert isinstance(error, ProviderUnavailable | ProviderRejected)


@given(close=st.none() | st.integers(0, 5000), reason=st.text(max_size=60))
def test_any_close_has_a_code_of_ours(close: int | None, reason: str) -> None:
    assert faults.from_close(close, reason).code in ERRORS


@given(code=st.text(max_size=90))
def test_a_detail_is_short_and_has_only_the_letters_of_a_code(code: str) -> None:
    safe = faults.safe_code(code)
    assert safe is None or (len(safe) <= 64 and safe.isascii() and safe.isidentifier())


def test_secrets_do_not_pass_for_codes() -> None:
    for secret in ("sk-proj-abc", "sk_live_12", "a" * 40, "ek_" + "Z9" * 20, "two words"):
        assert faults.safe_code(secret) == "other"


def test_retrying_helps_exactly_where_the_table_says() -> None:
    for code, row in ERRORS.items():
        if code.startswith("provider_"):
            error = faults.provider_error(code)
            assert isinstance(error, ProviderUnavailable) is row.recoverable

"""Errors are sentences for people and codes for programs."""

from __future__ import annotations

import pytest

from voice_loop.errors import ERRORS, AdmissionError, ConfigError, ProviderRejected, SessionClosed


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_code_has_a_sentence_that_a_person_can_act_on(code: str) -> None:
    row = ERRORS[code]
    assert row.message[0].isupper()
    assert row.message.endswith(".")
    assert code not in row.message
    if row.close_code is not None:
        assert row.close_code in {1009, 1011, 1012} or 4000 <= row.close_code < 5000


def test_an_error_takes_its_sentence_from_the_table() -> None:
    error = AdmissionError("at_capacity", retry_after_ms=5_000)
    assert str(error) == ERRORS["at_capacity"].message
    assert error.recoverable
    assert (error.close_code, error.retry_after_ms) == (4013, 5_000)


def test_a_code_without_a_close_code_closes_as_internal() -> None:
    assert SessionClosed("unknown_turn").close_code == 1011


def test_a_provider_error_keeps_the_code_of_the_provider() -> None:
    error = ProviderRejected("provider_key_refused", detail_code="invalid_api_key")
    assert error.detail_code == "invalid_api_key"
    assert not error.recoverable


def test_a_configuration_error_is_its_own_sentence() -> None:
    assert str(ConfigError("PORT must be a number.")) == "PORT must be a number."

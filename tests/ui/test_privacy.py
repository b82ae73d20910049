"""The sentence about where a voice goes, for every way to set the app up."""

from __future__ import annotations

import pytest

from voice_loop.config import Settings
from voice_loop.ui import privacy

KEY = {"OPENAI_API_KEY": "sk-x"}


@pytest.mark.parametrize(
    ("environment", "name", "told"),
    [
        ({}, "Offline assistant", "heard by this server alone"),
        (
            {"VOICE_LOCAL_LLM_URL": "http://think.example:8000/v1", "VOICE_LOCAL_LLM_MODEL": "m"},
            "Offline assistant",
            "your words go as text to think.example.",
        ),
        (KEY, "OpenAI", "your voice is sent to OpenAI."),
        (
            {**KEY, "OPENAI_BASE_URL": "https://me.openai.azure.com/openai/v1"},
            "me.openai.azure.com",
            "your voice is sent to me.openai.azure.com.",
        ),
        ({**KEY, "VOICE_PROVIDER": "local"}, "Offline assistant", "this server alone"),
    ],
)
def test_the_page_says_where_a_voice_goes(
    environment: dict[str, str], name: str, told: str
) -> None:
    settings = Settings.from_env(environment)
    assert privacy.provider_name(settings) == name
    assert told in privacy.sentence(settings)

"""Settings are read once and blame the variable by name."""

from __future__ import annotations

import dataclasses

import pytest

from voice_loop.config import DEFAULT_MODEL, RecordingPolicy, Settings
from voice_loop.errors import ConfigError


def test_nothing_set_is_a_working_configuration() -> None:
    settings = Settings.from_env({})
    assert settings == Settings()
    assert settings.active_provider == "local"
    assert settings.openai_model == DEFAULT_MODEL


def test_a_key_alone_makes_openai_the_provider() -> None:
    assert Settings.from_env({"OPENAI_API_KEY": "sk-x"}).active_provider == "openai"


def test_local_can_be_chosen_although_there_is_a_key() -> None:
    environ = {"OPENAI_API_KEY": "sk-x", "VOICE_PROVIDER": "LOCAL"}
    assert Settings.from_env(environ).active_provider == "local"


def test_blank_counts_as_not_set() -> None:
    assert Settings.from_env({"OPENAI_API_KEY": "  ", "PORT": ""}) == Settings()


def test_every_variable_arrives() -> None:
    settings = Settings.from_env(
        {
            "OPENAI_MODEL": "gpt-realtime-2.1",
            "OPENAI_BASE_URL": "ws://127.0.0.1:9/v1/",
            "PORT": "3100",
            "VOICE_VOICE": "cedar",
            "VOICE_INSTRUCTIONS": "Be brief.",
            "VOICE_TURN_DETECTION": "push_to_talk",
            "VOICE_VAD_THRESHOLD": "0.6",
            "VOICE_VAD_PREFIX_MS": "200",
            "VOICE_VAD_SILENCE_MS": "350",
            "VOICE_BARGE_IN": "off",
            "VOICE_TICKET_SECRET": "0123456789abcdef",
            "VOICE_WS_URL": "wss://voice.example/voice",
            "VOICE_PATH": "/_event/voice",
            "VOICE_METRICS_TOKEN": "a-token-of-16-characters",
            "VOICE_MAX_SESSIONS": "5",
            "VOICE_MAX_MINUTES": "2",
            "VOICE_IDLE_MINUTES": "1",
            "VOICE_MAX_MINUTES_PER_DAY": "30",
            "VOICE_MAX_PER_ADDRESS": "3",
            "VOICE_LOCAL_PORT": "9001",
            "VOICE_LOCAL_THINK_MS": "150",
            "VOICE_LOG_LEVEL": "debug",
        }
    )
    assert settings.openai_model == "gpt-realtime-2.1"
    assert settings.openai_base_url == "ws://127.0.0.1:9/v1"
    assert settings.port == 3100
    assert (settings.voice, settings.instructions) == ("cedar", "Be brief.")
    assert settings.turn_detection == "push_to_talk"
    activity = settings.voice_activity
    assert (activity.threshold, activity.prefix_padding_ms) == (0.6, 200)
    assert activity.silence_duration_ms == 350
    assert settings.barge_in is False
    assert settings.ws_url == "wss://voice.example/voice"
    assert settings.path == "/_event/voice"
    assert settings.limits.max_sessions == 5
    assert settings.limits.max_session_ms == 120_000
    assert settings.limits.idle_ms == 60_000
    assert settings.limits.max_minutes_per_day == 30
    assert settings.limits.max_per_address == 3
    assert (settings.local_port, settings.local_think_ms) == (9001, 150)
    assert settings.log_level == "DEBUG"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("VOICE_PROVIDER", "azure"),
        ("VOICE_TURN_DETECTION", "psychic"),
        ("VOICE_VAD_THRESHOLD", "1.5"),
        ("VOICE_VAD_THRESHOLD", "nan"),
        ("VOICE_VAD_SILENCE_MS", "10.5"),
        ("VOICE_BARGE_IN", "maybe"),
        ("VOICE_TICKET_SECRET", "short"),
        ("VOICE_WS_URL", "https://voice.example"),
        ("OPENAI_BASE_URL", "localhost:8080"),
        ("VOICE_PATH", "voice"),
        ("VOICE_PATH", "/voice/"),
        ("VOICE_MAX_SESSIONS", "-1"),
        ("VOICE_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({name: value})
    assert name in caught.value.message
    assert caught.value.code == "config"


def test_openai_without_a_key_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        Settings.from_env({"VOICE_PROVIDER": "openai"})


def test_a_secret_that_is_too_short_is_not_repeated_in_the_sentence() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"VOICE_TICKET_SECRET": "hunter2"})
    assert "hunter2" not in caught.value.message


def test_secrets_stay_out_of_the_representation() -> None:
    settings = Settings.from_env(
        {"OPENAI_API_KEY": "sk-secret", "VOICE_TICKET_SECRET": "0123456789abcdef"}
    )
    assert "sk-secret" not in repr(settings)
    assert "0123456789abcdef" not in repr(settings)


def test_settings_cannot_be_changed_after_they_were_read() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]  # the point of the test


def test_recording_is_off_until_it_is_allowed_and_bounded_then() -> None:
    assert not Settings.from_env({}).recording.allowed
    given = {
        "VOICE_RECORDING": "true",
        "VOICE_RECORDING_MAX_MB": "5",
        "VOICE_RECORDING_KEEP_MINUTES": "0",
    }
    assert Settings.from_env(given).recording == RecordingPolicy(True, 5_000_000, 0)
    for name in ("VOICE_RECORDING_MAX_MB", "VOICE_RECORDING_KEEP_MINUTES"):
        with pytest.raises(ConfigError, match=name):
            Settings.from_env({name: "-1"})

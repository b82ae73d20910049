"""Where a voice goes: the one sentence on the page that must be true. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from voice_loop.config import Settings


def host_of(url: str | None) -> str:
    """The name in an address; empty without one."""
    return (urlsplit(url).hostname or "") if url else ""


def provider_name(settings: Settings) -> str:
    """Who answers: OpenAI, or the host of another server that speaks its protocol."""
    if settings.active_provider == "local":
        return "Offline assistant"
    return host_of(settings.openai_base_url) or "OpenAI"


def sentence(settings: Settings) -> str:
    """What happens to what is said here."""
    if settings.active_provider != "local":
        return f"While a conversation is on, your voice is sent to {provider_name(settings)}."
    thinker = host_of(settings.local_llm_url)
    if thinker:
        return f"Your voice stays on this server; your words go as text to {thinker}."
    return "Your voice is heard by this server alone."

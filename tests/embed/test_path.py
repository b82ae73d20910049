"""The voice's path is the server's to say: a page that was exported elsewhere asks for it."""

from __future__ import annotations

from typing import cast

import pytest
import reflex as rx
from reflex.config import get_config

from voice_loop.config import Settings
from voice_loop.embed import VoiceLoop
from voice_loop.ui import loops
from voice_loop.ui.state import VoiceState


@pytest.fixture
def tab(monkeypatch: pytest.MonkeyPatch) -> VoiceState:
    """A tab of an app whose server has another path than the export knew."""
    monkeypatch.setitem(loops._LOOPS, "voice", VoiceLoop(Settings(path="/_event/voice")))
    root = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    return cast(VoiceState, root.get_substate(VoiceState.get_full_name().split(".")))


def test_a_page_learns_the_path_when_it_comes_alive(tab: VoiceState) -> None:
    assert tab.socket_path == ""
    VoiceState.status_changed.fn(tab, {"status": "idle"})  # type: ignore[attr-defined]
    assert tab.socket_path == "/_event/voice"


def test_the_path_stands_behind_the_prefix_of_the_backend(
    tab: VoiceState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_config(), "backend_path", "/api")
    VoiceState.status_changed.fn(tab, {"status": "idle"})  # type: ignore[attr-defined]
    assert tab.socket_path == "/api/_event/voice"


def test_until_then_it_has_the_one_of_the_export() -> None:
    component = VoiceLoop(Settings(path="/speak")).audio().children[0]
    props = " ".join(component.render()["props"])
    assert "socket_path" in props
    assert '"/speak"' in props

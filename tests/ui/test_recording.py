"""The switch, the notice and the files, as the state of a tab and as parts of the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ui.test_state import FakeLoop, call, order
from tests.ui.test_state import loop as loop
from tests.ui.test_state import state as state
from tests.ui.tree import elements, find, one
from voice_loop.config import RecordingPolicy, Settings
from voice_loop.embed import VoiceLoop
from voice_loop.session.facts import RecordingState
from voice_loop.ui.board import Board
from voice_loop.ui.bridge import show
from voice_loop.ui.recording import recording_controls, recording_notice
from voice_loop.ui.recording_state import address_of
from voice_loop.ui.state import VoiceState

LINK = "/voice/recording?token=abc.def"


@pytest.fixture(autouse=True)
def allowed(loop: FakeLoop) -> None:
    loop.settings = Settings(recording=RecordingPolicy(allowed=True))


def tell(state: VoiceState, *said: RecordingState) -> None:
    for fact in said:
        board = Board()
        assert board.add(fact)
        show(state, board)


def notice(state: VoiceState) -> bool:
    """Whether the person is told now."""
    return bool(state.recording_notice)


def ordered(event: Any) -> dict[str, Any]:
    """What a command for the session says, as the fake loop signs it."""
    command = order(event)["command"]
    assert command.startswith("s1 record ")
    said: dict[str, Any] = json.loads(command.removeprefix("s1 record "))
    return said


def test_the_notice_shows_with_the_order_and_until_the_server_says_that_it_is_over(
    state: VoiceState,
) -> None:
    state.session_id = "s1"
    assert ordered(call(state, "set_recording", True)) == {"on": True, "keep": False}
    assert notice(state)
    tell(state, RecordingState("running", "r1"))
    assert ordered(call(state, "stop_recording")) == {"on": False, "keep": False}
    assert notice(state), "it still runs"
    tell(state, RecordingState("ready", "r1", 63_400))
    assert not notice(state)
    assert (state.recording_phase, state.recording_length) == ("ready", "1:03")


def test_switched_on_before_the_conversation_it_begins_with_it_and_holds_for_one(
    state: VoiceState,
) -> None:
    assert call(state, "set_recording", True) is None
    assert notice(state)
    assert call(state, "status_changed", {"status": "connecting"}) is None
    state.session_id = "s1"
    assert ordered(call(state, "status_changed", {"status": "listening"}))["on"] is True
    assert call(state, "status_changed", {"status": "speaking"}) is None, "once"
    tell(state, RecordingState("running", "r1"))
    call(state, "status_changed", {"status": "idle"})
    assert not notice(state)
    assert state.recording_phase == ""


def test_a_session_that_takes_the_place_of_another_is_recorded_too(state: VoiceState) -> None:
    state.session_id = "s0"
    call(state, "set_recording", True)
    tell(state, RecordingState("running", "r0"))
    state.session_id = "s1"
    assert ordered(call(state, "status_changed", {"status": "listening"}))["on"] is True
    tell(state, RecordingState("running", "r1"), RecordingState("gone", "r0"))
    assert state.recording_phase == "running", "what the old one says comes too late"


def test_where_it_is_not_allowed_the_switch_does_nothing(state: VoiceState, loop: FakeLoop) -> None:
    loop.settings = Settings()
    call(state, "status_changed", {"status": "idle"})
    assert not state.recording_allowed
    state.session_id = "s1"
    assert call(state, "set_recording", True) is None
    assert not notice(state)


def test_what_ended_it_is_said_and_the_switch_is_off(state: VoiceState) -> None:
    state.session_id = "s1"
    call(state, "set_recording", True)
    tell(state, RecordingState("running", "r1"), RecordingState("ready", "r1", 1, "recording_full"))
    assert "largest size" in state.recording_message
    assert not notice(state)
    tell(state, RecordingState("gone", "", code="something_new"))
    assert state.recording_message == "something_new"
    assert state.recording_phase == ""
    call(state, "set_recording", True)
    assert state.recording_message == ""


@pytest.mark.parametrize("status", ["idle", "error"])
def test_what_is_kept_can_be_saved_after_the_conversation(state: VoiceState, status: str) -> None:
    call(state, "status_changed", {"status": "idle"})
    assert state.recording_keep_min == 60
    state.session_id = "s1"
    call(state, "set_recording", True)
    assert ordered(call(state, "set_recording_keep", True)) == {"on": True, "keep": True}
    tell(state, RecordingState("running", "r1"))
    call(state, "status_changed", {"status": status})
    assert state.recording_phase == "ready"
    assert call(state, "save_recording", "conversation.wav") is not None


def test_nothing_can_be_kept_where_nothing_may(state: VoiceState, loop: FakeLoop) -> None:
    loop.settings = Settings(recording=RecordingPolicy(allowed=True, keep_ms=0))
    call(state, "status_changed", {"status": "idle"})
    call(state, "set_recording_keep", True)
    assert not state.recording_keep


def test_a_file_is_fetched_by_a_link_for_this_tab(state: VoiceState) -> None:
    assert call(state, "save_recording", "conversation.wav") is None, "nothing was recorded"
    tell(state, RecordingState("ready", "r1"))
    assert call(state, "save_recording", "note.json") is None
    event = call(state, "save_recording", "timeline.jsonl")
    values = {str(name): value._var_value for name, value in event.args}
    assert values["filename"] == "timeline.jsonl"
    assert values["url"].endswith("/voice/recording?token=-r1-timeline.jsonl")


@pytest.mark.parametrize(
    ("ws_url", "api_url", "origin", "address"),
    [
        (None, "http://localhost:8000", "http://localhost:3000", "http://localhost:8000"),
        (None, "http://localhost:8000", "http://192.0.2.7:3000", "http://192.0.2.7:8000"),
        (None, "http://localhost:8000", "https://talk.example", "https://talk.example"),
        (None, "http://0.0.0.0:8000", "http://[::1]:3000", "http://[::1]:8000"),
        (None, "https://api.example", "https://talk.example", "https://api.example"),
        (None, "http://localhost", "http://pc.example", "http://pc.example"),
        (None, "http://localhost:8000", "", "http://localhost:8000"),
    ],
)
def test_the_link_leads_where_the_page_finds_its_server(
    ws_url: str | None, api_url: str, origin: str, address: str
) -> None:
    assert address_of(LINK, ws_url, api_url, origin) == address + LINK


@pytest.mark.parametrize(
    ("ws_url", "address"),
    [
        ("wss://voice.example/talk", "https://voice.example/talk/recording?token=abc.def"),
        ("ws://pc:8000/voice", "http://pc:8000/voice/recording?token=abc.def"),
    ],
)
def test_a_socket_with_an_address_of_its_own_has_the_files_beside_it(
    ws_url: str, address: str
) -> None:
    assert address_of(LINK, ws_url, "http://localhost:8000", "http://pc") == address


def test_the_notice_is_on_every_page_where_a_conversation_can_be() -> None:
    voice = VoiceLoop(Settings())
    for part in (voice.audio(), voice.talk_button()):
        (told,) = [e for e in find(part, role="status") if "being recorded" in e.text]
        assert find(told, "button")


def test_the_notice_says_it_and_stops_it() -> None:
    notice = recording_notice(VoiceState)
    (stop,) = find(notice, "button")
    assert stop.text == "Stop recording"
    assert "stop_recording" in stop.props["onClick"]
    assert elements(notice)[0].props["role"] == "status"


def test_the_controls_have_names_and_are_hidden_where_nothing_may_be_recorded() -> None:
    controls = recording_controls(VoiceState)
    section = one(controls, "section")
    assert section.props["aria-label"] == "Recording"
    field, label = one(controls, "input"), one(controls, "label")
    assert field.props["id"] == label.props["htmlFor"]
    saved = [e.props["data-voice-file"] for e in elements(controls) if "data-voice-file" in e.props]
    assert saved == ["conversation.wav", "timeline.jsonl"]
    assert "recording_allowed" in str(controls.render())

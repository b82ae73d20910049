"""VoiceState: what the handlers of the page do."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from typing import Any, cast

import pytest
import reflex as rx
from reflex.event import EventSpec

from voice_loop.config import Settings
from voice_loop.errors import ERRORS, ConfigError, WireError
from voice_loop.protocol.events import MetricsUpdate, TranscriptUpdate
from voice_loop.session.facts import SessionStarted
from voice_loop.session.operations import AppOperation
from voice_loop.session.session import Session
from voice_loop.ui import loops
from voice_loop.ui.board import Board
from voice_loop.ui.bridge import show
from voice_loop.ui.state import BLOCKED_MICROPHONE, QUIET_MICROPHONE, VoiceState, state_of
from voice_loop.ui.tab import with_wishes


class FakeLoop:
    """The part of a VoiceLoop that handlers ask."""

    component_id = "voice"

    def __init__(self, settings: Settings, refusal: str | None = None) -> None:
        self.settings = settings
        self.refusal = refusal
        self.asked: list[tuple[str, str, str]] = []

    def issue_ticket(self, client_token: str, origin: str, address: str) -> str:
        self.asked.append((client_token, origin, address))
        return "the-ticket"

    def find(self, client_token: str) -> Session | None:
        return None

    def open_order(self, client_token: str, order: str) -> AppOperation:
        if not order.startswith("{"):
            raise WireError("command_refused")
        return AppOperation(1, **json.loads(order))

    def sign_command(self, session_id: str, operation: str, arguments: Mapping[str, Any]) -> str:
        return f"{session_id} {operation} {json.dumps(dict(arguments))}"

    def sign_download(self, client_token: str, recording: str, file: str) -> str:
        return f"/voice/recording?token={client_token}-{recording}-{file}"

    def unavailable(self) -> str | None:
        return self.refusal


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    made = FakeLoop(Settings(ws_url="wss://voice.example/voice"))
    monkeypatch.setitem(loops._LOOPS, "voice", made)
    return made


@pytest.fixture
def state() -> VoiceState:
    """A tab's own, made as Reflex makes it: under the root, with the states that read it below."""
    root = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    return cast(VoiceState, root.get_substate(VoiceState.get_full_name().split(".")))


def call(state: VoiceState, name: str, *arguments: Any) -> Any:
    """Run a handler as Reflex does: its function, with the state."""
    return getattr(VoiceState, name).fn(state, *arguments)


def order(spec: EventSpec) -> dict[str, Any]:
    """What an order tells the component."""
    values = {str(name): value for name, value in spec.args}
    found: dict[str, Any] = dict(values["value"]._var_value)  # type: ignore[attr-defined]  # a literal
    return found


def test_a_click_is_answered_with_a_ticket_that_is_not_kept(
    state: VoiceState, loop: FakeLoop
) -> None:
    answer = order(call(state, "ticket_asked", {"request": "r1"}))
    assert answer == {"op": "ticket", "request": "r1", "ticket": "the-ticket"}
    assert len(loop.asked) == 1
    assert "the-ticket" not in json.dumps(state.dict(), default=str)


def test_where_nobody_can_answer_the_click_is_refused_with_the_sentence(
    state: VoiceState, loop: FakeLoop
) -> None:
    loop.refusal = "local_unavailable"
    answer = order(call(state, "ticket_asked", {"request": "r1"}))
    assert answer["op"] == "refuse"
    assert answer["error"]["message"] == ERRORS["local_unavailable"].message
    assert loop.asked == []


def test_on_mount_what_was_stored_of_a_running_session_is_cleared(
    state: VoiceState, loop: FakeLoop
) -> None:
    state.status, state.session_id, state.muted = "speaking", "old", True
    call(state, "status_changed", {"status": "idle", "microphone": False})
    assert (state.status, state.session_id, state.muted) == ("idle", "", False)
    assert state.ws_url == "wss://voice.example/voice"
    assert state.provider_label == "Offline assistant"


def test_the_settings_of_the_server_are_the_first_choice_and_not_the_last(
    state: VoiceState, loop: FakeLoop
) -> None:
    loop.settings = Settings(barge_in=False, turn_detection="push_to_talk")
    call(state, "status_changed", {"status": "idle"})
    assert (state.barge_in, state.push_to_talk) == (False, True)
    assert order(call(state, "set_barge_in", True))["options"]["barge_in"] is True
    assert (
        order(call(state, "set_push_to_talk", False))["options"]["turn_detection"] == "server_vad"
    )
    call(state, "status_changed", {"status": "idle"})
    assert (state.barge_in, state.push_to_talk) == (True, False)


def test_an_error_is_shown_until_it_is_over(state: VoiceState, loop: FakeLoop) -> None:
    call(
        state,
        "failed",
        {"code": "at_capacity", "message": "Full.", "recoverable": True, "retry_after_ms": 4_600},
    )
    call(state, "status_changed", {"status": "error"})
    assert (state.error_code, state.error_message, state.retry_in_s) == ("at_capacity", "Full.", 5)
    assert state.retry_label == "5 s"
    call(state, "status_changed", {"status": "listening"})
    assert (state.error_code, state.error_message, state.retry_in_s) == ("", "", 0)
    call(state, "failed", {"code": "internal", "message": "x"})
    call(state, "dismiss_error")
    assert state.error_code == ""


def test_whoever_calls_the_wait_off_is_not_told_of_it_any_more(
    state: VoiceState, loop: FakeLoop
) -> None:
    call(state, "status_changed", {"status": "connecting"})
    waits = {"code": "provider_rate_limited", "message": "Wait.", "retry_after_ms": 50_000}
    assert call(state, "failed", waits) is VoiceState.count_down
    call(state, "status_changed", {"status": "idle"})
    assert (state.error_code, state.retry_in_s) == ("", 0)
    assert call(state, "failed", {"code": "internal", "retry_after_ms": "soon"}) is None


def test_a_silent_and_a_blocked_microphone_are_said(state: VoiceState) -> None:
    devices = [{"id": "a", "label": "Desk"}]
    call(state, "devices_changed", {"inputs": devices, "input_id": "a", "silent": True})
    assert (state.notice, state.input_id, state.inputs) == (QUIET_MICROPHONE, "a", devices)
    call(state, "devices_changed", {"silent": False, "blocked": True})
    assert state.notice == BLOCKED_MICROPHONE
    call(state, "devices_changed", {})
    assert state.notice == ""


@pytest.mark.parametrize(
    ("name", "arguments", "op"),
    [
        ("stop", (), "stop"),
        ("choose_input", ("a",), "devices"),
        ("choose_output", ("b",), "devices"),
        ("set_volume_percent", ([250],), "volume"),
        ("toggle_mute", (), "mute"),
        ("send_text", ({"text": "  hello "},), "text"),
    ],
)
def test_a_control_gives_the_component_its_order(
    state: VoiceState, name: str, arguments: tuple[Any, ...], op: str
) -> None:
    assert order(call(state, name, *arguments))["op"] == op
    assert state.volume <= 1


def test_nothing_typed_is_nothing_sent(state: VoiceState) -> None:
    assert call(state, "send_text", {"text": "   "}) is None


def test_what_the_session_learned_is_shown_and_can_be_taken_away(state: VoiceState) -> None:
    board = Board()
    for fact in (
        SessionStarted("s1", "openai", "gpt-realtime", "marin", False, 1.0),
        TranscriptUpdate("u1", "user", 1, "Hi", True),
        TranscriptUpdate("a1", "assistant", 1, "Hello the", True, interrupted=True),
        MetricsUpdate({"turn": 1}),
    ):
        board.add(fact)
    show(state, board)
    assert state.provider_label == "OpenAI · gpt-realtime"
    assert (state.session_id, state.voice, state.metrics) == ("s1", "marin", {"turn": 1})
    assert state._transcript_text() == "You: Hi\nAssistant: Hello the [cut]"
    call(state, "clear_transcript")
    assert state.lines == []
    assert state._transcript_text() == ""


def app_order(operation: str, **arguments: Any) -> str:
    return json.dumps({"operation": operation, "arguments": arguments})


def test_an_order_of_the_app_goes_signed_to_the_session_of_the_tab(
    state: VoiceState, loop: FakeLoop
) -> None:
    state.session_id = "s1"
    sent = order(call(state, "carry", app_order("say", text="Hello")))
    assert sent == {"op": "command", "command": 's1 say {"text": "Hello"}'}


def test_without_a_conversation_only_instructions_and_tools_are_kept(
    state: VoiceState, loop: FakeLoop
) -> None:
    assert call(state, "carry", app_order("say", text="Hello")) is None
    assert call(state, "carry", app_order("instructions", text="Be kind.")) is None
    assert call(state, "carry", app_order("tools", tools=["add"])) is None
    assert (state._instructions, state._offered) == ("Be kind.", ["add"])
    assert "Be kind." not in json.dumps(state.dict(), default=str)


def test_an_order_that_a_page_made_up_does_nothing(state: VoiceState, loop: FakeLoop) -> None:
    state.session_id = "s1"
    assert call(state, "carry", "give me the tools") is None
    assert (state._instructions, state._offered) == (None, None)


def test_a_page_without_its_server_part_says_what_to_write(
    state: VoiceState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(loops._LOOPS, "voice", raising=False)
    assert call(state, "carry", app_order("end")) is None
    answer = order(call(state, "ticket_asked", {"request": "r1"}))
    assert answer["error"]["code"] == "not_attached"
    assert "voice.attach(app)" in answer["error"]["message"]


def test_a_loop_of_another_name_has_a_state_of_its_own_that_is_found_again_when_stored() -> None:
    kitchen = state_of("kitchen")
    assert state_of("kitchen") is kitchen
    assert state_of("voice") is VoiceState
    assert kitchen.get_full_name() != VoiceState.get_full_name()
    assert kitchen.get_full_name().endswith("voice_state_kitchen")
    assert pickle.loads(pickle.dumps(kitchen)) is kitchen
    assert set(kitchen.event_handlers) == set(VoiceState.event_handlers)
    assert set(kitchen.base_vars) == set(VoiceState.base_vars)


@pytest.mark.parametrize("name", ["", "Kitchen", "2nd", "my kitchen", "k" * 33])
def test_a_name_that_cannot_be_one_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(ConfigError, match="lower-case"):
        state_of(name)


def test_panels_open_and_close(state: VoiceState) -> None:
    call(state, "toggle_overlay")
    call(state, "toggle_settings")
    assert state.overlay_open
    assert state.settings_open


def test_a_browser_can_call_what_a_page_offers_and_nothing_that_writes_the_conversation() -> None:
    assert set(VoiceState.event_handlers) == {
        "carry", "choose_input", "choose_output", "choose_voice", "clear_transcript",
        "close_settings", "copy_metrics", "copy_transcript", "count_down", "devices_changed",
        "dismiss_error", "download_metrics", "download_transcript", "failed", "filter_log_kind",
        "filter_log_text", "open_overlay_if_asked", "save_recording", "send_text", "set_barge_in",
        "set_push_to_talk", "set_recording", "set_recording_keep", "set_volume_percent",
        "set_wishes", "setvar", "status_changed", "stop", "stop_recording", "ticket_asked",
        "toggle_log_pause", "toggle_mute", "toggle_overlay", "toggle_settings",
    }  # fmt: skip
    assert not hasattr(VoiceState, "set_lines")


def test_another_voice_and_wishes_reach_a_live_conversation_and_stay_for_the_next(
    state: VoiceState, loop: FakeLoop
) -> None:
    loop.settings = Settings(
        provider="openai", openai_api_key="sk-test-not-a-real-key", instructions="Be kind."
    )
    call(state, "status_changed", {"status": "idle"})
    assert state.voices[0] == state.voice_wish == "marin"
    assert call(state, "choose_voice", "cedar") is None
    state.session_id = "s1"
    assert order(call(state, "choose_voice", "ash"))["command"] == 's1 voice {"text": "ash"}'
    told = order(call(state, "set_wishes", "  Speak slowly.  "))["command"]
    assert told.startswith('s1 instructions {"text": "Be kind.')
    assert told.endswith('Speak slowly."}')
    assert call(state, "choose_voice", "made-up") is None
    call(state, "status_changed", {"status": "idle"})
    assert (state.voice_wish, state.wishes) == ("ash", "Speak slowly.")


def test_what_the_app_instructs_later_keeps_the_persons_wishes(
    state: VoiceState, loop: FakeLoop
) -> None:
    state.session_id = "s1"
    call(state, "set_wishes", "Whisper.")
    told = order(call(state, "carry", app_order("instructions", text="Sell tea.")))["command"]
    assert "Sell tea." in told
    assert told.endswith('Whisper."}')
    assert with_wishes("Sell tea.", "") == "Sell tea."


def test_the_offline_assistant_has_no_voices_to_choose_from(
    state: VoiceState, loop: FakeLoop
) -> None:
    call(state, "status_changed", {"status": "idle"})
    assert state.voices == []


def test_the_button_is_held_as_the_session_goes_and_not_as_the_next_one_will(
    state: VoiceState, loop: FakeLoop
) -> None:
    seen = []
    for name, argument in (
        ("status_changed", {"status": "idle"}),
        ("set_push_to_talk", True),
        ("set_push_to_talk", False),
        ("status_changed", {"status": "listening", "turn_detection": "server_vad"}),
        ("set_push_to_talk", True),
        ("status_changed", {"status": "idle"}),
    ):
        call(state, name, argument)
        seen.append(state.holds)
    assert seen == [False, True, False, False, False, True]


def test_the_remembered_volume_is_shown(state: VoiceState) -> None:
    call(state, "devices_changed", {"volume": 0.25, "input_id": "headset"})
    assert (state.volume, state.input_id) == (0.25, "headset")


def test_settings_that_close_give_the_focus_back(state: VoiceState) -> None:
    call(state, "toggle_settings")
    assert "voice_settings_button" in str(call(state, "close_settings").args)
    assert not state.settings_open

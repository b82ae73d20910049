"""What goes wrong on the page: refused, broken, lost, held back; each is said once."""

from __future__ import annotations

import typing

import pytest
from reflex_voice_audio.events import VoiceError
from reflex_voice_audio.failures import FAILURES

from tests.component.driver import Component
from tests.component.fake_page import Page
from voice_loop.protocol.events import (
    AudioChunk,
    ErrorEvent,
    PlaybackReport,
    SessionEnd,
    TurnState,
    UserBargeIn,
)


def test_a_ticket_that_never_comes_is_said(page: Page, component: Component) -> None:
    component.talk()
    component.allow()
    page.advance(10_000)
    assert component.errors == ["ticket_timeout"]
    assert component.statuses[-1] == "error"
    page.advance(1_000)
    assert page.pending() == 0


def test_a_refusal_is_told_in_the_servers_words(page: Page, component: Component) -> None:
    component.talk()
    track = component.allow()
    request = component.of("onTicket")[-1]["request"]
    error = {"code": "at_capacity", "message": "Full.", "recoverable": True, "retry_after_ms": 500}
    component.order("refuse", request="another", error=error)
    assert component.errors == []
    component.order("refuse", request=request, error=error)
    assert component.of("onError") == [error]
    assert component.statuses[-1] == "error"
    assert track.stopped


@pytest.mark.parametrize(
    ("secure", "worklets", "devices", "code"),
    [
        (False, True, True, "insecure_context"),
        (True, False, True, "unsupported_browser"),
        (True, True, False, "unsupported_browser"),
    ],
)
def test_a_page_that_cannot_is_told_why(
    page: Page, component: Component, secure: bool, worklets: bool, devices: bool, code: str
) -> None:
    page.window.isSecureContext = secure
    if not worklets:
        page.window.AudioWorkletNode = None
    if not devices:
        page.navigator.mediaDevices = None
    component.talk()
    assert component.errors == [code]
    assert component.statuses == ["idle", "error"]
    assert component.of("onTicket") == []


@pytest.mark.parametrize(
    ("name", "message", "code"),
    [
        ("NotAllowedError", "Permission denied", "microphone_denied"),
        ("NotAllowedError", "Permission dismissed", "microphone_dismissed"),
        ("SecurityError", "", "microphone_denied"),
        ("NotFoundError", "", "microphone_missing"),
        ("OverconstrainedError", "", "microphone_missing"),
        ("NotReadableError", "", "microphone_busy"),
        ("AbortError", "", "microphone_busy"),
    ],
)
def test_each_refusal_of_the_microphone_has_its_own_code(
    page: Page, component: Component, name: str, message: str, code: str
) -> None:
    component.talk()
    page.devices.requests[0][1].reject(name, message)
    [error] = component.of("onError")
    sentence, recovery = FAILURES[code]
    assert error == {"code": code, "message": sentence, **recovery}
    assert set(error) == set(typing.get_type_hints(VoiceError))
    assert component.statuses[-1] == "error"


def test_an_error_before_the_permission_is_told_once(page: Page, component: Component) -> None:
    component.talk()
    page.advance(10_000)
    page.devices.requests[0][1].reject("NotAllowedError")
    assert component.errors == ["ticket_timeout"]


def test_audio_code_that_does_not_load_is_said(page: Page, component: Component) -> None:
    component.talk()
    component.allow()
    page.context.modules["/worklet.js"].reject("AbortError")
    assert component.errors == ["worklet_failed"]


@pytest.mark.parametrize("node", ["voice-capture", "voice-playback"])
def test_audio_code_that_breaks_is_said(page: Page, component: Component, node: str) -> None:
    component.begin()
    broken = page.context.last(node).onprocessorerror
    assert broken is not None
    broken(None)
    assert component.errors == ["worklet_failed"]
    assert component.statuses[-1] == "error"


def test_a_broken_link_is_shown_and_taken_up_again(page: Page, component: Component) -> None:
    socket = component.begin()
    socket.say(TurnState("speaking", 1, seq=1))
    component.hear(0)
    socket.break_off()
    assert component.statuses[-1] == "reconnecting"
    component.hear(480)
    page.advance(500)
    page.socket.ready(resumed=True, received_seq=1, resume_key="key-2")
    assert component.statuses[-1] == "speaking"
    assert [chunk.seq for chunk in page.socket.of(AudioChunk)] == [2]
    assert component.errors == []


def test_a_lost_session_goes_on_in_a_new_one_with_the_words(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    socket.say(TurnState("speaking", 5, seq=9))
    socket.say(AudioChunk(5, 0, 0, b"\1\0" * 480, seq=10))
    page.advance(2_500)
    socket.break_off()
    component.hear(48_000)
    while len(component.of("onTicket")) == 1:
        page.advance(2_000)
        page.socket.break_off()
    component.hear(96_000)
    component.ticket()
    page.socket.ready(session_id="session-2")
    assert component.statuses[-1] == "listening"
    assert component.errors == ["session_renewed"], "a new conversation is said plainly"
    assert [len(chunk.pcm) for chunk in page.socket.of(AudioChunk)] == [960]
    page.socket.say(AudioChunk(1, 0, 0, b"\1\0" * 480, seq=1))
    assert component.playback.of("audio")[-1].turn == 1
    old, new = [node for node in page.context.nodes if node.name == "voice-playback"]
    assert old.port.of("stop")
    assert new.port is component.playback
    assert len(component.playback.of("peer")) == 1


def test_a_server_that_loses_every_session_is_given_up(page: Page, component: Component) -> None:
    component.begin()
    for _ in range(4):
        page.socket.break_off()
        page.advance(1_000)
        page.socket.open()
        page.socket.say(ErrorEvent("resume_refused", "no", True))
        page.socket.break_off(4010)
        if component.statuses[-1] == "error":
            break
        component.ticket()
        page.socket.ready()
    assert component.errors[-1] == "server_unreachable"
    assert page.devices.requests[0][1] is not None


@pytest.mark.parametrize(
    ("props", "code"),
    [
        ({}, "path_refused"),
        ({"path": "/_event/voice"}, "server_unreachable"),
        ({"wsUrl": "wss://voice.test/voice"}, "server_unreachable"),
    ],
)
def test_a_socket_that_never_opens_though_the_ticket_came_is_held_back_on_the_way(
    page: Page, component: Component, props: dict[str, str], code: str
) -> None:
    component.props.update(props)
    component.talk()
    component.allow()
    component.load()
    component.ticket()
    for _ in range(3):
        page.socket.break_off()
        page.advance(2_000)
    assert component.errors == [code]
    assert component.statuses[-1] == "error"
    [error] = component.of("onError")
    assert error["recoverable"] is True
    assert error["retry_after_ms"] == 3_000


def test_an_explained_end_is_told_once(page: Page, component: Component) -> None:
    socket = component.begin()
    socket.say(ErrorEvent("idle_limit", "Nobody spoke.", True, seq=1))
    socket.break_off(4012)
    assert component.errors == ["idle_limit"]
    assert component.statuses[-1] == "error"
    page.advance(60_000)
    assert len(page.sockets) == 1


def test_a_normal_end_of_the_server_is_no_error(page: Page, component: Component) -> None:
    component.begin().break_off(1000)
    assert component.errors == []
    assert component.statuses[-1] == "idle"


def test_a_held_back_sound_is_said_and_unlocked_by_the_next_gesture(
    page: Page, component: Component
) -> None:
    component.begin()
    component.hear(0)
    resumed = page.context.resumed
    page.context.suspend()
    assert component.errors == ["audio_blocked"]
    page.document.fire("pointerdown", target=None, button=0)
    assert page.context.resumed > resumed + 1
    told = len(component.statuses)
    page.context.state = "running"
    changed = page.context.onstatechange
    assert changed is not None
    changed(None)
    assert component.statuses[told:] == ["listening"], "told again, so that the message goes"
    changed(None)
    assert len(component.statuses) == told + 1
    resumed = page.context.resumed
    page.document.fire("keydown", target=None, key="a")
    page.document.fire("visibilitychange")
    assert page.context.resumed == resumed


def test_leaving_the_page_ends_it(page: Page, component: Component) -> None:
    socket = component.begin()
    page.window.fire("pagehide")
    assert socket.of(SessionEnd)[0].reason == "page_closed"
    assert component.statuses[-1] == "idle"


def test_a_page_that_was_put_to_sleep_says_so(page: Page, component: Component) -> None:
    component.begin()
    page.document.fire("resume")
    assert component.errors == ["page_frozen"]
    assert component.statuses[-1] == "error"


def test_reports_of_an_answer_that_its_server_lost_are_not_told_to_the_next(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    component.hear(0)
    socket.say(TurnState("speaking", 5, seq=1))
    socket.say(AudioChunk(5, 0, 0, b"\1\0" * 480, seq=2))
    component.report("started", turn=5, first_time=0.0)
    socket.break_off()
    page.advance(300)
    page.socket.open()
    page.socket.say(ErrorEvent("resume_refused", "No.", True))
    page.socket.break_off(4010)
    component.report("playing", turn=5, heard=2_400)
    component.ticket()
    component.report("playing", turn=5, heard=4_800)
    component.sound("confirmed", during_playback=True)
    component.flushed(turn=5, heard=4_800)
    page.socket.ready(session_id="session-2")
    assert page.socket.of(PlaybackReport) == []
    assert page.socket.of(UserBargeIn) == []
    assert component.errors[-1] == "session_renewed"


@pytest.mark.parametrize("code", [1005, 1011, 1012, 1013])
def test_an_error_that_was_survived_explains_no_later_break(
    page: Page, component: Component, code: int
) -> None:
    socket = component.begin()
    component.hear(0)
    socket.say(ErrorEvent("answer_too_long", "Cut.", True, seq=1))
    socket.say(TurnState("listening", 1, seq=2))
    page.advance(3_000)
    socket.break_off(code)
    assert component.statuses[-1] == "reconnecting"


def test_a_sound_that_never_could_begin_is_said_and_the_end_of_a_touch_unlocks_it(
    page: Page, component: Component
) -> None:
    component.order("text", text="Hello")
    page.context.state = "suspended"
    component.load()
    component.ticket()
    page.socket.ready()
    page.socket.say(TurnState("thinking", 1, seq=1))
    assert component.errors == []
    page.socket.say(TurnState("speaking", 1, seq=2))
    assert component.errors == ["audio_blocked"]
    resumed = page.context.resumed
    page.document.fire("pointerup", target=None, clientX=1, clientY=1)
    assert page.context.resumed == resumed + 1

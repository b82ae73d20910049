"""Interrupting: what a sound, the Stop control, a press and a typed line do to the answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.component.driver import Component
from tests.component.fake_page import Page
from tests.component.fake_socket import Socket
from tests.component.fake_values import Element
from voice_loop.protocol.events import (
    AudioChunk,
    ErrorEvent,
    InputCancel,
    InputCommit,
    InputPress,
    InputText,
    SessionOptions,
    StartOptions,
    TurnState,
    UserBargeIn,
    UserSpeech,
)

PUSH_TO_TALK = StartOptions(turn_detection="push_to_talk")


def answer(socket: Socket, turn: int = 1, item: int = 0, seq: int = 1) -> None:
    """The server speaks."""
    socket.say(TurnState("speaking", turn, seq=seq))
    socket.say(AudioChunk(turn, item, 0, b"\1\0" * 4800, seq=seq + 1))


def order_of(socket: Socket, *kinds: type[Any]) -> list[str]:
    return [type(event).__name__ for event in socket.events() if isinstance(event, kinds)]


def test_every_word_of_the_detector_goes_up(page: Page, component: Component) -> None:
    socket = component.begin()
    component.hear(0)
    page.advance(500)
    for phase in ("candidate", "rejected", "ended"):
        component.sound(phase, sound=3)
    candidate, rejected, _ = socket.of(UserSpeech)
    assert (candidate.phase, candidate.sound, candidate.during_playback) == ("candidate", 3, False)
    assert candidate.client_at_ms - candidate.client_onset_ms == pytest.approx(30, abs=0.1)
    assert candidate.client_at_ms == pytest.approx(page.now_ms, abs=1)
    assert candidate.position_samples == 4800
    assert rejected.phase == "rejected"
    assert [told["phase"] for told in component.of("onSpeech")] == [
        "candidate",
        "rejected",
        "ended",
    ]


def test_a_confirmed_sound_over_the_answer_cuts_it_and_says_what_was_heard(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    answer(socket)
    page.advance(400)
    component.report("started", heard=0, buffered=4800)
    component.sound("candidate", during_playback=True)
    component.report("paused", heard=2000, stopped_time=page.context.currentTime)
    paused_ms = page.now_ms
    page.advance(250)
    assert component.playback.of("flush") == []
    component.sound("confirmed", during_playback=True)
    [flush] = component.playback.of("flush")
    assert flush.turn == 1
    assert socket.of(UserBargeIn) == []
    component.flushed(turn=1, item=0, heard=2400)
    [barge_in] = socket.of(UserBargeIn)
    assert (barge_in.turn, barge_in.item, barge_in.source) == (1, 0, "speech")
    assert barge_in.played_ms == 100
    assert barge_in.client_detected_ms == pytest.approx(page.now_ms, abs=1)
    assert barge_in.client_onset_ms == pytest.approx(page.now_ms - 30, abs=1)
    assert barge_in.client_stopped_ms == pytest.approx(paused_ms + 40, abs=1)


def test_a_rejected_sound_cuts_nothing(page: Page, component: Component) -> None:
    socket = component.begin()
    answer(socket)
    component.sound("candidate", during_playback=True)
    component.sound("rejected", during_playback=True)
    assert component.playback.of("flush") == []
    assert socket.of(UserBargeIn) == []


def test_speech_in_silence_interrupts_nothing(page: Page, component: Component) -> None:
    socket = component.begin()
    component.sound("confirmed")
    socket.say(TurnState("thinking", 1, seq=1))
    component.sound("confirmed", sound=2)
    assert component.playback.of("flush") == []
    assert socket.of(UserBargeIn) == []


def test_without_barge_in_speech_cuts_nothing_but_stop_does(page: Page) -> None:
    component = Component(page, bargeIn=False)
    socket = component.begin()
    assert component.capture.of("config")[-1].settings.barge_in == 0
    answer(socket)
    component.sound("confirmed", during_playback=True)
    assert component.playback.of("flush") == []
    component.click(component.stop_button)
    assert len(component.playback.of("flush")) == 1


def test_what_still_comes_of_the_cut_turn_is_dropped_and_counted(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    answer(socket)
    component.click(component.stop_button)
    component.flushed(heard=240)
    for index in range(3):
        socket.say(AudioChunk(1, 0, 4800 + index, b"\1\0" * 48, seq=3 + index))
    assert len(component.playback.of("audio")) == 1
    answer(socket, turn=2, seq=10)
    assert component.playback.of("audio")[-1].turn == 2
    component.report("started", turn=2, dropped=1)
    from voice_loop.protocol.events import PlaybackReport

    assert socket.of(PlaybackReport)[-1].dropped_chunks == 4


def test_stop_and_escape_are_the_same(page: Page, component: Component) -> None:
    socket = component.begin()
    answer(socket)
    page.document.fire("keydown", target=None, key="Escape")
    component.flushed(heard=4800)
    [barge_in] = socket.of(UserBargeIn)
    assert (barge_in.source, barge_in.played_ms) == ("stop", 200)


def test_escape_closes_what_is_open_before_it_stops_the_answer(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    answer(socket)
    below, above = Element(voice="close"), Element(voice="close")
    page.document.meters["close"] = [below, above]
    event = page.document.fire("keydown", target=None, key="Escape")
    assert (below.clicks, above.clicks, event.prevented) == (0, 1, True)
    page.document.fire("keydown", target=None, key="Escape", defaultPrevented=True)
    page.document.fire("keydown", target=None, key="Escape", isComposing=True)
    assert above.clicks == 1
    assert component.playback.of("flush") == []
    page.document.meters["close"] = []
    page.document.fire("keydown", target=None, key="Escape")
    component.flushed(heard=4800)
    assert len(socket.of(UserBargeIn)) == 1


def test_escape_in_a_field_is_no_order(page: Page, component: Component) -> None:
    socket = component.begin()
    answer(socket)
    field = Element()
    field.tag = "textarea"
    page.document.fire("keydown", target=Element(inside=field), key="Escape")
    assert component.playback.of("flush") == []


def test_stop_while_the_assistant_thinks_names_the_coming_turn(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    answer(socket, turn=1)
    component.report("finished", turn=1, heard=4800)
    socket.say(TurnState("thinking", 2, seq=5))
    component.order("stop")
    component.flushed(turn=0)
    [barge_in] = socket.of(UserBargeIn)
    assert (barge_in.turn, barge_in.item, barge_in.played_ms) == (2, 0, 0)
    assert barge_in.client_stopped_ms is None


def test_stop_in_a_gap_of_an_answer_says_all_of_the_item_was_heard(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    answer(socket, turn=1, item=1)
    component.report("finished", turn=1, item=1, heard=4800, stopped_time=0.0)
    component.click(component.stop_button)
    component.flushed(turn=0)
    [barge_in] = socket.of(UserBargeIn)
    assert (barge_in.turn, barge_in.item, barge_in.played_ms) == (1, 1, 200)


def test_stop_with_nothing_to_stop_says_nothing(page: Page, component: Component) -> None:
    socket = component.begin()
    component.click(component.stop_button)
    assert socket.of(UserBargeIn) == []


def test_the_users_own_next_turn_is_not_cut(page: Page, component: Component) -> None:
    socket = component.begin()
    answer(socket, turn=3)
    socket.say(TurnState("user_speaking", 4, seq=3))
    component.sound("confirmed", during_playback=True)
    assert component.playback.of("flush")[-1].turn == 3


def test_a_player_that_does_not_answer_does_not_keep_the_server_talking(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    answer(socket)
    component.report("playing", heard=1200, buffered=3600)
    component.click(component.stop_button)
    page.advance(100)
    [barge_in] = socket.of(UserBargeIn)
    assert (barge_in.turn, barge_in.played_ms) == (1, 50)
    component.flushed(heard=2400)
    assert len(socket.of(UserBargeIn)) == 1


def test_two_interruptions_at_once_are_two_answers_to_one_silence(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    answer(socket)
    component.report("playing", heard=1200)
    component.sound("confirmed", during_playback=True)
    component.click(component.stop_button)
    component.flushed(heard=1300)
    assert [event.source for event in socket.of(UserBargeIn)] == ["speech", "stop"]


def test_a_typed_line_comes_after_the_interruption(page: Page, component: Component) -> None:
    socket = component.begin()
    answer(socket)
    component.order("text", text="Stop, please")
    assert socket.of(InputText) == []
    component.flushed(heard=240)
    assert order_of(socket, UserBargeIn, InputText) == ["UserBargeIn", "InputText"]
    assert socket.of(UserBargeIn)[0].source == "text"


class Press:
    """A conversation in push-to-talk, with the page's press control."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.component = Component(page, turnDetection="push_to_talk")
        self.socket = self.component.begin(options=PUSH_TO_TALK)
        self.position = 0

    def speak(self, chunks: int) -> None:
        for _ in range(chunks):
            self.page.advance(20)
            self.component.hear(self.position)
            self.position += 480

    def down(self) -> None:
        self.page.document.fire("pointerdown", target=self.component.press_button, button=0)

    def up(self, over: Element | None) -> None:
        self.page.document.under = over
        self.page.document.fire("pointerup", clientX=1, clientY=1)

    def samples(self) -> int:
        return sum(len(chunk.pcm) // 2 for chunk in self.socket.of(AudioChunk))


@pytest.fixture
def press(page: Page) -> Press:
    return Press(page)


def test_a_press_sends_its_pre_roll_and_the_release_the_last_chunk(press: Press) -> None:
    press.speak(50)
    assert press.samples() == 0
    press.down()
    press.speak(20)
    press.up(press.component.press_button)
    assert press.socket.of(InputCommit) == []
    press.speak(1)
    press.speak(10)
    assert order_of(press.socket, InputPress, InputCommit) == ["InputPress", "InputCommit"]
    assert press.samples() == 480 * (10 + 20 + 1)
    [commit] = press.socket.of(InputCommit)
    assert commit.held_ms == 400
    assert press.socket.of(InputPress)[0].client_at_ms == commit.client_at_ms - 400


def test_a_press_over_the_answer_cuts_it_first_and_loses_no_word(press: Press) -> None:
    press.speak(20)
    answer(press.socket)
    press.down()
    press.speak(2)
    assert press.socket.of(InputPress) == []
    press.component.flushed(heard=480)
    press.speak(10)
    press.up(press.component.press_button)
    press.speak(1)
    assert order_of(press.socket, UserBargeIn, InputPress, InputCommit) == [
        "UserBargeIn",
        "InputPress",
        "InputCommit",
    ]
    assert press.socket.of(UserBargeIn)[0].source == "press"
    assert press.samples() == 480 * (10 + 2 + 10 + 1)


def test_a_press_of_less_than_150_ms_is_thrown_away(press: Press) -> None:
    press.down()
    press.speak(5)
    press.up(press.component.press_button)
    press.speak(5)
    assert order_of(press.socket, InputPress, InputCommit, InputCancel) == [
        "InputPress",
        "InputCancel",
    ]


def test_sliding_off_throws_away(press: Press) -> None:
    press.down()
    press.speak(20)
    press.up(None)
    press.speak(5)
    assert press.socket.of(InputCommit) == []
    assert len(press.socket.of(InputCancel)) == 1
    assert press.samples() == 480 * 20


@pytest.mark.parametrize("how", ["pointercancel", "blur", "escape"])
def test_a_press_that_is_taken_away_is_cancelled(press: Press, how: str) -> None:
    press.down()
    press.speak(20)
    if how == "blur":
        press.page.window.fire("blur")
    elif how == "escape":
        press.page.document.fire("keydown", target=None, key="Escape")
    else:
        press.page.document.fire("pointercancel")
    press.up(press.component.press_button)
    assert len(press.socket.of(InputCancel)) == 1
    assert press.socket.of(InputCommit) == []


def test_a_cancel_before_the_answer_fell_silent_sends_nothing(press: Press) -> None:
    answer(press.socket)
    press.down()
    press.up(None)
    press.component.flushed(heard=10)
    assert order_of(press.socket, InputPress, InputCommit, InputCancel) == []


def test_a_muted_release_does_not_wait_for_a_chunk(press: Press) -> None:
    press.down()
    press.page.advance(300)
    press.up(press.component.press_button)
    press.page.advance(60)
    assert len(press.socket.of(InputCommit)) == 1
    press.speak(1)
    assert len(press.socket.of(InputCommit)) == 1


def test_a_second_press_finishes_the_first(press: Press) -> None:
    press.down()
    press.speak(20)
    press.up(press.component.press_button)
    press.down()
    press.speak(20)
    press.up(press.component.press_button)
    press.speak(1)
    assert order_of(press.socket, InputPress, InputCommit) == [
        "InputPress",
        "InputCommit",
        "InputPress",
        "InputCommit",
    ]


def test_the_keyboard_presses_too(press: Press) -> None:
    target = press.component.press_button
    event = press.page.document.fire("keydown", target=target, key=" ")
    assert event.prevented
    press.speak(5)
    press.page.document.fire("keydown", target=target, key=" ", repeat=True)
    press.speak(5)
    press.page.document.fire("keyup", target=target, key=" ")
    press.speak(1)
    assert order_of(press.socket, InputPress, InputCommit) == ["InputPress", "InputCommit"]


def test_only_the_main_button_presses(press: Press) -> None:
    press.page.document.fire("pointerdown", target=press.component.press_button, button=2)
    press.up(press.component.press_button)
    press.speak(5)
    assert press.samples() == 0


def test_a_press_begins_a_conversation_and_keeps_its_words(page: Page) -> None:
    component = Component(page, turnDetection="push_to_talk")
    page.document.fire("pointerdown", target=component.press_button, button=0)
    component.allow()
    component.load()
    for index in range(20):
        page.advance(20)
        component.hear(480 * index)
    page.document.under = component.press_button
    page.document.fire("pointerup", clientX=1, clientY=1)
    component.hear(480 * 20)
    component.ticket()
    page.socket.ready(options=PUSH_TO_TALK)
    assert order_of(page.socket, InputPress, InputCommit) == ["InputPress", "InputCommit"]
    assert sum(len(chunk.pcm) for chunk in page.socket.of(AudioChunk)) == 960 * 21


def test_the_press_control_means_nothing_where_speech_is_detected(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    page.document.fire("pointerdown", target=component.press_button, button=0)
    assert socket.of(InputPress) == []


def hold(page: Page, component: Component, **pointer: Any) -> None:
    page.document.fire("pointerdown", target=component.press_button, button=0, **pointer)


@pytest.mark.parametrize("kind", ["pointerup", "pointercancel"])
def test_another_finger_does_not_let_go(page: Page, kind: str) -> None:
    component = Component(page, turnDetection="push_to_talk")
    socket = component.begin(options=PUSH_TO_TALK)
    component.hear(0)
    hold(page, component, pointerId=1)
    component.hear(480)
    page.advance(1_000)
    page.document.under = None
    page.document.fire(kind, target=None, clientX=5, clientY=5, pointerId=2)
    assert socket.of(InputCancel) == []
    page.document.under = component.press_button
    page.document.fire("pointerup", target=None, clientX=5, clientY=5, pointerId=1)
    component.hear(960)
    page.advance(100)
    assert order_of(socket, InputPress, InputCancel, InputCommit) == ["InputPress", "InputCommit"]


def test_a_click_elsewhere_does_not_let_go_of_a_key(page: Page) -> None:
    component = Component(page, turnDetection="push_to_talk")
    socket = component.begin(options=PUSH_TO_TALK)
    component.hear(0)
    page.document.fire("keydown", target=component.press_button, key=" ", repeat=False)
    page.advance(1_000)
    page.document.fire("pointerup", target=None, clientX=5, clientY=5, pointerId=1)
    assert socket.of(InputCancel) == []
    page.window.fire("blur")
    assert len(socket.of(InputCancel)) == 1


@pytest.mark.parametrize("released", ["during the outage", "afterwards"])
def test_what_was_said_while_held_reaches_the_session_after_an_outage(
    page: Page, released: str
) -> None:
    component = Component(page, turnDetection="push_to_talk")
    socket = component.begin(options=PUSH_TO_TALK)
    component.hear(0)
    socket.break_off()
    hold(page, component, pointerId=1)
    for position in range(480, 4_800, 480):
        component.hear(position)
    page.advance(300)
    page.document.under = component.press_button
    if released == "during the outage":
        page.document.fire("pointerup", target=None, clientX=5, clientY=5, pointerId=1)
        page.advance(100)
    page.socket.open()
    page.socket.say(ErrorEvent("resume_refused", "No.", True))
    page.socket.break_off(4010)
    component.ticket()
    page.socket.ready(session_id="session-2", options=PUSH_TO_TALK)
    if released == "afterwards":
        page.document.fire("pointerup", target=None, clientX=5, clientY=5, pointerId=1)
        page.advance(100)
    kinds = order_of(page.socket, InputPress, AudioChunk, InputCommit)
    assert (kinds[0], kinds[-1]) == ("InputPress", "InputCommit")
    assert "AudioChunk" in kinds


def test_the_server_is_told_when_interruptions_are_switched(
    page: Page, component: Component
) -> None:
    component.order("options", options={"barge_in": True})
    socket = component.begin()
    component.order("options", options={"detector": {"confirm_sound_ms": 900}})
    assert socket.of(SessionOptions) == []
    component.order("options", options={"barge_in": False})
    component.order("options", options={"barge_in": False})
    component.props["bargeIn"] = True
    component.voice.follow(component.props)
    assert [event.barge_in for event in socket.of(SessionOptions)] == [False, True]


def test_interruptions_switched_while_it_connects_are_told_then(
    page: Page, component: Component
) -> None:
    component.talk()
    component.allow()
    component.load()
    component.ticket()
    component.order("options", options={"barge_in": False})
    page.socket.ready()
    assert [event.barge_in for event in page.socket.of(SessionOptions)] == [False]

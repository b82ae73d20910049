"""Whole conversations against a server's codec: beginning, answers, controls, end."""

from __future__ import annotations

import base64
from typing import get_args

import pytest

from tests.component.driver import Component
from tests.component.fake_audio import Stream, Track
from tests.component.fake_page import Page
from tests.component.fake_values import Element, Obj
from voice_loop.protocol.events import (
    AppCommand,
    AudioChunk,
    AudioEnd,
    ErrorEvent,
    InputMute,
    InputPress,
    InputText,
    MetricsUpdate,
    PlaybackReport,
    SessionEnd,
    SessionStart,
    StartOptions,
    ToolUpdate,
    TranscriptUpdate,
    TurnPhase,
    TurnState,
)


def test_mounting_says_idle_once_and_starts_nothing(page: Page, component: Component) -> None:
    assert component.statuses == ["idle"]
    assert (page.contexts, page.sockets, page.devices.requests) == ([], [], [])


def test_a_click_asks_for_microphone_and_ticket_in_the_same_gesture(
    page: Page, component: Component
) -> None:
    component.talk()
    constraints, _ = page.devices.requests[0]
    assert constraints.audio.channelCount == 1
    assert constraints.audio.echoCancellation is True
    assert constraints.audio.noiseSuppression is True
    assert constraints.audio.autoGainControl is True
    assert len(component.of("onTicket")) == 1
    assert page.context.resumed == 1
    assert component.statuses == ["idle", "connecting"]


def test_no_word_between_the_click_and_the_session_is_lost(
    page: Page, component: Component
) -> None:
    component.talk()
    component.allow()
    component.load()
    for index in range(20):
        component.hear(480 * index)
        page.advance(20)
    component.ticket()
    for index in range(20, 30):
        component.hear(480 * index)
    page.socket.ready()
    component.hear(480 * 30)
    chunks = page.socket.of(AudioChunk)
    assert chunks[0].position_samples == 0
    assert sum(len(chunk.pcm) for chunk in chunks) == 31 * 960
    assert component.statuses == ["idle", "connecting", "listening"]


def test_the_url_is_reflexs_own_with_our_path(page: Page, component: Component) -> None:
    component.begin()
    assert page.socket.url == "ws://example.test:8000/voice"


def test_a_given_url_wins(page: Page) -> None:
    component = Component(page, wsUrl="wss://voice.example.test/x")
    component.begin()
    assert page.socket.url == "wss://voice.example.test/x"


def test_the_start_carries_the_options_and_the_status_what_was_granted(page: Page) -> None:
    component = Component(page, bargeIn=False, muted=True, voice="cedar")
    socket = component.begin(voice="marin", provider="openai", model="gpt-realtime")
    start = socket.of(SessionStart)[0]
    assert start.ticket == "the-ticket"
    assert start.options == StartOptions("server_vad", False, True, "cedar")
    status = component.of("onStatus")[-1]
    assert (status["provider"], status["model"], status["voice"]) == (
        "openai",
        "gpt-realtime",
        "marin",
    )
    assert status["session_id"] == "session-1"
    assert status["microphone"] is True


def test_the_status_follows_the_server_and_is_not_repeated(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    component.hear(0)
    told = len(component.statuses)
    for seq, state in enumerate(get_args(TurnPhase), 1):
        socket.say(TurnState(state, 1, seq=seq))
    assert component.statuses[told - 1 :] == ["listening", "user_speaking", "thinking", "speaking"]


def test_nobody_is_asked_to_speak_before_the_microphone_delivers(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    assert component.statuses[-1] == "connecting"
    assert component.of("onStatus")[-1]["session_id"], "the session is there"
    socket.say(TurnState("speaking", 1, seq=1))
    assert component.statuses[-1] == "speaking", "a greeting is heard all the same"
    socket.say(TurnState("listening", 1, seq=2))
    assert component.statuses[-1] == "connecting"
    component.hear(0)
    component.hear(480)
    assert component.statuses[-2:] == ["connecting", "listening"]


def test_without_a_microphone_there_is_nothing_to_wait_for(page: Page) -> None:
    component = Component(page, capture=False)
    component.talk()
    component.load()
    component.ticket()
    page.socket.ready()
    assert component.statuses[-1] == "listening"


def test_a_second_click_ends_and_gives_everything_back(page: Page, component: Component) -> None:
    component.talk()
    track = component.allow()
    component.load()
    component.ticket()
    page.socket.ready()
    component.talk()
    assert isinstance(page.socket.events()[-1], SessionEnd)
    assert page.socket.closed_with == 1000
    assert track.stopped
    page.advance(1_000)
    assert page.context.closed
    assert component.capture.of("stop")
    assert component.playback.of("stop")
    assert page.pending() == 0
    last = component.of("onStatus")[-1]
    assert (last["status"], last["microphone"], last["session_id"]) == ("idle", False, None)


@pytest.mark.parametrize("with_microphone", [True, False])
def test_trying_again_leaves_what_waits_and_begins_as_before(
    page: Page, component: Component, with_microphone: bool
) -> None:
    tracks = []
    if with_microphone:
        component.talk()
        tracks.append(component.allow())
    else:
        component.order("text", text="Hello")
    component.load()
    component.ticket()
    waiting = page.socket
    waiting.open()
    waiting.say(ErrorEvent("provider_rate_limited", "Wait.", True, 50_000))
    component.click(Element(voice="again", voice_for="voice"))
    assert waiting.closed_with == 1000
    assert component.statuses == ["idle", "connecting", "idle", "connecting"]
    assert len(component.of("onTicket")) == 2
    assert len(page.devices.requests) == 2 * len(tracks)
    assert all(track.stopped for track in tracks)


def test_trying_again_begins_where_nothing_waits_any_more(page: Page, component: Component) -> None:
    component.click(Element(voice="again", voice_for="voice"))
    assert component.statuses == ["idle", "connecting"]
    assert len(page.devices.requests) == 1


def test_the_microphone_is_given_back_when_the_permission_comes_too_late(
    page: Page, component: Component
) -> None:
    component.talk()
    component.talk()
    track = component.allow()
    assert track.stopped
    component.load()
    assert not [node for node in page.context.nodes if node.name == "voice-capture"]


def test_the_next_conversation_is_made_anew(page: Page, component: Component) -> None:
    component.begin()
    component.talk()
    page.advance(1_000)
    component.begin()
    assert len(page.contexts) == 2
    assert len(page.sockets) == 2
    assert page.socket.of(SessionStart)[0].resume is None


def test_a_ticket_for_an_earlier_click_is_not_used(page: Page, component: Component) -> None:
    component.talk()
    old = component.of("onTicket")[-1]["request"]
    component.talk()
    component.talk()
    component.order("ticket", request=old, ticket="old")
    assert page.sockets == []
    component.ticket()
    component.ticket()
    assert len(page.sockets) == 1


def test_the_worklets_get_a_channel_of_their_own_and_the_reference(
    page: Page, component: Component
) -> None:
    component.begin()
    capture, playback = component.capture.of("peer"), component.playback.of("peer")
    assert len(capture) == len(playback) == 1
    gain = page.context.last("gain")
    node = page.context.last("voice-capture")
    assert (node, 0, 1) in gain.connections
    assert (page.context.destination, 0, 0) in node.connections
    assert (node, 0, 0) in page.context.last("source").connections


def test_the_file_may_come_before_the_permission(page: Page, component: Component) -> None:
    component.talk()
    component.load()
    component.allow()
    assert len(component.capture.of("peer")) == 1


def test_what_the_server_says_reaches_the_triggers(page: Page, component: Component) -> None:
    socket = component.begin()
    socket.say(TranscriptUpdate("l1", "user", 1, "Hello.", True, seq=1))
    socket.say(MetricsUpdate({"ttfb_ms": 300}, seq=2))
    socket.say(ToolUpdate("c1", "weather", "running", 1, seq=3))
    socket.say(ErrorEvent("provider_lost", "The connection broke.", True, 100, seq=4))
    component.hear(0)
    [line] = component.of("onTranscript")
    assert (line["line"], line["role"], line["text"], line["final"]) == (
        "l1",
        "user",
        "Hello.",
        True,
    )
    assert component.of("onMetrics") == [{"ttfb_ms": 300}]
    assert component.of("onTool")[0]["name"] == "weather"
    [error] = component.of("onError")
    assert (error["code"], error["retry_after_ms"]) == ("provider_lost", 100)
    assert component.statuses[-1] == "listening"


def test_triggers_that_are_not_bound_are_not_missed(page: Page) -> None:
    component = Component(page, onTranscript=None, onStatus=None)
    socket = component.begin()
    socket.say(TranscriptUpdate("l1", "user", 1, "Hello.", True, seq=1))
    assert component.of("onTranscript") == []


def test_an_answer_is_handed_to_the_player_and_reported(page: Page, component: Component) -> None:
    socket = component.begin()
    socket.say(AudioChunk(1, 0, 0, b"\1\0" * 480, seq=1))
    socket.say(AudioEnd(1, 0, "completed", seq=2))
    [audio] = component.playback.of("audio")
    assert (audio.turn, audio.item, audio.position, bytes(audio.pcm)) == (1, 0, 0, b"\1\0" * 480)
    assert component.playback.of("end")[0].turn == 1
    page.advance(50)
    now = page.context.currentTime
    component.report("started", heard=0, buffered=480, first_time=now, queued_time=now - 0.03)
    report = socket.of(PlaybackReport)[-1]
    assert report.client_received_ms == pytest.approx(page.now_ms - 50, abs=1)
    assert report.client_queued_ms == pytest.approx(page.now_ms - 30, abs=1)
    assert (report.turn, report.phase, report.buffered_ms, report.received_seq) == (
        1,
        "started",
        20,
        2,
    )
    assert report.output_latency_ms == pytest.approx(40)
    assert report.client_first_sound_ms == pytest.approx(page.now_ms + 40, abs=1)
    assert component.playback.of("latency")[-1].seconds == pytest.approx(0.04)
    assert [told["phase"] for told in component.of("onPlayback")] == ["started"]


def test_an_answer_that_failed_is_cut(page: Page, component: Component) -> None:
    socket = component.begin()
    socket.say(AudioChunk(1, 0, 0, b"\1\0" * 480, seq=1))
    socket.say(AudioEnd(1, 0, "failed", seq=2))
    assert component.playback.of("flush")[-1].turn == 1
    socket.say(AudioChunk(1, 1, 0, b"\1\0" * 480, seq=3))
    assert len(component.playback.of("audio")) == 1


def test_typing_without_a_conversation_begins_one_without_the_microphone(
    page: Page, component: Component
) -> None:
    component.order("text", text="Hello")
    assert page.devices.requests == []
    component.load()
    component.ticket()
    page.socket.ready()
    assert [event.text for event in page.socket.of(InputText)] == ["Hello"]
    assert component.of("onStatus")[-1]["microphone"] is False
    component.order("end")
    assert component.statuses[-1] == "idle"


def test_orders_without_a_conversation_do_nothing(page: Page, component: Component) -> None:
    for op in ("end", "stop", "command", "ticket", "refuse"):
        component.order(op, request="x", command="y", ticket="z")
    assert page.contexts == []
    assert component.errors == []


def test_a_command_of_the_app_is_carried(page: Page, component: Component) -> None:
    socket = component.begin()
    component.order("command", command="signed")
    assert [event.command for event in socket.of(AppCommand)] == ["signed"]


def test_muting_tells_everyone_and_keeps_the_session(page: Page, component: Component) -> None:
    component.talk()
    track = component.allow()
    component.load()
    component.ticket()
    page.socket.ready()
    component.click(component.mute_button)
    enabled = [track.enabled]
    assert component.capture.of("mute")[-1].muted is True
    assert [event.muted for event in page.socket.of(InputMute)] == [True]
    assert component.of("onDevice")[-1]["muted"] is True
    component.order("mute", muted=False)
    enabled.append(track.enabled)
    assert enabled == [False, True]
    component.order("mute", muted=False)
    assert [event.muted for event in page.socket.of(InputMute)] == [True, False]


def test_a_conversation_begun_muted_stays_so(page: Page, component: Component) -> None:
    component.click(component.mute_button)
    component.talk()
    assert not component.allow().enabled
    component.load()
    component.ticket()
    assert component.capture.of("mute")[-1].muted is True
    page.socket.ready()
    assert page.socket.of(SessionStart)[0].options.muted is True


def test_push_to_talk_that_the_server_decides_is_followed(page: Page, component: Component) -> None:
    component.begin(options=StartOptions(turn_detection="push_to_talk"))
    assert component.capture.of("detector")[-1].enabled is False
    component.hear(0)
    assert page.socket.of(AudioChunk) == []
    page.document.fire("pointerdown", target=component.press_button, button=0)
    assert page.socket.of(InputPress)


def test_options_hold_at_once_where_they_can(page: Page, component: Component) -> None:
    component.begin()
    assert component.capture.of("config")[-1].settings.barge_in == 1
    component.order("options", options={"barge_in": False, "detector": {"confirm_sound_ms": 900}})
    settings = component.capture.of("config")[-1].settings
    assert (settings.barge_in, settings.confirm_sound_ms) == (0, 900)
    component.order("options", options={"turn_detection": "push_to_talk", "voice": "cedar"})
    component.talk()
    page.advance(100)
    socket = component.begin()
    options = socket.of(SessionStart)[0].options
    assert (options.turn_detection, options.voice, options.barge_in) == (
        "push_to_talk",
        "cedar",
        False,
    )


def test_what_was_ordered_stays_when_another_prop_changes(page: Page, component: Component) -> None:
    component.begin()
    detector = {"confirm_sound_ms": 900}
    options = {"barge_in": False, "turn_detection": "push_to_talk", "detector": detector}
    component.order("options", options={**options, "voice": "cedar"})
    component.props["muted"] = True
    component.voice.follow(component.props)
    settings = component.capture.of("config")[-1].settings
    assert (settings.barge_in, settings.confirm_sound_ms) == (0, 900)
    component.talk()
    page.advance(100)
    wanted = component.begin().of(SessionStart)[0].options
    assert (wanted.turn_detection, wanted.voice) == ("push_to_talk", "cedar")


def test_the_speaker_alone_asks_for_no_microphone(page: Page) -> None:
    component = Component(page, capture=False)
    component.talk()
    component.load()
    component.ticket()
    page.socket.ready()
    assert page.devices.requests == []
    page.socket.say(AudioChunk(1, 0, 0, b"\1\0" * 480, seq=1))
    assert component.playback.of("audio")
    component.talk()
    assert component.statuses[-1] == "idle"


def test_the_microphone_alone_plays_nothing(page: Page) -> None:
    component = Component(page, playback=False)
    socket = component.begin()
    component.hear(0)
    assert socket.of(AudioChunk)
    socket.say(AudioChunk(1, 0, 0, b"\1\0" * 480, seq=1))
    socket.say(AudioEnd(1, 0, "interrupted", seq=2))
    socket.say(TurnState("speaking", 1, seq=3))
    component.click(component.stop_button)
    assert [node.name for node in page.context.nodes if node.name == "voice-playback"] == []
    component.talk()
    assert component.statuses[-1] == "idle"


def test_a_microphone_without_a_server_hands_its_audio_to_the_app(page: Page) -> None:
    heard: list[Obj] = []
    component = Component(page, playback=False, connect=False, onAudio=heard.append)
    component.talk()
    component.allow()
    component.load()
    for index in range(25):
        component.hear(480 * index, value=-2)
    assert component.statuses == ["idle", "connecting", "connecting", "listening"]
    assert component.of("onTicket") == []
    assert [audio["position_samples"] for audio in heard] == [0, 4800]
    assert base64.b64decode(heard[0]["pcm"]) == b"\xfe\xff" * 4800
    assert page.sockets == []


def test_levels_are_written_onto_the_meters_and_told_at_most_four_times_a_second(
    page: Page,
) -> None:
    from tests.component.fake_values import Element

    levels: list[Obj] = []
    meter = Element()
    page.document.meters["voice"] = [meter]
    component = Component(page, onLevel=levels.append)
    component.begin()
    page.context.last("analyser").waveform = 0.1
    for index in range(50):
        component.hear(480 * index, level=0.42)
        page.advance(20)
    assert meter.style["--voice-level"] == "0.42"
    assert float(meter.style["--voice-output-level"]) == pytest.approx(0.667, abs=0.001)
    assert 3 <= len(levels) <= 5
    assert levels[-1]["level"] == 0.42
    component.talk()
    assert meter.style == {"--voice-level": "0.0", "--voice-output-level": "0.0"}


def test_two_components_on_a_page_mind_their_own_controls(page: Page) -> None:
    first, second = Component(page, "one"), Component(page, "two")
    second.talk()
    assert first.statuses == ["idle"]
    assert second.statuses == ["idle", "connecting"]
    page.devices.requests[-1][1].resolve(Stream(Track()))
    assert first.of("onTicket") == []

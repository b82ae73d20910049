"""The React component: mounting twice, re-rendering, orders through the handle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from reflex_voice_audio.browser.entry import VoiceAudio

from tests.component.fake_audio import Stream, Track
from tests.component.fake_page import Page
from tests.component.fake_react import React, react
from tests.component.fake_values import Element, Obj, js
from voice_loop.protocol.events import InputMute


@pytest.fixture
def hooks(page: Page) -> Iterator[React]:
    with react() as hooks:
        yield hooks


def props(**changes: Any) -> Obj:
    return Obj(
        id="voice",
        capture=True,
        playback=True,
        connect=True,
        serverUrl="ws://example.test/_event",
        path="/voice",
        workletUrl="/worklet.js",
        **changes,
    )


def test_it_renders_one_hidden_element(hooks: React) -> None:
    assert hooks.render(VoiceAudio, props()) == ("span", {"id": "voice", "hidden": True})


def test_a_trial_mount_leaves_nothing_behind_and_idle_is_told_once(
    page: Page, hooks: React
) -> None:
    told: list[Obj] = []
    given = props(onStatus=told.append)
    hooks.render(VoiceAudio, given)
    hooks.unmount()
    assert page.document.live() == page.window.live() == page.devices.live() == 0
    hooks.render(VoiceAudio, given)
    page.advance(0)
    assert [payload["status"] for payload in told] == ["idle"]
    button = Element(voice="talk", voice_for="voice")
    page.document.fire("click", target=button)
    assert len(page.contexts) == 1


def test_rendering_again_changes_nothing_but_the_newest_trigger_is_called(
    page: Page, hooks: React
) -> None:
    first: list[Obj] = []
    second: list[Obj] = []
    hooks.render(VoiceAudio, props(onStatus=first.append))
    listening = page.document.live()
    hooks.render(VoiceAudio, props(onStatus=second.append))
    page.advance(0)
    assert page.document.live() == listening
    assert first == []
    assert len(second) == 1


def test_an_order_arrives_through_the_handle_as_reflex_sets_it(page: Page, hooks: React) -> None:
    tickets: list[Obj] = []
    hooks.render(VoiceAudio, props(onTicket=tickets.append))
    hooks.handle.value = js({"op": "text", "text": "Hello"})
    hooks.handle.value = js(
        {"op": "ticket", "request": tickets[0]["request"], "ticket": "the-ticket"}
    )
    assert page.socket.url == "ws://example.test/voice"


def test_an_order_after_unmounting_is_for_nobody(page: Page, hooks: React) -> None:
    hooks.render(VoiceAudio, props())
    hooks.unmount()
    hooks.handle.value = js({"op": "text", "text": "Hello"})
    assert page.contexts == []


def test_props_that_change_are_followed(page: Page, hooks: React) -> None:
    tickets: list[Obj] = []
    hooks.render(VoiceAudio, props(onTicket=tickets.append, muted=False, volume=1))
    hooks.handle.value = js({"op": "text", "text": "Hello"})
    hooks.handle.value = js({"op": "ticket", "request": tickets[0]["request"], "ticket": "t"})
    page.socket.ready()
    hooks.render(VoiceAudio, props(onTicket=tickets.append, muted=True, volume=0.3))
    assert [event.muted for event in page.socket.of(InputMute)] == [True]
    assert page.context.last("gain").gain.value == 0.3


def test_unmounting_ends_the_conversation(page: Page, hooks: React) -> None:
    hooks.render(VoiceAudio, props())
    hooks.handle.value = js({"op": "text", "text": "Hello"})
    hooks.unmount()
    page.advance(1_000)
    assert page.context.closed
    assert page.pending() == 0


def test_a_control_of_another_component_is_not_ours(page: Page, hooks: React) -> None:
    hooks.render(VoiceAudio, props())
    page.document.fire("click", target=Element(voice="talk", voice_for="other"))
    page.document.fire("click", target=Element(voice="talk"))
    page.document.fire("click", target=None)
    page.document.fire("click", target=Obj())
    assert page.contexts == []


def test_a_click_on_something_inside_the_control_counts(page: Page, hooks: React) -> None:
    hooks.render(VoiceAudio, props())
    icon = Element(inside=Element(voice="talk", voice_for="voice"))
    page.document.fire("click", target=icon)
    assert len(page.contexts) == 1


def test_thresholds_that_change_are_followed(page: Page, hooks: React) -> None:
    hooks.render(VoiceAudio, props(detector=js({"confirm_speech_ms": 200})))
    button = Element(voice="talk", voice_for="voice")
    page.document.fire("click", target=button)
    page.devices.requests[-1][1].resolve(Stream(Track()))
    page.context.modules["/worklet.js"].resolve()
    capture = page.context.last("voice-capture").port
    assert capture.of("config")[-1].settings.confirm_speech_ms == 200
    told = len(capture.of("config"))
    hooks.render(VoiceAudio, props(detector=js({"confirm_speech_ms": 200})))
    assert len(capture.of("config")) == told, "another object with the same values"
    hooks.render(VoiceAudio, props(detector=js({"confirm_speech_ms": 300})))
    assert capture.of("config")[-1].settings.confirm_speech_ms == 300

"""Devices: chosen, remembered, unplugged, silent, blocked; the conversation survives them."""

from __future__ import annotations

import pytest
from reflex_voice_audio.browser.choice import Forgetful

from tests.component.driver import Component
from tests.component.fake_audio import Stream, Track
from tests.component.fake_page import Page
from tests.component.fake_values import Obj
from voice_loop.protocol.events import AudioChunk, TurnState


def plugged(*devices: tuple[str, str]) -> list[Obj]:
    return [Obj(deviceId=name, label=name.title(), kind=kind) for kind, name in devices]


def test_an_unplugged_microphone_is_replaced_without_losing_the_session(
    page: Page, component: Component
) -> None:
    component.talk()
    first = component.allow()
    component.load()
    component.ticket()
    page.socket.ready()
    relearned = len(component.capture.of("relearn"))
    assert first.onended is not None
    first.onended(None)
    assert component.of("onDevice")[-1]["microphone"] is False
    assert len(page.devices.requests) == 2
    component.allow(Track("headset"))
    device = component.of("onDevice")[-1]
    assert (device["microphone"], device["input"], device["input_id"]) == (
        True,
        "headset",
        "headset",
    )
    assert len(component.capture.of("relearn")) == relearned + 1
    component.hear(0)
    assert page.socket.of(AudioChunk)
    assert component.errors == []
    assert len(page.sockets) == 1


def test_with_no_microphone_left_the_conversation_waits_for_the_next(
    page: Page, component: Component
) -> None:
    component.talk()
    track = component.allow()
    component.load()
    component.ticket()
    page.socket.ready()
    component.hear(0)
    assert track.onended is not None
    track.onended(None)
    page.devices.requests[-1][1].reject("NotFoundError")
    assert component.errors == ["microphone_lost"]
    assert component.statuses[-1] == "listening"
    page.devices.fire("devicechange")
    told = len(component.statuses)
    component.allow(Track("new"))
    assert component.of("onDevice")[-1]["microphone"] is True
    assert component.statuses[told:] == ["listening"], "told again, so that the message goes"


def test_a_permission_that_is_taken_back_is_said_and_the_session_stays(
    page: Page, component: Component
) -> None:
    component.talk()
    track = component.allow()
    assert track.onended is not None
    track.onended(None)
    page.devices.requests[-1][1].reject("NotAllowedError", "Permission denied")
    assert component.errors == ["microphone_denied"]
    assert component.statuses[-1] == "connecting"


def test_the_old_device_is_given_back_when_another_is_chosen(
    page: Page, component: Component
) -> None:
    component.talk()
    first = component.allow()
    component.load()
    component.order("devices", input_id="headset", output_id=None)
    assert page.devices.requests[-1][0].audio.deviceId.ideal == "headset"
    component.order("devices", input_id="other", output_id=None)
    assert len(page.devices.requests) == 2
    component.allow(Track("headset"))
    assert first.stopped
    assert first.onended is None
    assert len([node for node in page.context.nodes if node.name == "voice-capture"]) == 1


def test_choices_are_remembered(page: Page, component: Component) -> None:
    component.order("devices", input_id="headset", output_id="speakers")
    component.order("volume", volume=0.25)
    again = Component(page)
    again.talk()
    assert page.devices.requests[-1][0].audio.deviceId.ideal == "headset"
    assert page.context.sinks == ["speakers"]
    assert page.context.last("gain").gain.value == 0.25


def test_what_is_remembered_is_told_so_that_the_page_shows_it(
    page: Page, component: Component
) -> None:
    component.order("devices", input_id="headset", output_id="speakers")
    component.order("volume", volume=0.25)
    page.devices.devices = plugged(("audioinput", "headset"), ("audiooutput", "speakers"))
    again = Component(page)
    page.advance(1)
    told = again.of("onDevice")[-1]
    assert (told["input_id"], told["output_id"], told["volume"]) == ("headset", "speakers", 0.25)


def test_a_mute_is_for_one_conversation_unless_it_is_the_apps(page: Page) -> None:
    component = Component(page)
    component.begin()
    component.click(component.mute_button)
    component.talk()
    assert component.of("onDevice")[-1]["muted"] is False
    kept = Component(page, name="kept", muted=True)
    kept.begin()
    kept.talk()
    assert kept.of("onDevice")[-1]["muted"] is True


def test_what_stands_in_for_refused_storage_keeps_until_the_page_is_closed() -> None:
    storage = Forgetful()
    assert storage.getItem("theme") is None
    storage.setItem("theme", "dark")
    assert storage.getItem("theme") == "dark"
    storage.removeItem("theme")
    assert storage.getItem("theme") is None


def test_a_browser_that_refuses_storage_only_forgets(page: Page) -> None:
    page.storage = None
    component = Component(page)
    component.order("devices", input_id="headset", output_id="speakers")
    component.order("volume", volume=0.5)
    component.begin()
    assert page.context.last("gain").gain.value == 0.5
    assert component.errors == []


def test_the_systems_loudspeaker_is_never_set(page: Page, component: Component) -> None:
    component.begin()
    assert page.context.sinks == []


def test_a_loudspeaker_is_changed_while_it_plays(page: Page, component: Component) -> None:
    component.begin()
    component.hear(0)
    component.order("devices", input_id=None, output_id="headset")
    assert page.context.sinks == ["headset"]
    assert component.of("onDevice")[-1]["output_id"] == "headset"
    page.sink_promise.reject("NotFoundError")
    assert component.errors == ["output_unavailable"]
    assert component.statuses[-1] == "listening"


def test_a_browser_without_a_choice_of_loudspeakers_plays_on(
    page: Page, component: Component
) -> None:
    component.begin()
    page.context.setSinkId = None
    component.order("devices", output_id="headset")
    assert component.errors == []


def test_the_devices_are_listed_by_kind_once_they_may_be_named(
    page: Page, component: Component
) -> None:
    page.devices.devices = plugged(("audioinput", ""), ("videoinput", "cam"))
    page.devices.fire("devicechange")
    assert component.of("onDevice")[-1]["inputs"] == []
    page.devices.devices = plugged(("audioinput", "mic"), ("audiooutput", "ear"))
    component.begin()
    device = component.of("onDevice")[-1]
    assert device["inputs"] == [{"id": "mic", "label": "Mic"}]
    assert device["outputs"] == [{"id": "ear", "label": "Ear"}]


def test_a_browser_that_cannot_change_its_loudspeaker_offers_none(
    page: Page, component: Component
) -> None:
    page.context_class.prototype.setSinkId = None
    page.devices.devices = plugged(("audioinput", "mic"), ("audiooutput", "ear"))
    component.begin()
    device = component.of("onDevice")[-1]
    assert (len(device["inputs"]), device["outputs"]) == (1, [])


def test_another_device_means_another_echo(page: Page, component: Component) -> None:
    component.begin()
    count = len(component.capture.of("relearn"))
    page.devices.fire("devicechange")
    assert len(component.capture.of("relearn")) == count + 1
    assert len(page.devices.requests) == 1


LEARNED = {"places": [12, 13, 14], "delay": 5, "base": 0}


def test_the_next_conversation_on_the_same_devices_begins_with_the_echo_that_was_learned(
    page: Page, component: Component
) -> None:
    component.begin()
    assert component.capture.of("learned") == []
    component.capture.say(type="learned", echo=LEARNED)
    component.talk()
    component.begin()
    assert [message["echo"] for message in component.capture.of("learned")] == [LEARNED]
    assert component.capture.of("relearn") == []


@pytest.mark.parametrize("change", ["microphone", "cancellation", "plugged"])
def test_on_other_devices_the_echo_is_learned_anew(
    page: Page, component: Component, change: str
) -> None:
    component.begin()
    component.capture.say(type="learned", echo=LEARNED)
    component.talk()
    track = Track("headset" if change == "microphone" else "built-in")
    if change == "cancellation":
        track.settings.echoCancellation = False
    if change == "plugged":
        page.devices.fire("devicechange")
    component.talk()
    component.allow(track)
    component.load()
    component.ticket()
    page.socket.ready()
    if change == "plugged":
        page.devices.fire("devicechange")
        component.talk()
        component.begin()
    assert component.capture.of("learned") == []
    assert len(component.capture.of("relearn")) == 1


def test_seconds_of_nothing_but_zeros_are_noticed_and_so_is_their_end(
    page: Page, component: Component
) -> None:
    component.begin()
    for index in range(151):
        component.hear(480 * index, value=0)
    assert component.of("onDevice")[-1]["silent"] is True
    told = len(component.of("onDevice"))
    component.hear(480 * 151, value=0)
    assert len(component.of("onDevice")) == told
    component.hear(480 * 152, value=1)
    assert component.of("onDevice")[-1]["silent"] is False


def test_a_quiet_room_is_not_a_dead_microphone(page: Page, component: Component) -> None:
    component.begin()
    for index in range(400):
        component.hear(480 * index, value=1)
    assert not any(device.get("silent") for device in component.of("onDevice"))


def test_a_microphone_that_the_system_mutes_is_told(page: Page, component: Component) -> None:
    component.talk()
    track = component.allow()
    track.muted = True
    assert track.onmute is not None
    track.onmute(None)
    assert component.of("onDevice")[-1]["blocked"] is True
    track.muted = False
    assert track.onunmute is not None
    track.onunmute(None)
    assert component.of("onDevice")[-1]["blocked"] is False


def test_the_inputs_latency_is_handed_on_where_it_is_known(
    page: Page, component: Component
) -> None:
    component.begin()
    assert component.capture.of("latency")[-1].seconds == 0.01
    track = Track()
    track.settings.latency = None
    component.order("devices", input_id="x")
    count = len(component.capture.of("latency"))
    component.allow(track)
    assert len(component.capture.of("latency")) == count


@pytest.mark.parametrize("muted", [True, False])
def test_mute_holds_for_the_next_device(page: Page, component: Component, muted: bool) -> None:
    component.talk()
    component.allow()
    component.load()
    component.order("mute", muted=muted)
    component.order("devices", input_id="headset")
    track = Track("headset")
    page.devices.requests[-1][1].resolve(Stream(track))
    assert track.enabled is not muted


def test_another_loudspeaker_sounds_otherwise_in_the_microphone(
    page: Page, component: Component
) -> None:
    component.begin()
    component.capture.say(type="learned", echo={"places": [1]})
    learned = len(component.capture.of("relearn"))
    component.order("devices", input_id=None, output_id="speakers")
    assert len(component.capture.of("relearn")) == learned, "it plays on the old one yet"
    page.sink_promise.resolve()
    assert len(component.capture.of("relearn")) == learned + 1
    assert component.voice.choice.learned is None


def test_what_was_learned_of_a_remembered_loudspeaker_is_kept(
    page: Page, component: Component
) -> None:
    component.order("devices", input_id=None, output_id="speakers")
    component.begin()
    page.sink_promise.resolve()
    component.capture.say(type="learned", echo={"places": [1]})
    component.talk()
    page.advance(100)
    component.begin()
    page.sink_promise.resolve()
    assert component.capture.of("learned")


def test_a_chosen_microphone_that_cannot_be_had_leaves_the_one_before(
    page: Page, component: Component
) -> None:
    socket = component.begin()
    component.hear(0)
    component.order("devices", input_id="busy", output_id=None)
    page.devices.requests[-1][1].reject("NotReadableError")
    assert component.errors == ["input_unavailable"]
    assert component.statuses[-1] == "listening"
    assert socket.closed_with is None
    assert component.of("onDevice")[-1]["input_id"] == "built-in"
    again = Component(page, name="again")
    assert again.voice.choice.input_id == "built-in", "as remembered"
    component.hear(480)
    assert len(socket.of(AudioChunk)) == 2
    component.order("devices", input_id="busy", output_id=None)
    assert len(page.devices.requests) == 3, "it can be tried again"


def test_a_microphone_chosen_while_the_browser_asks_for_another_is_asked_for_then(
    page: Page, component: Component
) -> None:
    component.begin()
    component.order("devices", input_id="a", output_id=None)
    component.order("devices", input_id="b", output_id=None)
    component.allow(Track("a"))
    assert page.devices.requests[-1][0].audio.deviceId.ideal == "b"
    component.allow(Track("b"))
    assert component.of("onDevice")[-1]["input_id"] == "b"
    component.order("devices", input_id="c", output_id=None)
    component.order("devices", input_id="d", output_id=None)
    page.devices.requests[-1][1].reject("NotReadableError")
    assert page.devices.requests[-1][0].audio.deviceId.ideal == "d"
    component.allow(Track("d"))
    assert component.of("onDevice")[-1]["input_id"] == "d"


@pytest.mark.parametrize("when", ["before talk", "before the first audio"])
def test_who_is_muted_waits_for_no_microphone(page: Page, component: Component, when: str) -> None:
    if when == "before talk":
        component.click(component.mute_button)
    socket = component.begin()
    if when == "before the first audio":
        assert component.statuses[-1] == "connecting"
        component.click(component.mute_button)
    socket.say(TurnState("speaking", 1, seq=1))
    socket.say(TurnState("listening", 1, seq=2))
    assert component.statuses[-1] == "listening"
    component.click(component.mute_button)
    assert component.statuses[-1] == "connecting"
    component.hear(0)
    assert component.statuses[-1] == "listening"


def test_a_chunk_that_was_on_its_way_moves_no_dial_of_a_muted_microphone(
    page: Page, component: Component
) -> None:
    component.begin()
    component.hear(0, level=0.4)
    component.click(component.mute_button)
    component.hear(480, level=0.7)
    conversation = component.voice.conversation
    assert conversation is not None
    assert conversation.meter.level == 0

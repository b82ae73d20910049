"""The Reflex side: props, triggers, orders, and the facts about Reflex they rest on."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
import reflex as rx
import reflex_base
import reflex_voice_audio
from reflex_voice_audio import api, events
from reflex_voice_audio.build import BROWSER
from reflex_voice_audio.component import VoiceAudio
from reflex_voice_audio.failures import FAILURES

from voice_loop.errors import ERRORS


class Host(rx.State):
    """An app's state."""

    words: rx.Field[dict[str, str]] = rx.field(default_factory=dict)

    @rx.event
    def ticket(self, data: events.TicketRequest) -> None:
        """Takes what `on_ticket` gives."""

    @rx.event
    def anything(self, data: dict[str, Any]) -> None:
        """Takes any payload."""

    @rx.event
    def two(self, first: int, second: int) -> None:
        """Takes more than any trigger gives."""


def rendered(component: rx.Component) -> dict[str, str]:
    """Prop name → its JavaScript, as the page gets it."""
    pairs: list[list[str]] = [prop.split(":", 1) for prop in component.render()["props"]]
    return dict(pairs)


def test_it_carries_everything_the_browser_needs() -> None:
    props = rendered(reflex_voice_audio.voice_audio(id="voice", on_ticket=Host.ticket))
    assert (props["capture"], props["playback"], props["connect"]) == ("true", "true", "true")
    assert props["path"] == '"/voice"'
    assert props["ref"] == "ref_voice"
    assert props["workletUrl"].startswith('"/external/')
    assert "audio-worklet.js" in props["workletUrl"]


def test_the_socket_goes_where_reflexs_own_goes() -> None:
    component = reflex_voice_audio.voice_audio(id="voice", on_ticket=Host.ticket)
    assert rendered(component)["serverUrl"] == "getBackendURL(env.EVENT).href"
    imports = component._get_all_imports()
    assert any(item.tag == "getBackendURL" for item in imports["$/utils/state"])
    assert any(item.tag == "env" and item.is_default for item in imports["$/env.json"])


def test_microphone_and_speaker_are_its_halves() -> None:
    assert (
        rendered(reflex_voice_audio.microphone(id="m", on_ticket=Host.ticket))["playback"]
        == "false"
    )
    assert rendered(reflex_voice_audio.speaker(id="s", on_ticket=Host.ticket))["capture"] == "false"


def test_props_are_handed_to_the_browser_by_its_names() -> None:
    props = rendered(
        reflex_voice_audio.voice_audio(
            id="voice",
            on_ticket=Host.ticket,
            turn_detection="push_to_talk",
            barge_in=False,
            echo_cancellation=False,
            ws_url="wss://x.test/v",
            path="/_event/voice",
            detector={"confirm_sound_ms": 900},
        )
    )
    assert props["turnDetection"] == '"push_to_talk"'
    assert props["bargeIn"] == "false"
    assert props["echoCancellation"] == "false"
    assert props["wsUrl"] == '"wss://x.test/v"'
    assert props["path"] == '"/_event/voice"'
    assert "confirm_sound_ms" in props["detector"]


@pytest.mark.parametrize("name", [None, "", 'a"b', "a\\b"])
def test_it_needs_an_id_that_can_be_found(name: str | None) -> None:
    with pytest.raises(ValueError, match="needs an id"):
        reflex_voice_audio.voice_audio(id=name)


def test_a_component_that_nobody_lets_in_is_refused_with_what_to_write() -> None:
    with pytest.raises(ValueError, match=r'deliver_ticket\("voice", data\["request"\], ticket\)'):
        reflex_voice_audio.voice_audio(id="voice")
    alone = rendered(reflex_voice_audio.microphone(id="ear", connect=False))
    assert alone["connect"] == "false"


def test_a_threshold_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"no setting nonsense; it has .*confirm_speech_ms"):
        reflex_voice_audio.microphone(id="ear", connect=False, detector={"nonsense": 3})


def test_it_takes_no_children() -> None:
    with pytest.raises(ValueError, match="no children"):
        VoiceAudio.create(rx.text("x"), id="voice")


def test_a_misspelt_prop_or_trigger_is_refused() -> None:
    with pytest.raises(ValueError, match="on_tickets"):
        reflex_voice_audio.voice_audio(id="voice", on_tickets=Host.ticket)
    with pytest.raises(TypeError):
        reflex_voice_audio.voice_audio(id="voice", barge_in="maybe")


def test_a_handler_that_does_not_fit_is_refused() -> None:
    with pytest.raises(TypeError):
        reflex_voice_audio.voice_audio(id="voice", on_ticket=Host.two)


def test_every_trigger_hands_its_payload_to_the_handler() -> None:
    for trigger in set(VoiceAudio.get_event_triggers()) - set(rx.Component.get_event_triggers()):
        component = reflex_voice_audio.voice_audio(
            id="voice", **{"on_ticket": Host.ticket, trigger: Host.anything}
        )
        name = trigger.split("_")[0] + trigger.split("_")[1].capitalize()
        assert '["data"] : _ev_0' in rendered(component)[name]


ORDERS: list[tuple[Any, dict[str, Any]]] = [
    (
        api.deliver_ticket("voice", "r1", "t1"),
        {"op": "ticket", "request": "r1", "ticket": "t1"},
    ),
    (
        api.refuse("voice", "r1", "at_capacity", "Full.", retry_after_ms=500),
        {
            "op": "refuse",
            "request": "r1",
            "error": {
                "code": "at_capacity",
                "message": "Full.",
                "recoverable": True,
                "retry_after_ms": 500,
            },
        },
    ),
    (api.send_command("voice", "signed"), {"op": "command", "command": "signed"}),
    (api.send_text("voice", 'Say "hi"'), {"op": "text", "text": 'Say "hi"'}),
    (api.end("voice"), {"op": "end"}),
    (api.interrupt("voice"), {"op": "stop"}),
    (api.set_muted("voice", True), {"op": "mute", "muted": True}),
    (api.set_volume("voice", 0.5), {"op": "volume", "volume": 0.5}),
    (
        api.set_devices("voice", input_id="m"),
        {"op": "devices", "input_id": "m", "output_id": None},
    ),
    (
        api.set_options("voice", barge_in=False),
        {
            "op": "options",
            "options": {
                "barge_in": False,
                "turn_detection": None,
                "voice": None,
                "detector": None,
            },
        },
    ),
]


@pytest.mark.parametrize(("spec", "order"), ORDERS, ids=[order["op"] for _, order in ORDERS])
def test_an_order_is_one_event_to_the_components_handle(spec: Any, order: dict[str, Any]) -> None:
    assert spec.handler.fn.__qualname__ == "_set_value"
    arguments = {name._js_expr: value._var_value for name, value in spec.args}
    assert arguments == {"ref": "ref_voice", "value": order}


def test_every_order_is_understood_in_the_browser() -> None:
    source = inspect.getsource(
        __import__("reflex_voice_audio.browser.voice", fromlist=["Voice"]).Voice.command
    )
    for _, order in ORDERS:
        assert f'op == "{order["op"]}"' in source


def test_reflex_still_sets_values_on_the_handle_by_assignment() -> None:
    template = Path(reflex_base.__file__).parent / ".templates/web/utils/state.js"
    source = template.read_text(encoding="utf-8")
    assert "ref.current.value = event.payload.value;" in source
    assert "export const getBackendURL" in source


def test_every_browser_failure_is_a_sentence_and_a_code_of_its_own() -> None:
    for code, (sentence, _) in FAILURES.items():
        assert sentence[-1] == "." and sentence[0].isupper()
        assert code not in ERRORS


def test_the_browser_names_every_failure_and_no_other() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in BROWSER.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    strings = {node.value for node in nodes if isinstance(node, ast.Constant)}
    assert set(FAILURES) <= strings
    called = {
        argument.value
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in ("on_failure", "on_trouble", "failure")
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert len(called) >= 7
    assert called <= set(FAILURES)


def test_an_app_says_failures_in_its_own_words() -> None:
    german = {"microphone_denied": "Das Mikrofon ist gesperrt."}
    props = rendered(reflex_voice_audio.speaker(id="s", on_ticket=Host.ticket, messages=german))
    assert '["microphone_denied"] : "Das Mikrofon ist gesperrt."' in props["messages"]
    assert '["page_frozen"] : "The browser put this page to sleep' in props["messages"]
    assert '["page_frozen"] : ({ ["recoverable"] : true' in props["failures"]


def test_words_that_change_while_the_app_runs_stand_before_ours() -> None:
    props = rendered(reflex_voice_audio.speaker(id="s", on_ticket=Host.ticket, messages=Host.words))
    ours, theirs = props["messages"].split("...")[1:]
    assert '["page_frozen"]' in ours
    assert "words" in theirs


def test_a_message_for_a_code_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"for microphone_deaf; the codes are .*microphone_denied"):
        reflex_voice_audio.speaker(id="s", connect=False, messages={"microphone_deaf": "What?"})


def test_the_public_names_are_there() -> None:
    for name in reflex_voice_audio.__all__:
        assert getattr(reflex_voice_audio, name) is not None

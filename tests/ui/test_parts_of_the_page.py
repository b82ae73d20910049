"""The parts of the page as elements: names, roles, and what finds them in the browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import reflex as rx

from tests.ui.tree import Element, elements, find, one
from voice_loop.errors import ERRORS
from voice_loop.ui.badge import provider_badge
from voice_loop.ui.controls import buttons, composer, controls, one_of
from voice_loop.ui.debug_overlay import PANEL_ID, debug_overlay, figures_button
from voice_loop.ui.notices import RELOADING, error_card, notice
from voice_loop.ui.page import DESCRIPTION, TITLE, page
from voice_loop.ui.phases import LOOKS
from voice_loop.ui.settings_panel import NO_CHOICE, NO_NAMES, settings_panel
from voice_loop.ui.state import MAX_TEXT_CHARS, VoiceState, settings_button_id
from voice_loop.ui.talk_button import talk_button, talk_dial
from voice_loop.ui.transcript import EXAMPLES, transcript

ROOT = Path(__file__).resolve().parents[2]


class Voice:
    """What the page needs of a VoiceLoop."""

    state = VoiceState
    component_id = "voice"

    def audio(self) -> rx.Component:
        """Something to find it by."""
        return rx.el.span(id="the-audio")


PARTS: dict[str, Callable[[], rx.Component]] = {
    "dial": lambda: talk_dial(VoiceState.status, "voice"),
    "transcript": lambda: transcript(VoiceState),
    "controls": lambda: controls(VoiceState, "voice"),
    "error card": lambda: error_card(VoiceState),
    "notice": lambda: notice(VoiceState),
    "badge": lambda: provider_badge(VoiceState),
    "overlay": lambda: debug_overlay(VoiceState),
    "settings": lambda: settings_panel(VoiceState, "voice"),
    "page": lambda: page(Voice()),
}
EVERY_PART = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())


def events_of(element: Element) -> str:
    """The JavaScript of an element's event triggers."""
    return " ".join(value for key, value in element.props.items() if key.startswith("on"))


# All of them.


@EVERY_PART
def test_a_part_brings_its_own_colours(part: Callable[[], rx.Component]) -> None:
    assert '["--vl-ink"]' in str(part().render())


@EVERY_PART
def test_every_button_has_a_type_and_a_name(part: Callable[[], rx.Component]) -> None:
    for button in find(part(), "button"):
        assert button.props["type"] in ("button", "submit")
        assert button.text or button.props.get("aria-label"), button.props


@EVERY_PART
def test_every_icon_is_for_the_eye_alone(part: Callable[[], rx.Component]) -> None:
    tree = part()
    every = [one for one in elements(tree) if one.name.startswith("Lucide")]
    hidden = [
        icon
        for shell in find(tree, aria_hidden="true")
        for icon in shell.inside
        if icon.name.startswith("Lucide")
    ]
    assert len(hidden) == len(every)


@EVERY_PART
def test_no_part_loads_anything_or_holds_a_script(part: Callable[[], rx.Component]) -> None:
    tree = part()
    assert not find(tree, "script")
    for element in elements(tree):
        for name in ("src", "href"):
            assert "//" not in element.props.get(name, ""), element.props


@EVERY_PART
def test_every_label_belongs_to_a_field(part: Callable[[], rx.Component]) -> None:
    tree = part()
    ids = {element.props.get("id") for element in elements(tree)}
    for label in find(tree, "label"):
        assert label.props["htmlFor"] in ids


# Transcript.


def test_the_transcript_is_a_polite_log_with_a_name() -> None:
    log = one(transcript(VoiceState), role="log")
    assert log.props["aria-label"] == "Conversation"
    assert log.props["aria-live"] == "polite"


def test_lines_that_still_change_are_not_announced() -> None:
    log = one(transcript(VoiceState), role="log")
    quiet = one(log, aria_live="off")
    assert find(quiet, data_live="true")
    assert not find(quiet, "li")
    assert len(find(log, "li")) == 2, "the words, and the call of a tool"


def test_both_sides_are_named_in_words_and_marks_have_words_too() -> None:
    _, line = find(transcript(VoiceState), "li")
    for words in ("Assistant", "You", "cut", "(typed)"):
        assert words in line.text or words in str(line.data)


def test_the_log_can_be_scrolled_with_the_keyboard_and_stays_at_its_end() -> None:
    scroller = one(transcript(VoiceState), tabIndex="0")
    assert scroller.props["aria-label"]
    assert "column-reverse" in scroller.props["css"]


def test_an_empty_transcript_offers_questions_that_are_sent_by_a_click() -> None:
    offered = [
        button
        for button in find(transcript(VoiceState), "button")
        if "send_text" in str(button.props)
    ]
    assert len(offered) == len(EXAMPLES)
    for text, button in zip(EXAMPLES, offered, strict=True):
        assert text in button.text
        assert text in events_of(button)


@pytest.mark.parametrize(
    ("label", "handler"),
    [
        ("Copy the conversation", "copy_transcript"),
        ("Download the conversation", "download_transcript"),
        ("Clear the conversation", "clear_transcript"),
    ],
)
def test_the_conversation_can_be_taken_away(label: str, handler: str) -> None:
    assert handler in events_of(one(transcript(VoiceState), "button", aria_label=label))


# Controls.


@pytest.mark.parametrize(("kind", "word"), [("stop", "Stop"), ("mute", "Mute")])
def test_controls_are_found_by_the_component_and_not_by_an_event(kind: str, word: str) -> None:
    button = one(buttons(VoiceState, "other"), "button", data_voice=kind)
    assert button.props["data-voice-for"] == "other"
    assert word in button.text or word in str(button.data)
    assert events_of(button) == ""


def test_a_call_is_told_with_its_outcome_in_words_and_its_arguments_folded() -> None:
    call = find(transcript(VoiceState), "li", data_role="tool")[0]
    for word in ("done", "did not work", "not finished", "running", "Tool:"):
        assert word in call.text
    folded = one(call, "details")
    assert one(folded, "summary").text == "Called with"
    assert one(folded, "code")


def test_a_dial_that_is_held_says_so_and_ends_by_a_button_beside_it() -> None:
    dial = one(talk_dial("user_speaking", "other", True), "button")
    assert dial.props["data-voice"] == "press"
    assert "Let go to send" in dial.text
    clicked, ends = find(talk_button(VoiceState, "other"), "button")
    assert ends.text == "End"
    assert (ends.props["data-voice"], ends.props["data-voice-for"]) == ("talk", "other")
    assert "holds" in clicked.props["data-voice"]


def test_the_button_alone_tells_a_screen_reader_where_the_conversation_is() -> None:
    status = one(talk_button(VoiceState, "other"), "p", role="status").text
    for name in ("connecting", "error"):
        assert LOOKS[name].headline in status
    assert "The conversation is on." in status
    assert LOOKS["user_speaking"].headline not in status, "it would talk into the microphone"


def test_the_settings_are_closed_by_escape_and_the_focus_goes_back() -> None:
    panel = settings_panel(VoiceState, "other")
    close = one(panel, "button", data_voice="close")
    assert "close_settings" in events_of(close)
    assert one(panel, "button", id=settings_button_id("other")).props["aria-label"] == "Settings"


def test_where_no_loudspeaker_can_be_chosen_the_settings_say_who_chooses() -> None:
    panel = settings_panel(VoiceState, "other")
    hints = [hint.text for hint in find(panel, "p", id="other-output-hint")]
    assert any(NO_NAMES in hint and NO_CHOICE in hint for hint in hints), hints


def test_stop_and_mute_are_never_taken_from_the_focus() -> None:
    for kind in ("stop", "mute"):
        button = one(buttons(VoiceState, "voice"), "button", data_voice=kind)
        assert "disabled" not in button.props
        assert "aria-disabled" in button.props


def test_a_typed_message_goes_to_the_state_and_empties_the_field() -> None:
    form = one(composer(VoiceState, "voice"), "form")
    assert "handleSubmit" in events_of(form)
    assert "send_text" in str(composer(VoiceState, "voice").event_triggers)
    field = one(form, "input")
    assert field.props["name"] == "text"
    assert field.props["maxLength"] == str(MAX_TEXT_CHARS)
    assert one(form, "label").props["htmlFor"] == field.props["id"] == "voice-message"
    assert one(form, "button", type="submit").props["aria-label"] == "Send"


def test_one_of_is_plain_python_for_plain_values() -> None:
    assert one_of("idle", ("idle", "error"))
    assert not one_of("speaking", ("idle", "error"))


# Notices.


def test_an_error_is_an_alert_with_its_code_for_programs() -> None:
    card = one(error_card(VoiceState), role="alert")
    assert "error_code" in card.props["data-voice-error"]
    assert "error_message" in str(card.data)
    assert "dismiss_error" in events_of(one(card, aria_label="Dismiss this message"))


def test_trying_again_is_a_click_that_may_ask_for_the_microphone() -> None:
    buttons = find(error_card(VoiceState, "other"), "button", data_voice="talk")
    (again,) = (button for button in buttons if button.text == "Try again")
    assert again.props["data-voice-for"] == "other"
    assert events_of(again) == ""


def test_a_wait_counts_for_the_eye_and_can_be_cut_short_or_called_off() -> None:
    card = one(error_card(VoiceState, "other"), role="alert")
    timer = one(card, role="timer")
    assert timer.props["aria-live"] == "off", "or a screen reader would speak every second"
    assert "retry_label" in str(timer.data)
    names = {b.text: b.props for b in find(card, "button") if "data-voice" in b.props}
    assert names["Try now"]["data-voice"] == "again"
    assert names["Cancel"]["data-voice"] == "talk"
    assert {props["data-voice-for"] for props in names.values()} == {"other"}


def test_reloading_is_offered_for_what_a_reload_helps_with() -> None:
    assert "bad_start" in RELOADING
    assert "at_capacity" not in RELOADING
    assert set(RELOADING) - set(ERRORS) == {"worklet_failed"}
    link = one(error_card(VoiceState), "ReactRouterLink")
    assert (link.props["to"], link.props["reloadDocument"]) == ("", "true")
    assert link.text == "Reload the page"


def test_a_hint_is_told_politely() -> None:
    assert one(notice(VoiceState), role="status")


def test_the_badge_tells_who_answers_in_words() -> None:
    badge = provider_badge(VoiceState)
    assert "Answered by:" in one(badge, data_voice_provider=str(VoiceState.provider)).text
    assert "provider_label" in str(badge.render())


# Figures and settings.


def test_the_overlay_hears_one_chord_and_sends_no_other_key() -> None:
    listener: Any = debug_overlay(VoiceState).children[0]
    trigger = str(listener.event_triggers["on_key_down"]._var_data.hooks)
    condition, _, events = trigger.partition(" ? ")
    for part in ('=== "D"', '=== "d"', '?.["ctrl_key"]', '?.["shift_key"]'):
        assert part in condition
    toggle, _, otherwise = events.partition(" : (ReflexEvent")
    assert "toggle_overlay" in toggle
    # A call within the browser that does nothing: no handler, so nothing for the server.
    assert '"_call_function"' in otherwise
    assert "voice_state" not in otherwise


def test_the_overlay_has_a_table_with_headings_on_both_sides() -> None:
    panel = one(debug_overlay(VoiceState), id=PANEL_ID)
    heads = [head.text for head in find(panel, "th", scope="col")]
    assert heads == ["Figure, ms", "Last", "Trend", "p50", "p95", "Target", "Verdict"]
    assert find(panel, "th", scope="row")


def test_the_overlay_opens_by_address_and_by_a_button_that_says_so() -> None:
    overlay: Any = debug_overlay(VoiceState)
    mounted = [child.event_triggers.get("on_mount") for child in overlay.children]
    assert "open_overlay_if_asked" in str(mounted)
    button = one(figures_button(VoiceState), "button")
    assert button.props["aria-controls"] == PANEL_ID
    assert "aria-expanded" in button.props


def test_a_verdict_is_told_by_a_word_and_an_icon() -> None:
    panel = one(debug_overlay(VoiceState), id=PANEL_ID)
    for word in ("met", "missed", "unclear"):
        assert word in panel.text


@pytest.mark.parametrize(
    ("field", "handler"),
    [
        ("other-input", "choose_input"),
        ("other-output", "choose_output"),
        ("other-volume", "set_volume_percent"),
        ("other-barge-in", "set_barge_in"),
        ("other-push-to-talk", "set_push_to_talk"),
        ("other-voice", "choose_voice"),
        ("other-wishes", "set_wishes"),
    ],
)
def test_every_setting_has_a_field_with_a_label_and_a_handler(field: str, handler: str) -> None:
    panel = settings_panel(VoiceState, "other")
    assert handler in events_of(one(panel, id=field))
    assert one(panel, "label", htmlFor=field).text


def test_switches_are_said_to_be_switches_and_are_explained() -> None:
    panel = settings_panel(VoiceState, "voice")
    ids = {element.props.get("id") for element in elements(panel)}
    switches = find(panel, "input", role="switch")
    assert len(switches) == 2
    assert {switch.props["aria-describedby"] for switch in switches} <= ids


# Page.


def test_the_page_has_landmarks_one_heading_and_the_component() -> None:
    whole = page(Voice())
    for name in ("header", "main", "footer", "h1"):
        assert one(whole, name)
    assert one(whole, "h1").text == TITLE
    assert one(whole, id="the-audio")
    assert one(whole, role="log")
    assert DESCRIPTION


def test_the_talk_button_comes_before_the_error_cards() -> None:
    first = find(page(Voice()), "button", data_voice="talk")[0]
    assert first.text != "Try again"


def test_the_status_is_announced_but_not_while_somebody_talks() -> None:
    spoken = str(one(page(Voice()), "p", role="status").data)
    for status in ("connecting", "reconnecting", "error", "idle"):
        assert LOOKS[status].headline in spoken
    for status in ("listening", "user_speaking", "thinking", "speaking"):
        assert LOOKS[status].headline not in spoken


def test_the_pages_icons_are_files_that_exist() -> None:
    icons = [link.props["href"] for link in find(page(Voice()), "link")]
    assert len(icons) == 3
    for href in icons:
        assert (ROOT / "assets" / href.rsplit("/", 1)[-1]).stat().st_size > 100

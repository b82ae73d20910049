"""Turn detection, the input buffer, client frames and the conversation, without sockets."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.local.brain.base import Said
from voice_loop.local.client_events import EVENT_TYPES, ClientEvent, check, client_event_id, parse
from voice_loop.local.conversation import (
    KEPT_AUDIO_BYTES,
    MAX_ITEMS,
    Conversation,
    Item,
    TimedWord,
    new_item,
)
from voice_loop.local.ids import new_id
from voice_loop.local.input_buffer import MAX_BUFFER_BYTES, InputBuffer
from voice_loop.local.schema import ClientError
from voice_loop.local.session_config import SEMANTIC_VAD, SERVER_VAD
from voice_loop.local.turn_detection import (
    FRAME_24K_SAMPLES,
    Paused,
    Resumed,
    Started,
    Stopped,
    TurnDetector,
    TurnEvent,
    TurnSettings,
    sounds_finished,
)


def detect(likelihoods: list[float], settings: TurnSettings) -> list[tuple[int, TurnEvent]]:
    detector = TurnDetector(settings)
    found = []
    for index, likelihood in enumerate(likelihoods):
        event = detector.feed(likelihood, index * FRAME_24K_SAMPLES)
        if event is not None:
            found.append((index, event))
    return found


SETTINGS = TurnSettings(threshold=0.5, silence_ms=320)


def test_two_frames_start_a_turn_backdated_to_the_first() -> None:
    found = detect([0, 0, 0.9, 0.9], SETTINGS)
    assert found == [(3, Started(2 * FRAME_24K_SAMPLES))]


def test_one_frame_is_a_click() -> None:
    assert detect([0, 0.9, 0, 0.9, 0], SETTINGS) == []


def test_silence_pauses_then_stops_and_the_end_includes_it() -> None:
    found = detect([0.9] * 4 + [0.0] * 12, SETTINGS)
    assert [event for _, event in found] == [
        Started(0),
        Paused(8 * FRAME_24K_SAMPLES),
        Stopped(14 * FRAME_24K_SAMPLES),
    ]


def test_speech_after_a_pause_resumes_the_same_turn() -> None:
    found = detect([0.9] * 4 + [0.0] * 6 + [0.9] * 3 + [0.0] * 12, SETTINGS)
    kinds = [type(event) for _, event in found]
    assert kinds == [Started, Paused, Resumed, Paused, Stopped]


def test_a_voice_that_wavers_above_the_lower_threshold_goes_on() -> None:
    assert len(detect([0.9] * 3 + [0.4] * 40, SETTINGS)) == 1


@given(st.lists(st.floats(0, 1), max_size=300), st.floats(0, 1), st.integers(0, 1000))
def test_starts_and_stops_alternate_and_never_go_back(
    likelihoods: list[float], threshold: float, silence_ms: int
) -> None:
    found = detect(likelihoods, TurnSettings(threshold, 300, silence_ms))
    bounds = [event for _, event in found if isinstance(event, Started | Stopped)]
    for index, event in enumerate(bounds):
        assert isinstance(event, Started if index % 2 == 0 else Stopped)
    places = [e.onset_sample if isinstance(e, Started) else e.end_sample for e in bounds]
    assert places == sorted(places)


def test_settings_come_from_the_wires_objects() -> None:
    vad = TurnSettings.from_wire({**SERVER_VAD, "threshold": 0.7, "silence_duration_ms": 900})
    assert (vad.threshold, vad.prefix_padding_ms, vad.silence_ms) == (0.7, 300, 900)
    semantic = TurnSettings.from_wire({**SEMANTIC_VAD, "eagerness": "low"})
    assert (semantic.silence_ms, semantic.complete_ms) == (8000, 800)


def test_a_finished_sentence_ends_a_semantic_turn_sooner() -> None:
    settings = TurnSettings.from_wire({**SEMANTIC_VAD, "eagerness": "high"})
    detector = TurnDetector(settings)
    assert detector.silence_limit_ms == 2000
    detector.sounds_complete = True
    assert detector.silence_limit_ms == 300


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("Yes.", True),
        ("Stop.", True),
        ("Turn it on.", True),
        ("Tell me what it is.", True),
        ("Because.", False),
        ("I was", False),
        ("Open the door.", True),
        ("What time is it?", True),
        ("Really?", True),
        ("Open the", False),
        ("I want to, um", False),
        ("Well,", False),
        ("Open", False),
        ("", False),
    ],
)
def test_whether_a_text_sounds_finished(text: str, finished: bool) -> None:
    assert sounds_finished(text) is finished


def samples(first: int, count: int) -> bytes:
    return b"".join((first + index).to_bytes(2, "little") for index in range(count))


def test_the_buffer_gives_audio_by_position_and_forgets_what_was_taken() -> None:
    buffer = InputBuffer()
    buffer.append(samples(0, 100))
    assert buffer.peek(10, 20) == samples(10, 10)
    assert buffer.take(10, 50) == samples(10, 40)
    assert (buffer.start_sample, buffer.end_sample, buffer.samples) == (50, 100, 50)
    assert buffer.peek(0, 60) == samples(50, 10)
    buffer.clear()
    assert (buffer.start_sample, buffer.samples) == (100, 0)
    assert buffer.peek(0, 1000) == b""


def test_the_buffer_is_bounded_and_drops_the_oldest() -> None:
    buffer = InputBuffer()
    buffer.append(bytes(MAX_BUFFER_BYTES))
    buffer.append(samples(1, 10))
    assert buffer.samples * 2 == MAX_BUFFER_BYTES
    assert buffer.start_sample == 10


@given(st.lists(st.tuples(st.sampled_from("atk"), st.integers(0, 400)), max_size=40))
def test_positions_in_the_buffer_never_go_back(steps: list[tuple[str, int]]) -> None:
    buffer, appended = InputBuffer(), 0
    for what, amount in steps:
        before = buffer.start_sample
        if what == "a":
            buffer.append(bytes(amount * 2))
            appended += amount
        elif what == "t":
            buffer.take(buffer.start_sample, buffer.start_sample + amount)
        else:
            buffer.keep_from(amount)
        assert buffer.start_sample >= before
        assert buffer.end_sample == appended


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
_KNOWN = st.sampled_from(
    ("type", "session", "item", "response", "audio", "item_id", "content", "role", "tools",
     "input", "output", "turn_detection", "event_id", "previous_item_id", "audio_end_ms")
)  # fmt: skip


@given(st.text())
def test_any_text_parses_or_is_a_client_error(text: str) -> None:
    try:
        frame = parse(text)
    except ClientError as problem:
        assert problem.code == "invalid_json"
    else:
        assert json.dumps(frame) is not None


@given(_JSON | st.dictionaries(_KNOWN, _JSON), st.sampled_from(EVENT_TYPES))
def test_any_frame_is_an_event_or_a_client_error_with_a_code(frame: object, kind: str) -> None:
    candidates = [frame, {**frame, "type": kind}] if isinstance(frame, dict) else [frame]
    for candidate in candidates:
        client_event_id(candidate)
        try:
            assert isinstance(check(candidate), ClientEvent)
        except ClientError as problem:
            assert problem.code
            assert problem.message


def test_infinity_is_not_a_position() -> None:
    frame = parse('{"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, '
                  '"audio_end_ms": Infinity}')  # fmt: skip
    assert frame["audio_end_ms"] == math.inf
    with pytest.raises(ClientError):
        check(frame)


def spoken(words: list[str], ms_per_word: int = 100) -> Item:
    item = new_item({"type": "message", "role": "assistant", "content": []})
    item.add_speech(bytes(48 * ms_per_word * len(words)))
    item.words = [
        TimedWord(f" {word}", (index + 1) * ms_per_word) for index, word in enumerate(words)
    ]
    item.wire["content"] = [{"type": "output_audio", "transcript": " ".join(words)}]
    return item


@given(st.integers(0, 1000))
def test_a_cut_keeps_the_words_that_are_over_and_nothing_else(audio_end_ms: int) -> None:
    conversation = Conversation()
    item = spoken([f"w{index}" for index in range(10)])
    conversation.add(item)
    conversation.truncate(item.id, 0, audio_end_ms)
    kept = item.text().split()
    assert kept == [f"w{index}" for index in range(audio_end_ms // 100)]
    assert len(item.audio) == audio_end_ms * 48
    item.add_speech(bytes(9600))
    assert len(item.audio) == audio_end_ms * 48
    wanted = [Said("assistant", " ".join(kept), cut=True)] if kept else []
    assert conversation.entries() == wanted


def test_audio_that_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    conversation = Conversation()
    items = []
    for _ in range(3):
        item = new_item({"type": "message", "role": "user", "content": []})
        item.audio = bytearray(KEPT_AUDIO_BYTES // 2)
        conversation.add(item)
        items.append(item)
    assert [bool(item.audio) for item in items] == [False, True, True]


def test_a_conversation_does_not_grow_without_end() -> None:
    conversation = Conversation()
    ids: list[str] = []
    for _ in range(MAX_ITEMS + 2):
        item = new_item({"type": "message", "role": "user", "content": []})
        assert conversation.add(item) == (ids[-1] if ids else None)
        ids.append(item.id)
    assert [item.id for item in conversation] == ids[2:]
    first = new_item({"type": "message", "role": "user", "content": []})
    assert conversation.add(first, after=ids[2]) == ids[2]
    assert [item.id for item in conversation] == [ids[2], first.id, *ids[4:]]


def test_ids_have_their_prefix_and_length() -> None:
    assert len(new_id("item")) == 26
    assert len(new_id("call")) == 21
    assert new_id("resp") != new_id("resp")

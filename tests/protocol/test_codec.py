"""The codec is total: any frame is an event or a WireError."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.errors import WireError
from voice_loop.protocol import codec, frames
from voice_loop.protocol.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    AudioChunk,
    ErrorEvent,
    InputText,
    MetricsUpdate,
    PlaybackReport,
    Resume,
    SessionStart,
    UserBargeIn,
)

counts = st.integers(0, 2**32 - 1)
chunks = st.builds(
    AudioChunk,
    turn=counts,
    item=st.integers(0, 2**16 - 1),
    position_samples=counts,
    pcm=st.binary(max_size=480).map(lambda pcm: pcm[: len(pcm) // 2 * 2]),
    seq=counts,
)


def events_of(classes: tuple[type[Any], ...]) -> st.SearchStrategy[Any]:
    plain = [cls for cls in classes if cls is not MetricsUpdate]
    times = st.floats(-1e12, 1e12, allow_nan=False)
    st.register_type_strategy(float, times)
    st.register_type_strategy(int, st.integers(0, 2**53))
    return st.one_of([st.from_type(cls) for cls in plain])


@given(chunk=chunks)
def test_an_audio_chunk_survives_the_way_in_both_directions(chunk: AudioChunk) -> None:
    assert codec.decode_client(codec.encode_client(chunk)) == chunk
    assert codec.decode_server(codec.encode_server(chunk)) == chunk


@given(event=events_of(CLIENT_EVENTS))
def test_every_client_event_survives_the_way(event: Any) -> None:
    frame = codec.encode_client(event)
    assert isinstance(frame, str)
    if len(frame.encode()) <= codec.MAX_TEXT_BYTES:
        assert codec.decode_client(frame) == event


@given(event=events_of(SERVER_EVENTS))
def test_every_server_event_survives_the_way(event: Any) -> None:
    assert codec.decode_server(codec.encode_server(event)) == event


@given(data=st.one_of(st.text(), st.binary()))
def test_any_bytes_are_an_event_or_a_wire_error(data: str | bytes) -> None:
    for decode in (codec.decode_client, codec.decode_server):
        try:
            decode(data)
        except WireError as error:
            assert error.code in {"bad_frame", "frame_too_big"}


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(data=st.data(), cls=st.sampled_from(CLIENT_EVENTS))
def test_a_known_type_with_any_fields_is_an_event_or_a_wire_error(
    data: st.DataObject, cls: type[Any]
) -> None:
    names = [field.name for field in dataclasses.fields(cls)]
    body = {name: data.draw(json_values) for name in names} | {"type": cls.TYPE}
    try:
        event = codec.decode_client(json.dumps(body))
    except WireError as error:
        assert error.code in {"bad_frame", "frame_too_big"}
    else:
        assert isinstance(event, cls)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "[]",
        "null",
        '"session.start"',
        '{"type":"session.ready"}',
        '{"type":["session.end"]}',
        '{"type":"input.mute"}',
        '{"type":"input.mute","muted":1}',
        '{"type":"input.mute","muted":"yes"}',
        '{"type":"input.text","text":7}',
        '{"type":"session.start","client_time_ms":NaN}',
        '{"type":"session.start","client_time_ms":1e999}',
        '{"type":"session.start","client_time_ms":1,"resume":"x"}',
        '{"type":"session.start","client_time_ms":1,"options":{"turn_detection":"magic"}}',
        '{"type":"user.barge_in","turn":-1,"item":0,"played_ms":1}',
        '{"type":"user.barge_in","turn":true,"item":0,"played_ms":1}',
        '{"type":"user.barge_in","turn":1.5,"item":0,"played_ms":1}',
        "[" * 10_000,
        '{"type":"input.text","text":"\\ud800"',
        '{"type":"input.text","text":"\\ud800"}',
        '{"type":"input.text","text":"\\udc00\\ud800"}',
    ],
)
def test_what_is_not_the_protocol_is_refused_with_a_code(frame: str) -> None:
    with pytest.raises(WireError) as caught:
        codec.decode_client(frame)
    assert caught.value.code == "bad_frame"


def test_a_whole_surrogate_pair_is_a_character_like_any_other() -> None:
    frame = '{"type":"input.text","text":"\\ud83d\\ude42"}'
    assert codec.decode_client(frame) == InputText(text="\N{SLIGHTLY SMILING FACE}")


def test_a_text_frame_over_the_limit_is_refused_before_it_is_parsed() -> None:
    frame = json.dumps({"type": "input.text", "text": "x" * codec.MAX_TEXT_BYTES})
    with pytest.raises(WireError) as caught:
        codec.decode_client(frame)
    assert caught.value.code == "frame_too_big"


def test_unknown_keys_are_ignored_so_that_a_newer_page_can_talk_to_an_older_server() -> None:
    event = codec.decode_client('{"type":"input.text","text":"hi","seq":3,"colour":"blue"}')
    assert event == InputText(text="hi", seq=3)


def test_a_resume_is_read_whole() -> None:
    frame = json.dumps(
        {
            "type": "session.start",
            "client_time_ms": 5,
            "resume": {"session_id": "s", "resume_key": "k", "received_seq": 9},
        }
    )
    assert codec.decode_client(frame) == SessionStart(
        client_time_ms=5.0, resume=Resume(session_id="s", resume_key="k", received_seq=9)
    )


def test_optional_times_may_be_null_or_missing() -> None:
    event = codec.decode_client(
        '{"type":"user.barge_in","turn":2,"item":0,"played_ms":12.5,"client_onset_ms":null}'
    )
    assert event == UserBargeIn(turn=2, item=0, played_ms=12.5)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad_frame"),
        (b"\x01" * 15, "bad_frame"),
        (frames.HEADER.pack(2, frames.KIND_UP, 0, 1, 0, 0), "bad_frame"),
        (frames.HEADER.pack(1, frames.KIND_DOWN, 0, 1, 0, 0), "bad_frame"),
        (frames.HEADER.pack(1, frames.KIND_UP, 0, 1, 0, 0) + b"odd", "bad_frame"),
        (
            frames.HEADER.pack(1, frames.KIND_UP, 0, 1, 0, 0) + bytes(frames.MAX_UP_PCM_BYTES + 2),
            "frame_too_big",
        ),
    ],
)
def test_a_binary_frame_that_is_no_audio_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(WireError) as caught:
        codec.decode_client(data)
    assert caught.value.code == code


def test_the_header_is_sixteen_bytes_little_endian() -> None:
    frame = codec.encode_server(
        AudioChunk(turn=3, item=1, position_samples=480, pcm=b"\x01\x02", seq=7)
    )
    assert frame == bytes.fromhex("010201000700000003000000e00100000102")


def test_not_a_number_never_leaves_the_server() -> None:
    with pytest.raises(ValueError):
        codec.encode_server(ErrorEvent("internal", "x", True, retry_after_ms=float("nan")))


def test_every_field_has_a_check_the_codec_knows() -> None:
    for cls in (*CLIENT_EVENTS, *SERVER_EVENTS):
        assert "seq" in get_type_hints(cls)
        assert cls.TYPE in {"error"} or "." in cls.TYPE


def test_a_playback_report_without_its_optional_marks_is_whole() -> None:
    report = PlaybackReport(
        turn=1, item=0, phase="playing", played_ms=100, buffered_ms=50, underruns=0,
        dropped_chunks=0, output_latency_ms=30, client_at_ms=1.0, seq=4,
    )  # fmt: skip
    assert codec.decode_client(codec.encode_client(report)) == report

"""The codec says what each frame means, and nothing at all makes it raise."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.providers.server_frames import CALL, FRAMES, PCM, RESPONSE, frame
from voice_loop.errors import ERRORS
from voice_loop.providers.base import (
    InputCommitted,
    InputTranscript,
    ItemDeleted,
    ItemTruncated,
    OutputAudio,
    OutputAudioDone,
    OutputStarted,
    OutputTranscript,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
)
from voice_loop.providers.openai_realtime.codec import (
    MAX_OPEN_TRANSCRIPTS,
    Decoded,
    Decoder,
    Malformed,
    Refusal,
    SessionCreated,
    SessionUpdated,
    Skipped,
)

USAGE = {
    "total_tokens": 30,
    "input_tokens": 10,
    "output_tokens": 20,
    "input_text_tokens": 4,
    "input_audio_tokens": 6,
    "input_cached_tokens": 0,
    "output_text_tokens": 5,
    "output_audio_tokens": 15,
}
HEARD = "conversation.item.input_audio_transcription"
MEANINGS: dict[str, Decoded] = {
    "session.created": SessionCreated("gpt-rt-1", 2_000_000_000.0),
    "session.updated": SessionUpdated("cedar"),
    "conversation.item.deleted": ItemDeleted("item_1"),
    "conversation.item.truncated": ItemTruncated("item_2", 1_200.0),
    f"{HEARD}.delta": InputTranscript("item_1", "Good ", final=False),
    f"{HEARD}.completed": InputTranscript("item_1", "Good evening.", final=True),
    f"{HEARD}.failed": InputTranscript("item_1", "", final=True),
    "input_audio_buffer.committed": InputCommitted("item_1"),
    "input_audio_buffer.speech_started": SpeechStarted("item_1", 700.0),
    "input_audio_buffer.speech_stopped": SpeechStopped("item_1", 1_900.0),
    "response.created": ResponseStarted("resp_1"),
    "response.done": ResponseDone("resp_1", "completed", usage=USAGE),
    "response.output_item.added": OutputStarted("resp_1", "item_2"),
    "response.output_item.done": ToolCall(
        "resp_1", "item_3", "call_1", "get_time", '{"zone":"UTC"}'
    ),
    "response.output_audio.delta": OutputAudio("resp_1", "item_2", PCM),
    "response.output_audio.done": OutputAudioDone("resp_1", "item_2"),
    "response.output_audio_transcript.delta": OutputTranscript("resp_1", "item_2", "Hi"),
    "response.output_audio_transcript.done": OutputTranscript(
        "resp_1", "item_2", "", final=True, text="Hi."
    ),
    "response.output_text.delta": OutputTranscript("resp_1", "item_2", "Hi"),
    "response.output_text.done": OutputTranscript("resp_1", "item_2", "", final=True, text="Hi."),
    "error": Refusal("invalid_value", "update_1", "session.voice", "m"),
}
NOT_SPOKEN_HERE = ("mcp_", "response.mcp_", "output_audio_buffer.", "input_audio_buffer.dtmf")


def decode(body: object, decoder: Decoder | None = None) -> Decoded:
    return (decoder or Decoder()).decode(json.dumps(body))


@pytest.mark.parametrize("kind", sorted(FRAMES))
def test_the_frames_of_these_tests_are_what_the_service_may_send(kind: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
    assert adapter.validate_python(frame(kind)).type == kind


def test_there_is_a_frame_of_every_published_event() -> None:
    assert len(FRAMES) == 46
    assert set(MEANINGS) < set(FRAMES)


@pytest.mark.parametrize("kind", sorted(MEANINGS))
def test_a_frame_that_matters_becomes_its_event(kind: str) -> None:
    assert decode(frame(kind)) == MEANINGS[kind]


@pytest.mark.parametrize("kind", sorted(set(FRAMES) - set(MEANINGS)))
def test_every_other_frame_is_skipped(kind: str) -> None:
    assert decode(frame(kind)) == Skipped(known=not kind.startswith(NOT_SPOKEN_HERE))


@pytest.mark.parametrize("kind", sorted(MEANINGS))
def test_extra_keys_do_no_harm(kind: str) -> None:
    assert decode(frame(kind, obfuscation="aLxx", content={})) == MEANINGS[kind]


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", "", "{", "[]", "null", "{}", '{"type": 3}'])
def test_what_is_no_frame_is_malformed(data: str | bytes) -> None:
    assert isinstance(Decoder().decode(data), Malformed)


def test_json_nested_too_deep_is_malformed() -> None:
    assert Decoder().decode("[" * 100_000) == Malformed("not JSON")


def test_the_type_of_a_coming_protocol_is_survived() -> None:
    assert decode({"type": "response.smell.delta"}) == Skipped(known=False)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (frame("response.output_audio.delta", delta="not base64!"), "delta"),
        (frame("response.output_audio.delta", delta="ü"), "delta"),
        (frame("response.output_audio.delta", delta=None), "delta"),
        (frame("input_audio_buffer.speech_started", audio_start_ms=-1), "audio_start_ms"),
        (frame("input_audio_buffer.speech_started", audio_start_ms=True), "audio_start_ms"),
        (frame("input_audio_buffer.speech_started", audio_start_ms=10**400), "audio_start_ms"),
        (frame("input_audio_buffer.speech_started", audio_start_ms="7"), "audio_start_ms"),
        (frame("response.created", response=[]), "response"),
        (frame("input_audio_buffer.committed", item_id=5), "item_id"),
    ],
)
def test_a_field_that_does_not_fit_is_blamed_by_name(body: dict[str, Any], field: str) -> None:
    assert decode(body) == Malformed(f"{body['type']}: {field}")


def test_transcript_deltas_add_up_to_the_text_so_far() -> None:
    decoder = Decoder()
    texts = [
        decode(frame(f"{HEARD}.delta", delta=delta, item_id=item), decoder)
        for item, delta in [("a", "Good"), ("b", "Stop"), ("a", " evening")]
    ]
    assert texts == [
        InputTranscript("a", "Good", final=False),
        InputTranscript("b", "Stop", final=False),
        InputTranscript("a", "Good evening", final=False),
    ]


def test_a_transcription_without_delta_text_is_an_empty_addition() -> None:
    assert decode(frame(f"{HEARD}.delta", delta=None)) == InputTranscript("item_1", "", final=False)


def test_a_failed_transcription_ends_the_line_with_what_was_heard() -> None:
    decoder = Decoder()
    decode(frame(f"{HEARD}.delta", delta="Good "), decoder)
    assert decode(frame(f"{HEARD}.failed"), decoder) == InputTranscript("item_1", "Good", True)


def test_a_finished_transcript_leaves_nothing_behind() -> None:
    decoder = Decoder()
    decode(frame(f"{HEARD}.delta", delta="Good "), decoder)
    decode(frame(f"{HEARD}.completed"), decoder)
    assert decode(frame(f"{HEARD}.delta", delta="x"), decoder) == InputTranscript(
        "item_1", "x", final=False
    )


def test_transcripts_that_never_end_are_forgotten_oldest_first() -> None:
    decoder = Decoder()
    for number in range(MAX_OPEN_TRANSCRIPTS + 1):
        decode(frame(f"{HEARD}.delta", item_id=f"i{number}", delta="a"), decoder)
    first = decode(frame(f"{HEARD}.delta", item_id="i0", delta="b"), decoder)
    last = decode(frame(f"{HEARD}.delta", item_id=f"i{MAX_OPEN_TRANSCRIPTS}", delta="b"), decoder)
    assert first == InputTranscript("i0", "b", final=False)
    assert last == InputTranscript(f"i{MAX_OPEN_TRANSCRIPTS}", "ab", final=False)


@pytest.mark.parametrize("status", ["incomplete"])
def test_a_half_function_call_is_not_run(status: str) -> None:
    cut = frame("response.output_item.done", item={**CALL, "status": status})
    assert decode(cut) == Skipped(known=True)


def test_a_function_call_item_carries_no_speech() -> None:
    assert decode(frame("response.output_item.added", item=CALL)) == Skipped(known=True)


@pytest.mark.parametrize(
    ("details", "status", "meaning"),
    [
        (
            {"type": "cancelled", "reason": "client_cancelled"},
            "cancelled",
            ResponseDone("resp_1", "cancelled", "client_cancelled"),
        ),
        (
            {"type": "incomplete", "reason": "max_output_tokens"},
            "incomplete",
            ResponseDone("resp_1", "incomplete", "max_output_tokens"),
        ),
        (
            {"type": "failed", "error": {"type": "x", "code": "insufficient_quota"}},
            "failed",
            ResponseDone("resp_1", "failed", error="provider_quota"),
        ),
        (
            {"type": "failed", "error": {"code": "rate_limit_exceeded"}},
            "failed",
            ResponseDone("resp_1", "failed", error="provider_rate_limited"),
        ),
        (
            {"type": "failed", "error": {"type": "server_error", "code": None}},
            "failed",
            ResponseDone("resp_1", "failed", error="provider_failed"),
        ),
        (None, "failed", ResponseDone("resp_1", "failed", error="provider_failed")),
        (None, "in_progress", ResponseDone("resp_1", "failed", error="provider_failed")),
        (None, {}, ResponseDone("resp_1", "failed", error="provider_failed")),
    ],
)
def test_the_end_of_a_response_names_its_cause(
    details: object, status: object, meaning: ResponseDone
) -> None:
    response = {**RESPONSE, "status": status, "status_details": details, "usage": None}
    assert decode(frame("response.done", response=response)) == meaning


def test_usage_takes_only_counts() -> None:
    usage = {"total_tokens": 5, "input_tokens": True, "output_token_details": [], "cost": -1}
    done = decode(frame("response.done", response={**RESPONSE, "usage": usage}))
    assert isinstance(done, ResponseDone)
    assert done.usage == {"total_tokens": 5}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": None, "type": "server_error"}, "server_error"),
        ({}, "unknown"),
        ({"code": 7, "type": []}, "unknown"),
    ],
)
def test_an_error_without_a_code_has_its_type(error: dict[str, Any], code: str) -> None:
    refusal = decode({"type": "error", "error": error})
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert refusal.event_id is None


def test_a_refusal_does_not_show_the_foreign_message() -> None:
    assert "sk-secret" not in repr(Refusal("c", None, message="key sk-secret is wrong"))


def test_a_session_without_expiry_or_voice_is_taken() -> None:
    assert decode({"type": "session.created", "session": {}}) == SessionCreated("", None)
    assert decode({"type": "session.updated", "session": {}}) == SessionUpdated(None)
    assert decode({"type": "session.updated", "session": {"audio": {"output": 1}}}) == (
        SessionUpdated(None)
    )


@given(pcm=st.binary(max_size=64), cuts=st.lists(st.integers(0, 64), max_size=6))
def test_audio_cut_anywhere_comes_out_in_whole_samples(pcm: bytes, cuts: list[int]) -> None:
    decoder = Decoder()
    edges = sorted({0, len(pcm), *(cut for cut in cuts if cut < len(pcm))})
    out = b""
    for start, end in zip(edges, edges[1:], strict=False):
        delta = base64.b64encode(pcm[start:end]).decode()
        event = decode(frame("response.output_audio.delta", delta=delta), decoder)
        assert isinstance(event, OutputAudio)
        assert len(event.pcm) % 2 == 0
        out += event.pcm
    assert out == pcm[: len(pcm) - len(pcm) % 2]


def test_half_a_sample_of_one_item_is_not_given_to_the_next() -> None:
    decoder = Decoder()
    odd = base64.b64encode(b"\x01\x00\x02").decode()
    decode(frame("response.output_audio.delta", delta=odd), decoder)
    after = decode(frame("response.output_audio.delta", item_id="item_8"), decoder)
    assert after == OutputAudio("resp_1", "item_8", PCM)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["item", "item_id", "response", "response_id", "delta", "session", "error", "id", "status"]
)


@given(data=st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_at_all_give_a_result(data: str | bytes) -> None:
    assert isinstance(Decoder().decode(data), Malformed | Skipped)


@given(kind=st.sampled_from(sorted(FRAMES)), body=st.dictionaries(KEYS | st.text(), JSON))
def test_any_body_under_a_known_type_gives_a_result(kind: str, body: dict[str, Any]) -> None:
    decoded = Decoder().decode(json.dumps({**body, "type": kind}))
    if isinstance(decoded, ResponseDone) and decoded.error is not None:
        assert decoded.error in ERRORS


@given(kind=st.sampled_from(sorted(MEANINGS)), data=st.data(), value=JSON)
def test_one_field_of_any_value_gives_a_result(kind: str, data: st.DataObject, value: Any) -> None:
    key = data.draw(st.sampled_from(sorted(FRAMES[kind])))
    decoded = Decoder().decode(json.dumps(frame(kind, **{key: value})))
    assert not isinstance(decoded, Skipped) or kind.startswith("response.output_item.")

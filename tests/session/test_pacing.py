"""Pacing: bounded ahead, bounded held, in order, nothing lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_loop.protocol.events import AudioChunk, AudioEnd
from voice_loop.session.pacing import CHUNK_SAMPLES, Pacer


def chunks(events: list[AudioChunk | AudioEnd]) -> list[AudioChunk]:
    return [event for event in events if isinstance(event, AudioChunk)]


def test_audio_within_the_window_goes_at_once_in_chunks_with_positions() -> None:
    pacer = Pacer(72_000, 1_000_000)
    assert pacer.hold(1, 0, bytes(2 * 10_000)) == 10_000
    out = chunks(pacer.release(0))
    assert [(c.position_samples, len(c.pcm) // 2) for c in out] == [
        (0, CHUNK_SAMPLES),
        (4_800, CHUNK_SAMPLES),
        (9_600, 400),
    ]
    assert pacer.empty


def test_beyond_the_window_audio_waits_until_it_was_heard() -> None:
    pacer = Pacer(4_800, 1_000_000)
    pacer.hold(1, 0, bytes(2 * 9_600))
    assert len(chunks(pacer.release(0))) == 1
    assert pacer.release(4_800) == []
    assert len(chunks(pacer.release(0))) == 1


def test_the_end_of_an_item_comes_behind_its_last_chunk() -> None:
    pacer = Pacer(4_800, 1_000_000)
    pacer.hold(1, 0, bytes(2 * 9_600))
    pacer.end(1, 0, "completed")
    pacer.hold(1, 1, bytes(200))
    assert len(pacer.release(0)) == 1
    assert [type(event) for event in pacer.release(0)] == [AudioChunk, AudioEnd]
    assert chunks(pacer.release(0))[0].item == 1


def test_half_a_sample_waits_for_its_other_half() -> None:
    pacer = Pacer(72_000, 1_000_000)
    assert pacer.hold(1, 0, b"\x01\x02\x03") == 1
    assert pacer.hold(1, 0, b"\x04") == 1
    assert b"".join(c.pcm for c in chunks(pacer.release(0))) == b"\x01\x02\x03\x04"


def test_an_item_that_grows_too_long_is_refused() -> None:
    pacer = Pacer(0, 100)
    assert pacer.hold(1, 0, bytes(200)) == 100
    assert pacer.hold(1, 0, bytes(2)) is None
    assert pacer.hold(1, 1, bytes(2)) == 1


def test_dropping_a_turn_leaves_the_others() -> None:
    pacer = Pacer(72_000, 1_000_000)
    pacer.hold(1, 0, bytes(200))
    pacer.end(1, 0, "completed")
    pacer.hold(2, 0, bytes(100))
    assert pacer.drop(1) == 100
    assert [event.turn for event in pacer.release(0)] == [2]


@given(
    st.lists(st.binary(min_size=0, max_size=700), max_size=30),
    st.integers(1, 2_000),
    st.lists(st.integers(0, 3_000), max_size=60),
)
def test_any_split_of_the_audio_comes_out_whole_and_never_too_far_ahead(
    parts: list[bytes], window: int, hearings: list[int]
) -> None:
    window += CHUNK_SAMPLES
    pacer = Pacer(window, 10_000_000)
    out = b""
    sent = heard = 0
    for index, part in enumerate(parts):
        pacer.hold(1, 0, part)
        for chunk in chunks(pacer.release(sent - heard)):
            assert chunk.position_samples == len(out) // 2
            out += chunk.pcm
            sent += len(chunk.pcm) // 2
        assert sent - heard <= window
        heard = min(sent, heard + (hearings[index] if index < len(hearings) else 0))
    for chunk in chunks(pacer.release(-10_000_000)):
        out += chunk.pcm
    whole = b"".join(parts)
    assert out == whole[: len(whole) // 2 * 2]

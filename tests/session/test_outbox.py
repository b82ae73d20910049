"""The outbox: nothing lost and nothing twice, whatever breaks when."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from voice_loop.protocol.codec import decode_server
from voice_loop.protocol.events import AudioChunk, AudioEnd, TurnState
from voice_loop.session.outbox import Outbox, Outgoing

STATE = TurnState("listening", 1)


def chunk(turn: int, position: int = 0) -> AudioChunk:
    return AudioChunk(turn, 0, position, bytes(20))


def drain(outbox: Outbox) -> list[int]:
    seqs = []
    while (frame := outbox.next()) is not None:
        assert decode_server(frame.data).seq == frame.seq
        seqs.append(frame.seq)
    return seqs


def test_frames_are_numbered_from_one_and_come_in_order() -> None:
    outbox = Outbox()
    for event in (STATE, chunk(1), STATE):
        outbox.push(event)
    assert drain(outbox) == [1, 2, 3]
    assert outbox.next() is None


def test_after_a_resume_only_what_the_page_lacks_is_sent_again() -> None:
    outbox = Outbox()
    for _ in range(5):
        outbox.push(STATE)
    for _ in range(4):
        outbox.next()
    assert outbox.rewind(2)
    assert drain(outbox) == [3, 4, 5]


def test_a_page_cannot_have_what_was_never_sent() -> None:
    outbox = Outbox()
    outbox.push(STATE)
    assert not outbox.acknowledge(2)
    assert not outbox.rewind(2)
    assert drain(outbox) == [1]


def test_what_is_acknowledged_frees_its_room() -> None:
    outbox = Outbox(max_bytes=100, max_frames=3)
    for _ in range(4):
        outbox.push(STATE)
        outbox.next()
    assert outbox.full
    outbox.acknowledge(4)
    assert not outbox.full


def test_bytes_are_bounded_too() -> None:
    outbox = Outbox(max_bytes=50)
    outbox.push(STATE)
    outbox.push(STATE)
    assert outbox.full


def test_audio_of_an_interrupted_turn_is_dropped_sent_or_not() -> None:
    outbox = Outbox()
    for event in (chunk(1), STATE, chunk(1), AudioEnd(1, 0, "completed"), chunk(2)):
        outbox.push(event)
    outbox.next()
    assert outbox.drop_audio(1) == 3
    assert drain(outbox) == [2, 5]
    outbox.rewind(0)
    assert drain(outbox) == [2, 5]


def continued(position: int, samples: int = 480) -> AudioChunk:
    """Audio that says where it lies."""
    return AudioChunk(
        1, 0, position, b"".join(n.to_bytes(2, "little") for n in at(position, samples))
    )


def at(position: int, samples: int = 480) -> range:
    return range(position, position + samples)


def test_audio_that_waits_goes_out_as_one_frame_with_the_first_ones_arrival() -> None:
    outbox = Outbox()
    for number in range(4):
        outbox.push(continued(480 * number), received_ms=100.0 + number)
    first = outbox.next()
    assert first is not None
    assert (outbox.next(), first.seq, outbox.last_seq, first.received_ms) == (None, 1, 1, 100.0)
    sent = decode_server(first.data)
    assert isinstance(sent, AudioChunk)
    assert (sent.position_samples, sent.pcm) == (0, continued(0, 1_920).pcm)


def test_what_was_with_a_socket_grows_no_more() -> None:
    outbox = Outbox()
    outbox.push(continued(0))
    outbox.next()
    outbox.push(continued(480))
    outbox.rewind(0)
    outbox.push(continued(960))
    assert drain(outbox) == [1, 2, 3]


def test_only_what_continues_the_audio_joins_it_and_not_without_end() -> None:
    outbox = Outbox()
    other_item = AudioChunk(1, 1, 960, bytes(20))
    for event in (continued(0), continued(960), other_item, STATE, chunk(2), STATE, chunk(2, 10)):
        outbox.push(event)
    assert drain(outbox) == [1, 2, 3, 4, 5, 6, 7]
    for number in range(10):
        outbox.push(continued(4_800 * number, 4_800))
    assert len(drain(outbox)) == 5


def test_an_old_acknowledgement_changes_nothing() -> None:
    outbox = Outbox()
    for _ in range(3):
        outbox.push(STATE)
        outbox.next()
    outbox.acknowledge(3)
    assert outbox.acknowledge(1)
    assert outbox.acknowledged == 3


class Page:
    """Takes what comes through a socket that may break after any frame."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.heard: list[int] = []
        self.received_seq = 0

    def take(self, frame: Outgoing) -> None:
        if frame.seq > self.received_seq:
            self.received_seq = frame.seq
            self.seen.append(frame.seq)
            event = decode_server(frame.data)
            if isinstance(event, AudioChunk):
                begin = event.position_samples
                assert event.pcm == continued(begin, len(event.pcm) // 2).pcm
                self.heard += at(begin, len(event.pcm) // 2)


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(["push", "audio", "send", "lose", "break", "ack", "drop"]), max_size=80
    )
)
def test_a_page_gets_every_frame_once_and_in_order(steps: list[str]) -> None:
    outbox, page = Outbox(), Page()
    dropped: set[int] = set()
    audio: set[int] = set()
    position = 0
    silenced: set[int] = set()
    for step in steps:
        match step:
            case "push":
                outbox.push(STATE)
            case "audio":
                outbox.push(continued(position, 10))
                position += 10
                audio.add(outbox.last_seq)
            case "send":
                frame = outbox.next()
                if frame is not None:
                    page.take(frame)
            case "lose":
                # Handed to a socket that is broken already: the next thing is a resume.
                outbox.next()
                outbox.rewind(page.received_seq)
            case "break":
                outbox.rewind(page.received_seq)
            case "ack":
                outbox.acknowledge(page.received_seq)
            case _:
                outbox.drop_audio(1)
                dropped |= audio
                silenced |= set(range(position)) - set(page.heard)
    outbox.rewind(page.received_seq)
    while (frame := outbox.next()) is not None:
        page.take(frame)
    missing = set(range(1, outbox.last_seq + 1)) - set(page.seen)
    assert page.seen == sorted(set(page.seen))
    assert missing <= dropped
    assert page.heard == sorted(set(page.heard))
    assert set(range(position)) - set(page.heard) == silenced - set(page.heard)

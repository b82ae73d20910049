"""The `/voice` socket: what it sends is what the server's codec reads, over broken links too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reflex_voice_audio.browser.jsapi import ArrayBuffer
from reflex_voice_audio.browser.socket import (
    FIRST_ATTEMPTS,
    HIGH_WATER_BYTES,
    MERGED_BYTES,
    RESUME_ATTEMPTS,
    VoiceSocket,
)

from tests.component.fake_page import Page, browser
from tests.component.fake_values import bytearray_of, js
from voice_loop.protocol.events import (
    AudioChunk,
    ClockPing,
    ClockPong,
    ErrorEvent,
    InputText,
    SessionEnd,
    SessionStart,
    TurnState,
)

URL = "wss://example.test/voice"
OPTIONS: dict[str, Any] = {"turn_detection": "server_vad", "barge_in": True, "muted": False}


class Listener:
    """Writes down what the socket tells."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *arguments: self.calls.append((name, *arguments))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] == name]


class Link:
    """A socket under test with its page and listener."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.listener = Listener()
        self.socket = VoiceSocket(self.listener)

    def open(self) -> None:
        self.socket.open(URL, "ticket", js(OPTIONS))

    def audio(self, position: int, samples: int = 480) -> None:
        pcm = bytearray_of((position % 100).to_bytes(2, "little") * samples)
        self.socket.send_audio(position, ArrayBuffer(pcm))

    def speak(self, start: int, chunks: int) -> int:
        """`chunks` of 20 ms in real time; returns the next position."""
        for index in range(chunks):
            self.audio(start + 480 * index)
            self.page.advance(20)
        return start + 480 * chunks


@pytest.fixture
def link() -> Iterator[Link]:
    with browser() as page:
        yield Link(page)


def resume(link: Link, received_seq: int, **fields: Any) -> None:
    link.page.advance(2_000)
    link.page.socket.ready(resumed=True, received_seq=received_seq, resume_key="key-2", **fields)


def test_the_first_frame_is_a_start_with_the_ticket_and_the_subprotocol(link: Link) -> None:
    link.open()
    server = link.page.socket
    server.open()
    assert (server.url, server.protocols) == (URL, ["voice-loop.v1"])
    assert server.binaryType == "arraybuffer"
    [start] = server.events()
    assert isinstance(start, SessionStart)
    assert (start.ticket, start.resume, start.seq) == ("ticket", None, 0)
    assert start.client_time_ms == link.page.now_ms


def test_words_spoken_before_the_session_is_ready_go_up_in_full_frames(link: Link) -> None:
    link.speak(0, 25)
    link.open()
    link.speak(480 * 25, 10)
    link.page.socket.ready()
    chunks = link.page.socket.of(AudioChunk)
    assert [len(chunk.pcm) for chunk in chunks] == [MERGED_BYTES] * 3 + [MERGED_BYTES // 2]
    assert [chunk.position_samples for chunk in chunks] == [0, 4800, 9600, 14400]
    assert [chunk.seq for chunk in chunks] == [1, 2, 3, 4]
    link.audio(480 * 35)
    assert link.page.socket.of(AudioChunk)[-1].position_samples == 480 * 35


def test_the_position_counts_from_the_first_chunk_of_the_session(link: Link) -> None:
    link.audio(96_000)
    link.open()
    link.page.socket.ready()
    assert link.page.socket.of(AudioChunk)[0].position_samples == 0
    assert link.socket.relative(96_480) == 480
    assert link.socket.relative(0) == 0


def test_at_most_ten_seconds_wait_for_a_session_and_the_rest_is_counted(link: Link) -> None:
    end = link.speak(0, 700)
    link.open()
    link.page.socket.ready()
    chunks = link.page.socket.of(AudioChunk)
    held_ms = sum(len(chunk.pcm) for chunk in chunks) / 48
    assert 9_800 <= held_ms <= 10_000
    last = chunks[-1]
    assert last.position_samples + len(last.pcm) // 2 == end - link.socket.base
    assert link.socket.dropped >= 19


def test_frames_are_kept_until_acknowledged_and_only_the_rest_is_sent_after_a_resume(
    link: Link,
) -> None:
    link.open()
    first = link.page.socket
    first.ready()
    for position in (0, 480, 960, 1440):
        link.audio(position)
    first.break_off()
    assert link.listener.of("on_reconnecting")
    link.audio(1920)
    resume(link, received_seq=2)
    second = link.page.socket
    assert second is not first
    assert second.url == URL + "?s=session-1"
    start = second.of(SessionStart)[0]
    assert start.ticket is None
    assert (start.resume.session_id, start.resume.resume_key) == ("session-1", "key-1")
    assert [chunk.seq for chunk in second.of(AudioChunk)] == [3, 4, 5]
    second.say(ClockPong(1, 0, 0, 0, received_seq=5))
    assert len(link.socket.outbox) == 0


def test_a_resume_says_what_was_received_and_what_comes_twice_is_dropped(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.say(AudioChunk(1, 0, 0, b"\1\0" * 4, seq=1))
    link.page.socket.say(TurnState("speaking", 1, seq=2))
    link.page.socket.break_off()
    resume(link, received_seq=0)
    assert link.page.socket.of(SessionStart)[0].resume.received_seq == 2
    link.page.socket.say(TurnState("speaking", 1, seq=2))
    link.page.socket.say(AudioChunk(1, 3, 4800, b"\2\0" * 4, seq=3))
    assert len(link.listener.of("on_event")) == 1
    _, turn, item, position, pcm = link.listener.of("on_audio")[-1]
    assert (turn, item, position, bytes(pcm)) == (1, 3, 4800, b"\2\0" * 4)
    assert len(link.listener.of("on_audio")) == 2


def test_a_url_that_has_a_query_keeps_it(link: Link) -> None:
    link.socket.open(URL + "?tenant=a", "ticket", js(OPTIONS))
    link.page.socket.ready(session_id="a b")
    link.page.socket.break_off()
    link.page.advance(1_000)
    assert link.page.socket.url == URL + "?tenant=a&s=a%20b"


def test_the_attempts_to_resume_are_bounded_in_number_and_time(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.advance(2_100)
    link.page.socket.break_off()
    for _ in range(RESUME_ATTEMPTS + 5):
        link.page.advance(2_000)
        link.page.socket.break_off()
    assert len(link.page.sockets) <= 1 + RESUME_ATTEMPTS
    assert len(link.listener.of("on_lost")) == 1
    assert link.page.pending() == 0


def test_a_link_that_breaks_at_once_each_time_runs_out_of_attempts(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    for _ in range(40):
        link.page.socket.break_off(1011)
        if link.listener.of("on_lost"):
            break
        link.page.advance(2_000)
        link.page.socket.ready(resumed=True)
    assert len(link.listener.of("on_lost")) == 1
    assert len(link.page.sockets) <= RESUME_ATTEMPTS + 2


def test_not_here_is_tried_again_and_then_the_session_counts_as_lost(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.advance(2_100)
    link.page.socket.break_off()
    while not link.listener.of("on_lost"):
        link.page.advance(2_000)
        link.page.socket.open()
        link.page.socket.say(ErrorEvent("not_here", "elsewhere", True))
        link.page.socket.break_off(4010)
    assert 3 < len(link.page.sockets) <= RESUME_ATTEMPTS + 1


def test_a_refused_resume_is_lost_at_once(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.break_off()
    link.page.advance(1_000)
    link.page.socket.open()
    link.page.socket.say(ErrorEvent("resume_refused", "no", True))
    link.page.socket.break_off(4010)
    assert link.listener.of("on_lost")


def test_a_new_session_gets_the_words_and_the_typed_text_but_no_frames_of_old_turns(
    link: Link,
) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.break_off()
    link.audio(4800)
    link.socket.send({"type": "app.command", "seq": 0, "command": "of the old session"})
    link.socket.send({"type": "input.text", "seq": 0, "text": "are you there?"})
    link.audio(5280)
    link.socket.open(URL, "ticket-2", js(OPTIONS))
    link.page.socket.ready(session_id="session-2")
    events = link.page.socket.events()
    assert [event.seq for event in events if event.seq > 0] == [1, 2, 3]
    assert [event.position_samples for event in events if isinstance(event, AudioChunk)] == [0, 480]
    assert [event.text for event in events if isinstance(event, InputText)] == ["are you there?"]
    assert events[0] == SessionStart(events[0].client_time_ms, ticket="ticket-2")  # type: ignore[union-attr]


def test_a_server_that_is_not_there_is_tried_a_few_times(link: Link) -> None:
    link.open()
    for _ in range(FIRST_ATTEMPTS):
        link.page.socket.break_off()
        link.page.advance(2_000)
    assert link.listener.of("on_failure") == [("on_failure", "server_unreachable")]
    assert len(link.page.sockets) == FIRST_ATTEMPTS


def test_a_server_that_never_answers_is_not_waited_for_for_ever(link: Link) -> None:
    link.open()
    for _ in range(FIRST_ATTEMPTS):
        link.page.advance(7_000)
    assert link.listener.of("on_failure")
    assert all(socket.closed_with is not None for socket in link.page.sockets)


def test_a_server_that_waits_for_its_provider_and_says_so_is_waited_for(link: Link) -> None:
    link.open()
    link.page.socket.open()
    limited = ErrorEvent("provider_rate_limited", "words", True, retry_after_ms=30_000)
    link.page.socket.say(limited)
    link.page.advance(44_000)
    assert not link.listener.of("on_lost")
    link.page.advance(2_000)
    assert link.listener.of("on_lost"), "but not for ever"


def test_a_ticket_that_was_sent_is_not_sent_again(link: Link) -> None:
    link.open()
    link.page.socket.open()
    link.page.socket.break_off()
    assert link.listener.of("on_lost")
    assert len(link.page.sockets) == 1


def test_an_address_the_browser_refuses_is_unreachable(link: Link) -> None:
    link.page.refuse_sockets = True
    link.open()
    assert link.listener.of("on_failure") == [("on_failure", "server_unreachable")]


@pytest.mark.parametrize("code", ["replaced", "session_limit", "too_fast"])
def test_an_end_that_the_server_explains_is_final(link: Link, code: str) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.say(ErrorEvent(code, "words", False, seq=1))
    link.page.socket.break_off(4009)
    link.page.advance(60_000)
    [(_, error)] = link.listener.of("on_closed")
    assert error.code == code
    assert len(link.page.sockets) == 1


def test_an_error_of_long_ago_does_not_explain_a_broken_network(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.say(ErrorEvent("bad_played_time", "words", True, seq=1))
    link.page.socket.break_off(1006)
    assert not link.listener.of("on_closed")
    assert link.listener.of("on_reconnecting")


def test_a_normal_close_of_the_server_ends_without_an_error(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.break_off(1000)
    assert link.listener.of("on_closed") == [("on_closed", None)]


def test_a_full_socket_holds_audio_back_and_drops_what_is_too_old(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.bufferedAmount = HIGH_WATER_BYTES
    position = 0
    for _ in range(4):
        position = link.speak(position, 100)
        link.page.socket.say(ClockPong(1, 0, 0, 0))
    assert not link.page.socket.of(AudioChunk)
    link.page.socket.bufferedAmount = 0
    link.audio(position)
    chunks = link.page.socket.of(AudioChunk)
    waited_ms = sum(len(chunk.pcm) for chunk in chunks) / 48
    assert 4_500 < waited_ms <= 5_300
    assert link.socket.dropped > 0
    seqs = [chunk.seq for chunk in chunks]
    assert seqs == sorted(seqs)


def test_the_outbox_of_a_broken_link_is_bounded(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.break_off()
    for index in range(1_000):
        link.socket.send({"type": "input.mute", "seq": 0, "muted": index % 2 == 0})
        link.page.advance(100)
    assert len(link.socket.outbox) <= 151


def test_typed_words_wait_for_a_link_as_long_as_it_takes_and_are_bounded(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.break_off()
    link.socket.send({"type": "input.text", "seq": 0, "text": "the first"})
    for index in range(1_000):
        link.audio(480 * index)
        link.page.advance(20)
    link.socket.open(URL, "ticket-2", js(OPTIONS))
    link.page.advance(12_000)
    link.audio(480_000)
    link.page.socket.ready(session_id="session-2")
    texts = [event for event in link.page.socket.events() if isinstance(event, InputText)]
    assert [event.text for event in texts] == ["the first"]
    link.page.socket.break_off()
    for index in range(1_000):
        link.socket.send({"type": "input.text", "seq": 0, "text": str(index)})
        link.page.advance(100)
    assert len(link.socket.outbox) <= 351


def test_the_clock_believes_the_quickest_of_the_last_round_trips(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    trips = [(40, 5_000), (4, 5_010), (100, 4_700)]
    for delay_ms, there in trips:
        sent = link.page.now_ms
        link.page.advance(delay_ms)
        server = there + sent + delay_ms / 2
        link.page.socket.say(ClockPong(1, sent, server, server))
        link.page.advance(2_000)
    ping = link.page.socket.of(ClockPing)[-1]
    assert ping.offset_ms == pytest.approx(5_010)
    assert ping.round_trip_ms == pytest.approx(4)


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), min_size=1, max_size=20))
def test_the_offset_is_never_further_off_than_half_the_round_trip(
    trips: list[tuple[float, float]],
) -> None:
    with browser() as page:
        link = Link(page)
        link.open()
        page.socket.ready()
        for up_ms, down_ms in trips:
            sent = page.now_ms
            page.now_ms += up_ms + down_ms
            server = sent + up_ms + 7_000
            page.socket.say(ClockPong(1, sent, server, server))
        clock = link.socket.clock
        assert abs(clock.offset_ms - 7_000) <= clock.round_trip_ms / 2 + 1e-6


def test_three_pings_without_any_answer_are_a_dead_link(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.advance(5_900)
    assert not link.listener.of("on_reconnecting")
    link.page.advance(200)
    assert link.listener.of("on_reconnecting")


def test_pings_acknowledge_what_came(link: Link) -> None:
    link.open()
    link.page.socket.ready()
    link.page.socket.say(TurnState("listening", 0, seq=7))
    link.page.advance(2_000)
    ping = link.page.socket.of(ClockPing)[-1]
    assert (ping.received_seq, ping.seq) == (7, 0)


@pytest.mark.parametrize(
    "junk", [b"", b"\1\2", b"\2\2" + b"\0" * 14, b"\1\1" + b"\0" * 20, "{", "["]
)
def test_junk_of_the_server_changes_nothing(link: Link, junk: str | bytes) -> None:
    link.open()
    link.page.socket.ready()
    calls = len(link.listener.calls)
    link.page.socket.deliver(junk)
    assert len(link.listener.calls) == calls


def test_the_end_is_said_and_nothing_runs_after_it(link: Link) -> None:
    link.open()
    server = link.page.socket
    server.ready()
    link.socket.end("user")
    assert isinstance(server.events()[-1], SessionEnd)
    assert server.closed_with == 1000
    assert link.page.pending() == 0
    assert len(link.socket.outbox) == 0


def test_an_end_before_the_session_only_closes(link: Link) -> None:
    link.open()
    link.page.socket.open()
    link.socket.end("user")
    assert not link.page.socket.of(SessionEnd)
    assert link.page.socket.closed_with == 1000

"""A session as its page has it: greeted, resumed, bounded, ended, and its words in no log."""

from __future__ import annotations

import logging

import anyio
import pytest

from tests.session.fakes import MemoryChannel
from tests.session.houses import SPEECH, answer, house, report
from voice_loop.config import Limits
from voice_loop.errors import WireError
from voice_loop.latency.clock import ManualClock
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.providers import scripted as script
from voice_loop.session.facts import (
    ClockSample,
    Fact,
    Mark,
    RelayDelays,
    SessionEnded,
    SessionStarted,
)
from voice_loop.session.session import Session

pytestmark = pytest.mark.anyio


class Watch:
    """Collects every fact of a session."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    async def __call__(self, session: Session) -> None:
        with session.bus.subscribe(10_000) as facts:
            async for fact in facts:
                self.facts.append(fact)

    def marks(self) -> list[str]:
        return [fact.name for fact in self.facts if isinstance(fact, Mark)]


async def test_a_page_is_greeted_when_the_provider_is_ready() -> None:
    provider = script.ScriptedProvider(connected=base.Connected("m-1", "marin", None))
    provider.stall(script.Connect)
    async with house(provider) as home:
        session = home.open()
        page = home.connect(session)
        page.send_event(wire.ClockPing(1, 5.0))
        await page.expect(wire.ClockPong)
        assert page.all_of(wire.SessionReady) == []
        provider.release(script.Connect)
        ready = await page.expect(wire.SessionReady)
        assert (ready.session_id, ready.model, ready.voice) == (session.id, "m-1", "marin")
        assert (ready.provider, ready.resumed, ready.seq) == ("scripted", False, 0)
        assert session.connected is not None and session.provider is provider


async def test_words_spoken_before_the_provider_is_there_are_not_lost() -> None:
    provider = script.ScriptedProvider()
    provider.stall(script.Connect)
    async with house(provider) as home:
        page = home.connect(home.open())
        for index in range(10):
            page.send_event(wire.AudioChunk(0, 0, index * 480, bytes([index]) * 960))
        page.send_event(wire.ClockPing(1, 5.0))
        await page.expect(wire.ClockPong)
        provider.release(script.Connect)
        page.send_event(wire.InputText("now"))
        await provider.expect(script.AddText, skip=True)
        assert bytes(provider.audio) == b"".join(bytes([i]) * 960 for i in range(10))


async def test_a_turn_goes_through_and_every_fact_of_it_is_told() -> None:
    watch = Watch()
    async with house(watchers=[watch]) as home:
        session, page, provider = await home.enter()
        page.send_event(wire.InputText("Hello"))
        await provider.expect(script.CreateResponse, skip=True)
        provider.emit(*answer())
        end = await page.expect(wire.AudioEnd)
        assert b"".join(c.pcm for c in page.all_of(wire.AudioChunk)) == SPEECH
        page.send_event(report(1, "finished", 1_000, end.seq))
        await page.expect(wire.TurnState, lambda event: event.state == "listening")
        page.send_event(wire.ClockPing(1, 5.0, -3.0, 9.0))
        await page.expect(wire.ClockPong)
        page.send_event(wire.SessionEnd())
        assert await home.reason() == "user"
        await home.empty()
    assert isinstance(watch.facts[0], SessionStarted)
    assert watch.facts[-1] == SessionEnded(session.id, "user", watch.facts[-1].duration_ms)  # type: ignore[union-attr]
    assert [m for m in watch.marks() if m in ("response_asked", "first_delta")] == [
        "response_asked",
        "first_delta",
    ]
    assert "first_chunk_sent" in watch.marks()
    assert any(isinstance(f, ClockSample) and f.offset_ms == -3.0 for f in watch.facts)
    assert any(isinstance(f, RelayDelays) and f.direction == "down" for f in watch.facts)
    assert any(isinstance(f, wire.PlaybackReport) for f in watch.facts)


async def test_the_delay_of_the_relay_upwards_is_told_in_batches() -> None:
    watch = Watch()
    async with house(watchers=[watch]) as home:
        _, page, provider = await home.enter()
        for index in range(30):
            page.send_event(wire.AudioChunk(0, 0, index * 480, bytes(960)))
        page.send_event(wire.InputText("x"))
        await provider.expect(script.AddText, skip=True)
        page.send_event(wire.SessionEnd())
        await home.empty()
    delays = [f for f in watch.facts if isinstance(f, RelayDelays) and f.direction == "up"]
    assert [len(fact.delays_ms) for fact in delays] == [25, 5]


async def test_numbers_rise_over_the_session_and_doubles_are_dropped() -> None:
    async with house() as home:
        _, page, provider = await home.enter()
        page.send_event(wire.InputText("one"))
        page.send_raw(wire.InputText("one again", seq=1))
        page.send_event(wire.InputText("two"))
        texts = [(await provider.expect(script.AddText, skip=True)).text for _ in range(2)]
        assert texts == ["one", "two"]
        numbers = [event.seq for event in page.received if event.seq]
        assert numbers == sorted(set(numbers))


async def test_a_resumed_page_gets_what_it_lacks_and_nothing_twice() -> None:
    async with house() as home:
        session, page, provider = await home.enter()
        ready = page.all_of(wire.SessionReady)[0]
        page.send_event(wire.InputText("Hello"))
        await provider.expect(script.CreateResponse, skip=True)
        provider.emit(*answer()[:4])
        await page.expect(wire.AudioChunk)
        had = page.last_seq
        page.hang_up()
        assert await home.reason() == "gone"
        assert not session.attached
        provider.emit(*answer()[4:])
        resumed = home.manager.resume(wire.Resume(session.id, ready.resume_key, had))
        again = home.connect(resumed, had)
        greeting = await again.expect(wire.SessionReady)
        assert (greeting.resumed, greeting.received_seq) == (True, 1)
        assert greeting.resume_key != ready.resume_key
        await again.expect(wire.AudioEnd)
        numbers = [event.seq for event in again.received if event.seq]
        assert numbers[0] == had + 1
        assert numbers == list(range(had + 1, had + 1 + len(numbers)))


async def test_the_former_key_works_until_the_page_has_shown_that_it_has_the_new_one() -> None:
    async with house() as home:
        session, page, _ = await home.enter()
        old = page.all_of(wire.SessionReady)[0].resume_key
        page.hang_up()
        await home.reason()
        second = home.connect(session, 0)
        new = (await second.expect(wire.SessionReady)).resume_key
        assert session.opens(old) and session.opens(new)
        second.send_event(wire.InputMute(False))
        second.send_event(wire.ClockPing(1, 0))
        await second.expect(wire.ClockPong)
        assert not session.opens(old)
        assert session.opens(new)


async def test_the_newest_socket_wins() -> None:
    async with house() as home:
        session, _, _ = await home.enter()
        newer = home.connect(session, 0)
        assert await home.reason() == "replaced"
        await newer.expect(wire.SessionReady)
        assert session.attached


async def test_a_session_without_a_socket_ends_after_the_resume_window() -> None:
    clock = ManualClock()
    async with house(clock=clock) as home:
        session, page, provider = await home.enter()
        page.hang_up()
        await home.reason()
        clock.advance_ms(14_999)
        session.look_at_clock()
        await anyio.wait_all_tasks_blocked()
        codes = [session.end_code]
        clock.advance_ms(1)
        session.look_at_clock()
        await home.empty()
        codes.append(session.end_code)
        assert (codes, provider.closed) == ([None, "gone"], True)


async def test_a_session_that_no_socket_ever_came_for_ends_too() -> None:
    clock = ManualClock()
    async with house(clock=clock) as home:
        session = home.open()
        await anyio.wait_all_tasks_blocked()
        clock.advance_ms(15_000)
        session.look_at_clock()
        await home.empty()


async def test_a_page_that_stops_reading_is_let_go_before_memory_grows() -> None:
    async with house() as home:
        session, page, _ = await home.enter()
        page.block()
        for _ in range(5_000):
            session.send_metrics({"figures": "x" * 400})
        assert await home.reason() == "client_stalled"
        await home.empty()


async def test_bad_frames_are_answered_and_survived_but_not_without_end() -> None:
    async with house() as home:
        session, page, _ = await home.enter()
        for _ in range(20):
            page.send_raw(WireError("bad_frame"))
            assert (await page.expect(wire.ErrorEvent)).code == "bad_frame"
        page.send_raw(WireError("bad_frame"))
        assert (await page.expect(wire.ErrorEvent)).code == "too_many_bad_frames"
        assert await home.reason() == "too_many_bad_frames"
        assert session.end_code is None


async def test_a_frame_beyond_the_bounds_ends_the_socket_and_says_why() -> None:
    async with house() as home:
        _, page, _ = await home.enter()
        page.send_raw(WireError("too_fast"))
        assert (await page.expect(wire.ErrorEvent)).code == "too_fast"
        assert await home.reason() == "too_fast"


async def test_an_acknowledgement_of_what_was_never_sent_is_an_error() -> None:
    async with house() as home:
        _, page, _ = await home.enter()
        page.send_event(wire.ClockPing(1, 0, received_seq=999))
        assert (await page.expect(wire.ErrorEvent)).code == "bad_frame"


async def test_what_people_say_stands_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with house() as home:
            _, page, provider = await home.enter()
            page.send_event(wire.InputText("my password is hunter2"))
            await provider.expect(script.CreateResponse, skip=True)
            provider.emit(*answer())
            await page.expect(wire.AudioEnd)
            provider.hang_up()
            await home.providers.wait_for(2)
    assert "hunter2" not in caplog.text
    assert "Hello there" not in caplog.text


CUTS = ["connecting", "ready", "asked", "speaking", "listening"]


@pytest.mark.parametrize("side", ["page", "provider", "server"])
@pytest.mark.parametrize("phase", CUTS)
async def test_cutting_any_side_in_any_phase_leaves_nothing_behind(side: str, phase: str) -> None:
    first = script.ScriptedProvider()
    if phase == "connecting":
        first.stall(script.Connect)
    async with house(first, limits=Limits(resume_ms=20)) as home:
        session = home.open()
        page = home.connect(session)
        await first.expect(script.Connect)
        if phase != "connecting":
            await page.expect(wire.SessionReady)
        if phase in ("asked", "speaking", "listening"):
            page.send_event(wire.InputText("Hello"))
            await first.expect(script.CreateResponse, skip=True)
        if phase in ("speaking", "listening"):
            first.emit(*answer())
            await page.expect(wire.AudioEnd)
        if phase == "listening":
            page.send_event(report(1, "finished", 1_000))
            await page.expect(wire.TurnState, lambda event: event.state == "listening")
        match side:
            case "page":
                page.hang_up()
                await home.empty()
                assert session.end_code == "gone"
            case "provider":
                first.hang_up()
                second = await home.providers.wait_for(2)
                await second.expect(script.Connect)
            case _:
                pass
    assert session.end_code is not None
    assert all(provider.closed for provider in home.providers.made)


async def test_a_page_that_leaves_before_it_was_greeted_ends_the_session_at_once() -> None:
    provider = script.ScriptedProvider()
    provider.stall(script.Connect)
    async with house(provider) as home:
        page = home.connect(home.open())
        page.send_event(wire.ClockPing(1, 0))
        await page.expect(wire.ClockPong)
        page.hang_up()
        await home.reason()
        await home.empty()
        assert provider.closed, "nobody can come back: there is no key"


async def test_a_page_that_reads_nothing_is_let_go_and_one_that_does_is_not() -> None:
    clock = ManualClock()
    limits = Limits(unread_ms=1_000, idle_ms=60_000)
    async with house(clock=clock, limits=limits) as home:
        session, page, _ = await home.enter()

        async def look() -> None:
            clock.advance_ms(1_000)
            session.look_at_clock()
            await anyio.wait_all_tasks_blocked()

        for _ in range(3):
            await look()
            await look()
            assert session.end_code is None, "nothing was sent: nothing is missing"
            session.send_metrics({"a": 1})
            told = await page.expect(wire.MetricsUpdate)
            page.send_event(wire.ClockPing(1, 0, received_seq=told.seq))
            await page.expect(wire.ClockPong)
        session.send_metrics({"a": 1})
        await page.expect(wire.MetricsUpdate)
        await look()
        await look()
        assert await home.reason() == "client_stalled"


async def test_a_rule_that_fails_ends_its_session_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Unheard:
        """An event that no rule knows, with private words in it."""

        def __repr__(self) -> str:
            return "private words"

    async with house() as home:
        _, page, provider = await home.enter("one")
        _, other, _ = await home.enter("two")
        provider.emit(Unheard())  # type: ignore[arg-type]  # what a bug would do
        assert await home.reason() == "internal"
        other.send_event(wire.ClockPing(1, 0))
        await other.expect(wire.ClockPong)
    [record] = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "AssertionError at " in record.getMessage()
    assert "private words" not in caplog.text


async def test_serving_a_session_that_is_over_says_why() -> None:
    async with house() as home:
        session, _, _ = await home.enter()
        session.end("idle_limit")
        await home.empty()
        late = MemoryChannel()
        assert await session.serve(late) == "idle_limit"
        late.close_streams()

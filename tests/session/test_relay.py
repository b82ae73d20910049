"""The relay's delays and bytes, told in batches."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from tests.session.test_link import running
from voice_loop.event_bus import EventBus, Subscription
from voice_loop.latency.clock import ManualClock
from voice_loop.protocol.events import AudioChunk
from voice_loop.protocol.frames import HEADER
from voice_loop.providers import scripted as script
from voice_loop.session import effects
from voice_loop.session.facts import Fact, Mark, RelayDelays
from voice_loop.session.outbox import Outbox, Outgoing
from voice_loop.session.relay import BATCH, RelayMeter


@pytest.fixture
def bus() -> EventBus[Fact]:
    return EventBus()


@pytest.fixture
def told(bus: EventBus[Fact]) -> Iterator[Subscription[Fact]]:
    with bus.subscribe() as facts:
        yield facts


def test_a_full_batch_is_told_with_its_bytes(bus: EventBus[Fact], told: Subscription[Fact]) -> None:
    meter = RelayMeter(bus, ManualClock())
    for _ in range(BATCH + 3):
        meter.add("up", 0.5, 960)
    assert told.take_all() == [RelayDelays("up", (0.5,) * BATCH, BATCH * 960)]
    meter.flush()
    assert told.take_all() == [RelayDelays("up", (0.5,) * 3, 2_880)]
    meter.flush()
    assert told.take_all() == []


def test_audio_held_back_on_purpose_has_bytes_but_no_delay(
    bus: EventBus[Fact], told: Subscription[Fact]
) -> None:
    meter = RelayMeter(bus, ManualClock())
    meter.add("down", None, 9_600)
    meter.add("down", 0.2, 960)
    meter.flush()
    assert told.take_all() == [RelayDelays("down", (0.2,), 10_560)]


def test_what_waited_for_a_new_socket_is_no_delay_of_the_relay() -> None:
    outbox = Outbox()
    outbox.push(AudioChunk(1, 0, 0, bytes(960)), received_ms=5.0)
    first = outbox.next()
    assert first is not None and first.received_ms == 5.0
    outbox.push(AudioChunk(1, 0, 480, bytes(960)), received_ms=6.0)
    assert outbox.rewind(0)
    again = [outbox.next(), outbox.next()]
    assert [frame and (frame.seq, frame.received_ms) for frame in again] == [(1, None), (2, None)]


def chunk(number: int) -> effects.AppendAudio:
    return effects.AppendAudio(bytes([number]) * 960, number * 480, 1_000.0)


@pytest.mark.anyio
async def test_chunks_that_wait_behind_each_other_go_out_as_one() -> None:
    provider = script.ScriptedProvider()
    provider.stall(script.CommitAudio)
    with anyio.fail_after(30):
        async with running(provider) as (link, owner, _):
            await owner.until("up")
            # The gap before the sixth keeps its place: positions that do not join are not joined.
            waiting = [chunk(number) for number in (0, 1, 2, 3, 4, 6, 7)]
            link.submit([effects.CommitAudio(), *waiting, effects.AddText("end")])
            await provider.expect(script.CommitAudio, skip=True)
            provider.release(script.CommitAudio)
            await provider.expect(script.AddText, skip=True)
            assert bytes(provider.audio) == b"".join(one.pcm for one in waiting)
            assert owner.appended_samples == 7 * 480
            assert owner.log.count("relayed") == 2


def test_a_short_answers_delays_are_told_with_its_last_frame(
    bus: EventBus[Fact], told: Subscription[Fact]
) -> None:
    clock = ManualClock(3.0)
    meter = RelayMeter(bus, clock)
    meter.frame_sent(Outgoing(1, bytes(HEADER.size + 960), 1, True, clock.now_ms() - 2))
    meter.frame_sent(Outgoing(2, "{}"))
    assert [type(fact) for fact in told.take_all()] == [Mark]
    meter.frame_sent(Outgoing(3, "{}", 1))
    assert told.take_all() == [RelayDelays("down", (2.0,), 960)]

"""The offset is right to within what it says, or it says nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.latency.offset import MAX_CONVERTED, MAX_DRIFT, SMALLEST_JUMP_MS, ClockOffset


@dataclass
class Worlds:
    """Two clocks that part at a steady rate; the client's is the server's minus `offset_ms`."""

    offset_ms: float
    drift: float = 0.0

    def true_offset_ms(self, server_ms: float) -> float:
        return self.offset_ms + self.drift * server_ms

    def client_ms(self, server_ms: float) -> float:
        return server_ms - self.true_offset_ms(server_ms)

    def ping(self, clock: ClockOffset, at_ms: float, up_ms: float, down_ms: float) -> bool:
        """A ping sent at server time `at_ms`, answered 0.1 ms after it came."""
        received_ms = at_ms + up_ms
        sent_ms = received_ms + 0.1
        back_ms = sent_ms + down_ms
        return clock.add_exchange(
            self.client_ms(at_ms), received_ms, sent_ms, self.client_ms(back_ms)
        )


def test_before_the_first_sample_nothing_is_known() -> None:
    clock = ClockOffset()
    assert clock.at(0) is None
    assert clock.to_server_ms(0) is None
    assert clock.round_trip_ms is None


def test_an_even_exchange_gives_the_offset() -> None:
    clock = ClockOffset()
    Worlds(5_000).ping(clock, 100_000, up_ms=10, down_ms=10)
    offset = clock.at(100_000)
    assert offset is not None
    assert offset.offset_ms == pytest.approx(5_000)
    assert offset.round_trip_ms == pytest.approx(20)
    assert offset.uncertainty_ms == pytest.approx(11, abs=0.1)
    assert clock.to_server_ms(95_000) == pytest.approx((100_000, 11), abs=0.1)


def test_the_quickest_exchange_is_believed() -> None:
    worlds, clock = Worlds(-700), ClockOffset()
    worlds.ping(clock, 10_000, up_ms=80, down_ms=20)
    worlds.ping(clock, 12_000, up_ms=1, down_ms=1)
    worlds.ping(clock, 14_000, up_ms=5, down_ms=90)
    offset = clock.at(14_100)
    assert offset is not None
    assert offset.offset_ms == pytest.approx(-700, abs=0.1)
    assert offset.round_trip_ms == pytest.approx(2)
    assert clock.round_trip_ms == pytest.approx(95)  # the last one is shown as it was


def test_a_drift_is_measured_and_followed() -> None:
    worlds, clock = Worlds(1_000, drift=100e-6), ClockOffset()
    for number in range(40):
        worlds.ping(clock, number * 2_000.0, up_ms=2, down_ms=2)
    later_ms = 80_000 + 60_000
    offset = clock.at(later_ms)
    assert offset is not None
    # Unmeasured the error would have grown to 6 ms within that minute.
    assert offset.offset_ms == pytest.approx(worlds.true_offset_ms(later_ms), abs=0.1)
    assert offset.uncertainty_ms < 3 + MAX_DRIFT * 60_000


def test_an_old_witness_is_trusted_less() -> None:
    clock = ClockOffset()
    Worlds(0).ping(clock, 0, up_ms=1, down_ms=1)
    soon, late = clock.at(1_000), clock.at(600_000)
    assert soon is not None
    assert late is not None
    assert late.uncertainty_ms - soon.uncertainty_ms == pytest.approx(MAX_DRIFT * 599_000, rel=0.01)


def test_a_sample_told_late_is_trusted_less() -> None:
    fresh, told = ClockOffset(), ClockOffset()
    fresh.add(0, 2, 0)
    told.add(0, 2, 0, age_ms=10_000)
    a, b = fresh.at(0), told.at(0)
    assert a is not None
    assert b is not None
    assert b.uncertainty_ms - a.uncertainty_ms == pytest.approx(MAX_DRIFT * 10_000)


def test_a_clock_that_jumped_is_noticed_and_what_was_known_is_forgotten() -> None:
    clock = ClockOffset()
    assert Worlds(1_000).ping(clock, 0, 2, 2) is False
    assert Worlds(9_000).ping(clock, 2_000, 2, 2) is True
    assert clock.jumps == 1
    offset = clock.at(2_000)
    assert offset is not None
    assert offset.offset_ms == pytest.approx(9_000)


def test_a_slow_exchange_is_no_jump() -> None:
    worlds, clock = Worlds(0), ClockOffset()
    worlds.ping(clock, 0, 1, 1)
    assert worlds.ping(clock, 2_000, up_ms=3_000, down_ms=1) is False
    assert clock.jumps == 0


def test_a_small_contradiction_replaces_the_old_witnesses_without_a_jump() -> None:
    clock = ClockOffset()
    clock.add(0, 1, 0)
    assert clock.add(SMALLEST_JUMP_MS / 2, 1, 10) is False
    offset = clock.at(10)
    assert offset is not None
    assert offset.offset_ms == SMALLEST_JUMP_MS / 2
    assert clock.jumps == 0


@pytest.mark.parametrize(
    ("offset_ms", "round_trip_ms", "at_ms"),
    [
        (math.nan, 1, 0),
        (math.inf, 1, 0),
        (0, -1.1, 0),
        (0, 10_001, 0),
        (0, math.nan, 0),
        (0, 1, math.inf),
    ],
)
def test_a_sample_that_cannot_be_is_refused(
    offset_ms: float, round_trip_ms: float, at_ms: float
) -> None:
    clock = ClockOffset()
    assert clock.add(offset_ms, round_trip_ms, at_ms) is False
    assert clock.at(0) is None
    assert clock.refused == 1


def test_a_round_trip_within_the_clocks_rounding_of_nothing_is_nothing() -> None:
    clock = ClockOffset()
    clock.add(5, -0.3, 0)
    offset = clock.at(0)
    assert offset is not None
    assert (offset.offset_ms, offset.round_trip_ms) == (5, 0)


DELAYS = st.floats(0, 400)


@given(
    offset_ms=st.floats(-1e7, 1e7),
    drift=st.floats(-150e-6, 150e-6),
    delays=st.lists(st.tuples(DELAYS, DELAYS), min_size=1, max_size=80),
    later_ms=st.floats(0, 10_000),
)
def test_the_truth_lies_within_the_uncertainty(
    offset_ms: float, drift: float, delays: list[tuple[float, float]], later_ms: float
) -> None:
    worlds, clock = Worlds(offset_ms, drift), ClockOffset()
    at_ms = 0.0
    for number, (up_ms, down_ms) in enumerate(delays):
        at_ms = 2_000.0 * number
        assert worlds.ping(clock, at_ms, up_ms, down_ms) is False
        offset = clock.at(at_ms)
        assert offset is not None
        assert abs(offset.offset_ms - worlds.true_offset_ms(at_ms)) <= offset.uncertainty_ms
    converted = clock.to_server_ms(worlds.client_ms(at_ms + later_ms))
    assert converted is not None
    assert abs(converted[0] - (at_ms + later_ms)) <= converted[1]


@given(samples=st.lists(st.tuples(st.floats(), st.floats(), st.floats()), max_size=20))
def test_no_sample_raises_or_makes_the_bound_negative(
    samples: list[tuple[float, float, float]],
) -> None:
    clock = ClockOffset()
    for sample in samples:
        clock.add(*sample)
    offset = clock.at(1_000)
    assert offset is None or offset.uncertainty_ms > 0


def test_what_was_converted_before_is_converted_anew_when_more_is_known() -> None:
    clock = ClockOffset()
    clock.add(5_000, 200, 10_000)
    assert clock.to_server_ms(6_000) == clock.to_server_ms(6_000)
    vague = clock.to_server_ms(6_000)
    clock.add(5_030, 2, 12_000)
    sharp = clock.to_server_ms(6_000)
    assert vague is not None
    assert sharp is not None
    assert vague[0] == 11_000
    assert sharp[0] == pytest.approx(11_030, abs=0.5)
    assert sharp[1] < vague[1]
    for at_ms in range(2 * MAX_CONVERTED):
        clock.to_server_ms(at_ms)
    assert clock.to_server_ms(6_000) == sharp

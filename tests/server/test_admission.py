"""Origins, addresses, rates: pure answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.server.admission import client_address, origin_refusal, place_of
from voice_loop.server.rate import FRAME_BURST, FrameRate, TokenBucket


@pytest.mark.parametrize(
    ("origin", "ticket_origin", "allowed", "refused"),
    [
        ("http://a.test", "http://a.test", ["*"], False),
        ("http://a.test", "http://b.test", ["*"], True),
        ("https://a.test", "http://a.test", ["*"], True),
        ("http://a.test:3000", "http://a.test", ["*"], True),
        ("http://A.test", "http://a.test/", ["*"], False),
        ("https://a.test:443", "https://a.test", ["*"], False),
        ("http://a.test", "http://a.test", ["http://a.test"], False),
        ("http://a.test", "http://a.test", ["http://b.test"], True),
        ("http://a.test", "http://a.test", [], True),
        ("", "", ["*"], False),
        ("", "http://a.test", ["*"], True),
        ("null", "null", ["http://a.test"], True),
        ("http://[", "http://a.test", ["*"], True),
        ("http://[", "http://[", ["http://a.test"], True),
        ("http://a.test", "http://a.test", ["http://["], True),
    ],
)
def test_an_origin_must_be_the_tickets_and_allowed(
    origin: str, ticket_origin: str, allowed: list[str], refused: bool
) -> None:
    assert (origin_refusal(origin, ticket_origin, allowed) is not None) is refused


ORIGINS = st.text(max_size=50) | st.from_regex(r"https?://[\[\]:%@a-f0-9./]{0,12}")


@given(ORIGINS, ORIGINS)
def test_any_origin_at_all_can_be_judged(origin: str, ticket_origin: str) -> None:
    assert origin_refusal(origin, ticket_origin, ["*"]) in (None, "origin_refused")


def test_without_trusted_proxies_what_the_visitor_writes_does_not_count() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.1")]
    assert client_address("203.0.113.7", headers, 0) == "203.0.113.7"


def test_with_trusted_proxies_their_own_entry_counts() -> None:
    headers = [(b"X-Forwarded-For", b"forged, 198.51.100.1"), (b"x-forwarded-for", b"10.0.0.1")]
    assert client_address("10.0.0.2", headers, 1) == "10.0.0.1"
    assert client_address("10.0.0.2", headers, 2) == "198.51.100.1"
    assert client_address("10.0.0.2", headers, 9) == "10.0.0.2"
    assert client_address("10.0.0.2", [], 1) == "10.0.0.2"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_limits_count_for_the_network_that_one_visitor_owns(address: str, place: str) -> None:
    assert place_of(address) == place
    assert place_of(place) in (place, place_of(address))


@given(st.text(max_size=50))
def test_any_address_at_all_has_a_place(address: str) -> None:
    assert isinstance(place_of(address), str)


def test_a_page_that_talks_stays_within_the_rate() -> None:
    rate = FrameRate(0)
    assert all(rate.allows(976, index * 20.0) for index in range(5_000))


def test_fifteen_seconds_of_held_audio_may_come_at_once() -> None:
    rate = FrameRate(0)
    assert all(rate.allows(976, 0) for _ in range(750))


def test_a_flood_is_stopped() -> None:
    rate = FrameRate(0)
    assert not all(rate.allows(100, 0) for _ in range(int(FRAME_BURST) + 1))
    assert not FrameRate(0).allows(16_000_000, 0)


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 20)), max_size=50))
def test_a_bucket_never_gives_more_than_burst_and_rate(takes: list[tuple[float, float]]) -> None:
    bucket = TokenBucket(1_000, 50, 0)
    now_ms = given_out = 0.0
    for wait_ms, amount in takes:
        now_ms += wait_ms
        if bucket.take(amount, now_ms):
            given_out += amount
        assert given_out <= 50 + now_ms + 1e-6

"""Signed words: ours, unchanged, in time, for their purpose — or refused."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.errors import AdmissionError, WireError
from voice_loop.latency.clock import ManualClock
from voice_loop.server.signing import (
    MAX_TOKEN_CHARS,
    SignatureExpired,
    SignatureInvalid,
    Signer,
)
from voice_loop.server.spent import MAX_IDS, MemorySpent, RedisSpent
from voice_loop.server.tickets import COMMAND_LIFETIME_S, TICKET_LIFETIME_S, Commands, Tickets

SECRET = b"a secret of some length"
anyio_test = pytest.mark.anyio


class Wall:
    """A wall clock set by hand."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


def tickets(name: str = "voice", secret: bytes = SECRET, wall: Wall | None = None) -> Tickets:
    return Tickets(secret, name, MemorySpent(ManualClock()), wall or Wall())


def test_claims_come_back_until_they_expire() -> None:
    wall = Wall()
    signer = Signer(SECRET, "test", wall)
    token = signer.sign({"a": 1}, 30)
    wall.now_s += 29.9
    assert signer.open(token)["a"] == 1
    wall.now_s += 0.1
    with pytest.raises(SignatureExpired):
        signer.open(token)


def test_a_token_of_another_purpose_or_secret_is_not_ours() -> None:
    token = Signer(SECRET, "ticket").sign({}, 30)
    for other in (Signer(SECRET, "command"), Signer(b"another secret", "ticket")):
        with pytest.raises(SignatureInvalid):
            other.open(token)


def test_a_changed_claim_breaks_the_signature() -> None:
    signer = Signer(SECRET, "test")
    token = signer.sign({"who": "me"}, 30)
    payload, _, signature = token.partition(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["who"] = "you"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    with pytest.raises(SignatureInvalid):
        signer.open(f"{forged}.{signature}")


def test_what_would_not_fit_into_a_frame_is_not_signed() -> None:
    with pytest.raises(ValueError, match="too much"):
        Signer(SECRET, "test").sign({"a": "x" * MAX_TOKEN_CHARS}, 30)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda b: b.decode("latin-1"))))
def test_any_text_at_all_is_refused_and_nothing_else_happens(token: str) -> None:
    with pytest.raises(SignatureInvalid):
        Signer(SECRET, "test").open(token)


def test_a_signed_text_that_is_no_claim_is_refused() -> None:
    signer = Signer(SECRET, "test")
    for body in (b"[]", b"{}", b'{"exp":"x"}', b"\xff"):
        payload = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
        mac = base64.urlsafe_b64encode(signer._mac(payload)).rstrip(b"=").decode()
        with pytest.raises(SignatureInvalid):
            signer.open(f"{payload}.{mac}")


def test_a_ticket_says_who_where_and_nothing_about_the_session() -> None:
    token = tickets().issue("tab-1", "http://page.test", "203.0.113.7")
    ticket = tickets().read(token)
    assert (ticket.client_token, ticket.origin, ticket.address) == (
        "tab-1",
        "http://page.test",
        "203.0.113.7",
    )
    claims = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
    assert set(claims) == {"id", "tok", "org", "adr", "for", "exp"}


def test_a_ticket_of_another_voice_loop_is_invalid() -> None:
    with pytest.raises(AdmissionError) as refusal:
        tickets("other").read(tickets("voice").issue("tab", "o", "a"))
    assert refusal.value.code == "ticket_invalid"


def test_a_ticket_expires_after_thirty_seconds() -> None:
    wall = Wall()
    mine = tickets(wall=wall)
    token = mine.issue("tab", "o", "a")
    wall.now_s += TICKET_LIFETIME_S
    with pytest.raises(AdmissionError) as refusal:
        mine.read(token)
    assert refusal.value.code == "ticket_expired"


@anyio_test
async def test_a_ticket_is_spent_once() -> None:
    mine = tickets()
    ticket = mine.read(mine.issue("tab", "o", "a"))
    await mine.spend(ticket)
    with pytest.raises(AdmissionError) as refusal:
        await mine.spend(ticket)
    assert refusal.value.code == "ticket_spent"


@anyio_test
async def test_spent_ids_are_forgotten_when_they_cannot_matter_any_more() -> None:
    clock = ManualClock()
    spent = MemorySpent(clock)
    assert await spent.spend("a", 10)
    assert not await spent.spend("a", 10)
    clock.advance_ms(10_000)
    assert await spent.spend("a", 10)


@anyio_test
async def test_the_memory_of_spent_ids_is_bounded() -> None:
    spent = MemorySpent(ManualClock())
    for number in range(MAX_IDS + 5):
        assert await spent.spend(str(number), 10)
    assert not await spent.spend(str(MAX_IDS + 4), 10)
    assert await spent.spend("0", 10)


def test_a_command_comes_back_with_a_rising_number() -> None:
    commands = Commands(SECRET, "voice", Wall())
    first = commands.verify("s1", commands.sign("s1", "say", {"text": "Hi"}))
    second = commands.verify("s1", commands.sign("s1", "end", {}))
    assert (first.operation, first.arguments) == ("say", {"text": "Hi"})
    assert second.counter > first.counter


def test_commands_of_another_worker_rise_too() -> None:
    wall = Wall()
    mine = Commands(SECRET, "voice", wall)
    first = mine.verify("s1", mine.sign("s1", "say", {"text": "Hi"}))
    wall.now_s += 0.001
    theirs = Commands(SECRET, "voice", wall)
    assert mine.verify("s1", theirs.sign("s1", "end", {})).counter > first.counter


def test_a_command_for_another_session_or_too_late_is_refused() -> None:
    wall = Wall()
    commands = Commands(SECRET, "voice", wall)
    token = commands.sign("s1", "end", {})
    for session_id, late_s in (("s2", 0.0), ("s1", float(COMMAND_LIFETIME_S))):
        wall.now_s += late_s
        with pytest.raises(WireError) as refusal:
            commands.verify(session_id, token)
        assert refusal.value.code == "command_refused"


def test_a_ticket_is_no_command() -> None:
    with pytest.raises(WireError):
        Commands(SECRET, "voice").verify("s1", tickets().issue("tab", "o", "a"))


class BrokenRedis:
    async def set(self, *args: object, **kwargs: object) -> object:
        raise ConnectionError("redis://user:hunter2@host is down")


@anyio_test
async def test_a_redis_that_is_down_lets_nobody_in_and_quotes_nothing() -> None:
    with pytest.raises(AdmissionError) as refusal:
        await RedisSpent(BrokenRedis()).spend("a", 10)
    assert refusal.value.code == "internal"
    assert "hunter2" not in refusal.value.message

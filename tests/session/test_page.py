"""The page's side: one writer, sockets that come and go, sends that fail or hang."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from tests.session.fakes import MemoryChannel
from voice_loop.errors import SessionClosed
from voice_loop.protocol import events as wire
from voice_loop.session import page as page_module
from voice_loop.session.outbox import Outgoing
from voice_loop.session.page import Page

pytestmark = pytest.mark.anyio

STATE = wire.TurnState("listening", 1)


@asynccontextmanager
async def pumping() -> AsyncIterator[tuple[Page, list[Outgoing]]]:
    sent: list[Outgoing] = []
    page = Page(sent.append)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(page.pump)
        yield page, sent
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def channel() -> AsyncIterator[MemoryChannel]:
    made = MemoryChannel()
    yield made
    made.close_streams()


async def test_numbered_frames_wait_until_the_page_was_greeted() -> None:
    async with pumping() as (page, sent), channel() as one:
        attachment = page.attach(one)
        page.outbox.push(STATE)
        page.send_now(wire.ClockPong(1, 0, 0, 0))
        await one.expect(wire.ClockPong)
        assert sent == []
        attachment.ready = True
        page.wake()
        await one.expect(wire.TurnState)
        assert [frame.seq for frame in sent] == [1]


async def test_a_socket_that_is_closed_is_let_go_and_its_frame_kept() -> None:
    async with pumping() as (page, _), channel() as one, channel() as two:
        one.closed = True
        page.attach(one).ready = True
        page.outbox.push(STATE)
        page.wake()
        with anyio.fail_after(30):
            await page.flush()
        assert page.attachment is None
        page.outbox.rewind(0)
        page.attach(two).ready = True
        page.wake()
        assert (await two.expect(wire.TurnState)).seq == 1


async def test_a_send_that_hangs_ends_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "SEND_TIMEOUT_MS", 10)
    async with pumping() as (page, _), channel() as one:
        one.block()
        attachment = page.attach(one)
        attachment.ready = True
        page.outbox.push(STATE)
        page.wake()
        with anyio.fail_after(30), attachment.scope:
            await anyio.sleep_forever()
        assert attachment.reason == "client_stalled"
        assert page.attachment is None


async def test_the_first_reason_for_ending_stays() -> None:
    page = Page(lambda frame: None)
    async with channel() as one, channel() as two:
        first = page.attach(one)
        page.attach(two)
        first.end("gone")
        assert first.reason == "replaced"
        assert not page.detach(first)


async def test_without_a_socket_nothing_is_sent_past_the_numbers() -> None:
    page = Page(lambda frame: None)
    page.send_now(wire.ClockPong(1, 0, 0, 0))
    assert page.attachment is None


async def test_before_the_first_greeting_no_key_opens() -> None:
    page = Page(lambda frame: None)
    assert not page.opens("")
    key = page.new_key()
    assert page.opens(key)
    assert not page.opens("")


class Closing(MemoryChannel):
    """Closes while it is being sent to."""

    async def send(self, data: str | bytes) -> None:
        raise SessionClosed("gone")


async def test_a_socket_that_closes_while_it_is_written_to_is_let_go() -> None:
    async with pumping() as (page, sent):
        made = Closing()
        attachment = page.attach(made)
        page.send_now(wire.ClockPong(1, 0, 0, 0))
        with anyio.fail_after(30), attachment.scope:
            await anyio.sleep_forever()
        assert (attachment.reason, sent) == ("gone", [])
        made.close_streams()

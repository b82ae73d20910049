"""The provider's link: what waits, what is shed, what is carried out, how long it tries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

from voice_loop.errors import ProviderUnavailable
from voice_loop.latency.clock import ManualClock
from voice_loop.providers import base
from voice_loop.providers import scripted as script
from voice_loop.providers.retry import RetryPolicy
from voice_loop.session import effects
from voice_loop.session.link import MAX_COMMANDS, STABLE_MS, ProviderLink, perform

pytestmark = pytest.mark.anyio

SETTINGS = base.SessionSettings("Be kind.", "marin")
AT_ONCE = RetryPolicy(retries=3, first_delay_ms=0)


class Owner:
    """Writes down what the link tells."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.events: list[base.ProviderEvent] = []
        self.appended_samples = 0
        self._changed = anyio.Event()

    def _note(self, what: str) -> None:
        self.log.append(what)
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, what: str, times: int = 1) -> None:
        with anyio.fail_after(30):
            while self.log.count(what) < times:
                await self._changed.wait()

    def begin_connect(self) -> base.SessionSettings:
        self._note("connecting")
        return SETTINGS

    def link_up(self, provider: base.Provider, connected: base.Connected) -> None:
        self._note("up")

    def link_down(self, code: str | None) -> None:
        self._note(f"down {code}")

    def link_waits(self, code: str, delay_ms: float) -> None:
        self._note(f"waits {code} {delay_ms:g}")

    def provider_event(self, event: base.ProviderEvent) -> None:
        self.events.append(event)
        self._note("event")

    def appended(self, command: effects.AppendAudio) -> None:
        self.appended_samples += len(command.pcm) // 2

    def relayed_up(self, delay_ms: float | None, audio_bytes: int) -> None:
        self._note("relayed")


@asynccontextmanager
async def running(
    *providers: script.ScriptedProvider,
    clock: ManualClock | None = None,
    retry: RetryPolicy | None = None,
) -> AsyncIterator[tuple[ProviderLink, Owner, script.ScriptedProviders]]:
    owner, made = Owner(), script.ScriptedProviders(*providers)
    link = ProviderLink(made, owner, clock or ManualClock(), 5_000, retry or AT_ONCE)
    async with anyio.create_task_group() as tasks:

        async def run() -> None:
            owner._note(f"ended {await link.run()}")

        tasks.start_soon(run)
        yield link, owner, made
        tasks.cancel_scope.cancel()


def audio(seconds: float, mark: int = 0) -> effects.AppendAudio:
    return effects.AppendAudio(bytes([mark]) * (int(seconds * 24_000) * 2), 0, 1_000.0)


async def test_of_speech_before_the_first_connection_the_last_ten_seconds_are_kept() -> None:
    provider = script.ScriptedProvider()
    provider.stall(script.Connect)
    async with running(provider) as (link, owner, _):
        await owner.until("connecting")
        link.submit([audio(1, mark) for mark in range(12)])
        link.submit([effects.AddText("end")])
        provider.release(script.Connect)
        await provider.expect(script.AddText, skip=True)
        assert sorted(set(provider.audio)) == list(range(2, 12))
        assert link.dropped_audio_ms == 2_000


async def test_what_is_said_into_a_gap_is_stale_and_dropped() -> None:
    second = script.ScriptedProvider()
    second.stall(script.Connect)
    async with running(script.ScriptedProvider(), second) as (link, owner, made):
        await owner.until("up")
        made.made[0].hang_up()
        await owner.until("connecting", 2)
        link.submit([audio(1, mark) for mark in range(4)])
        link.submit([effects.AddText("end")])
        second.release(script.Connect)
        await second.expect(script.AddText, skip=True)
        assert sorted(set(second.audio)) == [2, 3]


async def test_commands_of_a_broken_connection_are_not_carried_out_on_the_next() -> None:
    first = script.ScriptedProvider()
    first.stall(script.CommitAudio)
    async with running(first) as (link, owner, made):
        await owner.until("up")
        link.submit([effects.CommitAudio(), effects.CreateResponse()])
        await first.expect(script.CommitAudio, skip=True)
        first.hang_up()
        await owner.until("up", 2)
        link.submit([effects.AddText("fresh")])
        second = made.made[1]
        await second.expect(script.Connect)
        await second.expect(script.AddText)


async def test_a_provider_that_takes_no_commands_is_replaced_before_they_pile_up() -> None:
    first = script.ScriptedProvider()
    first.stall(script.CommitAudio)
    async with running(first) as (link, owner, _):
        await owner.until("up")
        link.submit([effects.CommitAudio()] * (MAX_COMMANDS + 2))
        await owner.until("down provider_lost")
        await owner.until("up", 2)


async def test_a_change_of_our_own_is_told_without_a_code() -> None:
    async with running() as (link, owner, _):
        link.replace("nothing is connected: no effect")
        await owner.until("up")
        link.replace(None)
        await owner.until("down None")
        await owner.until("up", 2)


async def test_as_many_connections_as_a_person_wishes_for_end_nothing() -> None:
    async with running() as (link, owner, _):
        for number in range(1, 9):
            await owner.until("up", number)
            link.replace(None, wished=True)
        await owner.until("up", 9)
        assert not any(entry.startswith("ended") for entry in owner.log)


async def test_connections_that_expire_at_once_are_given_up() -> None:
    async with running() as (link, owner, _):
        await owner.until("up")
        link.replace(None, wished=True)
        for number in range(2, 6):
            await owner.until("up", number)
            link.replace(None)
        await owner.until("ended provider_unreachable")


async def test_what_the_history_of_a_second_try_holds_is_not_sent_beside_it() -> None:
    first, second = script.ScriptedProvider(), script.ScriptedProvider()
    first.stall(script.Connect)
    first.fail(script.Connect, ProviderUnavailable("provider_unreachable"))
    async with running(first, second) as (link, owner, _):
        await owner.until("connecting")
        link.submit([effects.AddText("Order one pizza"), audio(1, 7), effects.CommitAudio()])
        second.stall(script.Connect)
        first.release(script.Connect)
        await owner.until("connecting", 2)
        link.submit([effects.AddText("and a salad")])
        second.release(script.Connect)
        assert (await second.expect(script.AddText, skip=True)).text == "and a salad"
        assert set(second.audio) == {7}
        kinds = [type(command) for command in second.commands]
        assert kinds.count(script.AddText) == 1
        assert script.CommitAudio in kinds


async def test_a_connection_that_lasted_wipes_the_slate() -> None:
    clock = ManualClock()
    async with running(clock=clock) as (_, owner, made):
        for number in range(1, 9):
            await owner.until("up", number)
            clock.advance_ms(STABLE_MS)
            made.made[-1].hang_up()
        await owner.until("up", 9)
        assert not any(entry.startswith("ended") for entry in owner.log)


async def test_connections_that_never_last_are_given_up() -> None:
    async with running() as (_, owner, made):
        for number in range(1, 5):
            await owner.until("up", number)
            made.made[-1].hang_up()
        await owner.until("ended provider_lost")
        assert all(provider.closed for provider in made.made)


async def test_the_reader_does_not_wait_for_a_stuck_writer() -> None:
    provider = script.ScriptedProvider()
    provider.stall(script.AppendAudio)
    async with running(provider) as (link, owner, _):
        await owner.until("up")
        link.submit([audio(0.02)])
        await anyio.wait_all_tasks_blocked()
        provider.emit(base.SpeechStarted("u1", 0), base.SpeechStopped("u1", 10))
        await owner.until("event", 2)
        assert owner.appended_samples == 480
        provider.release(script.AppendAudio)
        await owner.until("relayed")


async def test_every_command_reaches_the_provider_as_what_it_is() -> None:
    provider = script.ScriptedProvider()
    await provider.connect(SETTINGS)
    for command in (
        effects.AppendAudio(b"\1\2", 0, 0),
        effects.CommitAudio(),
        effects.ClearAudio(),
        effects.CreateResponse("x"),
        effects.CancelResponse(),
        effects.TruncateItem("a", 7),
        effects.DeleteItem("a"),
        effects.AddText("t"),
        effects.AddToolResult("c", "o"),
        effects.UpdateSettings(SETTINGS),
    ):
        await perform(provider, command)
    assert bytes(provider.audio) == b"\1\2"
    assert provider.commands[1:] == [
        script.CommitAudio(),
        script.ClearAudio(),
        script.CreateResponse("x"),
        script.CancelResponse(),
        script.TruncateItem("a", 7),
        script.DeleteItem("a"),
        script.AddText("t"),
        script.AddToolResult("c", "o"),
        script.UpdateSettings(SETTINGS),
    ]


def limited(retry_after_ms: float | None) -> script.ScriptedProvider:
    provider = script.ScriptedProvider()
    error = ProviderUnavailable("provider_rate_limited", retry_after_ms=retry_after_ms)
    provider.fail(script.Connect, error)
    return provider


async def test_the_provider_says_how_long_to_wait_and_that_is_waited_and_told() -> None:
    async with running(limited(30)) as (_, owner, made):
        await owner.until("up")
        assert len(made.made) == 2
        assert owner.log[:3] == ["connecting", "waits provider_rate_limited 30", "connecting"]


async def test_without_its_word_the_waits_grow_and_are_left_to_chance() -> None:
    retry = RetryPolicy(first_delay_ms=8, jitter=0.5)
    made = script.ScriptedProviders(limited(None), limited(None))
    owner = Owner()
    link = ProviderLink(made, owner, ManualClock(), 5_000, retry, chance=lambda: 0.5)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.run)
        await owner.until("up")
        tasks.cancel_scope.cancel()
    waits = [entry for entry in owner.log if entry.startswith("waits")]
    assert waits == ["waits provider_rate_limited 6", "waits provider_rate_limited 12"]


async def test_a_wait_too_long_for_a_person_ends_the_session_and_is_passed_on() -> None:
    async with running(limited(3_600_000)) as (link, owner, made):
        await owner.until("ended provider_rate_limited")
        assert len(made.made) == 1
        assert link.retry_after_ms == 3_600_000


async def test_a_wait_is_ended_with_the_session() -> None:
    async with running(limited(60_000)) as (_, owner, made):
        await owner.until("waits provider_rate_limited 60000")
    assert len(made.made) == 1
    assert made.made[0].closed


async def test_no_word_is_lost_when_a_connection_is_left_on_purpose() -> None:
    class Lingering(script.ScriptedProvider):
        async def aclose(self) -> None:
            await anyio.lowlevel.checkpoint()
            await released.wait()
            await super().aclose()

    released = anyio.Event()
    second = script.ScriptedProvider()
    second.stall(script.Connect)
    async with running(Lingering(), second) as (link, owner, made):
        await owner.until("up")
        link.submit([audio(0.02, 1)])
        await owner.until("relayed")
        link.replace(None)
        await owner.until("connecting", 2)
        assert not made.made[0].closed, "the new connection does not wait for the old one's end"
        link.submit([audio(0.02, 2), audio(0.02, 3)])
        second.release(script.Connect)
        await owner.until("relayed", 3)
        assert sorted(set(second.audio)) == [2, 3]
        released.set()
    assert made.made[0].closed


def test_nothing_private_stands_in_the_repr_of_a_command() -> None:
    secret = "hunter2"
    commands = [
        effects.AddText(secret),
        effects.AddToolResult("c1", secret),
        effects.RunTool("c1", "clock", secret, 1),
        effects.UpdateSettings(base.SessionSettings(secret, "v")),
    ]
    assert secret not in repr(commands)


async def test_what_comes_in_a_burst_goes_on_before_the_burst_is_over() -> None:
    async with running() as (_, owner, made):
        await owner.until("up")
        at_the_same_time: list[int] = []

        async def watch() -> None:
            while len(owner.events) < 20:
                at_the_same_time.append(len(owner.events))
                await anyio.lowlevel.checkpoint()

        made.made[0].emit(*(base.SpeechStarted("item", float(n)) for n in range(20)))
        with anyio.fail_after(30):
            await watch()
        assert len(set(at_the_same_time)) > 15

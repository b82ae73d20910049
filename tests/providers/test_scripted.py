"""The test double keeps its own promises: everybody's session tests stand on it."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from voice_loop.errors import ProviderTimeout, ProviderUnavailable
from voice_loop.providers.base import (
    Connected,
    InputCommitted,
    Provider,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SessionSettings,
    Updated,
)
from voice_loop.providers.scripted import (
    MAX_WAITING_EVENTS,
    AddText,
    AddToolResult,
    AppendAudio,
    CancelResponse,
    ClearAudio,
    Command,
    CommitAudio,
    Connect,
    CreateResponse,
    DeleteItem,
    Expect,
    ScriptedProvider,
    ScriptedProviders,
    ScriptError,
    TruncateItem,
    UpdateSettings,
)

pytestmark = pytest.mark.anyio

SETTINGS = SessionSettings(instructions="Be kind.", voice="marin")


async def read(provider: Provider, count: int) -> list[ProviderEvent]:
    events: list[ProviderEvent] = []
    with anyio.fail_after(30):
        async for event in provider.events():
            events.append(event)
            if len(events) == count:
                break
    return events


async def test_each_step_emits_its_events_in_order() -> None:
    provider = ScriptedProvider(
        [
            Expect(CommitAudio(), emits=(InputCommitted("item_1"),)),
            Expect(CreateResponse, emits=(ResponseStarted("r1"), ResponseDone("r1", "completed"))),
        ]
    )
    assert await provider.connect(SETTINGS) == Connected("scripted", "none", None)
    await provider.append_audio(b"\0\0")
    await provider.commit_audio()
    await provider.create_response("briefly")
    assert await read(provider, 3) == [
        InputCommitted("item_1"),
        ResponseStarted("r1"),
        ResponseDone("r1", "completed"),
    ]
    await provider.aclose()
    provider.check()


async def test_an_unexpected_command_raises_and_is_kept_for_the_check() -> None:
    provider = ScriptedProvider([Expect(CommitAudio)])
    with pytest.raises(ScriptError, match="expected CommitAudio, got ClearAudio"):
        await provider.clear_audio()
    with pytest.raises(ScriptError, match="got ClearAudio"):
        provider.check()


async def test_a_command_after_the_last_step_is_unexpected() -> None:
    with pytest.raises(ScriptError, match="expected nothing more"):
        await ScriptedProvider([]).commit_audio()


async def test_left_over_steps_raise_once_at_close() -> None:
    provider = ScriptedProvider([Expect(CommitAudio)])
    with pytest.raises(ScriptError, match="1 steps left over"):
        await provider.aclose()
    await provider.aclose()
    with pytest.raises(ScriptError):
        provider.check()


async def test_the_check_sees_left_over_steps_before_the_close() -> None:
    with pytest.raises(ScriptError, match="first: DeleteItem"):
        ScriptedProvider([Expect(DeleteItem("x"))]).check()


async def test_audio_counts_as_a_step_only_when_a_step_names_it() -> None:
    strict = ScriptedProvider([Expect(AppendAudio(b"\1\0")), Expect(CommitAudio)])
    await strict.append_audio(b"\1\0")
    with pytest.raises(ScriptError, match="expected CommitAudio, got AppendAudio"):
        await strict.append_audio(b"\1\0")
    loose = ScriptedProvider([Expect(CommitAudio)])
    await loose.append_audio(b"\1\0")
    assert loose.audio == b"\1\0"
    assert loose.commands == []


async def test_connecting_may_be_a_step() -> None:
    provider = ScriptedProvider([Expect(Connect(SETTINGS), emits=(Updated(),))])
    await provider.connect(SETTINGS)
    assert await read(provider, 1) == [Updated()]
    provider.check()


async def test_free_running_records_every_command_with_its_arguments() -> None:
    provider = ScriptedProvider(name="openai")
    changed = SessionSettings(instructions="Be brief.", voice="marin")
    await provider.connect(SETTINGS)
    await provider.commit_audio()
    await provider.clear_audio()
    await provider.create_response()
    await provider.cancel_response()
    await provider.truncate_item("i", 40)
    await provider.delete_item("i")
    await provider.add_text("hello")
    await provider.add_tool_result("call", "{}")
    assert provider.settings == SETTINGS
    await provider.update(changed)
    assert provider.commands == [
        Connect(SETTINGS),
        CommitAudio(),
        ClearAudio(),
        CreateResponse(None),
        CancelResponse(),
        TruncateItem("i", 40),
        DeleteItem("i"),
        AddText("hello"),
        AddToolResult("call", "{}"),
        UpdateSettings(changed),
    ]
    assert provider.settings == changed
    assert provider.name == "openai"


async def test_settings_are_none_before_the_connection() -> None:
    assert ScriptedProvider().settings is None


async def test_expect_waits_for_the_command_and_returns_it() -> None:
    provider = ScriptedProvider()
    async with anyio.create_task_group() as group:
        group.start_soon(provider.truncate_item, "item_7", 120)
        command = await provider.expect(TruncateItem)
    assert command.audio_end_ms == 120


async def test_expect_refuses_another_command_unless_told_to_skip() -> None:
    provider = ScriptedProvider()
    await provider.clear_audio()
    await provider.commit_audio()
    assert await provider.expect(CommitAudio, skip=True) == CommitAudio()
    await provider.clear_audio()
    with pytest.raises(ScriptError, match="expected CommitAudio, got ClearAudio"):
        await provider.expect(CommitAudio())


async def test_expect_gives_up_after_its_bound() -> None:
    with pytest.raises(ScriptError, match="did not come"):
        await ScriptedProvider().expect(CommitAudio, timeout_ms=5)


async def test_a_reaction_answers_commands_with_events() -> None:
    def react(command: Command) -> list[ProviderEvent]:
        return [ResponseStarted("r1")] if isinstance(command, CreateResponse) else []

    provider = ScriptedProvider(react=react, on_connect=(Updated(),))
    await provider.connect(SETTINGS)
    await provider.create_response()
    assert await read(provider, 2) == [Updated(), ResponseStarted("r1")]


async def test_emitted_events_reach_a_reader_that_already_waits() -> None:
    provider = ScriptedProvider()
    got: list[ProviderEvent] = []

    async def reader() -> None:
        got.extend([event async for event in provider.events()])

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(reader)
            await anyio.lowlevel.checkpoint()
            provider.emit(Updated())
            provider.hang_up()
    assert got == [Updated()]


async def test_events_have_one_reader() -> None:
    provider = ScriptedProvider()
    provider.emit(Updated())
    await read(provider, 1)
    with pytest.raises(ScriptError, match="one reader"):
        await read(provider, 1)


async def test_events_nobody_reads_are_bounded() -> None:
    provider = ScriptedProvider()
    provider.emit(*[Updated()] * MAX_WAITING_EVENTS)
    with pytest.raises(OverflowError):
        provider.emit(Updated())


async def test_a_stalled_command_goes_on_when_released() -> None:
    provider = ScriptedProvider()
    provider.stall(CancelResponse)
    async with anyio.create_task_group() as group:
        group.start_soon(provider.cancel_response)
        await provider.expect(CancelResponse)
        await provider.commit_audio()  # another kind is not held up
        provider.release(CancelResponse)
    assert provider.commands == [CancelResponse(), CommitAudio()]


@pytest.mark.parametrize("end", ["hang_up", "aclose"])
async def test_a_stalled_command_ends_with_the_connection(end: str) -> None:
    provider = ScriptedProvider()
    provider.stall(AppendAudio)
    errors: list[str] = []

    async def append() -> None:
        try:
            await provider.append_audio(b"\0\0")
        except ProviderUnavailable as error:
            errors.append(error.code)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(append)
            await anyio.lowlevel.checkpoint()
            if end == "hang_up":
                provider.hang_up()
            else:
                await provider.aclose()
    assert errors == ["provider_lost"]


async def test_a_failure_is_raised_once_for_its_kind() -> None:
    provider = ScriptedProvider()
    provider.fail(Connect, ProviderTimeout("provider_timeout"))
    await provider.commit_audio()
    with pytest.raises(ProviderTimeout):
        await provider.connect(SETTINGS)
    await provider.connect(SETTINGS)


async def test_the_factory_hands_out_the_prepared_providers_then_new_ones() -> None:
    first = ScriptedProvider(name="first")
    factory = ScriptedProviders(first)
    async with anyio.create_task_group() as group:

        async def second() -> None:
            assert (await factory.wait_for(2)).name == "scripted"

        group.start_soon(second)
        assert factory() is first
        await anyio.lowlevel.checkpoint()
        factory()
    assert len(factory.made) == 2

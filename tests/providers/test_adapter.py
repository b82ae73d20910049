"""A live connection: commands go out as they are, events come in, races stay between us."""

from __future__ import annotations

import base64
import dataclasses
import logging
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from tests.providers.realtime_peer import Part, Stage, error, realtime_peer, stay
from tests.providers.server_frames import PCM, RESPONSE, frame
from tests.providers.test_connecting import SETTINGS, connected, provider_for
from voice_loop.errors import ProviderTimeout, ProviderUnavailable
from voice_loop.providers.base import (
    Expiring,
    Fault,
    InputCommitted,
    OutputAudio,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SessionSettings,
    Updated,
)
from voice_loop.providers.openai_realtime.adapter import (
    MAX_MALFORMED,
    OpenAIRealtimeProvider,
    Tuning,
)
from voice_loop.providers.openai_realtime.link import Bounds

pytestmark = pytest.mark.anyio


def plays(*frames: object, then: Callable[[Stage], Awaitable[None]] = Stage.until_closed) -> Part:
    """Come up, send these, then go on with `then`."""

    async def part(stage: Stage) -> None:
        await stage.ready()
        for one in frames:
            await stage.send(one)  # type: ignore[arg-type]  # malformed ones are wanted here
        await then(stage)

    return part


async def bye(stage: Stage) -> None:
    await stage.close(1000)


async def events_of(part: Part) -> list[ProviderEvent]:
    """All events of a connection that the peer ends."""
    async with connected(part) as (provider, _, _answer):
        with anyio.fail_after(30):
            return [event async for event in provider.events()]


LOST = Fault("provider_lost", recoverable=False, detail_code="close_1000")


async def test_events_come_in_the_order_of_the_frames() -> None:
    assert await events_of(
        plays(
            frame("input_audio_buffer.committed"),
            frame("response.created"),
            frame("response.output_audio.delta"),
            frame("response.done", response={**RESPONSE, "usage": None}),
            then=bye,
        )
    ) == [
        InputCommitted("item_1"),
        ResponseStarted("resp_1"),
        OutputAudio("resp_1", "item_2", PCM),
        ResponseDone("resp_1", "completed"),
        LOST,
    ]


async def test_unknown_and_malformed_frames_are_survived_and_counted() -> None:
    part = plays(
        {"type": "response.smell"},
        "not json",
        b"\xff\x00",
        frame("response.output_audio.delta", delta="!"),
        frame("session.created"),
        frame("input_audio_buffer.committed"),
    )
    async with connected(part) as (provider, _, _answer):
        with anyio.fail_after(30):
            assert await anext(aiter(provider.events())) == InputCommitted("item_1")
        assert (provider.counters.unknown, provider.counters.malformed) == (1, 3)


async def test_a_peer_that_sends_only_rubbish_is_left() -> None:
    assert await events_of(plays(*["rubbish"] * (MAX_MALFORMED + 1))) == [
        Fault("provider_lost", recoverable=False, detail_code="not_realtime")
    ]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("cancel", "response_cancel_not_active"),
        ("commit", "input_audio_buffer_commit_empty"),
        ("create", "conversation_already_has_active_response"),
        ("truncate", None),
        ("truncate", "invalid_value"),
        ("truncate", "unsupported_content_type"),
        ("delete", "item_delete_invalid_item_id"),
    ],
)
async def test_a_race_both_sides_lost_reaches_nobody(command: str, code: str | None) -> None:
    async def part(stage: Stage) -> None:
        await stage.ready()
        answered = await stage.receive()
        await stage.send(error(code, event_id=answered["event_id"]))
        await stage.close(1000)

    async with connected(part) as (provider, _, _answer):
        act: dict[str, Callable[[], Awaitable[None]]] = {
            "cancel": provider.cancel_response,
            "commit": provider.commit_audio,
            "create": provider.create_response,
            "truncate": lambda: provider.truncate_item("item_1", 700),
            "delete": lambda: provider.delete_item("item_1"),
        }
        await act[command]()
        with anyio.fail_after(30):
            assert [event async for event in provider.events()] == [LOST]
        assert provider.counters.benign == 1


@pytest.mark.parametrize("code", ["response_cancel_not_active", "input_audio_buffer_commit_empty"])
async def test_a_race_is_recognised_without_the_id_of_our_command(code: str) -> None:
    assert await events_of(plays(error(code), then=bye)) == [LOST]


@pytest.mark.parametrize(
    ("code", "event_id", "fault"),
    [
        ("rate_limit_exceeded", "create_9", Fault("provider_rate_limited", True, no_response=True)),
        ("invalid_value", "create_9", Fault("provider_failed", True, no_response=True)),
        ("server_error", None, Fault("provider_failed", True)),
        ("invalid_value", "item_9", Fault("provider_failed", True)),
        ("unknown_parameter", "update_9", Fault("provider_rejected", True)),
    ],
)
async def test_other_refusals_are_faults_the_connection_survives(
    code: str, event_id: str | None, fault: Fault
) -> None:
    events = await events_of(
        plays(error(code, event_id=event_id), frame("input_audio_buffer.committed"), then=bye)
    )
    assert events == [
        dataclasses.replace(fault, detail_code=code),
        InputCommitted("item_1"),
        LOST,
    ]


@pytest.mark.parametrize(
    ("code", "wire"),
    [("insufficient_quota", "provider_quota"), ("invalid_api_key", "provider_key_refused")],
)
async def test_a_refusal_for_good_ends_the_connection(code: str, wire: str) -> None:
    assert await events_of(plays(error(code))) == [Fault(wire, recoverable=False, detail_code=code)]


async def test_a_foreign_code_that_looks_like_a_secret_is_not_passed_on() -> None:
    events = await events_of(plays(error("sk-abcdefghijklmnop"), then=bye))
    assert events[0] == Fault("provider_failed", recoverable=True, detail_code="other")


async def test_the_longest_session_ends_as_expiring() -> None:
    async def part(stage: Stage) -> None:
        await stage.ready()
        await stage.send(error("session_expired"))
        await stage.close(1001, "Your session hit the maximum duration of 60 minutes.")

    assert await events_of(part) == [Expiring()]


@pytest.mark.parametrize(
    ("close", "reason", "fault"),
    [
        (1001, "", Fault("provider_lost", False, "close_1001")),
        (1011, "", Fault("provider_lost", False, "close_1011")),
        (
            3000,
            "invalid_request_error.invalid_api_key",
            Fault("provider_key_refused", False, "invalid_api_key"),
        ),
        (4000, "odd", Fault("provider_rejected", False, "odd")),
    ],
)
async def test_a_close_is_a_fault_that_says_which(close: int, reason: str, fault: Fault) -> None:
    events = await events_of(plays(then=lambda stage: stage.close(close, reason)))
    assert events == [fault]


async def test_a_connection_cut_without_a_word_is_lost() -> None:
    async def cut(stage: Stage) -> None:
        stage.connection.transport.abort()

    assert await events_of(plays(then=cut)) == [
        Fault("provider_lost", recoverable=False, detail_code="close_None")
    ]


async def test_our_own_close_ends_the_events_without_a_fault() -> None:
    async with connected() as (provider, _, _answer):
        events: list[ProviderEvent] = []

        async def read() -> None:
            events.extend([event async for event in provider.events()])

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(read)
                await anyio.lowlevel.checkpoint()
                await provider.aclose()
                await provider.aclose()
    assert events == []


async def test_each_command_is_one_frame_with_its_arguments() -> None:
    async def part(stage: Stage) -> None:
        await stage.ready()
        while True:
            await stage.receive()

    async with connected(part) as (provider, peer, _):
        await provider.append_audio(PCM)
        await provider.commit_audio()
        await provider.clear_audio()
        await provider.create_response("Briefly.")
        await provider.cancel_response()
        await provider.truncate_item("item_2", 340)
        await provider.delete_item("item_2")
        await provider.add_text("Hello")
        await provider.add_tool_result("call_1", '{"ok":true}')
        frames = (await peer.frames_up_to(10))[1:]
    assert len({sent.pop("event_id") for sent in frames}) == 9
    text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    result = {"type": "function_call_output", "call_id": "call_1", "output": '{"ok":true}'}
    assert frames == [
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(PCM).decode()},
        {"type": "input_audio_buffer.commit"},
        {"type": "input_audio_buffer.clear"},
        {"type": "response.create", "response": {"instructions": "Briefly."}},
        {"type": "response.cancel"},
        {
            "type": "conversation.item.truncate",
            "item_id": "item_2",
            "content_index": 0,
            "audio_end_ms": 340,
        },
        {"type": "conversation.item.delete", "item_id": "item_2"},
        {"type": "conversation.item.create", "item": text},
        {"type": "conversation.item.create", "item": result},
    ]


async def test_an_update_is_whole_but_for_the_voice_and_is_acknowledged() -> None:
    async def part(stage: Stage) -> None:
        await stage.ready()
        update = await stage.receive("session.update")
        await stage.send({"type": "session.updated", "session": update["session"]})
        await stage.until_closed()

    async with connected(part) as (provider, peer, _):
        await provider.update(
            SessionSettings(instructions="Be brief.", voice="marin", voice_activity=None)
        )
        with anyio.fail_after(30):
            assert await anext(aiter(provider.events())) == Updated()
    session = peer.frames[1]["session"]
    assert session["type"] == "realtime"
    assert session["instructions"] == "Be brief."
    assert session["tools"] == []
    assert session["audio"]["input"]["turn_detection"] is None
    assert "voice" not in session["audio"]["output"]


async def test_an_update_to_another_voice_names_it() -> None:
    async def part(stage: Stage) -> None:
        await stage.ready()
        await stage.receive("session.update")
        await stage.until_closed()

    async with connected(part) as (provider, peer, _):
        await provider.update(SessionSettings(instructions="", voice="cedar"))
        frames = await peer.frames_up_to(2)
    assert frames[1]["session"]["audio"]["output"]["voice"] == "cedar"


BUSY = "conversation_already_has_active_response"
CANCELLED = frame("response.done", response={**RESPONSE, "status": "cancelled", "usage": None})


async def refuse_the_create(stage: Stage) -> None:
    await stage.ready()
    asked = await stage.receive("response.create")
    await stage.send(error(BUSY, event_id=asked["event_id"]))


async def test_an_answer_refused_while_another_ends_is_asked_for_again() -> None:
    async def part(stage: Stage) -> None:
        await refuse_the_create(stage)
        await stage.send(CANCELLED)
        await stage.receive("response.create")
        await stage.send(frame("response.created"))
        await stage.until_closed()

    async with connected(part) as (provider, peer, _):
        await provider.create_response("Briefly.")
        events = aiter(provider.events())
        with anyio.fail_after(30):
            assert await anext(events) == ResponseDone("resp_1", "cancelled")
            assert await anext(events) == ResponseStarted("resp_1")
    assert peer.frames[2]["response"] == {"instructions": "Briefly."}


@pytest.mark.parametrize("command", ["cancel", "create"])
async def test_a_newer_wish_replaces_the_one_that_waits(command: str) -> None:
    async def part(stage: Stage) -> None:
        await refuse_the_create(stage)
        await stage.send(CANCELLED)
        await stage.receive()
        await stage.receive("input_audio_buffer.clear")
        await stage.send(frame("input_audio_buffer.committed"))
        await stage.until_closed()

    async with connected(part) as (provider, peer, _):
        await provider.create_response()
        events = aiter(provider.events())
        with anyio.fail_after(30):
            assert await anext(events) == ResponseDone("resp_1", "cancelled")
            newer = {"cancel": provider.cancel_response, "create": provider.create_response}
            await newer[command]()
            await provider.clear_audio()
            assert await anext(events) == InputCommitted("item_1")
    assert [sent["type"] for sent in peer.frames[2:]] == [
        f"response.{command}",
        "input_audio_buffer.clear",
    ]


async def test_what_was_cancelled_before_its_refusal_came_is_not_asked_for_again() -> None:
    async def part(stage: Stage) -> None:
        await stage.ready()
        asked = await stage.receive("response.create")
        await stage.receive("response.cancel")
        await stage.send(error(BUSY, event_id=asked["event_id"]))
        await stage.send(CANCELLED)
        await stage.receive("input_audio_buffer.clear")
        await stage.send(frame("input_audio_buffer.committed"))
        await stage.until_closed()

    async with connected(part) as (provider, peer, _):
        await provider.create_response()
        await provider.cancel_response()
        events = aiter(provider.events())
        with anyio.fail_after(30):
            assert await anext(events) == ResponseDone("resp_1", "cancelled")
            await provider.clear_audio()
            assert await anext(events) == InputCommitted("item_1")
    assert [sent["type"] for sent in peer.frames[2:]] == [
        "response.cancel",
        "input_audio_buffer.clear",
    ]


async def test_asking_again_on_a_dead_connection_ends_in_the_fault() -> None:
    async def part(stage: Stage) -> None:
        await refuse_the_create(stage)
        await stage.send(CANCELLED)
        await stage.close(1011)

    async with connected(part) as (provider, _, _answer):
        await provider.create_response()
        events = aiter(provider.events())
        with anyio.fail_after(30):
            await anext(events)
            with pytest.raises(ProviderUnavailable):
                while True:
                    await provider.append_audio(PCM)
            assert await anext(events) == Fault("provider_lost", False, "close_1011")


async def test_a_command_after_the_end_is_refused() -> None:
    async with connected(plays(then=bye)) as (provider, _, _answer):
        with anyio.fail_after(30):
            assert [event async for event in provider.events()] == [LOST]
            with pytest.raises(ProviderUnavailable) as caught:
                await provider.append_audio(PCM)
        assert caught.value.code == "provider_lost"
        await provider.aclose()
        with pytest.raises(ProviderUnavailable):
            await provider.commit_audio()


async def test_a_peer_that_stops_reading_cannot_hold_a_sender() -> None:
    over = anyio.Event()

    async def deaf(stage: Stage) -> None:
        stage.connection.transport.pause_reading()
        await over.wait()

    async with realtime_peer(plays(then=deaf)) as peer:
        tuning = Tuning(bounds=Bounds(connect_ms=30_000, send_ms=150))
        provider = OpenAIRealtimeProvider(api_key="k", model="m", base_url=peer.url, tuning=tuning)
        with anyio.fail_after(30):
            await provider.connect(SETTINGS)
            with pytest.raises(ProviderTimeout) as caught:
                while True:
                    await provider.append_audio(bytes(96_000))
            assert caught.value.code == "provider_timeout"
            with pytest.raises(ProviderUnavailable):
                await provider.append_audio(PCM)
            await provider.aclose()
        over.set()


async def test_closing_in_a_cancelled_scope_still_closes() -> None:
    closed = anyio.Event()

    async def part(stage: Stage) -> None:
        await stage.ready()
        await stage.until_closed()
        closed.set()

    async with realtime_peer(part) as peer:
        provider = provider_for(peer.url)
        await provider.connect(SETTINGS)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await provider.aclose()
        with anyio.fail_after(30):
            await closed.wait()


async def test_what_people_say_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    words = "my secret wish"
    heard = "conversation.item.input_audio_transcription"
    with caplog.at_level(logging.DEBUG, logger="voice_loop"):
        await events_of(
            plays(
                frame(f"{heard}.delta", delta=words),
                frame(f"{heard}.completed", transcript=[words]),
                frame("response.output_text.done", text={words: words}),
                error("invalid_value", message=words),
                then=bye,
            )
        )
    assert caplog.records
    assert words not in caplog.text


async def test_a_quiet_connection_needs_no_frames() -> None:
    async with connected(stay) as (provider, _, _answer):
        with anyio.move_on_after(0.05) as scope:
            await anext(aiter(provider.events()))
        assert scope.cancelled_caught
        await provider.commit_audio()

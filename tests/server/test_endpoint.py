"""The WebSocket endpoint on real granian with a real client: any bytes, any order, any end."""

from __future__ import annotations

import json
import logging
from contextlib import suppress

import anyio
import anyio.abc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.server.hosts import ORIGIN
from tests.server.served import Served, served
from tests.server.voice_client import VoiceClient
from tests.session.houses import answer
from voice_loop.config import Limits
from voice_loop.errors import ERRORS, ProviderRejected
from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import encode_client
from voice_loop.providers import base
from voice_loop.providers import scripted as script
from voice_loop.session.session import Session

pytestmark = pytest.mark.anyio


async def refused(home: Served, first: str | bytes, origin: str | None = ORIGIN) -> tuple[str, int]:
    """What a socket that begins like this is told, and how it is closed."""
    async with VoiceClient.open(home.url, origin=origin) as client:
        await client.send_raw(first)
        error = await client.expect(wire.ErrorEvent)
        assert error.seq == 0
        return error.code, await client.closed()


def start(ticket: str | None = None, resume: wire.Resume | None = None) -> str | bytes:
    return encode_client(wire.SessionStart(0, ticket, resume))


async def test_a_session_begins_talks_and_ends() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        provider = home.providers.made[0]
        assert client.ready is not None and client.ready.provider == "scripted"
        await client.speak(b"\x01\x02" * 4_800)
        await client.send(wire.InputText("Hello"))
        await provider.expect(script.CreateResponse, skip=True)
        assert bytes(provider.audio) == b"\x01\x02" * 4_800
        provider.emit(*answer())
        await client.expect(wire.AudioEnd)
        await client.report(1, 0, "finished", 1_000)
        await client.expect(wire.TurnState, lambda event: event.state == "listening")
        assert (await client.ping()).received_seq == client._sent_seq
        await client.send(wire.SessionEnd())
        assert await client.closed() == 1000


async def test_a_client_without_the_subprotocol_is_refused_in_the_handshake() -> None:
    async with served() as home:
        for protocols in (None, [Subprotocol("other.v1")]):
            with pytest.raises(InvalidStatus) as refusal:
                await connect(home.url, subprotocols=protocols, open_timeout=5)
            assert refusal.value.response.status_code == 403


@pytest.mark.parametrize(
    "first",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"type":"session.start"}',
        '{"type":"session.start","client_time_ms":0}',
        '{"type":"session.start","client_time_ms":"x","ticket":"t"}',
        '{"type":"input.text","text":"hi"}',
        b"",
        b"\x01\x01" + bytes(14),
        b"\xff" * 100,
    ],
)
async def test_a_socket_that_does_not_begin_as_agreed_is_closed(first: str | bytes) -> None:
    async with served() as home:
        assert await refused(home, first) == ("bad_start", 4000)
        assert home.providers.made == []


async def test_a_start_with_ticket_and_resume_is_not_as_agreed() -> None:
    async with served() as home:
        first = start(home.host.ticket(), wire.Resume("s", "k", 0))
        assert (await refused(home, first))[0] == "bad_start"


async def test_a_first_frame_beyond_16_kb_is_refused() -> None:
    async with served() as home:
        assert await refused(home, start("x" * 17_000)) == ("frame_too_big", 1009)


async def test_a_socket_that_says_nothing_is_closed_in_time() -> None:
    async with (
        served(limits=Limits(start_timeout_ms=50)) as home,
        VoiceClient.open(home.url, origin=ORIGIN) as client,
    ):
        assert (await client.expect(wire.ErrorEvent)).code == "start_timeout"
        assert await client.closed() == 4008


async def test_a_forged_ticket_is_refused() -> None:
    async with served() as home:
        ticket = home.host.ticket()
        for forged in ("nonsense", ticket[:-4] + "AAAA", "x" + ticket):
            assert await refused(home, start(forged)) == ("ticket_invalid", 4001)


async def test_a_ticket_that_is_too_old_is_refused() -> None:
    now = [1_700_000_000.0]
    async with served(wall_time=lambda: now[0]) as home:
        ticket = home.host.ticket()
        now[0] += 30
        assert await refused(home, start(ticket)) == ("ticket_expired", 4001)


async def test_a_ticket_opens_one_session_only() -> None:
    async with served() as home:
        ticket = home.host.ticket()
        async with VoiceClient.open(home.url, ticket=ticket, origin=ORIGIN):
            assert await refused(home, start(ticket)) == ("ticket_spent", 4001)


async def test_another_page_cannot_use_the_ticket() -> None:
    async with served() as home:
        for origin in ("http://evil.test", None, "null"):
            code = await refused(home, start(home.host.ticket()), origin)
            assert code == ("origin_refused", 4003)


async def test_a_page_that_is_not_allowed_is_refused_though_it_has_a_ticket() -> None:
    async with served(allowed_origins=["http://other.test"]) as home:
        assert (await refused(home, start(home.host.ticket())))[0] == "origin_refused"
        resume = start(resume=wire.Resume("s", "k", 0))
        assert (await refused(home, resume))[0] == "origin_refused"


async def test_beyond_the_capacity_a_page_is_told_so_and_can_come_again_with_its_ticket() -> None:
    async with served(limits=Limits(max_sessions=1)) as home:
        ticket = home.host.ticket("tab-2")
        async with VoiceClient.open(home.url, ticket=home.host.ticket("tab-1"), origin=ORIGIN) as c:
            assert await refused(home, start(ticket)) == ("at_capacity", 4013)
            await c.send(wire.SessionEnd())
            await c.closed()
        await gone(home)
        async with VoiceClient.open(home.url, ticket=ticket, origin=ORIGIN) as client:
            assert client.ready is not None


async def gone(home: Served) -> None:
    with anyio.fail_after(30):
        while home.server.manager.sessions:
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.01)


class Hooks:
    """An app that looks things up by the page's token."""

    def __init__(self) -> None:
        self.watched: list[str] = []

    async def settings_for(self, client_token: str) -> base.SessionSettings:
        return base.SessionSettings(f"You talk to {client_token}.", "marin")

    async def watch(self, session: Session) -> None:
        self.watched.append(session.client_token)

    async def authorize(self, client_token: str, address: str) -> bool:
        return client_token == "ada" and address == "203.0.113.7"


async def test_the_app_decides_who_may_talk_and_what_the_session_is() -> None:
    hooks = Hooks()
    async with served(hooks=hooks) as home:
        first = start(home.host.ticket("mallory"))
        assert await refused(home, first) == ("not_authorized", 4003)
        options = wire.StartOptions(voice="cedar")
        async with VoiceClient.open(
            home.url, ticket=home.host.ticket("ada"), origin=ORIGIN, options=options
        ):
            connected = await home.providers.made[0].expect(script.Connect)
            assert connected.settings.instructions == "You talk to ada."
            assert connected.settings.voice == "cedar"
            identifier = connected.settings.safety_identifier
            assert identifier is not None and "ada" not in identifier
            assert hooks.watched == ["ada"]


async def test_a_voice_that_is_no_name_is_not_passed_on() -> None:
    async with served() as home:
        options = wire.StartOptions(voice="x\r\nInjected: yes")
        async with VoiceClient.open(
            home.url, ticket=home.host.ticket(), origin=ORIGIN, options=options
        ):
            connected = await home.providers.made[0].expect(script.Connect)
            assert connected.settings.voice == "marin"


async def test_a_resume_over_the_wire_loses_and_repeats_nothing() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        provider = home.providers.made[0]
        await client.send(wire.InputText("Hello"))
        await provider.expect(script.CreateResponse, skip=True)
        events = answer()
        provider.emit(*events[:4])
        await client.expect(wire.AudioChunk)
        client.drop()
        await client.send(wire.InputText("Said into the gap"))
        provider.emit(*events[4:])
        await client.resume()
        await provider.expect(script.AddText("Said into the gap"), skip=True)
        await client.expect(wire.AudioEnd)
        numbers = [event.seq for event in client.events if event.seq]
        assert numbers == sorted(set(numbers))
        assert sum(isinstance(c, script.AddText) for c in provider.commands) == 2


async def test_audio_spoken_into_a_gap_arrives_whole_and_in_order() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        provider = home.providers.made[0]
        pcm = bytes(range(256)) * 300
        position = await client.speak(pcm[:38_400])
        client.drop()
        await client.speak(pcm[38_400:], position=position)
        await client.resume()
        await client.send(wire.InputText("over"))
        await provider.expect(script.AddText, skip=True)
        assert bytes(provider.audio) == pcm


async def test_a_resume_elsewhere_or_with_a_wrong_key_is_refused() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        assert client.ready is not None
        elsewhere = wire.Resume("other", client.ready.resume_key, 0)
        assert await refused(home, start(resume=elsewhere)) == ("not_here", 4010)
        guessed = wire.Resume(client.ready.session_id, "guess", 0)
        assert await refused(home, start(resume=guessed)) == ("resume_refused", 4010)
        await client.ping()


async def test_the_newest_socket_wins_and_the_old_one_is_told() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as first,
        VoiceClient.open(home.url, origin=ORIGIN) as second,
    ):
        assert first.ready is not None
        resume = wire.Resume(first.ready.session_id, first.ready.resume_key, first.received_seq)
        await second.send_raw(start(resume=resume))
        assert (await second.expect(wire.SessionReady)).resumed
        assert await first.closed() == 4009
        await second.ping()


async def test_a_new_session_of_the_page_replaces_the_old_one() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket("tab"), origin=ORIGIN) as first,
        VoiceClient.open(home.url, ticket=home.host.ticket("tab"), origin=ORIGIN) as second,
    ):
        assert (await first.expect(wire.ErrorEvent)).code == "replaced"
        assert await first.closed() == 4009
        assert second.ready is not None
        found = home.server.manager.find("tab")
        assert found is not None and found.id == second.ready.session_id


async def test_a_signed_command_is_carried_out_and_an_unsigned_one_is_not() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        assert client.ready is not None
        session_id = client.ready.session_id
        command = home.server.sign_command(session_id, "instructions", {"text": "Be brief."})
        await client.send(wire.AppCommand(command))
        update = await home.providers.made[0].expect(script.Update, skip=True)
        assert update.settings.instructions == "Be brief."
        foreign = home.server.sign_command("another", "end", {})
        unsigned = json.dumps({"op": "end"})
        for refused_command in (command, foreign, unsigned):
            await client.send(wire.AppCommand(refused_command))
            assert (await client.expect(wire.ErrorEvent)).code == "command_refused"


async def test_an_unknown_frame_is_answered_and_the_session_goes_on() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        for data in ("{", '{"type":"dance"}', b"\x00", b"\x01\x01" + bytes(15)):
            await client.send_raw(data)
            assert (await client.expect(wire.ErrorEvent)).code == "bad_frame"
        await client.ping()


async def test_a_frame_of_megabytes_ends_the_socket() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        await client.send_raw(b"\x01\x01" + bytes(1_000_000))
        assert (await client.expect(wire.ErrorEvent)).code == "frame_too_big"
        assert await client.closed() == 1009


async def test_a_flood_ends_the_socket() -> None:
    async with (
        served() as home,
        VoiceClient.open(home.url, ticket=home.host.ticket(), origin=ORIGIN) as client,
    ):
        frame = encode_client(wire.AudioChunk(0, 0, 0, bytes(9_600)))
        with anyio.fail_after(30), suppress(ConnectionClosed):
            while client.close_code is None:
                await client.send_raw(frame)
        assert await client.closed() == 4029


FRAMES = st.one_of(
    st.binary(max_size=64),
    st.binary(max_size=40).map(lambda tail: b"\x01\x01" + tail),
    st.text(max_size=64),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(json.dumps),
    st.tuples(
        st.sampled_from([cls.TYPE for cls in wire.CLIENT_EVENTS]),
        st.dictionaries(
            st.sampled_from(
                [
                    "seq",
                    "turn",
                    "item",
                    "played_ms",
                    "phase",
                    "sound",
                    "text",
                    "command",
                    "id",
                    "client_sent_ms",
                    "client_at_ms",
                    "client_onset_ms",
                    "held_ms",
                    "muted",
                    "source",
                    "received_seq",
                    "during_playback",
                    "position_samples",
                    "reason",
                    "ticket",
                ]
            ),  # fmt: skip
            st.one_of(st.integers(-5, 2**54), st.floats(), st.booleans(), st.text(max_size=8)),
            max_size=9,
        ),
    ).map(lambda pair: json.dumps({"type": pair[0], **pair[1]})),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(FRAMES, min_size=1, max_size=15), st.booleans())
def test_any_bytes_get_an_answer_or_a_close_and_never_a_traceback(
    frames: list[str | bytes], admitted: bool
) -> None:
    anyio.run(_throw, frames, admitted)


class Recorder(logging.Handler):
    """Collects what is logged."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


async def _throw(frames: list[str | bytes], admitted: bool) -> None:
    handler = Recorder(logging.WARNING)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        async with served() as home:
            ticket = home.host.ticket() if admitted else None
            async with VoiceClient.open(home.url, ticket=ticket, origin=ORIGIN) as client:
                for frame in frames:
                    if client.close_code is None:
                        await client.send_raw(frame)
                with anyio.move_on_after(0.05):
                    await client.closed()
                if client.close_code is None and admitted:
                    await client.ping()
                for error in client.all_of(wire.ErrorEvent):
                    assert error.code in ERRORS
    except ExceptionGroup as group:
        closed = group.subgroup(lambda error: type(error).__name__.startswith("ConnectionClosed"))
        if closed is None or len(closed.exceptions) != len(group.exceptions):
            raise
    finally:
        root.removeHandler(handler)
    assert [r for r in handler.records if r.name.startswith("voice_loop")] == []


@pytest.mark.parametrize("phase", ["unstarted", "ready", "speaking"])
@pytest.mark.parametrize("side", ["page", "provider", "session"])
async def test_cutting_any_side_leaves_no_task_and_no_provider(side: str, phase: str) -> None:
    async with served(limits=Limits(resume_ms=50)) as home:
        ticket = None if phase == "unstarted" else home.host.ticket()
        async with VoiceClient.open(home.url, ticket=ticket, origin=ORIGIN) as client:
            if phase == "speaking":
                await client.send(wire.InputText("Hello"))
                await home.providers.made[0].expect(script.CreateResponse, skip=True)
                home.providers.made[0].emit(*answer()[:4])
                await client.expect(wire.AudioChunk)
            if phase == "unstarted" or side == "page":
                client.drop()
            elif side == "provider":
                home.providers.made[0].hang_up()
                assert (await client.expect(wire.ErrorEvent)).code == "provider_lost"
                await client.send(wire.SessionEnd())
                await client.closed()
            else:
                session = home.server.manager.find("page")
                assert session is not None
                session.end("idle_limit")
                assert (await client.expect(wire.ErrorEvent)).code == "idle_limit"
                assert await client.closed() == 4012
        await gone(home)


async def test_a_provider_that_says_no_closes_with_its_code() -> None:
    provider = script.ScriptedProvider()
    provider.fail(script.Connect, ProviderRejected("provider_key_refused"))
    async with (
        served(provider) as home,
        VoiceClient.open(
            home.url, ticket=home.host.ticket(), origin=ORIGIN, wait_ready=False
        ) as client,
    ):
        assert (await client.expect(wire.ErrorEvent)).code == "provider_key_refused"
        assert await client.closed() == 4021


async def test_hooks_that_fail_are_an_internal_error_that_quotes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Hooks):
        async def authorize(self, client_token: str, address: str) -> bool:
            raise RuntimeError("hunter2")

    with caplog.at_level(logging.DEBUG):
        async with served(hooks=Broken()) as home:
            assert await refused(home, start(home.host.ticket())) == ("internal", 1011)
    assert "hunter2" not in caplog.text


async def test_sockets_without_a_ticket_are_bounded() -> None:
    async with served() as home, anyio.create_task_group() as tasks:
        release = anyio.Event()

        async def idle(*, task_status: anyio.abc.TaskStatus[None]) -> None:
            async with VoiceClient.open(home.url, origin=ORIGIN):
                task_status.started()
                await release.wait()

        for _ in range(32):
            await tasks.start(idle)
        async with VoiceClient.open(home.url, origin=ORIGIN) as late:
            assert (await late.expect(wire.ErrorEvent)).code == "at_capacity"
            assert await late.closed() == 4013
        release.set()

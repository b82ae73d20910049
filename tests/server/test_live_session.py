"""A session over real sockets: resumed, commanded, flooded, cut at either end."""

from __future__ import annotations

import json
from contextlib import suppress

import anyio
import pytest
from websockets.exceptions import ConnectionClosed

from tests.server.hosts import ORIGIN
from tests.server.served import gone, refused, served, start
from tests.server.voice_client import VoiceClient
from tests.session.houses import answer
from voice_loop.config import Limits
from voice_loop.protocol import events as wire
from voice_loop.protocol.codec import encode_client
from voice_loop.providers import scripted as script

pytestmark = pytest.mark.anyio


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
        update = await home.providers.made[0].expect(script.UpdateSettings, skip=True)
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

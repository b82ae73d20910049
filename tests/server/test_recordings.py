"""Recording over real sockets: ordered by a signed command, fetched by a link, gone at the end."""

from __future__ import annotations

import io
import os
import re
import time
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx2
import numpy as np
import pytest

from tests.server.hosts import ORIGIN, Host, serve
from tests.server.voice_client import VoiceClient
from voice_loop.config import RecordingPolicy, Settings
from voice_loop.latency.clock import ManualClock
from voice_loop.protocol import events as wire
from voice_loop.providers.scripted import ScriptedProviders
from voice_loop.recording import Recordings
from voice_loop.server.mount import VoiceServer
from voice_loop.server.signing import Signer
from voice_loop.session.facts import RecordingState
from voice_loop.session.session import Session

pytestmark = pytest.mark.anyio

SECRET = "a-secret-of-good-length"
WAV, TIMELINE = "conversation.wav", "timeline.jsonl"


@dataclass
class Worker:
    """One server, and what its sessions said of their recordings."""

    host: Host
    said: list[RecordingState]

    def link(self, recording: str, file: str = WAV, token: str = "page") -> str:
        return self.host.server.sign_download(token, recording, file)

    async def get(self, link: str) -> httpx2.Response:
        async with httpx2.AsyncClient(timeout=30) as client:
            return await client.get(f"http://127.0.0.1:{self.host.port}{link}")

    async def refusal(self, link: str) -> tuple[int, str]:
        response = await self.get(link)
        assert response.headers["cache-control"] == "no-store"
        assert "message" in response.json()
        return response.status_code, response.json()["code"]


@dataclass
class WallTime:
    """Seconds since the epoch, moved by hand."""

    ahead_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@asynccontextmanager
async def worker(
    folder: Path,
    *,
    allowed: bool = True,
    name: str = "voice",
    wall_time: WallTime | None = None,
) -> AsyncIterator[Worker]:
    said: list[RecordingState] = []

    async def listen(session: Session) -> None:
        with session.bus.subscribe() as facts:
            async for fact in facts:
                # As they come: a list that is filled at the end would be too late.
                said.extend([fact] if isinstance(fact, RecordingState) else [])

    server = VoiceServer(
        Settings(ticket_secret=SECRET, recording=RecordingPolicy(allowed=allowed)),
        provider_factory=ScriptedProviders(),
        watchers=(listen,),
        name=name,
        wall_time=wall_time or WallTime(),
        recordings_folder=folder,
    )
    async with serve(server) as host:
        yield Worker(host, said)


@asynccontextmanager
async def conversation(worker: Worker) -> AsyncIterator[VoiceClient]:
    async with VoiceClient.open(
        worker.host.url, ticket=worker.host.ticket(), origin=ORIGIN
    ) as client:
        yield client


async def order(worker: Worker, client: VoiceClient, *, on: bool, keep: bool = False) -> None:
    assert client.ready is not None
    arguments = {"on": on, "keep": keep}
    command = worker.host.server.sign_command(client.ready.session_id, "record", arguments)
    await client.send(wire.AppCommand(command))


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while True:
            if condition():
                return
            await anyio.sleep(0.01)


async def state(worker: Worker, phase: str) -> RecordingState:
    await until(lambda: bool(worker.said) and worker.said[-1].phase == phase)
    return worker.said[-1]


async def record(worker: Worker, client: VoiceClient, *, keep: bool = False) -> str:
    """Two seconds of the user, recorded and stopped; its name."""
    await order(worker, client, on=True, keep=keep)
    await state(worker, "running")
    await client.speak(np.full(48_000, 9, dtype="<i2").tobytes())
    await client.ping()
    await order(worker, client, on=False, keep=keep)
    return (await state(worker, "ready")).name


def samples(body: bytes) -> list[list[int]]:
    with wave.open(io.BytesIO(body)) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (2, 24_000)
        raw = sound.readframes(sound.getnframes())
    return [list(frame) for frame in np.frombuffer(raw, dtype="<i2").reshape(-1, 2)]


def recorded_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/*/*"))


async def test_a_session_is_recorded_on_order_fetched_once_and_gone_at_its_end(
    tmp_path: Path,
) -> None:
    async with worker(tmp_path) as here:
        async with conversation(here) as client:
            name = await record(here, client)
            link = here.link(name)
            response = await here.get(link)
            assert response.status_code == 200
            assert samples(response.content) == [[9, 0]] * 48_000
            headers = response.headers
            assert headers["content-type"] == "audio/wav"
            assert headers["content-disposition"] == 'attachment; filename="conversation.wav"'
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert await here.refusal(link) == (410, "download_spent")
            timeline = await here.get(here.link(name, TIMELINE))
            assert timeline.text.startswith('{"at_ms": ')
            assert recorded_files(tmp_path) == [WAV, "note.json", TIMELINE]
            await client.send(wire.SessionEnd())
            assert await client.closed() == 1000
        await until(lambda: not recorded_files(tmp_path))
        assert await here.refusal(here.link(name)) == (404, "recording_gone")
    assert os.listdir(tmp_path) == []


async def test_a_kept_one_outlives_its_session_and_not_the_server(tmp_path: Path) -> None:
    async with worker(tmp_path) as here:
        async with conversation(here) as client:
            name = await record(here, client, keep=True)
            await client.send(wire.SessionEnd())
            await client.closed()
        await until(lambda: not here.host.server.manager.sessions)
        assert (await here.get(here.link(name))).status_code == 200
    assert os.listdir(tmp_path) == []


async def test_one_that_still_runs_is_not_handed_out_and_the_link_is_not_spent(
    tmp_path: Path,
) -> None:
    async with worker(tmp_path) as here, conversation(here) as client:
        await order(here, client, on=True)
        link = here.link((await state(here, "running")).name)
        assert await here.refusal(link) == (409, "recording_running")
        await order(here, client, on=False)
        await state(here, "ready")
        assert (await here.get(link)).status_code == 200


async def test_links_of_others_and_made_up_ones_are_refused(tmp_path: Path) -> None:
    later = WallTime()
    async with worker(tmp_path, wall_time=later) as here, conversation(here) as client:
        name = await record(here, client)
        good = here.link(name)
        assert await here.refusal(here.link(name, token="another tab")) == (404, "recording_gone")
        assert await here.refusal(here.link(name, "../note.json")) == (404, "recording_gone")
        ticket = here.host.ticket()
        address = good[: good.index("=") + 1]
        changed = re.sub(r"\.(.)", lambda m: "." + ("A" if m[1] != "A" else "B"), good)
        for bad in (address, address + "x.y", address + ticket, changed, good.partition("?")[0]):
            assert await here.refusal(bad) == (403, "download_invalid")
        foreign = Signer(b"another-secret-altogether", "recording").sign({"for": "voice"}, 60)
        assert await here.refusal(address + foreign) == (403, "download_invalid")
        later.ahead_s = 61
        assert await here.refusal(good) == (410, "download_expired")


async def test_a_link_of_another_voice_of_the_app_is_refused(tmp_path: Path) -> None:
    async with (
        worker(tmp_path) as here,
        worker(tmp_path, name="kitchen") as kitchen,
        conversation(here) as client,
    ):
        name = await record(here, client)
        assert await kitchen.refusal(here.link(name)) == (403, "download_invalid")
        assert await here.refusal(kitchen.link(name)) == (403, "download_invalid")


async def test_another_worker_of_this_machine_serves_it_and_one_elsewhere_says_it_is_not_there(
    tmp_path: Path,
) -> None:
    shared, elsewhere = tmp_path / "shared", tmp_path / "elsewhere"
    shared.mkdir()
    elsewhere.mkdir()
    async with (
        worker(shared) as one,
        worker(shared) as two,
        worker(elsewhere) as far,
        conversation(one) as client,
    ):
        name = await record(one, client)
        assert await far.refusal(two.link(name)) == (404, "recording_gone")
        assert samples((await two.get(two.link(name))).content) == [[9, 0]] * 48_000


async def test_where_recording_is_not_allowed_nothing_of_it_is_there(tmp_path: Path) -> None:
    async with worker(tmp_path, allowed=False) as here, conversation(here) as client:
        await order(here, client, on=True)
        await client.ping()
        assert here.said == []
        assert (await here.get(here.link("x" * 22))).status_code == 404
        session = here.host.server.manager.find("page")
        assert session is not None
        assert session.audio_tap is None
    assert os.listdir(tmp_path) == []


async def test_an_order_that_nobody_signed_records_nothing(tmp_path: Path) -> None:
    async with worker(tmp_path) as here, conversation(here) as client:
        await client.send(wire.AppCommand('{"op":"record","arg":{"on":true}}'))
        refused = await client.expect(wire.ErrorEvent)
        assert refused.code == "command_refused"
        await client.ping()
        assert here.said == []


async def test_what_a_crashed_worker_left_is_gone_when_the_next_one_listens(
    tmp_path: Path,
) -> None:
    left = Recordings(ManualClock(), parent=tmp_path)
    _, recorder = left.begin("somebody")
    recorder.close()
    assert left._claim is not None
    left._claim.release()
    async with worker(tmp_path):
        assert os.listdir(tmp_path) == []

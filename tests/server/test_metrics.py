"""Who may read `/metrics`: over real sockets, from this machine and as if from elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.server.hosts import ORIGIN, Host, serve
from tests.server.voice_client import VoiceClient
from tests.telemetry.test_prometheus import read, value
from voice_loop.config import Settings
from voice_loop.latency.clock import MonotonicClock
from voice_loop.providers.scripted import ScriptedProviders
from voice_loop.server.metrics import metrics_route
from voice_loop.server.mount import VoiceServer
from voice_loop.telemetry.exporter import Exporter
from voice_loop.telemetry.process import ProcessTelemetry
from voice_loop.telemetry.watcher import session_watcher

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-good-length"


def page(accept: str) -> tuple[str, bytes]:
    return "text/plain", b"figures"


def ask(
    headers: Mapping[str, str] | None = None,
    *,
    peer: str = "127.0.0.1",
    host: str = "localhost:8000",
    token: str | None = None,
    behind_proxy: bool = False,
) -> httpx2.Response:
    """One request as the server sees it: from `peer`, for `host`."""
    app = Starlette(routes=[metrics_route(page, token=token, behind_proxy=behind_proxy)])
    client = TestClient(app, base_url=f"http://{host}", client=(peer, 50_000))
    return client.get("/metrics", headers=dict(headers or {}))


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1:8000", "[::1]:8000"])
def test_without_a_token_this_machine_may_read(peer: str, host: str) -> None:
    response = ask(peer=peer, host=host)
    assert response.status_code == 200
    assert response.text == "figures"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "", "somebody"])
def test_without_a_token_nobody_else_finds_it(peer: str) -> None:
    assert ask(peer=peer).status_code == 404


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"],
)
def test_what_a_proxy_brings_is_not_from_this_machine(header: str) -> None:
    assert ask({header: "127.0.0.1"}).status_code == 404


def test_a_page_of_another_site_in_a_browser_here_may_not_read() -> None:
    assert ask({"Origin": "https://elsewhere.test"}).status_code == 404
    assert ask(host="rebound.test").status_code == 404


def test_behind_a_proxy_only_the_token_opens_it() -> None:
    assert ask(behind_proxy=True).status_code == 404
    bearer = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "192.0.2.7"}
    assert ask(bearer, behind_proxy=True, token=TOKEN).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_with_a_token_anybody_who_has_it_may_read(scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    assert ask(headers, peer="192.0.2.7", host="voice.test", token=TOKEN).status_code == 200


@pytest.mark.parametrize(
    "given",
    [None, "", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN],
)
def test_with_a_token_nobody_may_read_without_it_not_even_here(given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    response = ask(headers, token=TOKEN)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in response.text


def test_a_bearer_that_is_no_ascii_is_refused_like_any_other() -> None:
    app = Starlette(routes=[metrics_route(page, token=TOKEN)])
    response = TestClient(app).get("/metrics", headers={b"Authorization": b"Bearer \xfc\xff"})
    assert response.status_code == 401


@asynccontextmanager
async def served() -> AsyncIterator[Host]:
    clock, telemetry = MonotonicClock(), ProcessTelemetry()
    exporter = Exporter(telemetry, clock)
    server = VoiceServer(
        Settings(),
        provider_factory=ScriptedProviders(),
        clock=clock,
        watchers=[session_watcher(telemetry, clock)],
        metrics=exporter.render,
        metrics_path="/backend/metrics",
    )
    with exporter.running():
        async with serve(server) as host:
            yield host


async def test_a_conversation_is_seen_in_the_figures() -> None:
    with anyio.fail_after(20):
        async with served() as host:
            url = f"http://127.0.0.1:{host.port}/backend/metrics"
            ticket = host.ticket()
            async with VoiceClient.open(host.url, ticket=ticket, origin=ORIGIN) as client:
                await client.speak(bytes(960 * 30))
                while True:
                    response = await anyio.to_thread.run_sync(httpx2.get, url)
                    samples = read(response.text)
                    if value(samples, "voice_loop_relay_up_seconds_count"):
                        break
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert value(samples, "voice_loop_sessions") == 1
    assert value(samples, "voice_loop_sessions_started_total", provider="scripted") == 1
    assert value(samples, "voice_loop_audio_bytes_total", direction="up") >= 25 * 960
    assert value(samples, "voice_loop_relay_up_seconds_count") >= 25


async def test_a_server_without_figures_has_no_such_page() -> None:
    with anyio.fail_after(20):
        async with serve(VoiceServer(Settings(), provider_factory=ScriptedProviders())) as host:
            url = f"http://127.0.0.1:{host.port}/metrics"
            assert (await anyio.to_thread.run_sync(httpx2.get, url)).status_code == 404

"""The server side of `relay.py`: the voice endpoint beside a bare echo route, for granian.

    granian --interface asgi --factory benchmarks.relay_host:make_app

`/voice` is the product's own endpoint with its own provider adapter, its watcher and `/metrics`;
`/echo` sends each frame back and does nothing else; `/figures` tells the relay's own percentiles.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from voice_loop.config import Limits, Settings
from voice_loop.latency.clock import MonotonicClock
from voice_loop.providers.openai_realtime.adapter import OpenAIRealtimeProvider
from voice_loop.server.mount import VoiceServer
from voice_loop.telemetry.exporter import Exporter
from voice_loop.telemetry.process import ProcessTelemetry
from voice_loop.telemetry.watcher import session_watcher

PROVIDER_VARIABLE: Final = "VOICE_BENCH_PROVIDER"
SECRET: Final = "only-for-this-benchmark"
ORIGIN: Final = "http://bench.test"
MANY: Final = 256


def settings() -> Settings:
    """Room for many sessions of one address; the same secret as the load's."""
    limits = Limits(max_sessions=MANY, max_per_address=MANY)
    return Settings(ticket_secret=SECRET, limits=limits)


async def echo(websocket: WebSocket) -> None:
    """The floor: what any route on this server costs."""
    await websocket.accept()
    try:
        while True:
            await websocket.send_bytes(await websocket.receive_bytes())
    except WebSocketDisconnect:
        return


def make_app() -> Starlette:
    """As a host app composes it."""
    base_url = os.environ[PROVIDER_VARIABLE]
    clock, telemetry = MonotonicClock(), ProcessTelemetry()
    exporter = Exporter(telemetry, clock)
    server = VoiceServer(
        settings(),
        provider_factory=lambda: OpenAIRealtimeProvider(
            api_key="bench", model="bench", base_url=base_url
        ),
        clock=clock,
        watchers=[session_watcher(telemetry, clock)],
        metrics=exporter.render,
    )

    async def figures(request: Request) -> JSONResponse:
        summaries = telemetry.latency.summaries()
        return JSONResponse({name: one.as_dict() for name, one in summaries.items()})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with exporter.running():
            async with server.lifespan():
                yield

    return Starlette(
        routes=[
            Route("/figures", figures),
            WebSocketRoute("/echo", echo),
            Mount("", app=server.app),
        ],
        lifespan=lifespan,
    )

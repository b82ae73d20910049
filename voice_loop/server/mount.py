"""VoiceServer: what a host app mounts, runs and asks.

    server = VoiceServer(settings, provider_factory=make_provider, hooks=hooks)
    app = rx.App(api_transformer=server.app)        # the WebSocket route
    app.register_lifespan_task(server.lifespan)     # sessions live between its entry and exit

Made at import: it opens nothing, starts nothing and reads no environment. Any worker can issue a
ticket or sign a command; the session lives on the worker that holds its socket.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, WebSocketRoute

from voice_loop.config import Settings
from voice_loop.errors import ConfigError
from voice_loop.latency.clock import Clock, MonotonicClock
from voice_loop.providers.base import ProviderFactory, SessionSettings, ToolSpec
from voice_loop.server.desk import AdmissionDesk, SessionHooks
from voice_loop.server.drain import drain_on_signals
from voice_loop.server.endpoint import VoiceEndpoint
from voice_loop.server.metrics import METRICS_PATH, Exposition, metrics_route
from voice_loop.server.recordings import RecordingDesk
from voice_loop.server.shared_usage import SharedUsage
from voice_loop.server.signing import WallTime
from voice_loop.server.spent import MemorySpent, SpentStore
from voice_loop.server.tickets import Commands, Tickets
from voice_loop.session.manager import Plan, SessionManager
from voice_loop.session.operations import AppOperation
from voice_loop.session.session import Session
from voice_loop.session.session_config import Watcher
from voice_loop.session.tools import ToolRunner, no_tools

__all__ = ["DefaultHooks", "SessionHooks", "VoiceServer", "session_settings"]


RECORDING_PATH: Final = "/recording"
"""Below the voice's own: what a proxy lets through to the one, it lets through to the other."""

_TAB: Final = "tab "
"""Before a client token, so that an order for a tab never passes for a command on a session."""


def session_settings(settings: Settings) -> SessionSettings:
    """What a session is opened with when the app says nothing else."""
    return SessionSettings(
        instructions=settings.instructions,
        voice=settings.voice,
        voice_activity=settings.voice_activity,
    )


class DefaultHooks:
    """Hooks of an app without wishes; a base for those that have some."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def settings_for(self, client_token: str) -> SessionSettings:
        return session_settings(self._settings)

    async def watch(self, session: Session) -> None:
        """Nobody looks on."""

    async def authorize(self, client_token: str, address: str) -> bool:
        return True


class VoiceServer:
    """The voice endpoint of one VoiceLoop."""

    def __init__(
        self,
        settings: Settings,
        *,
        provider_factory: ProviderFactory,
        clock: Clock | None = None,
        hooks: SessionHooks | None = None,
        allowed_origins: Sequence[str] = ("*",),
        spent: SpentStore | None = None,
        usage: SharedUsage | None = None,
        tools: ToolRunner | None = None,
        tool_specs: Sequence[ToolSpec] = (),
        watchers: Sequence[Watcher] = (),
        name: str = "voice",
        path: str | None = None,
        metrics: Exposition | None = None,
        metrics_path: str = METRICS_PATH,
        trusted_proxy_hops: int = 0,
        wall_time: WallTime = time.time,
        recordings_folder: Path | None = None,
    ) -> None:
        clock = clock or MonotonicClock()
        hooks = hooks or DefaultHooks(settings)
        self._settings = settings
        self._spent = spent or MemorySpent(clock)
        secret = (settings.ticket_secret or secrets.token_urlsafe(32)).encode()
        self._tickets = Tickets(secret, name, self._spent, wall_time)
        self._commands = Commands(secret, name, wall_time)
        self._recordings = RecordingDesk(
            settings.recording, clock, secret, name, self._spent,
            wall_time=wall_time, parent=recordings_folder,
        )  # fmt: skip
        self._tool_specs = {spec.name: spec for spec in tool_specs}
        self.manager = SessionManager(
            Plan(
                provider_factory=provider_factory,
                clock=clock,
                limits=settings.limits,
                tools=tools or no_tools,
                verify_command=self._verify_command,
                watchers=(
                    hooks.watch,
                    *([partial(usage.watch, learn=self._learn_usage)] if usage else ()),
                    *watchers,
                    *self._recordings.watchers,
                ),
            )
        )
        """Finds live sessions: `manager.find(client_token)`."""
        desk = AdmissionDesk(self._tickets, self.manager, hooks, allowed_origins, usage)
        endpoint = VoiceEndpoint(desk, clock, settings.limits.start_timeout_ms, trusted_proxy_hops)
        self.path = path or settings.path
        routes: list[BaseRoute] = [WebSocketRoute(self.path, _as_function(endpoint))]
        if settings.recording.allowed:
            routes.append(self._recordings.route(self.path + RECORDING_PATH))
        if metrics is not None:
            routes.append(
                metrics_route(
                    metrics,
                    path=metrics_path,
                    token=settings.metrics_token,
                    behind_proxy=trusted_proxy_hops > 0,
                )
            )
        self.app = Starlette(routes=routes)
        """For `rx.App(api_transformer=...)`."""
        self._routes = routes

    def _learn_usage(self, address: str, elsewhere_ms: float) -> None:
        self.manager.learn_usage(address, elsewhere_ms)

    def before(self, asgi_app: Any) -> Any:
        """An app that has the voice routes, and `asgi_app` for everything else."""
        return Starlette(routes=[*self._routes, Mount("", app=asgi_app)])

    def check(self) -> None:
        """Raises ConfigError for what cannot work."""
        if self._spent.shared and not self._settings.ticket_secret:
            raise ConfigError(
                "Several workers share their tickets, but VOICE_TICKET_SECRET is not set: each "
                "would sign with another. Set it to a random text of at least 16 characters."
            )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Sessions can live while this is entered. Raises ConfigError for what cannot work."""
        self.check()
        async with (
            self._recordings.running(),
            self.manager.running(),
            drain_on_signals(self.manager.drain),
        ):
            yield

    def issue_ticket(self, client_token: str, origin: str, address: str) -> str:
        """Permission for the page of `client_token` to open one session within 30 s."""
        return self._tickets.issue(client_token, origin, address)

    def sign_command(self, session_id: str, operation: str, arguments: Mapping[str, Any]) -> str:
        """A command on a live session for the page to carry: see `session.operations`."""
        return self._commands.sign(session_id, operation, arguments)

    def sign_download(self, client_token: str, recording: str, file: str) -> str:
        """Where this tab can fetch a file of its recording, once and for a minute: path and query
        on this server."""
        token = self._recordings.sign(client_token, recording, file)
        return f"{self.path}{RECORDING_PATH}?token={token}"

    def seal_order(self, client_token: str, operation: str, arguments: Mapping[str, Any]) -> str:
        """An order of the app for the state of a tab, which finds the session: nobody else's."""
        return self._commands.sign(_TAB + client_token, operation, arguments)

    def open_order(self, client_token: str, order: str) -> AppOperation:
        """What it says. Raises WireError `command_refused` when it was not sealed here."""
        return self._commands.verify(_TAB + client_token, order)

    def _verify_command(self, session_id: str, command: str) -> AppOperation:
        """Tools travel by name: their schemas would not fit into a frame."""
        operation = self._commands.verify(session_id, command)
        wanted = operation.arguments.get("tools")
        if operation.operation != "tools" or not isinstance(wanted, list):
            return operation
        specs = [
            dataclasses.asdict(self._tool_specs[name]) if name in self._tool_specs else name
            for name in wanted
        ]
        return dataclasses.replace(operation, arguments={"tools": specs})


def _as_function(endpoint: VoiceEndpoint) -> Any:
    """Starlette takes a function as WebSocket handler, and any other callable as an ASGI app."""

    async def voice(websocket: Any) -> None:
        await endpoint(websocket)

    return voice

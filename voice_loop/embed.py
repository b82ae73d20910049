"""VoiceLoop: a spoken conversation for any Reflex app.

    voice = VoiceLoop(tools=[get_weather, TodoState.add_item])
    app = rx.App()
    voice.attach(app)
    app.add_page(lambda: rx.vstack(voice.talk_button(), voice.transcript()))

Made at import, it opens nothing: a wrong setting stops the start of the server, never an export; a
tool that cannot be described is the app's mistake and is said at once. Several live side by side,
each with a name, a path and a state of its own.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import reflex as rx
from reflex.config import get_config
from reflex.utils import prerequisites
from reflex_voice_audio import voice_audio

from voice_loop.config import Settings, is_path
from voice_loop.errors import ConfigError, ProviderRejected
from voice_loop.latency.clock import MonotonicClock
from voice_loop.local.embedded import embedded_server
from voice_loop.local.engines import check_installed
from voice_loop.providers.base import Provider
from voice_loop.providers.openai_realtime.adapter import OpenAIRealtimeProvider
from voice_loop.server.metrics import METRICS_PATH
from voice_loop.server.mount import VoiceServer
from voice_loop.server.shared_usage import RedisUsage
from voice_loop.server.spent import RedisSpent
from voice_loop.session.operations import AppOperation
from voice_loop.session.session import Session
from voice_loop.session.tools import ToolFailed
from voice_loop.telemetry.exporter import Exporter
from voice_loop.telemetry.process import ProcessTelemetry
from voice_loop.telemetry.watcher import session_watcher
from voice_loop.tools import Runner, ToolAdapter
from voice_loop.ui import loops
from voice_loop.ui import tools as app_tools
from voice_loop.ui.badge import provider_badge
from voice_loop.ui.bridge import Authorize, StateBridge
from voice_loop.ui.commands import AppCommands
from voice_loop.ui.controls import controls
from voice_loop.ui.debug_overlay import debug_overlay
from voice_loop.ui.notices import error_card, notice
from voice_loop.ui.recording import recording_controls, recording_notice
from voice_loop.ui.settings_panel import settings_panel
from voice_loop.ui.state import LOOP_NAME, state_of
from voice_loop.ui.talk_button import talk_button
from voice_loop.ui.transcript import transcript

LOCAL_KEY: Final = "local"
"""The offline assistant takes any key; the real one is never sent to it."""

TAKEN_AWAY: Final = '{"error": "unknown_tool", "message": "This tool is not offered any more."}'

logger = logging.getLogger(__name__)


class VoiceLoop(AppCommands):
    """Server part, state and components of one voice endpoint."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        tools: Iterable[app_tools.Target | ToolAdapter] = (),
        name: str = LOOP_NAME,
        path: str | None = None,
        instructions: str | None = None,
        authorize: Authorize | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """`tools`: functions and event handlers that the assistant may call. A second loop of an
        app needs a `name` and a `path` of its own. `path` and `instructions` go before those of
        the settings. Raises ConfigError for a mistake in the app."""
        self.name = name
        self.state = state_of(name)
        """What the page shows; its vars can be used in any component."""
        self.tools = app_tools.tool_set(tools)
        self._config_error: ConfigError | None = None
        read = settings or self._read(environ)
        self.settings = dataclasses.replace(
            read, path=path or read.path, instructions=instructions or read.instructions
        )
        if not is_path(self.settings.path):
            raise ConfigError(
                f'The path "{self.settings.path}" of the voice loop "{name}" cannot be served. '
                "Write one that begins with a slash and does not end with one, such as /voice."
            )
        self._local_url: str | None = None
        specs = tuple(self.tools.specs)
        self._runner = Runner(self.tools)
        self._bridge = StateBridge(self.settings, specs, authorize, self.state)
        config = get_config()
        origins = config.cors_allowed_origins
        clock = MonotonicClock()
        self.telemetry = ProcessTelemetry()
        self._exporter = Exporter(self.telemetry, clock)
        # A client of its own, as Reflex makes them; it connects when it is used first.
        self._redis = prerequisites.get_redis()
        metrics_path = METRICS_PATH if name == LOOP_NAME else f"{METRICS_PATH}/{name}"
        self.server = VoiceServer(
            self.settings,
            provider_factory=self._make_provider,
            clock=clock,
            hooks=self._bridge,
            tools=self._run_tool,
            tool_specs=specs,
            watchers=(session_watcher(self.telemetry, clock),),
            metrics=self._exporter.render,
            metrics_path=config.prepend_backend_path(metrics_path),
            allowed_origins=(origins,) if isinstance(origins, str) else tuple(origins),
            spent=RedisSpent(self._redis) if self._redis is not None else None,
            usage=self._shared_usage(),
            path=config.prepend_backend_path(self.settings.path),
            trusted_proxy_hops=config.trusted_proxy_hops,
            name=name,
        )
        loops.enter(name, self)

    def _read(self, environ: Mapping[str, str]) -> Settings:
        try:
            return Settings.from_env(environ)
        except ConfigError as error:
            # An export must work without the server's environment; the start says it.
            self._config_error = error
            return Settings()

    def _shared_usage(self) -> RedisUsage | None:
        """Of all workers, where there is a cap that it is for."""
        if self._redis is None or not self.settings.limits.max_minutes_per_day:
            return None
        return RedisUsage(self._redis, (self.settings.ticket_secret or "").encode())

    def api(self, asgi_app: Any) -> Any:
        """Adds the WebSocket's route to an ASGI app. `attach` sees to it; an app that composes its
        server by hand calls it in `rx.App(api_transformer=...)`.

        Reflex calls it when a server starts, and never for an export. A setting that cannot work
        ends the process here with its sentence; out of the lifespan it would come in a traceback.
        """
        if self._config_error is not None:
            raise SystemExit(self._config_error.message)
        try:
            self.server.check()
        except ConfigError as error:
            raise SystemExit(error.message) from None
        if self._bridge.app is None:
            raise SystemExit(
                "This VoiceLoop is not attached to the app. Write voice.attach(app) below "
                "app = rx.App(...)."
            )
        return self.server.before(asgi_app)

    @property
    def component_id(self) -> str:
        """The id of the component on the page."""
        return self.name

    def attach(self, app: rx.App) -> None:
        """Serve this loop with the app: its socket, its sessions, its tools, its state.

        Raises ConfigError when the app has another loop of this name or path.
        """
        for other in _loops_of(app):
            if other is self:
                return
            self._check_beside(other)
        self._bridge.app = app
        app_tools.attach(self.tools, app)
        given = app.api_transformer
        transformers = list(given) if isinstance(given, Sequence) else [given] if given else []
        if self.api not in transformers:
            transformers.append(self.api)
        app.api_transformer = transformers
        app.register_lifespan_task(self.lifespan)

    def _check_beside(self, other: VoiceLoop) -> None:
        if self.name == other.name:
            raise ConfigError(
                f'Two voice loops are named "{self.name}". Give one a name and a path of its own: '
                'VoiceLoop(name="kitchen", path="/kitchen").'
            )
        if self.settings.path == other.settings.path:
            raise ConfigError(
                f'The voice loops "{self.name}" and "{other.name}" share the path '
                f'{self.settings.path}. Give one its own: VoiceLoop(name="{self.name}", '
                f'path="/{self.name}").'
            )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """From the server's start to its end. Raises ConfigError for a setting that cannot work."""
        if self._config_error is not None:
            logger.error("%s", self._config_error.message)
            raise ConfigError(self._config_error.message) from None
        async with AsyncExitStack() as stack:
            if self._redis is not None:
                stack.push_async_callback(self._redis.aclose)
            stack.enter_context(self._exporter.running())
            if self._nobody_there() is None and self.settings.active_provider == "local":
                self._local_url = await stack.enter_async_context(embedded_server(self.settings))
            await stack.enter_async_context(self.server.lifespan())
            logger.info("%s", self.greeting())
            yield

    def greeting(self) -> str:
        """One line for the log: where to look and who answers."""
        where = f"http://localhost:{get_config().frontend_port or self.settings.port}"
        if self._nobody_there() is not None:
            return (
                f"Voice Loop is at {where}, but nobody can answer: put a key into OPENAI_API_KEY, "
                'or add the offline assistant with pip install "voice-loop[local]".'
            )
        if self.settings.active_provider == "openai":
            return (
                f"Voice Loop is at {where} and speaks with OpenAI's {self.settings.openai_model}."
            )
        return f"Voice Loop is at {where} and speaks with the offline assistant."

    def unavailable(self) -> str | None:
        """Wire code of what keeps anybody from talking; None when nothing does."""
        return "not_attached" if self._bridge.app is None else self._nobody_there()

    def _nobody_there(self) -> str | None:
        if self.settings.active_provider == "local":
            try:
                check_installed()
            except ConfigError:
                return "local_unavailable"
        return None

    def issue_ticket(self, client_token: str, origin: str, address: str) -> str:
        """Permission for this page to open one session."""
        return self.server.issue_ticket(client_token, origin, address)

    def open_order(self, client_token: str, order: str) -> AppOperation:
        """What the app orders in a tab. Raises WireError when it was not the app."""
        return self.server.open_order(client_token, order)

    def sign_command(self, session_id: str, operation: str, arguments: Mapping[str, Any]) -> str:
        """A command for the page to carry to the worker that holds the session."""
        return self.server.sign_command(session_id, operation, arguments)

    def sign_download(self, client_token: str, recording: str, file: str) -> str:
        """Where a tab can fetch a file of its recording, once and for a minute."""
        return self.server.sign_download(client_token, recording, file)

    def find(self, client_token: str) -> Session | None:
        """The live session of a tab, if this worker holds it."""
        return self.server.manager.find(client_token)

    async def _run_tool(self, client_token: str, name: str, arguments: str) -> str:
        """What the app took away is not run, whatever the model remembers. Raises ToolFailed."""
        session = self.find(client_token)
        if session is not None and self.tools.get(name) and name not in session.tool_names:
            raise ToolFailed(TAKEN_AWAY)
        return await self._runner(client_token, name, arguments)

    def _make_provider(self) -> Provider:
        settings = self.settings
        if settings.active_provider == "openai":
            return OpenAIRealtimeProvider(
                api_key=settings.openai_api_key or "",
                model=settings.openai_model,
                base_url=settings.openai_base_url,
            )
        if self._local_url is None:
            raise ProviderRejected("local_unavailable")
        return OpenAIRealtimeProvider(
            api_key=LOCAL_KEY,
            model=settings.openai_model,
            base_url=self._local_url,
            name="local",
        )

    def audio(self) -> rx.Component:
        """The component itself: invisible but for the notice of a recording; `talk_button` brings
        it along."""
        component = voice_audio(
            id=self.component_id,
            path=self._path_of_the_page(),
            ws_url=self.state.ws_url,
            turn_detection=rx.cond(self.state.push_to_talk, "push_to_talk", "server_vad"),
            barge_in=self.state.barge_in,
            on_ticket=self.state.ticket_asked,
            on_status=self.state.status_changed,
            on_error=self.state.failed,
            on_device=self.state.devices_changed,
        )
        return rx.fragment(component, recording_notice(self.state))

    def _path_of_the_page(self) -> Any:
        """What the server says when the page comes alive: an export was made elsewhere, and knows
        only what was set there."""
        told = self.state.socket_path
        return rx.cond(told, told, get_config().prepend_backend_path(self.settings.path))

    def talk_button(self) -> rx.Component:
        """The button, with the component that does the talking."""
        return rx.fragment(talk_button(self.state, self.component_id), self.audio())

    def transcript(self) -> rx.Component:
        """Both sides of the conversation."""
        return transcript(self.state)

    def controls(self) -> rx.Component:
        """Stop, mute and typed messages."""
        return controls(self.state, self.component_id)

    def notices(self) -> rx.Component:
        """What went wrong, and hints."""
        return rx.fragment(error_card(self.state, self.component_id), notice(self.state))

    def provider_badge(self) -> rx.Component:
        """Who answers."""
        return provider_badge(self.state)

    def debug_overlay(self) -> rx.Component:
        """Live figures."""
        return debug_overlay(self.state, recording_controls(self.state))

    def settings_panel(self) -> rx.Component:
        """Devices, volume, turn-taking."""
        return settings_panel(self.state, self.component_id)


def _loops_of(app: rx.App) -> list[VoiceLoop]:
    """The loops that were attached to `app`: their life is a task of it."""
    owners = (getattr(task, "__self__", None) for task in app.get_lifespan_tasks())
    return [owner for owner in owners if isinstance(owner, VoiceLoop)]

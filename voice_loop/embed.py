"""VoiceLoop: a spoken conversation for any Reflex app.

    voice = VoiceLoop()
    app = rx.App(api_transformer=voice.api)
    voice.attach(app)
    app.add_page(lambda: rx.vstack(voice.talk_button(), voice.transcript()))

Made at import, it opens nothing: a wrong setting stops the start of the server, never an export.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import reflex as rx
from reflex.config import get_config
from reflex_voice_audio import voice_audio

from voice_loop.config import Settings
from voice_loop.errors import ConfigError, ProviderRejected
from voice_loop.latency.clock import MonotonicClock
from voice_loop.local.embedded import embedded_server
from voice_loop.local.engines import check_installed
from voice_loop.providers.base import Provider
from voice_loop.providers.openai_realtime.adapter import OpenAIRealtimeProvider
from voice_loop.server.metrics import METRICS_PATH
from voice_loop.server.mount import VoiceServer
from voice_loop.session.session import Session
from voice_loop.telemetry.exporter import Exporter
from voice_loop.telemetry.process import ProcessTelemetry
from voice_loop.telemetry.watcher import session_watcher
from voice_loop.ui import loops
from voice_loop.ui.badge import provider_badge
from voice_loop.ui.bridge import Authorize, StateBridge
from voice_loop.ui.controls import controls
from voice_loop.ui.debug_overlay import debug_overlay
from voice_loop.ui.notices import error_card, notice
from voice_loop.ui.settings_panel import settings_panel
from voice_loop.ui.state import LOOP_NAME, VoiceState
from voice_loop.ui.talk_button import talk_dial
from voice_loop.ui.transcript import transcript

LOCAL_KEY: Final = "local"
"""The offline assistant takes any key; the real one is never sent to it."""

logger = logging.getLogger(__name__)


class VoiceLoop:
    """Server part, state and components of one voice endpoint."""

    state = VoiceState
    """What the page shows; its vars can be used in any component."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        authorize: Authorize | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._config_error: ConfigError | None = None
        self.settings = settings or self._read(environ)
        self._local_url: str | None = None
        self._bridge = StateBridge(self.settings, authorize=authorize)
        config = get_config()
        origins = config.cors_allowed_origins
        clock = MonotonicClock()
        self.telemetry = ProcessTelemetry()
        self._exporter = Exporter(self.telemetry, clock)
        self.server = VoiceServer(
            self.settings,
            provider_factory=self._make_provider,
            clock=clock,
            hooks=self._bridge,
            watchers=(session_watcher(self.telemetry, clock),),
            metrics=self._exporter.render,
            metrics_path=config.prepend_backend_path(METRICS_PATH),
            allowed_origins=(origins,) if isinstance(origins, str) else tuple(origins),
            path=config.prepend_backend_path(self.settings.path),
            trusted_proxy_hops=config.trusted_proxy_hops,
            name=LOOP_NAME,
        )
        loops.enter(LOOP_NAME, self)

    def _read(self, environ: Mapping[str, str]) -> Settings:
        try:
            return Settings.from_env(environ)
        except ConfigError as error:
            # An export must work without the server's environment; the start says it.
            self._config_error = error
            return Settings()

    def api(self, asgi_app: Any) -> Any:
        """Adds the WebSocket's route: for `rx.App(api_transformer=voice.api)`.

        Reflex calls it when a server starts, and never for an export. A setting that cannot work
        ends the process here with its sentence; out of the lifespan it would come in a traceback.
        """
        if self._config_error is not None:
            raise SystemExit(self._config_error.message)
        self.server.app.mount("", asgi_app)
        return self.server.app

    @property
    def component_id(self) -> str:
        """The id of the component on the page."""
        return LOOP_NAME

    def attach(self, app: rx.App) -> None:
        """Let sessions live while the app runs, and write into its states."""
        self._bridge.app = app
        app.register_lifespan_task(self.lifespan)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """From the server's start to its end. Raises ConfigError for a setting that cannot work."""
        if self._config_error is not None:
            logger.error("%s", self._config_error.message)
            raise ConfigError(self._config_error.message) from None
        async with AsyncExitStack() as stack:
            stack.enter_context(self._exporter.running())
            if self.unavailable() is None and self.settings.active_provider == "local":
                self._local_url = await stack.enter_async_context(embedded_server(self.settings))
            await stack.enter_async_context(self.server.lifespan())
            logger.info("%s", self.greeting())
            yield

    def greeting(self) -> str:
        """One line for the log: where to look and who answers."""
        where = f"http://localhost:{get_config().frontend_port or self.settings.port}"
        if self.unavailable() is not None:
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
        if self.settings.active_provider == "local":
            try:
                check_installed()
            except ConfigError:
                return "local_unavailable"
        return None

    def issue_ticket(self, client_token: str, origin: str, address: str) -> str:
        """Permission for this page to open one session."""
        return self.server.issue_ticket(client_token, origin, address)

    def find(self, client_token: str) -> Session | None:
        """The live session of a tab, if this worker holds it."""
        return self.server.manager.find(client_token)

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
        """The component itself: invisible; `talk_button` brings it along."""
        return voice_audio(
            id=self.component_id,
            path=self.settings.path,
            ws_url=VoiceState.ws_url,
            turn_detection=rx.cond(VoiceState.push_to_talk, "push_to_talk", "server_vad"),
            barge_in=VoiceState.barge_in,
            on_ticket=VoiceState.ticket_asked,
            on_status=VoiceState.status_changed,
            on_error=VoiceState.failed,
            on_device=VoiceState.devices_changed,
        )

    def talk_button(self) -> rx.Component:
        """The button, with the component that does the talking."""
        return rx.fragment(talk_dial(VoiceState.status, self.component_id), self.audio())

    def transcript(self) -> rx.Component:
        """Both sides of the conversation."""
        return transcript(VoiceState)

    def controls(self) -> rx.Component:
        """Stop, mute and typed messages."""
        return controls(VoiceState, self.component_id)

    def notices(self) -> rx.Component:
        """What went wrong, and hints."""
        return rx.fragment(error_card(VoiceState), notice(VoiceState))

    def provider_badge(self) -> rx.Component:
        """Who answers."""
        return provider_badge(VoiceState)

    def debug_overlay(self) -> rx.Component:
        """Live figures."""
        return debug_overlay(VoiceState)

    def settings_panel(self) -> rx.Component:
        """Devices, volume, turn-taking."""
        return settings_panel(VoiceState, self.component_id)

"""A session: one task group around a conversation, its page and its provider.

    page ──► serve (one a socket) ─┐                  ┌─► link: reader, writer ◄──► provider
    page ◄── pump ◄── outbox ◄─────┴── conversation ──┤
                                    timer, tools ─────┴─► bus: facts for watchers

Handlers of the conversation run to completion without an await, so state never changes under a
rule; what they decided is carried out afterwards. A session outlives its socket by
`limits.resume_ms`, and ends once, with a code.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import anyio
import anyio.abc
import anyio.lowlevel

from voice_loop.errors import ERRORS, WireError
from voice_loop.event_bus import EventBus
from voice_loop.protocol import events as wire
from voice_loop.providers.base import (
    Connected,
    Provider,
    ProviderEvent,
    SessionSettings,
    ToolSpec,
)
from voice_loop.session import effects
from voice_loop.session.audio_tap import AudioTap
from voice_loop.session.conversation import Conversation
from voice_loop.session.facts import Fact, Mark, MarkName, SessionEnded, SessionStarted
from voice_loop.session.link import ProviderLink
from voice_loop.session.operations import CommandGate, execute
from voice_loop.session.page import ClientChannel, Page
from voice_loop.session.presence import Presence
from voice_loop.session.reception import Reception
from voice_loop.session.relay import RelayMeter
from voice_loop.session.session_config import SessionConfig
from voice_loop.session.timekeeper import Timekeeper
from voice_loop.session.tools import run_tool
from voice_loop.session.watching import log_failure, watching

FAREWELL_MS: Final = 1_000
TOLD_WAIT_MS: Final = 1_000

logger = logging.getLogger(__name__)


class Session:
    """Made by the manager, which runs it; found by the app through its client token."""

    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._clock = config.clock
        self._began_ms = config.clock.now_ms()
        self._conversation = Conversation(config.terms(), self._began_ms)
        self.bus: EventBus[Fact] = EventBus()
        self._relays = RelayMeter(self.bus, config.clock)
        self._page = Page(self._relays.frame_sent)
        self._link = ProviderLink(
            config.provider_factory,
            self,
            config.clock,
            config.limits.connect_timeout_ms,
            config.retry,
        )
        self._provider_name = ""
        self._timer = Timekeeper(config.clock, self._deadline_ms, self._on_time)
        self._ended = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None
        self._presence = Presence(config.limits, self._page.outbox, self._began_ms)
        self._commands = CommandGate(config.id, config.verify_command)
        self.audio_tap: AudioTap | None = None
        """Gets the audio of both sides while somebody records it."""
        self.provider: Provider | None = None
        """The live connection, while there is one."""
        self.connected: Connected | None = None
        self.end_code: str | None = None
        """Why it ended; None while it lives."""

    # For the app and the manager.

    @property
    def id(self) -> str:
        return self._config.id

    @property
    def client_token(self) -> str:
        return self._config.client_token

    @property
    def address(self) -> str:
        return self._config.address

    @property
    def phase(self) -> wire.TurnPhase:
        return self._conversation.phase

    @property
    def tool_names(self) -> frozenset[str]:
        """What the model is offered now."""
        return frozenset(tool.name for tool in self._conversation.settings.tools)

    @property
    def attached(self) -> bool:
        """A page is connected now."""
        return self._page.attachment is not None

    @property
    def age_ms(self) -> float:
        return self._clock.now_ms() - self._began_ms

    def opens(self, resume_key: str) -> bool:
        """The key is one that `session.ready` gave."""
        return self.end_code is None and self._page.opens(resume_key)

    def can_resume(self, received_seq: int) -> bool:
        """The page cannot have more than was ever sent."""
        return received_seq <= self._page.outbox.last_seq

    def say(self, text: str) -> None:
        """Let the assistant say this as soon as nobody speaks."""
        self._conversation.say(text, self._clock.now_ms())
        self._apply()

    def message(self, text: str) -> None:
        """A message as if the user had typed it."""
        self._conversation.message(text, self._clock.now_ms())
        self._apply()

    def interrupt(self) -> None:
        """Stop the answer."""
        self._conversation.interrupt(self._clock.now_ms())
        self._apply()

    def change(
        self,
        *,
        instructions: str | None = None,
        tools: Sequence[ToolSpec] | None = None,
        voice: str | None = None,
    ) -> None:
        """What is given; see `Conversation.change`."""
        self._conversation.change(instructions=instructions, tools=tools, voice=voice)
        self._apply()

    def send_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Figures for the page and for whoever watches."""
        self._conversation.out.send(wire.MetricsUpdate(metrics))
        self._apply()

    def end(self, code: str = "user") -> None:
        """End it, once; `code` is a wire code or `user`."""
        if self.end_code is None:
            self.end_code = code
            self._ended.set()

    def limit(self, longest_ms: float, code: str) -> None:
        """It ends at this age; `code` says why."""
        self._conversation.limit(self._began_ms + longest_ms, code)
        self._timer.look()

    def look_at_clock(self) -> None:
        """The clock moved otherwise than by waiting: for simulations."""
        self._timer.look()

    # The life of it.

    async def run(self) -> None:
        """Live until `end`. The manager runs this in its task group."""
        async with watching(self, self._config.watchers):
            try:
                await self._live()
            except Exception as error:
                log_failure(logger, self.id, error)
                self.end("internal")
            finally:
                # Not ended yet means cancelled: the server goes down.
                self.end("server_restarting")
                self._close()

    async def _live(self) -> None:
        async with anyio.create_task_group() as group:
            self._tasks = group
            group.start_soon(self._page.pump)
            group.start_soon(self._keep_link)
            group.start_soon(self._timer.run)
            await self._ended.wait()
            self._say_why()
            with anyio.move_on_after(FAREWELL_MS / 1000):
                await self._page.flush()
            group.cancel_scope.cancel()

    def _say_why(self) -> None:
        code = self.end_code or "internal"
        if code in ERRORS and self._page.attachment is not None:
            self._tell(code, self._link.retry_after_ms)

    def _tell(self, code: str, retry_after_ms: float | None) -> None:
        """Tell the person, greeted or not, and whoever watches."""
        row = ERRORS[code]
        event = wire.ErrorEvent(code, row.message, row.recoverable, retry_after_ms)
        self._page.tell(event)
        self._page.wake()
        self.bus.publish(event)

    def _close(self) -> None:
        self._tasks = None
        if self._page.attachment is not None:
            self._page.attachment.end(self.end_code or "internal")
        self._relays.flush()
        self.bus.publish(SessionEnded(self.id, self.end_code or "internal", self.age_ms))
        self.bus.close()

    def _publish_mark(self, name: MarkName, at_ms: float) -> None:
        self.bus.publish(Mark(name, at_ms, "server", self._conversation.machine.turn))

    async def _keep_link(self) -> None:
        self.end(await self._link.run())

    def _deadline_ms(self) -> float:
        return min(self._conversation.deadline(), self._presence.deadline_ms)

    def _on_time(self, now_ms: float) -> None:
        absent = self._presence.verdict(now_ms)
        if absent is not None:
            self.end(absent)
        elif now_ms >= self._conversation.deadline():
            self._conversation.tick(now_ms)
            self._apply()

    # The page.

    async def serve(self, channel: ClientChannel, received_seq: int | None = None) -> str:
        """Serve one socket until it or the session ends; the reason for its closing. `received_seq`
        is of a resume: what the page has already. Cancelling this detaches."""
        if self.end_code is not None:
            return self.end_code
        attachment = self._page.attach(channel)
        now_ms = self._clock.now_ms()
        self._presence.came(now_ms)
        if received_seq is not None:
            self._page.outbox.rewind(received_seq)
            self._publish_mark("resumed", now_ms)
            self._conversation.answering.watch_browser(now_ms)
        self._greet(resumed=received_seq is not None)
        try:
            with attachment.scope:
                await Reception(self._page, self, self._clock).read(attachment)
        except Exception as error:
            # A boundary: the conversation's rules failed on a frame.
            log_failure(logger, self.id, error)
            self.end("internal")
            attachment.end("internal")
        finally:
            if self._page.detach(attachment) and not self._page.was_greeted:
                # It cannot come back without a key: nobody is left to connect for.
                self.end("gone")
            elif self.end_code is None and not self.attached:
                left_ms = self._clock.now_ms()
                self._presence.went(left_ms)
                self._conversation.answering.browser_gone()
                self._publish_mark("detached", left_ms)
                self._timer.look()
        return attachment.reason

    def _greet(self, *, resumed: bool) -> None:
        attachment, connected = self._page.attachment, self.connected
        if attachment is None or attachment.ready or connected is None:
            return
        attachment.ready = True
        config = self._config
        self._page.send_now(
            wire.SessionReady(
                session_id=self.id,
                resume_key=self._page.new_key(),
                resumed=resumed,
                received_seq=self._page.received_seq,
                provider=self._provider_name,
                model=connected.model,
                voice=connected.voice,
                options=self._conversation.listening.options,
                max_session_ms=config.max_session_ms,
                max_ahead_ms=config.limits.max_ahead_ms,
                server_time_ms=self._clock.now_ms(),
            )
        )

    def on_frame(self, event: wire.ClientEvent) -> None:
        self._conversation.on_client(event, self._clock.now_ms())
        if isinstance(event, wire.AudioChunk):
            if self.audio_tap is not None:
                self.audio_tap.user_audio(event)
            # Fifty times a second, and it decides nothing: neither page nor timer need waking.
            self._link.submit(self._conversation.out.commands)
            self._conversation.out.clear()
        else:
            self._apply()

    def on_ping(self, ping: wire.ClockPing, received_ms: float, sent_ms: float) -> None:
        self._conversation.clock_sample(ping, received_ms, sent_ms)
        self._apply()

    def on_command(self, command: str) -> None:
        try:
            execute(self._commands.open(command), self)
        except WireError as error:
            self.complain(error.code)

    def complain(self, code: str) -> None:
        """Tell the person; the conversation goes on."""
        self._conversation.error(code)
        self._apply()

    # The provider (LinkOwner).

    def begin_connect(self) -> SessionSettings:
        return self._conversation.begin_connect()

    def link_up(self, provider: Provider, connected: Connected) -> None:
        reconnected = self.connected is not None
        self.provider, self.connected = provider, connected
        self._provider_name = provider.name
        now_ms = self._clock.now_ms()
        self.bus.publish(
            SessionStarted(
                self.id, provider.name, connected.model, connected.voice, reconnected, now_ms
            )
        )
        if reconnected:
            self._publish_mark("link_up", now_ms)
        self._greet(resumed=False)
        self._conversation.on_link_up(connected, now_ms)
        self._apply()

    def link_down(self, code: str | None) -> None:
        self.provider = None
        self._conversation.on_link_down(self._clock.now_ms(), code)
        self._apply()

    def provider_event(self, event: ProviderEvent) -> None:
        self._conversation.on_provider(event, self._clock.now_ms())
        self._apply()

    def appended(self, command: effects.AppendAudio) -> None:
        self._conversation.listening.appended.append(
            command.position_samples, len(command.pcm) // 2
        )

    def relayed_up(self, delay_ms: float | None, audio_bytes: int) -> None:
        self._relays.add("up", delay_ms, audio_bytes)

    def link_waits(self, code: str, delay_ms: float) -> None:
        """Worth a word when a person would wonder what takes so long."""
        if delay_ms >= TOLD_WAIT_MS or code == "provider_timeout":
            self._tell(code, delay_ms)

    # Carrying out.

    def _apply(self) -> None:
        """Carry out what the conversation decided."""
        out = self._conversation.out
        for turn in out.dropped_turns:
            self._page.outbox.drop_audio(turn)
        for frame in out.frames:
            self._page.outbox.push(frame.event, frame.received_ms)
            if self.audio_tap is not None and isinstance(frame.event, wire.AudioChunk):
                self.audio_tap.assistant_audio(frame.event)
        self._link.submit(out.commands)
        for call in out.tools:
            if self._tasks is not None:
                self._tasks.start_soon(self._run_tool, call)
        for fact in out.facts:
            self.bus.publish(fact)
        replace, wished = out.replace_link, out.link_wished
        end, told = out.end, bool(out.frames)
        out.clear()
        if replace:
            self._link.replace(None, wished=wished)
        if end is not None:
            self.end(end)
        if self._page.outbox.full:
            self.end("client_stalled")
        if told:
            self._page.wake()
        self._timer.deadline_may_have_moved()

    async def _run_tool(self, call: effects.RunTool) -> None:
        output, failed = await run_tool(
            self._config.tools, self.client_token, call.name, call.arguments
        )
        self._conversation.on_tool_result(
            call.call_id, output, failed=failed, now_ms=self._clock.now_ms()
        )
        self._apply()

"""The provider's side of a session: one connection at a time, kept alive within bounds.

Connects, hands events to the conversation, carries its commands out in order; when the connection
breaks it tries again a bounded number of times, with the history, and says how long it waits.
Commands wait here while there is none: what was said before the first connection is kept (bounded),
what was said into a gap is stale and dropped. A connection that is left on purpose is closed beside
the making of the next, so that no word falls between. The reader never waits for the page.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol, assert_never

import anyio
import anyio.lowlevel

from voice_loop.audio.pcm import BYTES_PER_SAMPLE, bytes_to_ms, ms_to_bytes
from voice_loop.errors import ERRORS, ProviderError, ProviderRejected, ProviderTimeout
from voice_loop.latency.clock import Clock
from voice_loop.providers.base import (
    Connected,
    Fault,
    Provider,
    ProviderEvent,
    ProviderFactory,
    SessionSettings,
)
from voice_loop.providers.retry import RetryPolicy
from voice_loop.session import effects
from voice_loop.session.signal import Signal

STABLE_MS: Final = 30_000
"""A connection that lasted so long wipes the slate."""
HELD_FIRST_MS: Final = 10_000
HELD_LATER_MS: Final = 2_000
MAX_COMMANDS: Final = 2_000
MAX_JOINED_BYTES: Final = ms_to_bytes(100)
CLOSE_MS: Final = 2_000
_FATAL_CLOSE: Final = 4021
_OF_THE_MICROPHONE: Final = (effects.AppendAudio, effects.CommitAudio, effects.ClearAudio)

logger = logging.getLogger(__name__)


class LinkOwner(Protocol):
    """What the link tells."""

    def begin_connect(self) -> SessionSettings:
        """The settings and history for a connection that begins now."""
        ...

    def link_up(self, provider: Provider, connected: Connected) -> None: ...

    def link_down(self, code: str | None) -> None:
        """`code`: what to tell the person; None when the change was ours."""
        ...

    def link_waits(self, code: str, delay_ms: float) -> None:
        """There is no connection, because of `code`; the next try begins after the delay."""
        ...

    def provider_event(self, event: ProviderEvent) -> None: ...

    def appended(self, command: effects.AppendAudio) -> None:
        """The audio is about to be handed to the provider."""
        ...

    def relayed_up(self, delay_ms: float | None, audio_bytes: int) -> None:
        """It was handed over, so long after it came; None when it waited for the connection."""
        ...


class ProviderLink:
    """Commands in, events out, whatever happens to the connection between."""

    def __init__(
        self,
        factory: ProviderFactory,
        owner: LinkOwner,
        clock: Clock,
        connect_timeout_ms: float,
        retry: RetryPolicy,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._factory = factory
        self._owner = owner
        self._clock = clock
        self._connect_timeout_ms = connect_timeout_ms
        self._retry = retry
        self._chance = chance
        self._tries = 0
        self._wished = False
        self._queue: deque[effects.Command] = deque()
        self._held_ms = 0.0
        self._ever_up = False
        self._accepting = True
        self._changed = Signal()
        self._scope: anyio.CancelScope | None = None
        self._lost: str | None = None
        self.up = False
        self.dropped_audio_ms = 0.0
        self.retry_after_ms: float | None = None
        """When it ended with that: how long the provider wants to be left alone."""

    def submit(self, commands: Iterable[effects.Command]) -> None:
        """Queue commands for the present connection, or the one being made."""
        for command in commands:
            if not self._accepting:
                continue
            if isinstance(command, effects.AppendAudio):
                self._held_ms += bytes_to_ms(len(command.pcm))
            self._queue.append(command)
        self._shed_audio()
        if len(self._queue) > MAX_COMMANDS:
            self.replace("provider_lost")
        self._changed.set()

    def _shed_audio(self) -> None:
        limit = HELD_LATER_MS if self._ever_up and not self.up else HELD_FIRST_MS
        if self._held_ms <= limit:
            return
        kept: deque[effects.Command] = deque()
        for command in self._queue:
            if isinstance(command, effects.AppendAudio) and self._held_ms > limit:
                duration_ms = bytes_to_ms(len(command.pcm))
                self._held_ms -= duration_ms
                self.dropped_audio_ms += duration_ms
            else:
                kept.append(command)
        self._queue = kept

    def replace(self, code: str | None, *, wished: bool = False) -> None:
        """Leave this connection for a new one. What a person wished for is no failure of it."""
        if self._scope is not None:
            self._lost = code
            self._wished = wished
            self._scope.cancel()

    async def run(self) -> str:
        """Keep connected; returns the wire code with which the session has to end."""
        code: str | None = None
        async with anyio.create_task_group() as closers:
            while code is None:
                provider = self._factory()
                try:
                    code = await self._hold(provider)
                finally:
                    closers.start_soon(_close, provider)
        assert code is not None
        return code

    async def _hold(self, provider: Provider) -> str | None:
        """One connection, from first packet to last, and the wait before the next; a code when
        there is no next."""
        try:
            connected = await self._connect(provider)
        except ProviderError as error:
            if isinstance(error, ProviderRejected):
                return error.code
            return await self._wait(error.code, error.retry_after_ms, failed=True)
        began_ms = self._clock.now_ms()
        lost = await self._serve(provider, connected)
        if lost is not None and ERRORS[lost].close_code == _FATAL_CLOSE:
            return lost
        if self._clock.now_ms() - began_ms >= STABLE_MS:
            self._tries = 0
        self._owner.link_down(lost)
        if lost is None and self._wished:
            return None
        return await self._wait(lost, None, failed=False)

    async def _wait(
        self, code: str | None, retry_after_ms: float | None, *, failed: bool
    ) -> str | None:
        """Before the next try; a code when it is not to be. A change of our own counts too, as
        connections that never last must come to an end; but it waits for nothing, not even for
        another task, or words spoken meanwhile would be lost."""
        self._tries += 1
        delay_ms = self._retry.next_delay_ms(
            self._tries, self._chance(), ever_up=self._ever_up, retry_after_ms=retry_after_ms
        )
        if delay_ms is None:
            self.retry_after_ms = retry_after_ms
            return code or "provider_unreachable"
        if failed:
            self._owner.link_waits(code or "provider_unreachable", delay_ms)
        if code is not None:
            await anyio.sleep(delay_ms / 1000)
        return None

    async def _connect(self, provider: Provider) -> Connected:
        self._accepting = True
        # Settings and history of a new connection hold the rest.
        self._queue = deque(c for c in self._queue if isinstance(c, _OF_THE_MICROPHONE))
        settings = self._owner.begin_connect()
        try:
            with anyio.fail_after(self._connect_timeout_ms / 1000):
                return await provider.connect(settings)
        except TimeoutError:
            raise ProviderTimeout("provider_timeout") from None

    async def _serve(self, provider: Provider, connected: Connected) -> str | None:
        """Until the connection ends; what to tell the person, None for a change of our own."""
        self._lost, self._wished = "provider_lost", False
        try:
            async with anyio.create_task_group() as group:
                self._scope = group.cancel_scope
                self._ever_up = self.up = True
                self._owner.link_up(provider, connected)
                group.start_soon(self._write, provider)
                await self._read(provider)
                group.cancel_scope.cancel()
        finally:
            self._scope = None
            self.up = False
            self._accepting = False
            self._queue.clear()
            self._held_ms = 0.0
        return self._lost

    async def _read(self, provider: Provider) -> None:
        async for event in provider.events():
            if isinstance(event, Fault) and not event.recoverable:
                self._lost = event.code if event.code in ERRORS else "provider_lost"
                logger.warning("provider ended: %s (%s)", event.code, event.detail_code)
            self._owner.provider_event(event)
            # Answers come in bursts, read without a pause: the first of one must not wait in here
            # until the last is decoded.
            await anyio.lowlevel.checkpoint()

    async def _write(self, provider: Provider) -> None:
        up_since_ms = self._clock.now_ms()
        while True:
            while not self._queue:
                await self._changed.wait()
            command = self._queue.popleft()
            if isinstance(command, effects.AppendAudio):
                command = self._with_what_follows(command)
                self._held_ms -= bytes_to_ms(len(command.pcm))
                # Before the wait: the provider may speak of it at once.
                self._owner.appended(command)
            try:
                await perform(provider, command)
            except ProviderError as error:
                logger.warning("provider command failed: %s", error.code)
                self.replace(error.code)
                return
            if isinstance(command, effects.AppendAudio):
                came_ms = command.received_ms
                delay_ms = self._clock.now_ms() - came_ms if came_ms >= up_since_ms else None
                self._owner.relayed_up(delay_ms, len(command.pcm))

    def _with_what_follows(self, first: effects.AppendAudio) -> effects.AppendAudio:
        """Chunks that wait behind each other go out as one; nothing waits in order to be joined."""
        pcm = first.pcm
        while self._queue and len(pcm) < MAX_JOINED_BYTES:
            following = self._queue[0]
            if not isinstance(following, effects.AppendAudio):
                break
            if following.position_samples != first.position_samples + len(pcm) // BYTES_PER_SAMPLE:
                break
            pcm += following.pcm
            self._queue.popleft()
        return effects.AppendAudio(pcm, first.position_samples, first.received_ms)


async def perform(provider: Provider, command: effects.Command) -> None:
    """Carry one command out. Raises ProviderError."""
    match command:
        case effects.AppendAudio(pcm):
            await provider.append_audio(pcm)
        case effects.CommitAudio():
            await provider.commit_audio()
        case effects.ClearAudio():
            await provider.clear_audio()
        case effects.CreateResponse(instructions):
            await provider.create_response(instructions)
        case effects.CancelResponse():
            await provider.cancel_response()
        case effects.TruncateItem(item_id, audio_end_ms):
            await provider.truncate_item(item_id, audio_end_ms)
        case effects.DeleteItem(item_id):
            await provider.delete_item(item_id)
        case effects.AddText(text):
            await provider.add_text(text)
        case effects.AddToolResult(call_id, output):
            await provider.add_tool_result(call_id, output)
        case effects.UpdateSettings(settings):
            await provider.update(settings)
        case _:
            assert_never(command)


async def _close(provider: Provider) -> None:
    with anyio.move_on_after(CLOSE_MS / 1000, shield=True):
        await provider.aclose()

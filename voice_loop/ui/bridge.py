"""The session's hooks into Reflex: what it is opened with, and what it writes into the state.

Writes are coalesced to at most ten a second; what waits is bounded by the bus. Any worker's session
reaches the right tab: `modify_state` finds it, with Redis across workers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import reflex as rx

from voice_loop.config import Settings
from voice_loop.event_bus import Subscription
from voice_loop.latency.clock import Clock
from voice_loop.providers.base import SessionSettings, ToolSpec
from voice_loop.server.mount import session_settings
from voice_loop.session.facts import Fact
from voice_loop.session.session import Session
from voice_loop.ui.board import Board, as_cut, as_left, history, merged, with_tools
from voice_loop.ui.overlay_feed import OverlayFeed, begin_feed
from voice_loop.ui.overlay_state import fill
from voice_loop.ui.recording_state import show_recording
from voice_loop.ui.state import VoiceState
from voice_loop.ui.tab import with_wishes

COALESCE_S: Final = 0.1
MAX_FAILED_WRITES: Final = 20

Authorize = Callable[[str, str], Awaitable[bool]]


class StateBridge:
    """Hooks of a VoiceLoop: looks things up in the state of a tab and writes into it."""

    def __init__(
        self,
        settings: Settings,
        tools: tuple[ToolSpec, ...] = (),
        authorize: Authorize | None = None,
        state: type[VoiceState] = VoiceState,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._authorize = authorize
        self._state = state
        self._clock = clock
        self.app: rx.App | None = None

    def _token(self, client_token: str) -> rx.BaseStateToken:
        return rx.BaseStateToken(ident=client_token, cls=self._state)

    async def settings_for(self, client_token: str) -> SessionSettings:
        """Instructions, tools and the conversation that the page shows, from the server's side."""
        settings = dataclasses.replace(session_settings(self._settings), tools=self._tools)
        if self.app is None:
            return settings
        async with self.app.modify_state(self._token(client_token)) as root:
            state = await root.get_state(self._state)
            # Of a session that ended without a word (its worker was killed) lines still change.
            left = [*map(as_left, [*state.lines, *map(as_cut, state.live)])]
            state.lines, state.live = left, []
            return dataclasses.replace(
                settings,
                instructions=with_wishes(
                    state._instructions or settings.instructions, state.wishes
                ),
                voice=state.voice_wish or settings.voice,
                tools=self._offered(state._offered),
                history=history(left),
            )

    def _offered(self, names: list[str] | None) -> tuple[ToolSpec, ...]:
        if names is None:
            return self._tools
        return tuple(spec for spec in self._tools if spec.name in names)

    async def authorize(self, client_token: str, address: str) -> bool:
        """The host app's word; everybody may where it says nothing."""
        return self._authorize is None or await self._authorize(client_token, address)

    async def watch(self, session: Session) -> None:
        """Write what the session learns into the state of its tab. What could not be written (a
        lock that is taken, a store that is away) is written with what comes next; a store that
        fails for good ends this and not the conversation."""
        feed = OverlayFeed(self._clock)
        begin_feed(self._state._loop_name, session.client_token, feed)
        board, failures = Board(feed=feed), 0
        with session.bus.subscribe() as facts:
            async for fact in facts:
                changed = board.add(fact)
                for more in facts.take_all():
                    changed = board.add(more) or changed
                due = changed or failures > 0 or board.due
                while due:
                    meanwhile = Board(feed=feed)
                    try:
                        async with _noting(facts, meanwhile):
                            await self._write(session.client_token, board)
                    except Exception:
                        board.join(meanwhile)
                        failures += 1
                        if failures > MAX_FAILED_WRITES:
                            raise
                    else:
                        board, failures = meanwhile, 0
                    due = await _coalesce(facts, board) or not meanwhile.empty
        if feed.close() or failures:
            await self._write(session.client_token, board)

    async def _write(self, client_token: str, board: Board) -> None:
        if self.app is None:
            return
        async with self.app.modify_state(self._token(client_token)) as root:
            state = await root.get_state(self._state)
            show(state, board)
            if board.feed is not None:
                # Another worker may have opened or closed it.
                board.feed.watched = state.overlay_open
                if board.due:
                    fill(state, board.feed)


@asynccontextmanager
async def _noting(facts: Subscription[Fact], board: Board) -> AsyncIterator[None]:
    """Note what comes meanwhile: a handler of the app may hold the state for longer than the bus
    keeps facts."""

    async def note() -> None:
        async for fact in facts:
            board.add(fact)

    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(note)
        try:
            yield
        except Exception as error:
            # Raised below as it is: the task group would wrap it.
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _coalesce(facts: Subscription[Fact], board: Board) -> bool:
    """Note what comes in the pause between two writes, at once: its log tells when it came. Whether
    there is something to show."""
    changed = False
    with anyio.move_on_after(COALESCE_S):
        async for fact in facts:
            changed = board.add(fact) or changed
    return changed


def show(state: VoiceState, board: Board) -> None:
    """Write what the session learned into the state of its tab.

    No method of the state: Reflex lets the browser call every public one, and what the page shows
    of the conversation is the server's word, which the next session is told.
    """
    if board.started is not None:
        state.session_id = board.started.session_id
        state.provider = board.started.provider
        state.model = board.started.model
        state.voice = board.started.voice
    if board.lines:
        state.lines, state.live = merged(list(state.lines), list(state.live), board.lines.values())
    if board.tools:
        state.tools = with_tools(list(state.tools), board.tools)
    if board.metrics is not None:
        state.metrics = board.metrics
    if board.recording is not None:
        show_recording(state, board.recording)

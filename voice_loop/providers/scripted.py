"""A provider without a network: a public test double of the port in `providers.base`.

It works in two ways. With `steps` it is strict: each command must be the next expected one, which
then emits its events; an unexpected command raises ScriptError at once, and so does a step that is
left over at `aclose`. Without steps it runs free: the test emits events and reads the commands
(`commands`, `await expect(...)`), or gives `react`, which answers each command with events.
In both, `stall` and `fail` break a kind of command, `hang_up` breaks the connection.

    provider = ScriptedProvider([Expect(CreateResponse, emits=(ResponseStarted("r1"),))])

Audio is collected in `audio` and never counts as a step unless a step names AppendAudio. It does
not keep time and does not judge what the caller does beyond the steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import anyio
import anyio.lowlevel

from voice_loop.errors import ProviderError, ProviderUnavailable
from voice_loop.providers import commands
from voice_loop.providers.base import Connected, ProviderEvent, SessionSettings
from voice_loop.providers.commands import (
    AddText,
    AddToolResult,
    AppendAudio,
    CancelResponse,
    ClearAudio,
    CommitAudio,
    CreateResponse,
    DeleteItem,
    TruncateItem,
    UpdateSettings,
)

__all__ = [
    "AddText",
    "AddToolResult",
    "AppendAudio",
    "CancelResponse",
    "ClearAudio",
    "Command",
    "CommitAudio",
    "Connect",
    "CreateResponse",
    "DeleteItem",
    "Expect",
    "ScriptError",
    "ScriptedProvider",
    "ScriptedProviders",
    "TruncateItem",
    "UpdateSettings",
]

MAX_WAITING_EVENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Connect:
    settings: SessionSettings


Command = Connect | commands.Command
CommandT = TypeVar("CommandT", bound=Command)


class ScriptError(AssertionError):
    """The code under test did not do what the script says."""


@dataclass(frozen=True, slots=True)
class Expect:
    """One step: this very command, or any of this kind, and what it causes."""

    command: Command | type[Command]
    emits: Sequence[ProviderEvent] = ()

    def accepts(self, command: Command) -> bool:
        return _fits(self.command, command)


def _fits(wanted: object, command: Command) -> bool:
    return isinstance(command, wanted) if isinstance(wanted, type) else command == wanted


class ScriptedProvider:
    """Implements `providers.base.Provider` in memory; not thread safe."""

    def __init__(
        self,
        steps: Sequence[Expect] | None = None,
        *,
        name: str = "scripted",
        connected: Connected | None = None,
        on_connect: Sequence[ProviderEvent] = (),
        react: Callable[[Command], Sequence[ProviderEvent]] | None = None,
    ) -> None:
        self._steps = None if steps is None else deque(steps)
        self._names_audio = any(_names_audio(step.command) for step in steps or ())
        self._name = name
        self._connected = connected or Connected("scripted", "none", None)
        self._on_connect = tuple(on_connect)
        self._react = react
        self._events: deque[ProviderEvent] = deque()
        self._changed = anyio.Event()
        self._stalled: set[type[Command]] = set()
        self._failures: dict[type[Command], deque[ProviderError]] = {}
        self._unread = 0
        self._reading = False
        self._broken = False
        self.closed = False
        self.commands: list[Command] = []
        """Everything received, audio apart, in order; a failed command is in it too."""
        self.audio = bytearray()
        """All PCM appended."""
        self.violations: list[ScriptError] = []

    @property
    def name(self) -> str:
        return self._name

    # For the test.

    @property
    def settings(self) -> SessionSettings | None:
        """The settings in force: of the last `connect` or `update`."""
        for command in reversed(self.commands):
            if isinstance(command, Connect | UpdateSettings):
                return command.settings
        return None

    def emit(self, *events: ProviderEvent) -> None:
        """Let these events happen now. Raises OverflowError if nobody reads them."""
        if len(self._events) + len(events) > MAX_WAITING_EVENTS:
            raise OverflowError("nobody reads the provider's events")
        self._events.extend(events)
        self._wake()

    def hang_up(self) -> None:
        """Break the connection: `events()` ends after what waits, commands raise provider_lost."""
        self._broken = True
        self._wake()

    def stall(self, kind: type[Command]) -> None:
        """Let commands of this kind hang until `release`, `hang_up` or `aclose`."""
        self._stalled.add(kind)

    def release(self, kind: type[Command]) -> None:
        """Let the stalled commands of this kind go on, and later ones pass."""
        self._stalled.discard(kind)
        self._wake()

    def fail(self, kind: type[Command], *errors: ProviderError) -> None:
        """The next commands of this kind raise these errors, one each."""
        self._failures.setdefault(kind, deque()).extend(errors)

    async def expect(
        self, wanted: type[CommandT] | CommandT, *, skip: bool = False, timeout_ms: float = 5_000
    ) -> CommandT:
        """The next command the test has not looked at yet, which must be `wanted`.

        With `skip`, those before it are passed over. Audio never counts. Raises ScriptError for
        another command, and if none comes within `timeout_ms`.
        """
        with anyio.move_on_after(timeout_ms / 1000):
            while True:
                while self._unread == len(self.commands):
                    await self._changed.wait()
                command = self.commands[self._unread]
                self._unread += 1
                if _fits(wanted, command):
                    return cast(CommandT, command)
                if not skip:
                    raise ScriptError(f"expected {_kind(wanted)}, got {_kind(command)}")
        raise ScriptError(f"expected {_kind(wanted)}, but it did not come")

    def check(self) -> None:
        """Raise ScriptError for the first violation, or for steps that are left over.

        For the end of a test: a session may have caught what a command raised.
        """
        if self.violations:
            raise self.violations[0]
        if self._steps:
            raise ScriptError(f"{len(self._steps)} steps left, first: {_kind(self._steps[0])}")

    # The port.

    async def connect(self, settings: SessionSettings) -> Connected:
        await self._command(Connect(settings))
        self.emit(*self._on_connect)
        return self._connected

    async def events(self) -> AsyncIterator[ProviderEvent]:
        if self._reading:
            raise ScriptError("events() has one reader")
        self._reading = True
        while True:
            while self._events:
                yield self._events.popleft()
            if self._broken or self.closed:
                return
            await self._changed.wait()

    async def append_audio(self, pcm: bytes) -> None:
        await self._command(AppendAudio(pcm))

    async def commit_audio(self) -> None:
        await self._command(CommitAudio())

    async def clear_audio(self) -> None:
        await self._command(ClearAudio())

    async def create_response(self, instructions: str | None = None) -> None:
        await self._command(CreateResponse(instructions))

    async def cancel_response(self) -> None:
        await self._command(CancelResponse())

    async def truncate_item(self, item_id: str, audio_end_ms: int) -> None:
        await self._command(TruncateItem(item_id, audio_end_ms))

    async def delete_item(self, item_id: str) -> None:
        await self._command(DeleteItem(item_id))

    async def add_text(self, text: str) -> None:
        await self._command(AddText(text))

    async def add_tool_result(self, call_id: str, output: str) -> None:
        await self._command(AddToolResult(call_id, output))

    async def update(self, settings: SessionSettings) -> None:
        await self._command(UpdateSettings(settings))

    async def aclose(self) -> None:
        """Close. Raises ScriptError, the first time, if steps are left over."""
        if self.closed:
            return
        self.closed = True
        self._wake()
        if self._steps:
            violation = ScriptError(f"closed with {len(self._steps)} steps left over")
            self.violations.append(violation)
            raise violation

    async def _command(self, command: Command) -> None:
        kind = type(command)
        if isinstance(command, AppendAudio):
            self.audio += command.pcm
        else:
            self.commands.append(command)
            self._wake()
        while kind in self._stalled and not (self._broken or self.closed):
            await self._changed.wait()
        if self._broken or self.closed:
            raise ProviderUnavailable("provider_lost")
        failures = self._failures.get(kind)
        if failures:
            raise failures.popleft()
        self._step(command)
        if self._react is not None:
            self.emit(*self._react(command))
        await anyio.lowlevel.checkpoint()

    def _step(self, command: Command) -> None:
        if self._steps is None or (_names_audio(command) and not self._names_audio):
            return
        if isinstance(command, Connect) and not (self._steps and self._steps[0].accepts(command)):
            return
        if not self._steps or not self._steps[0].accepts(command):
            wanted = _kind(self._steps[0].command) if self._steps else "nothing more"
            violation = ScriptError(f"expected {wanted}, got {_kind(command)}")
            self.violations.append(violation)
            raise violation
        self.emit(*self._steps.popleft().emits)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class ScriptedProviders:
    """A ProviderFactory that hands out prepared providers, then free-running ones."""

    def __init__(self, *providers: ScriptedProvider) -> None:
        self._prepared = deque(providers)
        self.made: list[ScriptedProvider] = []
        """Every provider handed out, in order."""
        self._changed = anyio.Event()

    def __call__(self) -> ScriptedProvider:
        provider = self._prepared.popleft() if self._prepared else ScriptedProvider()
        self.made.append(provider)
        self._changed.set()
        self._changed = anyio.Event()
        return provider

    async def wait_for(self, count: int, *, timeout_ms: float = 5_000) -> ScriptedProvider:
        """The `count`-th provider (from 1) as soon as it was asked for."""
        with anyio.fail_after(timeout_ms / 1000):
            while len(self.made) < count:
                await self._changed.wait()
        return self.made[count - 1]


def _names_audio(command: Command | type[Command]) -> bool:
    return command is AppendAudio or isinstance(command, AppendAudio)


def _kind(what: object) -> str:
    """The kind alone: commands carry what people say."""
    if isinstance(what, Expect):
        what = what.command
    return what.__name__ if isinstance(what, type) else type(what).__name__

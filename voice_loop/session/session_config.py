"""What a session needs from outside, in one object: who, with which provider, within which bounds.

Made by the manager, one a session. It holds functions and limits, never state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voice_loop.config import Limits
from voice_loop.errors import WireError
from voice_loop.latency.clock import Clock
from voice_loop.protocol.events import StartOptions
from voice_loop.providers.base import ProviderFactory, SessionSettings
from voice_loop.providers.retry import RetryPolicy
from voice_loop.session.conversation import Terms
from voice_loop.session.operations import AppOperation
from voice_loop.session.tools import ToolRunner, no_tools

if TYPE_CHECKING:
    from voice_loop.session.session import Session

CommandVerifier = Callable[[str, str], AppOperation]
"""(session id, signed command) → what it says. Raises WireError when it is not valid."""
Watcher = Callable[["Session"], Awaitable[None]]
"""Reads `session.bus` for as long as the session lives; its failure does not end the session."""


def refuse_commands(session_id: str, command: str) -> AppOperation:
    """The verifier of a server that signs no commands."""
    raise WireError("command_refused")


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """The terms of one session."""

    id: str
    client_token: str
    address: str
    settings: SessionSettings
    options: StartOptions
    limits: Limits
    max_session_ms: float
    provider_factory: ProviderFactory
    clock: Clock
    tools: ToolRunner = no_tools
    verify_command: CommandVerifier = refuse_commands
    watchers: Sequence[Watcher] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def terms(self) -> Terms:
        """What of it the conversation goes by."""
        # Line ids are unique across sessions: a page keeps the lines of several.
        prefix = hashlib.sha256(self.id.encode()).hexdigest()[:6] + "-"
        shortened = self.max_session_ms < self.limits.max_session_ms
        end_code = "daily_limit" if shortened else "session_limit"
        return Terms(
            self.settings, self.options, self.limits, self.max_session_ms, prefix, end_code
        )

"""A host app for a granian process of its own: answers everything at once, with a second of sound.

Run by `test_drain.py`, which sends signals to it and gives it the ticket secret in its environment.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import count

from starlette.applications import Starlette

from tests.server.hosts import host_app
from tests.session.houses import answer
from voice_loop.config import Limits, Settings
from voice_loop.providers.base import ProviderEvent
from voice_loop.providers.scripted import Command, CreateResponse, ScriptedProvider
from voice_loop.server.mount import VoiceServer

_numbers = count(1)


def _react(command: Command) -> Sequence[ProviderEvent]:
    if not isinstance(command, CreateResponse):
        return ()
    number = next(_numbers)
    return answer(f"r{number}", f"a{number}")


def make_server() -> VoiceServer:
    settings = Settings(
        ticket_secret=os.environ["TEST_TICKET_SECRET"],
        limits=Limits(drain_ms=float(os.environ.get("TEST_DRAIN_MS", "5000"))),
    )
    return VoiceServer(settings, provider_factory=lambda: ScriptedProvider(react=_react))


def make_app() -> Starlette:
    return host_app(make_server())

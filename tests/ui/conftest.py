"""A real Reflex app for a test, with its event queue running where it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import reflex as rx
from reflex_base.registry import RegistrationContext


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[rx.App]:
    """An app of its own; its states are forgotten afterwards."""
    monkeypatch.setenv("REFLEX_STATE_MANAGER_MODE", "memory")
    token = RegistrationContext.set(RegistrationContext.ensure_context().fork())
    try:
        yield rx.App()
    finally:
        RegistrationContext.reset(token)


@pytest.fixture
async def running(app: rx.App) -> AsyncIterator[rx.App]:
    """The app as it is while a server runs: handlers are queued and carried out."""
    async with app._setup_event_processor():
        yield app

"""The watcher that gives each session its latency budget and the process its telemetry.

    telemetry = ProcessTelemetry()
    SessionPlan(..., watchers=[session_watcher(telemetry, clock)])

One watcher serves every session; each call reads one session's bus to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

from voice_loop.event_bus import EventBus
from voice_loop.latency.clock import Clock
from voice_loop.session.facts import Fact
from voice_loop.telemetry.observer import SessionObserver
from voice_loop.telemetry.process import ProcessTelemetry

FACTS_CAPACITY: Final = 1_024


class Watched(Protocol):
    """What the watcher needs of a session."""

    bus: EventBus[Fact]

    def send_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Show these figures on the page."""
        ...


def session_watcher(
    telemetry: ProcessTelemetry, clock: Clock
) -> Callable[[Watched], Coroutine[Any, Any, None]]:
    """A watcher for any number of sessions."""

    async def watch(session: Watched) -> None:
        observer = SessionObserver(telemetry, clock)
        with session.bus.subscribe(FACTS_CAPACITY) as facts:
            try:
                async for fact in facts:
                    turn = observer.take(fact)
                    if turn is not None:
                        session.send_metrics(observer.payload(turn))
            finally:
                observer.close()
                telemetry.count("facts_lost", facts.dropped)

    return watch

"""How long the relay itself takes: message received → handed on, told in batches.

Fifty chunks a second would flood the bus one by one. Audio that pacing holds back does not count.
"""

from __future__ import annotations

from typing import Final, Literal

from voice_loop.event_bus import EventBus
from voice_loop.session.facts import Fact, RelayDelays

BATCH: Final = 25

Direction = Literal["up", "down"]


class RelayMeter:
    """Collects delays and publishes them, `BATCH` at a time."""

    def __init__(self, bus: EventBus[Fact]) -> None:
        self._bus = bus
        self._delays: dict[Direction, list[float]] = {"up": [], "down": []}

    def add(self, direction: Direction, delay_ms: float) -> None:
        self._delays[direction].append(delay_ms)
        if len(self._delays[direction]) >= BATCH:
            self._publish(direction)

    def flush(self) -> None:
        """Publish what is left."""
        for direction in self._delays:
            self._publish(direction)

    def _publish(self, direction: Direction) -> None:
        delays = tuple(self._delays[direction])
        self._delays[direction].clear()
        if delays:
            self._bus.publish(RelayDelays(direction, delays))

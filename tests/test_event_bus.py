"""Facts reach every listener in order; a slow one loses the oldest and nobody waits."""

from __future__ import annotations

import anyio
import pytest

from voice_loop.event_bus import EventBus

pytestmark = pytest.mark.anyio


async def test_every_listener_hears_every_fact_in_order() -> None:
    bus: EventBus[int] = EventBus()
    with bus.subscribe() as first, bus.subscribe() as second:
        for fact in range(3):
            bus.publish(fact)
        bus.close()
        with anyio.fail_after(30):
            assert [fact async for fact in first] == [0, 1, 2]
            assert [fact async for fact in second] == [0, 1, 2]


async def test_a_slow_listener_loses_the_oldest_facts_and_it_is_counted() -> None:
    bus: EventBus[int] = EventBus()
    with bus.subscribe(capacity=2) as slow:
        for fact in range(5):
            bus.publish(fact)
        assert slow.take_all() == [3, 4]
        assert slow.dropped == 3


async def test_a_waiting_listener_is_woken_by_a_fact_and_by_the_end() -> None:
    bus: EventBus[str] = EventBus()
    heard: list[str] = []
    note = heard.append

    async def listen() -> None:
        with bus.subscribe() as subscription:
            async for fact in subscription:
                note(fact)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            bus.publish("a")
            await anyio.wait_all_tasks_blocked()
            assert heard == ["a"]
            bus.close()


async def test_who_has_left_hears_nothing_and_a_closed_bus_ends_at_once() -> None:
    bus: EventBus[int] = EventBus()
    with bus.subscribe() as subscription:
        pass
    bus.publish(1)
    assert subscription.take_all() == []
    bus.close()
    with bus.subscribe() as late, anyio.fail_after(30):
        assert [fact async for fact in late] == []

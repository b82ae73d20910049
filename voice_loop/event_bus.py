"""Facts about a session for whoever listens: never audio.

Publishing never waits: a listener whose queue is full loses the oldest fact, and that is counted.
A subscription is a context manager, so that no listener outlives its reader.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")

DEFAULT_CAPACITY = 256


class Subscription(Generic[T]):
    """An asynchronous iterator over facts; ends when the bus is closed and the queue is empty."""

    def __init__(self, capacity: int) -> None:
        self._queue: deque[T] = deque(maxlen=capacity)
        self._changed = anyio.Event()
        self._closed = False
        self.dropped = 0
        """Facts lost because this listener was slow."""

    def _put(self, fact: T) -> None:
        if len(self._queue) == self._queue.maxlen:
            self.dropped += 1
        self._queue.append(fact)
        self._changed.set()

    def _close(self) -> None:
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> Subscription[T]:
        return self

    async def __anext__(self) -> T:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._changed = anyio.Event()
            await self._changed.wait()
        return self._queue.popleft()

    def take_all(self) -> list[T]:
        """What is queued now, without waiting."""
        facts = list(self._queue)
        self._queue.clear()
        return facts


class EventBus(Generic[T]):
    """One bus a session. Not thread safe: everything happens on the session's event loop."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription[T]] = []
        self._closed = False

    @contextmanager
    def subscribe(self, capacity: int = DEFAULT_CAPACITY) -> Iterator[Subscription[T]]:
        """Listen from now on; at most `capacity` facts wait."""
        subscription: Subscription[T] = Subscription(capacity)
        if self._closed:
            subscription._close()
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)

    def publish(self, fact: T) -> None:
        """Tell everybody; never waits, never raises."""
        for subscription in self._subscriptions:
            subscription._put(fact)

    def close(self) -> None:
        """No more facts come: readers end when they have read what waits."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription._close()

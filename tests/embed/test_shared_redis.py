"""A VoiceLoop shares what several workers must share as soon as Reflex has a Redis."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest
import reflex as rx
from reflex.config import get_config
from starlette.applications import Starlette

from tests.redis_support import running_redis
from tests.ui.conftest import app
from voice_loop.config import Limits, Settings
from voice_loop.embed import VoiceLoop
from voice_loop.server.shared_usage import RedisUsage
from voice_loop.server.spent import MemorySpent

__all__ = ["app"]
pytestmark = pytest.mark.anyio
SECRET = "sixteen characters"


@pytest.fixture
def redis_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Reflex has a Redis. To be asked for after `app`, which reads the configuration anew."""
    with running_redis() as url:
        monkeypatch.setattr(get_config(), "redis_url", url)
        yield url


async def test_two_workers_of_one_app_spend_a_ticket_once(redis_url: str) -> None:
    workers = [VoiceLoop(Settings(ticket_secret=SECRET)) for _ in range(2)]
    with anyio.fail_after(30):
        answers = [await worker.server._spent.spend("ticket", 60) for worker in workers]
        for worker in workers:
            async with worker.lifespan():
                assert worker.server._spent.shared
            # What the lifespan closed is closed: the next use connects anew.
            assert not await worker.server._spent.spend("ticket", 60)
            assert worker._redis is not None
            await worker._redis.aclose()
    assert answers == [True, False]


def test_the_daily_cap_is_shared_where_there_is_one(redis_url: str) -> None:
    capped = Settings(ticket_secret=SECRET, limits=Limits(max_minutes_per_day=5))
    assert isinstance(VoiceLoop(capped)._shared_usage(), RedisUsage)
    assert VoiceLoop(Settings(ticket_secret=SECRET))._shared_usage() is None


def test_with_a_redis_and_no_secret_the_start_stops_with_a_sentence(
    app: rx.App, redis_url: str
) -> None:
    voice = VoiceLoop(Settings())
    voice.attach(app)
    with pytest.raises(SystemExit) as caught:
        voice.api(Starlette())
    assert "VOICE_TICKET_SECRET" in str(caught.value.code)


def test_without_a_redis_each_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_config(), "redis_url", None)
    voice = VoiceLoop(Settings(limits=Limits(max_minutes_per_day=5)))
    assert isinstance(voice.server._spent, MemorySpent)
    assert voice._shared_usage() is None

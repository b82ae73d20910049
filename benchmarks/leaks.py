"""Sessions begun, cut at a random moment from a random side, and ended: what is left of them?

    python -m benchmarks.leaks                 500 sessions
    python -m benchmarks.leaks --sessions 5000

A real server (granian), real sockets, scripted providers. Each session is brought to some point of
its life (connecting, listening, spoken to, answering, heard, away) and then the page goes, or the
provider, or the server ends it. Afterwards tasks, descriptors and objects must be what they were;
of memory the slope over the second half is printed.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import anyio
from websockets.exceptions import ConnectionClosed, WebSocketException

from benchmarks import footprint
from benchmarks.fuzz import answering
from benchmarks.tables import load_average, save, table
from tests.server.hosts import ORIGIN, Host, serve
from tests.server.voice_client import VoiceClient
from voice_loop.config import Limits, Settings
from voice_loop.protocol import events as wire
from voice_loop.providers import scripted as script
from voice_loop.server.mount import VoiceServer

PHASES: Final = ("unstarted", "connecting", "listening", "spoken to", "answering", "away")
SIDES: Final = ("page breaks", "page ends", "provider", "server")
LIMITS: Final = Limits(resume_ms=50, max_sessions=64, start_timeout_ms=2_000)
WARM_UP: Final = 40


@dataclass
class Outcome:
    """What a run did and what it left."""

    ended: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    growth_kb: int = 0
    kb_per_session: float = 0.0
    seconds: float = 0.0


class _Providers:
    """Hands out providers and remembers none: a memory of them would be the leak."""

    def __init__(self) -> None:
        self.stalls = False
        self.last: script.ScriptedProvider | None = None

    def __call__(self) -> script.ScriptedProvider:
        provider = answering()
        if self.stalls:
            provider.stall(script.Connect)
        self.last = provider
        return provider


async def run(sessions: int, seed: int = 1) -> Outcome:
    """So many sessions, one after the other; what one leaves runs on beside the next."""
    outcome = Outcome()
    chance = random.Random(seed)
    providers = _Providers()
    server = VoiceServer(Settings(limits=LIMITS), provider_factory=providers)
    began_s = time.monotonic()
    async with serve(server) as host:
        await _churn(host, providers, WARM_UP, chance, Counter())
        before = await _at_rest(host, providers)
        await _churn(host, providers, sessions // 2, chance, outcome.ended)
        half = await _at_rest(host, providers)
        await _churn(host, providers, sessions - sessions // 2, chance, outcome.ended)
        await _at_rest(host, providers)
        after = await footprint.settled(before)
        outcome.leaks = after.leaks_since(before)
        outcome.growth_kb = after.rss_kb - before.rss_kb
        outcome.kb_per_session = 2 * (after.rss_kb - half.rss_kb) / sessions
    outcome.seconds = time.monotonic() - began_s
    return outcome


async def _at_rest(host: Host, providers: _Providers) -> footprint.Footprint:
    providers.last = None
    for _ in range(100):
        if not host.server.manager.sessions:
            break
        await anyio.sleep(0.05)
    return footprint.take()


async def _churn(
    host: Host, providers: _Providers, count: int, chance: random.Random, ended: Counter[str]
) -> None:
    for _ in range(count):
        phase, side = chance.choice(PHASES), chance.choice(SIDES)
        ended[f"{phase}, {side}"] += 1
        with suppress(ExceptionGroup, WebSocketException, OSError):
            await _live(host, providers, phase, side, f"v{chance.random()}")


async def _live(host: Host, providers: _Providers, phase: str, side: str, visitor: str) -> None:
    """One session up to its phase, then its end."""
    ticket = None
    if phase != "unstarted":
        ticket = host.server.issue_ticket(visitor, ORIGIN, visitor)
    connecting = phase == "connecting"
    providers.stalls = connecting
    async with VoiceClient.open(
        host.url, ticket=ticket, origin=ORIGIN, wait_ready=not connecting
    ) as client:
        provider = providers.last
        providers.stalls = False
        with suppress(ConnectionClosed):
            await _reach(client, phase)
            await _finish(host, client, provider, side, visitor)


async def _reach(client: VoiceClient, phase: str) -> None:
    if phase == "spoken to":
        await client.speak(bytes(9_600))
        await client.send(wire.UserSpeech("candidate", 1, 0.0, 0.0, False, 0))
    if phase == "answering":
        await client.send(wire.InputText("Hello"))
        await client.expect(wire.AudioChunk)
    if phase == "away":
        client.drop()
        await client.resume()


async def _finish(
    host: Host,
    client: VoiceClient,
    provider: script.ScriptedProvider | None,
    side: str,
    visitor: str,
) -> None:
    session = host.server.manager.find(visitor)
    ends: dict[str, Callable[[], None]] = {"page breaks": client.drop}
    if provider is not None:
        ends["provider"] = provider.hang_up
    if session is not None:
        ends["server"] = session.end
    if side == "page ends":
        await client.send(wire.SessionEnd())
    else:
        ends.get(side, client.drop)()


def main() -> int:
    """Run, print, save; the exit code says whether anything was left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    outcome = anyio.run(run, wanted.sessions, wanted.seed)
    row = {
        "sessions": outcome.ended.total(),
        "kinds of end": len(outcome.ended),
        "seconds": round(outcome.seconds),
        "left behind": ", ".join(outcome.leaks) or "nothing",
        "memory, kB": outcome.growth_kb,
        "kB a session, second half": round(outcome.kb_per_session, 2),
    }
    print(table("Sessions cut at random", [row]))
    print(f"load average {load_average()}")
    save("leaks", {**row, "ended": dict(outcome.ended)})
    return 1 if outcome.leaks else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Facts of a made-up session, as an overlay is fed with them; and a tab's feed with a clock."""

from __future__ import annotations

from voice_loop.latency.session_metrics import SessionMetrics
from voice_loop.protocol.events import MetricsUpdate, PlaybackReport
from voice_loop.session.facts import SessionStarted

STARTED = SessionStarted("s1", "local", "stand-in", "marin", False, 1_000.0)


def metrics(turn: int, **values_ms: float) -> MetricsUpdate:
    """What the server tells of a turn."""
    told = dict(SessionMetrics("local").payload(turn, 0.0))
    shares = {"provider": 100.0, "tools": 30.0, "unsplit": 20.0}
    told["figures"] = {
        name: {"value_ms": value, "verdict": "met", "shares": shares}
        for name, value in values_ms.items()
    }
    return MetricsUpdate(told)


def report(underruns: int, dropped: int) -> PlaybackReport:
    return PlaybackReport(1, 0, "playing", 100.0, 0.0, underruns, dropped, 20.0, 5_000.0)

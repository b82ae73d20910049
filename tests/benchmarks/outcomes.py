"""Outcomes of trials that were never run, for the tests of what is made of them."""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.trials import Outcome

SPOKEN = Outcome("Wait (voice)", "long", "quiet", None, False, 500.0, 12.0, 900.0)
NOISE = Outcome("door 1", "door", "quiet", None, False, 500.0, 12.0, 400.0)


def spoken_outcome(**changes: Any) -> Outcome:
    """An interruption that was understood, but for the changes."""
    understood: dict[str, Any] = {"confirmed": True, "interrupted": True, "hop_ms": 22.0}
    return dataclasses.replace(SPOKEN, **{**understood, **changes})


def noise_outcome(*, lag_ms: float | None = None, interrupted: bool = False) -> Outcome:
    """A noise that paused the answer, or stopped it."""
    pauses = 0 if lag_ms is None else 1
    return dataclasses.replace(
        NOISE, pause_lag_ms=lag_ms, pauses=pauses, interrupted=interrupted, confirmed=interrupted
    )

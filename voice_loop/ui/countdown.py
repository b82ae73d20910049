"""How long is still to wait, and when to look again: what makes the seconds on the page pass.

Every second in the last two minutes, every minute before; and never for more than an hour, because
what the page says of a wait is the page's word. Pure: who waits is the state, who shows it is
`notices`.
"""

from __future__ import annotations

import math
from typing import Any, Final

LONGEST_S: Final = 3_600.0
BY_THE_SECOND_S: Final = 120


def wait_s(retry_after_ms: Any) -> float:
    """The wait that an error names, in seconds; 0 for none, and for what is no time."""
    if isinstance(retry_after_ms, bool) or not isinstance(retry_after_ms, int | float):
        return 0.0
    # Compared first: a whole number may be too big for a float, and NaN is greater than nothing.
    return min(retry_after_ms, LONGEST_S * 1000) / 1000 if retry_after_ms > 0 else 0.0


def left_s(until_s: float, now_s: float) -> int:
    """Whole seconds to show: never 0 while there is something left."""
    return max(0, math.ceil(min(until_s - now_s, LONGEST_S)))


def pause_s(until_s: float, now_s: float) -> float:
    """How long what is shown stays true."""
    shown = left_s(until_s, now_s)
    step = 1 if shown <= BY_THE_SECOND_S else (shown - 1) % 60 + 1
    return max(0.0, min(until_s - now_s, LONGEST_S) - (shown - step))


def words(seconds: int) -> str:
    """`45 s`, or `12 min` where the second does not matter."""
    if seconds <= BY_THE_SECOND_S:
        return f"{seconds} s"
    return f"{math.ceil(seconds / 60)} min"

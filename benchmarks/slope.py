"""Does a figure grow? A straight line through samples, and how sure its slope is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LEAST_SAMPLES: Final = 4
T_95: Final = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
"""Student's t for 95 %, both sides, from one degree of freedom on."""
T_MANY: Final = 2.0


@dataclass(frozen=True)
class Slope:
    """Growth in an hour, with its 95 % interval."""

    per_hour: float
    margin: float

    @property
    def grows(self) -> bool:
        """The whole interval lies above zero."""
        return self.per_hour - self.margin > 0


def slope(times_s: Sequence[float], values: Sequence[float]) -> Slope | None:
    """The least squares line; None for fewer than `LEAST_SAMPLES` samples or one instant.

    The interval takes the samples as independent. Neighbours in a memory curve are not: it is too
    narrow rather than too wide, so a growth is rather seen too often than too seldom.
    """
    count = len(values)
    if count < LEAST_SAMPLES or count != len(times_s):
        return None
    mean_t, mean_v = sum(times_s) / count, sum(values) / count
    spread = sum((t - mean_t) ** 2 for t in times_s)
    if spread == 0:
        return None
    pairs = list(zip(times_s, values, strict=True))
    inclination = sum((t - mean_t) * (v - mean_v) for t, v in pairs) / spread
    left_over = sum((v - mean_v - inclination * (t - mean_t)) ** 2 for t, v in pairs)
    freedom = count - 2
    error = math.sqrt(left_over / freedom / spread)
    factor = T_95[freedom - 1] if freedom <= len(T_95) else T_MANY
    return Slope(inclination * 3_600, factor * error * 3_600)

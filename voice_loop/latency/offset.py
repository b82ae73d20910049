"""What the browser's clock says, in the server's time: with a bound on the error.

Each exchange of clock frames gives an offset that is wrong by at most half its round trip. The
exchange with the least delay is the best witness (as in NTP), but it ages: two crystals part by
some 50 µs a second. So a witness' bound grows with its age, the drift is measured once two good
witnesses lie far enough apart, and the witness with the smallest bound *now* counts.

A sample that contradicts what is known by more than a crystal's whim means that one clock jumped (a
laptop slept): what was known is thrown away and `jumps` says so. Pure; times in milliseconds.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 64
"""Witnesses kept: two minutes at a ping every 2 s."""
MAX_DRIFT: Final = 200e-6
"""More than two crystals ever part: the bound while the drift is not measured."""
MAX_ROUND_TRIP_MS: Final = 10_000.0
SMALLEST_JUMP_MS: Final = 25.0
"""Less than that is a witness that was worse than it claimed: forgotten, but no jump."""
MAX_CONVERTED: Final = 512
_SLACK_MS: Final = 1.0
"""Browsers round their clock to 0.1 ms, or to 1 ms when privacy is asked for."""


@dataclass(frozen=True, slots=True)
class Offset:
    """`server = client + offset_ms`, right to within `uncertainty_ms`."""

    offset_ms: float
    uncertainty_ms: float
    round_trip_ms: float
    """Of the witness: the least delay seen lately."""


@dataclass(frozen=True, slots=True)
class _Witness:
    at_ms: float
    offset_ms: float
    round_trip_ms: float
    age_ms: float

    @property
    def error_ms(self) -> float:
        return self.round_trip_ms / 2 + MAX_DRIFT * self.age_ms + _SLACK_MS


class ClockOffset:
    """One browser's clock as seen from one server's."""

    def __init__(self) -> None:
        self._witnesses: deque[_Witness] = deque(maxlen=WINDOW)
        self._last_round_trip_ms: float | None = None
        self._drift = 0.0, MAX_DRIFT
        self._converted: dict[float, tuple[float, float]] = {}
        self.jumps = 0
        self.refused = 0
        """Samples that cannot be: not a number, negative or endless round trip."""

    @property
    def round_trip_ms(self) -> float | None:
        """Of the last sample."""
        return self._last_round_trip_ms

    def add_exchange(
        self,
        client_sent_ms: float,
        server_received_ms: float,
        server_sent_ms: float,
        client_received_ms: float,
    ) -> bool:
        """A whole ping and pong. Whether the clocks jumped."""
        round_trip_ms = (client_received_ms - client_sent_ms) - (
            server_sent_ms - server_received_ms
        )
        offset_ms = (
            (server_received_ms - client_sent_ms) + (server_sent_ms - client_received_ms)
        ) / 2
        return self.add(offset_ms, round_trip_ms, server_sent_ms)

    def add(
        self, offset_ms: float, round_trip_ms: float, at_ms: float, *, age_ms: float = 0.0
    ) -> bool:
        """An offset told at server time `at_ms`, measured at most `age_ms` before that.

        Whether the clocks jumped: what was measured before does not hold any more.
        """
        numbers = (offset_ms, round_trip_ms, at_ms)
        possible = -_SLACK_MS <= round_trip_ms <= MAX_ROUND_TRIP_MS
        if not possible or not all(map(math.isfinite, numbers)):
            self.refused += 1
            return False
        round_trip_ms = max(0.0, round_trip_ms)
        witness = _Witness(at_ms, offset_ms, round_trip_ms, age_ms)
        self._last_round_trip_ms = round_trip_ms
        beyond_ms = self._contradiction_ms(witness)
        if beyond_ms > 0:
            self._witnesses.clear()
        self._witnesses.append(witness)
        self._drift = self._measured_drift()
        self._converted.clear()
        jumped = beyond_ms >= SMALLEST_JUMP_MS
        self.jumps += jumped
        return jumped

    def _contradiction_ms(self, witness: _Witness) -> float:
        """How far it lies outside of what the bounds allow; not above 0: it fits."""
        known = self.at(witness.at_ms)
        if known is None:
            return 0.0
        apart_ms = abs(witness.offset_ms - known.offset_ms)
        return apart_ms - known.uncertainty_ms - witness.error_ms

    def at(self, server_ms: float) -> Offset | None:
        """The offset at a server time; None before the first sample."""
        if not self._witnesses:
            return None
        drift, drift_error = self._drift

        def bound_ms(witness: _Witness) -> float:
            return witness.error_ms + drift_error * abs(server_ms - witness.at_ms)

        best = min(self._witnesses, key=bound_ms)
        offset_ms = best.offset_ms + drift * (server_ms - best.at_ms)
        return Offset(offset_ms, bound_ms(best), best.round_trip_ms)

    def to_server_ms(self, client_ms: float) -> tuple[float, float] | None:
        """A browser's time as server time, and the uncertainty."""
        if not self._witnesses:
            return None
        # The figures of a turn ask for the same few marks again and again.
        known = self._converted.get(client_ms)
        if known is None:
            offset = self.at(client_ms + self._witnesses[-1].offset_ms)
            assert offset is not None
            known = client_ms + offset.offset_ms, offset.uncertainty_ms
            if len(self._converted) < MAX_CONVERTED:
                self._converted[client_ms] = known
        return known

    def _measured_drift(self) -> tuple[float, float]:
        """Milliseconds of parting per millisecond, and how wrong that may be."""
        middle_ms = (self._witnesses[0].at_ms + self._witnesses[-1].at_ms) / 2
        early = [one for one in self._witnesses if one.at_ms <= middle_ms]
        late = [one for one in self._witnesses if one.at_ms > middle_ms]
        if not early or not late:
            return 0.0, MAX_DRIFT
        first = min(early, key=lambda one: one.round_trip_ms)
        second = min(late, key=lambda one: one.round_trip_ms)
        span_ms = second.at_ms - first.at_ms
        error = (first.error_ms + second.error_ms) / span_ms
        drift = (second.offset_ms - first.offset_ms) / span_ms
        if error >= MAX_DRIFT:
            return 0.0, MAX_DRIFT
        return max(-MAX_DRIFT, min(MAX_DRIFT, drift)), error

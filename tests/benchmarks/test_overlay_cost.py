"""The overlay's cost is what it adds, pair by pair."""

from __future__ import annotations

import pytest

from benchmarks.overlay_cost import ALL_PROCESSES, TOLD, rows


def measured(main_thread: float) -> dict[str, float]:
    return {**dict.fromkeys(TOLD, 1.0), ALL_PROCESSES: 40.0, "main thread %": main_thread}


def test_a_machine_whose_load_drifts_does_not_hide_what_the_overlay_adds() -> None:
    made = rows([measured(10.0), measured(30.0)], [measured(12.0), measured(32.5)])
    assert [row["percent of a core"] for row in made][0] == "main thread"
    assert made[0]["closed"] == 20.0
    assert made[0]["open"] == pytest.approx(22.25)
    assert made[0]["the overlay"] == pytest.approx(2.25)
    assert made[0]["+- deviation"] == pytest.approx(0.354, abs=0.001)
    assert made[-1]["the overlay"] == 0.0


def test_one_pair_has_no_deviation() -> None:
    assert rows([measured(1.0)], [measured(2.0)])[0]["+- deviation"] is None

"""The audio code does in V8 what it does in CPython, where all its other tests run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reflex_voice_audio.dialect import check

from tests.component import scene, v8

# Minutes of audio run sample by sample here; tracing each line would take minutes more, and the
# same lines are covered by the tests of their modules.
pytestmark = pytest.mark.no_cover

ONE_LSB = 1


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = tmp_path_factory.mktemp("scene")
    return scene.main(), v8.run_beside_browser(Path(scene.__file__), folder)


@pytest.mark.parametrize("index", [0, 1], ids=["44100 Hz", "48000 Hz"])
def test_capture_and_playback_agree_to_one_step(both: tuple[Any, Any], index: int) -> None:
    for kind in ("pcm", "heard"):
        here = np.array(both[0][index][kind])
        there = np.array(both[1][index][kind])
        assert len(here) == len(there) > 70_000
        assert np.max(np.abs(here - there)) <= ONE_LSB
        assert np.max(np.abs(here)) > 1_000


@pytest.mark.parametrize("index", [0, 1], ids=["44100 Hz", "48000 Hz"])
def test_the_detectors_decisions_agree(both: tuple[Any, Any], index: int) -> None:
    here = both[0][index]["events"]
    assert [list(event) for event in here] == both[1][index]["events"]
    phases = [event[0] for event in here]
    assert phases.count("confirmed") == phases.count("flushed") == 1, here
    assert phases.count("rejected") >= 1


def test_the_scene_is_in_the_dialect() -> None:
    source = Path(scene.__file__).read_text(encoding="utf-8")
    assert check(source.replace("from reflex_voice_audio.browser.", "from ."), "scene.py") == []

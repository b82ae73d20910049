"""The offline assistant converses: heard from the loudspeaker, by the project's own recogniser.

1. A sum, "say that again", a date, a story that is talked over, and the question that talked over
   it: each answer is the right one, in the recording of what the speaker played.
2. The interrupted answer's transcript keeps the words that were heard and no others.
3. A tool of the app is called by voice, and its result is spoken.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import Arrive
from tests.browser.served_app import ServedApp, serve
from tests.browser.test_conversation import said
from tests.browser.test_development import copy_of_the_checkout
from tests.browser.visitor import Visitor
from tests.listening import Samples, resample
from tests.speech import conversation, sounding
from voice_loop.local.brain.numbers import with_digits
from voice_loop.local.brain.pastimes import STORIES
from voice_loop.local.recogniser import RECOGNISER_RATE_HZ, MoonshineRecogniser
from voice_loop.protocol.events import UserBargeIn

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(400)]

PAUSE_S = 1.5
"""Silence between two answers; within one there is less."""
FIVE_TURNS = conversation(
    ("What is seventeen plus twenty five?", 2.0),
    ("Say that again, please.", 9.0),
    ("What day is it today?", 16.0),
    ("Tell me a story.", 24.0),
    ("What is nine times eight?", 33.0),
    length_s=46,
)
WITH_A_TOOL = '''
def dim_lamp(room: str) -> str:
    """Dim the lamp in a room.

    Args:
        room: Name of the room.
    """
    return f"The lamp in the {room} is dimmed."


voice = VoiceLoop(tools=[dim_lamp])
'''


def answers_heard(visitor: Visitor) -> list[tuple[str, float]]:
    """What a listener understands of each answer, numbers as figures, and its length in s."""
    tape = visitor.heard()
    recogniser = MoonshineRecogniser()
    heard = []
    for piece in pieces(tape.samples, tape.rate_hz):
        speech = resample(piece, tape.rate_hz, RECOGNISER_RATE_HZ)
        text = recogniser.recognise(speech, len(piece) * 1000 / tape.rate_hz)
        heard.append((" ".join(with_digits(text)).lower(), len(piece) / tape.rate_hz))
    return heard


def pieces(samples: Samples, rate_hz: int) -> list[Samples]:
    """The recording, cut where it is silent for long."""
    frames = np.flatnonzero(sounding(samples, rate_hz))
    breaks = np.flatnonzero(np.diff(frames) > PAUSE_S * 100)
    frame = rate_hz // 100
    starts = [frames[0], *frames[breaks + 1]]
    ends = [*frames[breaks], frames[-1]]
    return [
        samples[max(0, start - 10) * frame : (end + 10) * frame]
        for start, end in zip(starts, ends, strict=True)
    ]


def test_five_turns_by_voice_are_answered_rightly_and_talking_over_a_story_stops_it(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=FIVE_TURNS)
    days = {datetime.date.today()}
    visitor.start_talking()
    visitor.wait_for_answers(4, timeout_ms=90_000)
    days.add(datetime.date.today())

    assert [event for event in visitor.wire.sent if isinstance(event, UserBargeIn)]
    heard = answers_heard(visitor)
    assert len(heard) == 5, heard
    (sum_, _), (again, _), (date, _), (story, story_s), (product, _) = heard
    assert "42" in sum_, heard
    assert again == sum_
    assert any(f"{day:%A}".lower() in date and str(day.day) in date for day in days), date
    assert "once there was" in story, story
    assert "the next day" not in story, story
    assert story_s < 12, "the whole story takes 18 s"
    assert "72" in product, heard

    kept = said(visitor, "assistant")[3].strip().rstrip(" …")
    assert kept
    assert kept != STORIES[0]
    assert STORIES[0].startswith(kept), kept
    assert visitor.wire.errors() == []
    assert visitor.console == []


def test_a_spoken_request_calls_a_tool_of_the_app_and_its_result_is_spoken(
    arrive: Arrive, tmp_path: Path
) -> None:
    folder = copy_of_the_checkout(tmp_path / "checkout")
    entry = folder / "voice_loop" / "voice_loop.py"
    text = entry.read_text(encoding="utf-8")
    assert "voice = VoiceLoop()\n" in text
    entry.write_text(text.replace("voice = VoiceLoop()\n", WITH_A_TOOL), encoding="utf-8")
    with serve(tmp_path / "app.log", {}, folder=folder) as served:
        microphone = conversation(("Dim the lamp in the kitchen.", 2.0), length_s=14)
        visitor = arrive(served.url, microphone=microphone)
        visitor.start_talking()
        visitor.wait_for_answers(1)
        ((heard, _),) = answers_heard(visitor)
        assert "lamp" in heard, heard
        assert "kitchen" in heard, heard
        assert visitor.wire.errors() == []

"""A person talks over the answer again and again, by voice: each time the loudspeaker falls silent.

Judged by the recording of what the speaker played, on its own sample clock: where in the answer it
fell silent, and that it stayed so. How long that took is told in the audio context's time. Between
the interruptions the conversation goes on, and after the last one an answer is heard to its end.
"""

from __future__ import annotations

import pytest

from benchmarks.measure import Silence, place_in_answer, silences
from tests.browser.conftest import Arrive
from tests.browser.served_app import ServedApp
from tests.browser.visitor import Visitor
from tests.speaker_tap import Recording
from tests.speech import conversation
from voice_loop.protocol.events import TranscriptUpdate, UserBargeIn

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(400)]

STOP_BLOCKS = 94
"""Of 128 samples at 48 kHz, 250 ms: from the onset of speech to silence at the ear."""
SILENT_MS = 300
PLACE_MS = 120
"""The report's and the recording's place in an answer may differ by the output's latency."""
STORIES = conversation(
    ("Tell me a story.", 2.0),
    ("Wait, tell me a story about something else.", 10.0),
    ("Hold on, please tell me a story.", 19.0),
    ("What is nine times eight?", 28.0),
    length_s=60,
)


def spoken_over(visitor: Visitor) -> list[UserBargeIn]:
    """Interruptions by voice, the first of each turn."""
    by_turn: dict[int, UserBargeIn] = {}
    for event in visitor.wire.sent:
        if isinstance(event, UserBargeIn) and event.source == "speech":
            by_turn.setdefault(event.turn, event)
    return list(by_turn.values())


def silence_of(visitor: Visitor, cut: UserBargeIn, tape: Recording) -> Silence | None:
    """Where the recording falls silent at the place at which the page says it did."""
    answer = visitor.wire.items()[cut.turn, cut.item]
    rate = tape.rate_hz
    for silence in silences(tape.samples, rate * SILENT_MS // 1000):
        place = place_in_answer(tape.samples, silence.start, rate, answer)
        near = place is not None and abs(place.end_ms - cut.played_ms) <= PLACE_MS
        if place is not None and near and place.correlation > 0.9:
            return silence
    return None


def test_three_interruptions_in_one_conversation_silence_the_speaker_each_time(
    app: ServedApp, arrive: Arrive
) -> None:
    visitor = arrive(app.url, microphone=STORIES)
    visitor.start_talking()
    visitor.wait_for_answers(1, timeout_ms=120_000)

    cuts = spoken_over(visitor)
    assert len(cuts) == 3, cuts
    tape = visitor.heard()
    found = [silence_of(visitor, cut, tape) for cut in cuts]
    assert all(found), [(cut.turn, cut.played_ms) for cut in cuts]
    starts = [silence.start for silence in found if silence is not None]
    assert starts == sorted(starts)
    for cut in cuts:
        assert cut.client_onset_ms is not None
        assert cut.client_stopped_ms is not None
        took_ms = cut.client_stopped_ms - cut.client_onset_ms
        assert 0 < took_ms <= STOP_BLOCKS * 128 / 48, cut

    lines = {e.line: e for e in visitor.wire.received if isinstance(e, TranscriptUpdate)}
    marked = [line.turn for line in lines.values() if line.interrupted]
    assert marked == [cut.turn for cut in cuts]
    [last] = [line for line in lines.values() if line.role == "assistant" and not line.interrupted]
    assert "72" in last.text or "seventy" in last.text.lower(), last.text
    assert visitor.wire.errors() == []
    assert visitor.console == []

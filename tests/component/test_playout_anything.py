"""What the speaker plays, whatever comes in whatever order: the accounts hold."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from reflex_voice_audio.browser.playout import (
    RING_SAMPLES,
)

from tests.component.speaker import (
    Speaker,
    largest_step,
    tone,
)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=12))
def test_the_size_of_chunks_changes_nothing(sizes: list[int]) -> None:
    total = sum(sizes)
    whole = Speaker(44_100)
    whole.audio(tone(total))
    pieces = Speaker(44_100)
    at = 0
    for size in sizes:
        pieces.audio(tone(size, at), position=at)
        at += size
    for speaker in (whole, pieces):
        speaker.end()
    np.testing.assert_array_equal(
        whole.render(total / 24_000 + 0.1), pieces.render(total / 24_000 + 0.1)
    )
    assert whole.messages == pieces.messages


class Conversation(RuleBasedStateMachine):
    """Anything in any order: the accounts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.speaker = Speaker(24_000)
        self.turn = 1
        self.item = 0
        self.position = 0
        self.received: dict[tuple[int, int], int] = {}
        self.heard: dict[tuple[int, int], int] = {}
        self.seen = 0

    @rule(count=st.integers(1, 4_000), gap=st.sampled_from([0, 0, 0, 0, 100, -50]))
    def audio(self, count: int, gap: int) -> None:
        self.position = max(0, self.position + gap)
        samples = np.full(count, 9_000, dtype=np.int16)
        self.speaker.audio(samples, self.turn, self.item, self.position)
        self.position += count
        key = (self.turn, self.item)
        self.received[key] = max(self.received.get(key, 0), self.position)

    @rule()
    def end(self) -> None:
        self.speaker.end(self.turn, self.item)
        self.item += 1
        self.position = 0

    @rule()
    def next_turn(self) -> None:
        self.turn += 1
        self.item = 0
        self.position = 0

    @rule(back=st.integers(0, 2))
    def flush(self, back: int) -> None:
        self.speaker.flush(self.turn - back, self.turn)
        if back == 0:
            self.next_turn()

    @rule(kind=st.sampled_from(["pause", "resume", "over"]))
    def peer(self, kind: str) -> None:
        self.speaker.peer(kind)

    @rule(kind=st.sampled_from(["pause", "resume"]))
    def page(self, kind: str) -> None:
        self.speaker.send(type=kind)

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.3]))
    def latency(self, seconds: float) -> None:
        self.speaker.send(type="latency", seconds=seconds)

    @precondition(lambda self: self.speaker.frames < 24_000 * 8)
    @rule(seconds=st.sampled_from([0.005, 0.02, 0.1, 0.4]))
    def render(self, seconds: float) -> None:
        output = self.speaker.render(seconds)
        assert np.max(np.abs(output)) <= 9_001 / 32_768

    @invariant()
    def the_accounts_hold(self) -> None:
        playout = self.speaker.playout
        assert 0 <= playout.held <= RING_SAMPLES
        assert playout.ledger.rendered <= playout.taken <= playout.ledger.queued
        assert playout.taken + playout.held == playout.ledger.queued
        assert 0.0 <= playout.gain <= 1.0
        for message in self.speaker.messages[self.seen :]:
            key = (message["turn"], message["item"])
            assert message["heard"] <= message["rendered"] <= self.received.get(key, 0)
            if playout.ledger.latency == 0.0 and message["type"] == "report":
                assert message["heard"] >= self.heard.get(key, 0) or message["phase"] == "started"
                self.heard[key] = message["heard"]
        self.seen = len(self.speaker.messages)

    @invariant()
    def no_step_is_a_click(self) -> None:
        # A constant signal: every step is a fade's, of at most one part in 96 of it.
        recent = np.array(self.speaker.output[-12_000:] or [0.0, 0.0])
        if len(recent) > 1:
            assert largest_step(recent) < 9_000 / 32_768 / 96 * 1.5


Conversation.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestConversation = Conversation.TestCase

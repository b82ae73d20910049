"""Any order of events at all: nothing raises, and what must never happen does not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from voice_loop.config import Limits
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.session import effects

from .stage import Stage

IDS = st.sampled_from(["x1", "x2", "x3"])
RESPONSES = st.sampled_from(["r1", "r2", "r3"])
MS = st.floats(-100, 10_000)
TURNS = st.integers(0, 4)
ITEMS = st.integers(0, 2)
PHASES = st.sampled_from(["started", "playing", "paused", "resumed", "stopped", "finished"])
SOUNDS = st.sampled_from(["candidate", "confirmed", "rejected", "ended"])
SOURCES = st.sampled_from(["speech", "stop", "press", "text"])
TEXTS = st.sampled_from(["", "mm-hmm", "stop", "What is that?"])

CLIENT = st.one_of(
    st.builds(wire.PlaybackReport, TURNS, ITEMS, PHASES, MS, MS, st.just(0), st.just(0), MS, MS),
    st.builds(
        wire.UserSpeech, SOUNDS, st.integers(1, 3), MS, MS, st.booleans(), st.integers(0, 10**5)
    ),
    st.builds(wire.UserBargeIn, TURNS, ITEMS, MS, SOURCES),
    st.builds(wire.InputMute, st.booleans()),
    st.builds(wire.InputPress, MS),
    st.builds(wire.InputCommit, MS, MS),
    st.builds(wire.InputCancel),
    st.builds(wire.InputText, TEXTS),
    st.builds(wire.AudioChunk, st.just(0), st.just(0), st.integers(0, 10**5), st.just(bytes(960))),
)
PROVIDER = st.one_of(
    st.builds(base.SpeechStarted, IDS, MS),
    st.builds(base.SpeechStopped, IDS, MS),
    st.builds(base.InputCommitted, IDS),
    st.builds(base.InputTranscript, IDS, TEXTS, st.booleans()),
    st.builds(base.OutputAudio, RESPONSES, IDS, st.integers(0, 48_000).map(bytes)),
    st.builds(base.OutputAudioDone, RESPONSES, IDS),
    st.builds(base.OutputTranscript, RESPONSES, IDS, TEXTS, st.booleans(), TEXTS),
    st.builds(base.ToolCall, RESPONSES, IDS, IDS, st.just("clock"), st.just("{}")),
    st.just(base.Fault("provider_failed", True)),
)
STEPS = st.lists(
    st.one_of(
        CLIENT,
        PROVIDER,
        st.tuples(st.just("wait"), st.integers(0, 4_000)),
        st.tuples(st.sampled_from(["start", "done", "fail", "tool", "down", "say"]), st.just(0)),
    ),
    max_size=60,
)


class Judge:
    """Follows the commands as a provider would take them."""

    def __init__(self) -> None:
        self.active = 0
        self.responses = 0
        self.started: str | None = None

    def look_at(self, stage: Stage) -> None:
        for command in stage.commands():
            if isinstance(command, effects.CreateResponse):
                assert self.active == 0, "a second response while one is active"
                self.active = 1
                self.responses += 1
                self.started = None
            if isinstance(command, effects.TruncateItem):
                entry = stage.conversation.answering.ledger.by_id(command.item_id)
                assert entry is None or 0 < command.audio_end_ms * 24 <= entry.received
        ledger = stage.conversation.answering.ledger
        assert ledger.ahead <= 72_000
        for entry in ledger:
            assert 0 <= entry.heard <= entry.sent <= entry.received

    def begin(self, stage: Stage) -> None:
        if self.active and self.started is None:
            self.started = f"r{self.responses % 3 + 1}"
            stage.provider(base.ResponseStarted(self.started))

    def finish(self, stage: Stage, status: base.ResponseStatus) -> None:
        if self.active and self.started is not None:
            self.active = 0
            stage.provider(base.ResponseDone(self.started, status))


def play(stage: Stage, judge: Judge, step: object) -> None:
    match step:
        case ("wait", int(ms)):
            stage.wait(ms)
        case ("start", _):
            judge.begin(stage)
        case ("done", _):
            judge.finish(stage, "completed")
        case ("fail", _):
            judge.finish(stage, "failed")
        case ("tool", _):
            stage.conversation.on_tool_result("x1", "{}", failed=False, now_ms=stage.now_ms)
            stage.provider(base.Updated())
        case ("down", _):
            stage.link_down()
            judge.active = 0
            stage.link_up()
        case ("say", _):
            stage.conversation.say("Hello", stage.now_ms)
            stage.provider(base.Updated())
        case _ if isinstance(step, wire.AudioChunk) or type(step).__module__ == wire.__name__:
            stage.client(step)  # type: ignore[arg-type]
        case _:
            stage.provider(step)  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_any_order_of_events_is_survived_and_the_rules_hold(steps: list[object]) -> None:
    stage, judge = Stage(limits=Limits(idle_ms=10**9)), Judge()
    for step in steps:
        play(stage, judge, step)
        judge.look_at(stage)
    numbers = [event.turn for event in stage.of(wire.TurnState)]
    assert numbers == sorted(numbers)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_after_any_order_of_events_the_conversation_comes_to_rest(steps: list[object]) -> None:
    stage, judge = Stage(limits=Limits(idle_ms=10**9)), Judge()
    for step in steps:
        play(stage, judge, step)
        judge.look_at(stage)
    stage.client(wire.InputCancel())
    for call_id in ("x1", "x2", "x3"):
        stage.conversation.on_tool_result(call_id, "{}", failed=False, now_ms=stage.now_ms)
    for _ in range(60):
        stage.wait(2_000)
        judge.look_at(stage)
        judge.begin(stage)
        judge.finish(stage, "completed")
        for entry in stage.conversation.answering.ledger.open_items():
            stage.client(
                wire.PlaybackReport(entry.turn, entry.item, "finished", 1e6, 0, 0, 0, 0, 0)
            )
        if stage.end or stage.phase == "listening":
            return
    raise AssertionError(f"still {stage.phase}")

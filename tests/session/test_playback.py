"""The playback ledger: heard ≤ sent ≤ received, whatever is reported."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_loop.protocol.events import PlaybackPhase, PlaybackReport
from voice_loop.session.playback import MAX_KEPT_ITEMS, ItemAudio, PlaybackLedger


def report(
    ms: float, *, turn: int = 1, item: int = 0, phase: PlaybackPhase = "playing"
) -> PlaybackReport:
    return PlaybackReport(turn, item, phase, ms, 0, 0, 0, 0, 0)


def ledger_with(received: int, sent: int) -> tuple[PlaybackLedger, ItemAudio]:
    ledger = PlaybackLedger()
    entry = ledger.open(1, "a")
    ledger.receive(entry, received)
    ledger.send(1, 0, sent)
    return ledger, entry


def test_items_of_a_turn_are_numbered_in_the_order_they_come() -> None:
    ledger = PlaybackLedger()
    assert ledger.open(1, "a").item == 0
    assert ledger.open(1, "b").item == 1
    assert ledger.open(2, "c").item == 0
    assert ledger.open(1, "a").item == 0


def test_more_cannot_be_heard_than_was_sent() -> None:
    ledger, entry = ledger_with(48_000, 24_000)
    assert ledger.report(report(900)) == "ok"
    assert entry.heard == 21_600
    assert ledger.report(report(1_100)) == "ok"
    assert entry.heard == 24_000
    assert ledger.report(report(5_000)) == "bad_played_time"
    assert entry.heard == 24_000


def test_a_negative_time_is_refused_and_changes_nothing() -> None:
    ledger, entry = ledger_with(24_000, 24_000)
    assert ledger.report(report(-1)) == "bad_played_time"
    assert entry.heard == 0


def test_what_was_heard_does_not_become_less() -> None:
    ledger, entry = ledger_with(24_000, 24_000)
    ledger.report(report(500))
    ledger.report(report(100))
    assert entry.heard_ms == 500


def test_an_unknown_turn_is_an_error_and_an_old_one_is_stale() -> None:
    ledger, _ = ledger_with(24_000, 24_000)
    assert ledger.report(report(0, turn=7)) == "unknown_turn"
    assert ledger.report(report(0, turn=0)) == "stale"


def test_an_item_is_finished_when_all_of_it_was_heard_and_no_more_comes() -> None:
    ledger, entry = ledger_with(24_000, 24_000)
    ledger.report(report(1_000))
    before = entry.finished
    ledger.complete(entry)
    assert (before, entry.finished) == (False, True)
    assert not ledger.audible
    assert ledger.report(report(1_000)) == "stale"


def test_finished_by_report_counts_only_when_everything_was_sent() -> None:
    ledger, entry = ledger_with(48_000, 24_000)
    ledger.complete(entry)
    ledger.report(report(1_000, phase="finished"))
    before = entry.finished
    ledger.send(1, 0, 24_000)
    ledger.report(report(1_000, phase="finished"))
    assert (before, entry.finished) == (False, True)
    assert entry.heard == 48_000


def test_the_next_item_being_heard_finishes_the_one_before() -> None:
    ledger, first = ledger_with(24_000, 24_000)
    ledger.complete(first)
    second = ledger.open(1, "b")
    ledger.receive(second, 24_000)
    ledger.send(1, 1, 24_000)
    ledger.report(report(10, item=1))
    assert first.finished
    assert [entry.item_id for entry in ledger.open_items()] == ["b"]


def test_an_item_without_audio_is_finished_by_its_end() -> None:
    ledger = PlaybackLedger()
    entry = ledger.open(1, "a")
    ledger.complete(entry)
    assert entry.finished


def test_what_is_ahead_counts_what_was_sent_and_not_heard() -> None:
    ledger, entry = ledger_with(48_000, 24_000)
    ledger.report(report(250))
    assert ledger.ahead == 18_000
    assert ledger.remaining_ms == 750
    entry.cut = True
    assert ledger.ahead == 0
    assert not ledger.audible


def test_old_items_are_forgotten_and_the_present_turn_never() -> None:
    ledger = PlaybackLedger()
    for turn in range(1, 200):
        ledger.complete(ledger.open(turn, f"i{turn}"))
    assert len(list(ledger)) == MAX_KEPT_ITEMS
    assert ledger.by_id("i1") is None
    assert ledger.by_id("i199") is not None


def test_a_silent_browser_has_heard_what_was_sent() -> None:
    ledger, entry = ledger_with(24_000, 24_000)
    ledger.complete(entry)
    ledger.finish_all_sent()
    assert entry.finished


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.integers(0, 9_000)),
        st.tuples(st.just("send"), st.integers(0, 9_000)),
        st.tuples(st.just("report"), st.integers(-500, 2_000)),
        st.tuples(st.just("finished"), st.integers(0, 2_000)),
        st.tuples(st.just("complete"), st.just(0)),
    ),
    max_size=40,
)


@given(OPERATIONS)
def test_heard_sent_and_received_keep_their_order_and_only_grow(
    operations: list[tuple[str, int]],
) -> None:
    ledger = PlaybackLedger()
    entry = ledger.open(1, "a")
    before = (0, 0, 0)
    for name, number in operations:
        match name:
            case "receive" if not entry.complete:
                ledger.receive(entry, number)
            case "send":
                ledger.send(1, 0, number)
            case "report":
                ledger.report(report(number))
            case "finished":
                ledger.report(report(number, phase="finished"))
            case "complete":
                ledger.complete(entry)
            case _:
                pass
        now = (entry.heard, entry.sent, entry.received)
        assert now[0] <= now[1] <= now[2]
        assert all(new >= old for new, old in zip(now, before, strict=True))
        if entry.finished:
            assert entry.complete and entry.heard == entry.received
        before = now

"""The two time lines: samples captured and samples appended."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_loop.protocol.events import SpeechPhase, UserSpeech
from voice_loop.session.sounds import MAX_SEGMENTS, MAX_SOUNDS, AppendLedger, SoundLog


def speech(phase: SpeechPhase, sound: int, onset_ms: float, until_ms: float = 0) -> UserSpeech:
    return UserSpeech(phase, sound, onset_ms, until_ms or onset_ms, False, int(onset_ms * 24))


def test_a_gap_in_what_was_captured_is_not_a_gap_in_what_was_appended() -> None:
    ledger = AppendLedger()
    ledger.append(0, 24_000)
    ledger.append(72_000, 24_000)
    assert ledger.captured_at(500) == 12_000
    assert ledger.captured_at(1_000) == 72_000
    assert ledger.captured_at(1_500) == 84_000


def test_a_new_connection_begins_its_own_line() -> None:
    ledger = AppendLedger()
    ledger.append(0, 24_000)
    ledger.restart()
    assert ledger.captured_at(0) is None
    ledger.append(24_000, 480)
    assert ledger.captured_at(10) == 24_240


def test_the_ledger_is_bounded() -> None:
    ledger = AppendLedger()
    for index in range(2 * MAX_SEGMENTS):
        ledger.append(index * 1_000, 480)
    assert ledger.captured_at(0) is None
    assert ledger.appended == 2 * MAX_SEGMENTS * 480


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 2_000)), max_size=50))
def test_every_appended_sample_leads_back_to_where_it_was_captured(
    parts: list[tuple[int, int]],
) -> None:
    ledger = AppendLedger()
    captured: list[int] = []
    position = 0
    for gap, samples in parts:
        position += gap
        ledger.append(position, samples)
        captured += range(position, position + samples)
        position += samples
    for appended in range(0, len(captured), 24):
        assert ledger.captured_at(appended / 24) == captured[appended]


def test_a_sound_is_found_within_300_ms_of_a_stretch_of_speech() -> None:
    log = SoundLog()
    log.update(speech("candidate", 1, 1_000))
    log.update(speech("rejected", 1, 1_000, 1_100))
    assert [s.id for s in log.overlapping(1_399 * 24, None)] == [1]
    assert log.overlapping(1_401 * 24, None) == []
    assert [s.id for s in log.overlapping(500 * 24, 701 * 24)] == [1]
    assert log.overlapping(500 * 24, 699 * 24) == []
    assert log.overlapping(None, None) == []


def test_an_open_sound_covers_everything_behind_its_onset() -> None:
    log = SoundLog()
    log.update(speech("candidate", 1, 1_000))
    assert log.any_open
    assert log.overlapping(60_000 * 24, None)
    log.update(speech("ended", 1, 1_000, 2_000))
    assert not log.any_open


def test_a_confirmed_sound_stays_confirmed_when_it_ends() -> None:
    log = SoundLog()
    log.update(speech("candidate", 1, 0))
    log.update(speech("confirmed", 1, 0))
    assert log.update(speech("ended", 1, 0, 900)).confirmed


def test_the_log_is_bounded() -> None:
    log = SoundLog()
    for number in range(2 * MAX_SOUNDS):
        log.update(speech("ended", number, number * 10, number * 10 + 5))
    assert len(log.overlapping(0, 10**9)) == MAX_SOUNDS

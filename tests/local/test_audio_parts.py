"""Resampling, formats, sentences, voices and recognition rules, without sockets."""

from __future__ import annotations

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_loop.audio.pcm import from_float, to_float
from voice_loop.errors import ConfigError
from voice_loop.local import detector
from voice_loop.local.detector import FRAME_SAMPLES, LevelDetector
from voice_loop.local.engines import Engines, check_installed, scripted_engines
from voice_loop.local.formats import InputFormat, OutputFormat
from voice_loop.local.recogniser import (
    MAX_PIECE_SAMPLES,
    ScriptedRecogniser,
    cut_pieces,
    tidy,
)
from voice_loop.local.resample import Resampler, resample
from voice_loop.local.sentences import MAX_SENTENCE_CHARS, SentenceCutter
from voice_loop.local.voice import ToneVoice, speakable, split_words, time_words, trim


def sine(hz: float, rate_hz: int, seconds: float = 0.5) -> npt.NDArray[np.float32]:
    at = np.arange(int(rate_hz * seconds))
    return (0.5 * np.sin(2 * np.pi * hz * at / rate_hz)).astype(np.float32)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(24_000, 16_000), (8_000, 24_000), (24_000, 8_000)])
def test_a_tone_survives_a_change_of_rate(from_hz: int, to_hz: int) -> None:
    out = resample(sine(1000, from_hz), from_hz, to_hz)
    assert abs(len(out) - to_hz // 2) <= 1
    middle = out[to_hz // 10 : to_hz * 4 // 10]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    peak = int(np.argmax(spectrum))
    assert peak * to_hz / len(middle) == pytest.approx(1000, abs=10)
    others = np.delete(spectrum, range(max(0, peak - 4), peak + 5))
    assert 20 * np.log10(spectrum[peak] / others.max()) > 60
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.01)


def test_what_16_khz_cannot_hold_is_filtered_out() -> None:
    assert np.abs(resample(sine(11_000, 24_000), 24_000, 16_000)[200:-200]).max() < 0.001


def test_the_same_rate_is_left_alone() -> None:
    clip = sine(100, 16_000)
    assert resample(clip, 16_000, 16_000) is clip


@settings(max_examples=25)
@given(st.lists(st.integers(0, 700), max_size=8))
def test_resampling_does_not_depend_on_how_the_input_is_cut(cuts: list[int]) -> None:
    clip = sine(440, 24_000, 0.1)
    whole = Resampler(24_000, 16_000)(clip)
    streaming, at, parts = Resampler(24_000, 16_000), 0, []
    for cut in cuts:
        parts.append(streaming(clip[at : at + cut]))
        at += cut
    parts.append(streaming(clip[at:]))
    assert np.allclose(np.concatenate(parts), whole, atol=1e-6)


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_telephone_audio_comes_back_nearly_the_same(kind: str) -> None:
    speech = from_float(sine(800, 24_000))
    line = OutputFormat(kind).encode(speech)
    assert len(line) == len(speech) // 2 // 3
    back = to_float(InputFormat(kind).decode(line))
    spectrum = np.abs(np.fft.rfft(back[3000:9000] * np.hanning(6000)))
    assert int(np.argmax(spectrum)) * 4 == 800
    assert np.abs(back[3000:9000]).max() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("kind", "code", "value"),
    [
        ("audio/pcmu", 0xFF, 0),
        ("audio/pcmu", 0x00, -32124),
        ("audio/pcmu", 0x80, 32124),
        ("audio/pcma", 0xD5, 8),
        ("audio/pcma", 0x55, -8),
        ("audio/pcma", 0xAA, 32256),
    ],
)
def test_the_tables_have_the_standards_values(kind: str, code: int, value: int) -> None:
    assert int(InputFormat(kind)._table[code]) == value


def test_plain_pcm_passes_and_half_a_sample_waits_for_the_next_append() -> None:
    format_ = InputFormat("audio/pcm")
    assert format_.decode(b"\x01\x02\x03") == b"\x01\x02"
    assert format_.decode(b"\x04") == b"\x03\x04"
    assert OutputFormat("audio/pcm").encode(b"ab") == b"ab"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", " Two!", " Three?", " Four"]),
        ("Dr. Smith is in.", ["Dr. Smith is in."]),
        ("It costs 3.50 now. Yes.", ["It costs 3.50 now.", " Yes."]),
        ('He said "no." Then left.', ['He said "no."', " Then left."]),
        ("Line one\nline two", ["Line one", "\nline two"]),
        ("J. K. wrote it.", ["J. K. wrote it."]),
    ],
)
def test_text_is_cut_into_sentences(text: str, sentences: list[str]) -> None:
    for size in (1, 3, 1000):
        cutter = SentenceCutter()
        found = []
        for start in range(0, len(text), size):
            found += cutter.feed(text[start : start + size])
        assert [*found, cutter.flush()] == sentences


@given(st.lists(st.text(alphabet="ab .!?\n\"'", max_size=40)))
def test_no_character_is_lost_between_sentences(pieces: list[str]) -> None:
    cutter = SentenceCutter()
    found = [sentence for piece in pieces for sentence in cutter.feed(piece)]
    assert "".join(found) + cutter.flush() == "".join(pieces)


def test_a_sentence_without_end_is_cut_at_a_word() -> None:
    cutter = SentenceCutter()
    found = cutter.feed("word " * 200)
    assert found
    assert all(len(sentence) <= MAX_SENTENCE_CHARS for sentence in found)
    assert SentenceCutter().feed("x" * 700)[0] == "x" * MAX_SENTENCE_CHARS


def test_the_tone_voice_gives_every_word_its_time() -> None:
    speech = ToneVoice(ms_per_word=100).speak("One two three.", speed=0.5)
    assert [word.text for word in speech.words] == ["One", " two", " three."]
    assert [word.start_sample for word in speech.words] == [0, 4800, 9600]
    assert len(speech.pcm) == 2 * speech.words[-1].end_sample == 3 * 4800 * 2
    assert ToneVoice().speak("").pcm == b""


@given(st.lists(st.floats(0.5, 20), min_size=1, max_size=30), st.integers(0, 100_000))
def test_words_fill_the_audio_without_gap_or_overlap(weights: list[float], total: int) -> None:
    words = time_words(["w"] * len(weights), weights, total).words
    assert words[0].start_sample == 0
    assert words[-1].end_sample == total
    for before, after in zip(words, words[1:], strict=False):
        assert before.end_sample == after.start_sample


def test_words_keep_the_space_before_them() -> None:
    assert "".join(split_words(" a  b c.")) == " a  b c."


def test_trimming_leaves_a_little_silence_around_the_speech() -> None:
    wave = np.concatenate([np.zeros(7200), sine(300, 24_000), np.zeros(12_000)]).astype(np.float32)
    trimmed = trim(wave)
    assert len(trimmed) == pytest.approx(12_000 + 720 + 2400, abs=30)
    assert len(trim(np.zeros(500, np.float32))) == 0


@pytest.mark.parametrize(
    ("heard", "voiced_ms", "text"),
    [
        ("You", 300, ""),
        ("You.", 500, "You."),
        ("See you to-morrow.", 900, "See you tomorrow."),
        ("To-day  is fine. Good-by", 900, "Today is fine. Goodbye"),
        ("  ", 900, ""),
    ],
)
def test_what_the_model_imagines_or_spells_oddly_is_tidied(
    heard: str, voiced_ms: float, text: str
) -> None:
    assert tidy(heard, voiced_ms) == text


def test_long_speech_is_cut_where_it_is_quiet_into_pieces_of_at_most_20_s() -> None:
    speech = sine(300, 16_000, 45.0)
    quiet = 17 * 16_000
    speech[quiet : quiet + 3200] = 0
    pieces = cut_pieces(speech)
    assert quiet <= len(pieces[0]) <= quiet + 3200
    assert all(len(piece) <= MAX_PIECE_SAMPLES for piece in pieces)
    assert np.array_equal(np.concatenate(pieces), speech)


def test_the_scripted_recogniser_repeats_its_last_text() -> None:
    recogniser = ScriptedRecogniser(("a", "b"))
    silence = np.zeros(10, np.float32)
    assert [recogniser.recognise(silence, 0) for _ in range(3)] == ["a", "b", "b"]


def test_the_level_detector_knows_loud_from_quiet() -> None:
    stream = LevelDetector().stream()
    assert stream(sine(300, 16_000)[:FRAME_SAMPLES]) == 1.0
    assert stream(np.zeros(FRAME_SAMPLES, np.float32)) == 0.0


def test_a_missing_detector_says_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="voice-loop\\[local\\]"):
        check_installed()


def test_scripted_engines_are_complete() -> None:
    engines = scripted_engines()
    assert isinstance(engines, Engines)
    assert engines.recogniser is not None


def test_a_long_clip_of_telephone_audio_takes_little_memory() -> None:
    minute = bytes(range(256)) * 1_875
    tracemalloc.start()
    try:
        whole = InputFormat("audio/pcmu").decode(minute)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000, "it was 400 MB"
    in_pieces = InputFormat("audio/pcmu")
    cuts = [minute[at : at + 7_777] for at in range(0, len(minute), 7_777)]
    assert whole == b"".join(in_pieces.decode(piece) for piece in cuts)


def test_half_a_sample_goes_with_what_is_cleared() -> None:
    heard = InputFormat("audio/pcm")
    assert heard.decode(b"\1\2\3") == b"\1\2"
    heard.clear()
    assert heard.decode(b"\4\5") == b"\4\5"


def test_a_number_without_words_is_read_digit_by_digit() -> None:
    assert speakable("Call 123456789012345 now.") == "Call 123456789012345 now."
    assert speakable("1" * 16) == " ".join("1" * 16)

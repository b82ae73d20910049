"""Sounds that are no words stay no words; quiet, short and muffled words stay words."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks import sounds
from tests.local.realtime_client import client_of, kinds, last, silence
from tests.speech import say
from voice_loop.audio.pcm import from_float
from voice_loop.local import serve
from voice_loop.local.brain.builtin import BuiltinResponder
from voice_loop.local.ear import voice_in
from voice_loop.local.engines import Engines, real_engines
from voice_loop.local.evidence import MIN_OPEN_MS, is_imagined, may_hold_words, open_ms
from voice_loop.local.resample import resample

pytestmark = [pytest.mark.anyio]
Samples = sounds.Samples
NOISES = sounds.noises(3, seed=29)
QUIET_WORDS = ("No.", "Moon.", "Who?", "You.", "Stop.", "Room nine.")


def at_16_khz(samples: Samples, from_hz: int, level: float = 0.3) -> Samples:
    """At a level a microphone gives, with some quiet around it."""
    speech = resample(np.asarray(samples * level, np.float32), from_hz, 16_000)
    return np.pad(speech, (4_800, 3_200))


def over_hiss(speech: Samples, level: float) -> Samples:
    hiss = np.random.default_rng(1).normal(0, level, len(speech))
    return np.asarray(speech + hiss, np.float32)


@pytest.mark.parametrize("hiss", [0.0, 0.002, 0.01])
@pytest.mark.parametrize("seed", range(8))
def test_a_hum_is_no_open_mouth_however_it_hisses_around_it(seed: int, hiss: float) -> None:
    hum = at_16_khz(sounds.hum(np.random.default_rng(seed)), sounds.RATE_HZ)
    assert open_ms(over_hiss(hum, hiss)) < MIN_OPEN_MS
    assert not may_hold_words(over_hiss(hum, hiss), voiced_ms=400)


@pytest.mark.models
@pytest.mark.parametrize("word", QUIET_WORDS)
def test_even_the_darkest_words_open_the_mouth(word: str) -> None:
    for level in (0.03, 0.3):
        spoken = at_16_khz(say(word), 24_000, level)
        assert may_hold_words(spoken, voiced_ms=250), (word, level, open_ms(spoken))


def test_nothing_and_silence_hold_no_words() -> None:
    assert open_ms(np.zeros(100, np.float32)) == 0
    assert open_ms(np.zeros(16_000, np.float32)) == 0


@pytest.mark.parametrize(
    ("text", "voiced_ms", "imagined"),
    [("You", 300, True), ("Oh.", 320, True), ("You.", 500, False), ("No.", 250, False)],
)
def test_a_lone_filler_needs_more_voice_than_a_word(
    text: str, voiced_ms: float, imagined: bool
) -> None:
    assert is_imagined(text, voiced_ms) is imagined


@pytest.mark.parametrize(
    ("text", "voiced_ms", "imagined"),
    [
        ("♪♪", 3_000, True),
        ("...", 3_000, True),
        ("© transcript Emily Beynon", 350, True),
        ("大家啊啊", 290, True),
        ("♪ Hello there", 2_000, False),
        ("A café – “why not?” – for £3, it’s 20°…", 250, False),
        ("", 300, True),
    ],
)
def test_what_no_english_sentence_is_written_with_was_imagined_into_a_cough(
    text: str, voiced_ms: float, imagined: bool
) -> None:
    assert is_imagined(text, voiced_ms) is imagined


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    yield real_engines(BuiltinResponder())


@pytest.mark.models
@pytest.mark.parametrize("noise", NOISES, ids=lambda sound: sound.name)
def test_no_noise_becomes_a_word(engines: Engines, noise: sounds.Sound) -> None:
    assert engines.recogniser is not None
    for level in (0.05, 0.3, 0.9):
        sound = at_16_khz(noise.samples, sounds.RATE_HZ, level)
        voiced_ms = voice_in(sound, engines.detector)
        assert engines.recogniser.recognise(sound, voiced_ms) == ""


@pytest.mark.models
async def test_noises_before_and_beside_a_question_leave_only_the_question(
    engines: Engines,
) -> None:
    line = [silence(300)]
    for noise in NOISES:
        made = resample(noise.samples * np.float32(0.3), sounds.RATE_HZ, 24_000)
        line += [from_float(made), silence(700)]
    line += [from_float(say("What is two plus three?")), silence(900)]
    async with serve(engines=engines) as server, client_of(server) as client:
        await client.update(
            audio={
                "input": {
                    "turn_detection": {"type": "server_vad", "create_response": False},
                    "transcription": {"model": "whisper-1"},
                }
            }
        )
        await client.append(b"".join(line), chunk_ms=100)
        heard = ""
        while not heard:
            frame = await client.expect("conversation.item.input_audio_transcription.completed")
            heard = frame["transcript"]
        assert "3" in heard.replace("three", "3")


@pytest.mark.models
@pytest.mark.parametrize("sound", ["noise", "speech"])
async def test_a_clip_in_an_item_is_listened_to_before_it_is_recognised(
    engines: Engines, sound: str
) -> None:
    door = resample(sounds.door(np.random.default_rng(3)), sounds.RATE_HZ, 24_000)
    pcm = from_float(np.asarray(door, np.float32) if sound == "noise" else say("Hello there."))
    content = [{"type": "input_audio", "audio": base64.b64encode(pcm + silence(200)).decode()}]
    async with serve(engines=engines) as server, client_of(server) as client:
        await client.turn_detection()
        await client.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": content},
        )
        frames = await client.until("conversation.item.input_audio_transcription.completed")
    transcript = last(frames, "conversation.item.input_audio_transcription.completed")["transcript"]
    assert bool(transcript) is (sound == "speech"), transcript
    assert "error" not in kinds(frames)

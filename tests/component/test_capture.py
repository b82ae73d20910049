"""What the microphone sends: chunks, positions, instants, levels, mute."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reflex_voice_audio.browser.capture import CHUNK_SAMPLES, Capture
from reflex_voice_audio.browser.jsapi import ArrayBuffer, Float32Array

from tests.component.sounds import Samples


class Microphone:
    """A capture that writes down its messages; its detector is off, for speed."""

    def __init__(self, rate: float = 48_000, start: float = 3.0) -> None:
        self.rate = rate
        self.time = start
        self.sent: list[tuple[dict[str, Any], Any]] = []
        self.capture = Capture(
            rate, lambda message, chunk: self.sent.append((message, chunk)), print
        )
        self.capture.receive(SimpleNamespace(type="detector", enabled=False))

    def push(self, samples: Samples, block: int = 128) -> None:
        for at in range(0, len(samples) - block + 1, block):
            part = Float32Array(samples[at : at + block].tolist())
            self.capture.push(part, None, block, self.time)
            self.time += block / self.rate

    def chunks(self) -> list[dict[str, Any]]:
        return [message for message, _ in self.sent if message["type"] == "pcm"]

    def pcm(self) -> Samples:
        data = b"".join(bytes(chunk) for _, chunk in self.sent if chunk is not None)
        return np.frombuffer(data, dtype="<i2").astype(np.float64)


def tone(rate: float, seconds: float) -> Samples:
    return np.asarray(
        0.5 * np.sin(2 * np.pi * 500 * np.arange(int(rate * seconds)) / rate), dtype=np.float64
    )


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 96_000])
def test_chunks_are_20_ms_of_960_bytes_without_a_gap(rate: int) -> None:
    microphone = Microphone(rate)
    microphone.push(tone(rate, 0.3))
    chunks = microphone.chunks()
    assert len(chunks) == 14
    assert [chunk["position"] for chunk in chunks] == [480 * i for i in range(14)]
    for message, chunk in microphone.sent:
        assert isinstance(chunk, ArrayBuffer)
        assert message["pcm"] is chunk or bytes(message["pcm"]) == bytes(chunk)
        assert chunk.byteLength == 2 * CHUNK_SAMPLES
    exact = 16_384 * np.sin(2 * np.pi * 500 * np.arange(14 * 480) / 24_000)
    error = (exact - microphone.pcm())[100:]
    assert np.max(np.abs(error)) < 4


def test_positions_and_instants_belong_together() -> None:
    microphone = Microphone(start=3.0)
    microphone.push(tone(48_000, 0.2))
    for chunk in microphone.chunks():
        assert chunk["time"] == pytest.approx(3.0 + chunk["position"] / 24_000)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_quanta_that_the_browser_left_out_are_silence_and_not_missing_time(rate: int) -> None:
    microphone = Microphone(rate, start=3.0)
    microphone.push(tone(rate, 0.1))
    microphone.time += 2_048 / rate
    microphone.push(tone(rate, 0.2))
    taken = (int(0.1 * rate) // 128 + 16 + int(0.2 * rate) // 128) * 128
    chunks = microphone.chunks()
    assert [chunk["position"] for chunk in chunks] == [480 * i for i in range(len(chunks))]
    assert len(chunks) == (taken * 24_000 // rate - 5) // 480
    for chunk in chunks:
        assert chunk["time"] == pytest.approx(3.0 + chunk["position"] / 24_000)
    gap = int((int(0.1 * rate) // 128) * 128 * 24_000 / rate)
    lost = int(2_048 * 24_000 / rate)
    assert np.max(np.abs(microphone.pcm()[gap + 60 : gap + lost - 60])) < 40
    assert np.max(np.abs(microphone.pcm()[gap + lost + 60 :])) > 16_000


def test_a_minute_that_the_browser_left_out_is_not_filled_but_known() -> None:
    microphone = Microphone(start=3.0)
    microphone.push(tone(48_000, 0.1))
    before = len(microphone.chunks())
    microphone.time += 60
    microphone.push(tone(48_000, 0.1))
    later = microphone.chunks()[-1]
    assert len(microphone.chunks()) - before <= 55, "at most a second is filled"
    assert later["time"] == pytest.approx(microphone.time - 0.02, abs=0.025)


def test_the_microphones_latency_is_taken_off_the_instant() -> None:
    microphone = Microphone(start=3.0)
    microphone.capture.receive(SimpleNamespace(type="latency", seconds=0.03))
    microphone.push(tone(48_000, 0.05))
    assert microphone.chunks()[0]["time"] == pytest.approx(2.97)


def test_muting_sends_nothing_but_the_line_goes_on() -> None:
    microphone = Microphone()
    microphone.push(tone(48_000, 0.0427))
    microphone.capture.receive(SimpleNamespace(type="mute", muted=True))
    microphone.push(tone(48_000, 0.2))
    muted = len(microphone.chunks())
    microphone.capture.receive(SimpleNamespace(type="mute", muted=False))
    microphone.push(tone(48_000, 0.1))
    positions = [chunk["position"] for chunk in microphone.chunks()]
    assert positions[muted] - positions[muted - 1] >= 9 * 480
    assert all(position // 480 * 480 == position for position in positions)


def test_the_level_is_between_silence_and_full_scale() -> None:
    levels = []
    for gain in (0.0, 0.001, 0.1, 2.0):
        microphone = Microphone()
        microphone.push(gain * tone(48_000, 0.05))
        levels.append(microphone.chunks()[-1]["level"])
    assert levels == sorted(levels)
    assert levels[0] == 0.0
    assert 0.9 < levels[-1] <= 1.0
    assert 0.5 < levels[2] < 0.75


def test_an_input_that_is_not_connected_is_silence() -> None:
    microphone = Microphone()
    for _ in range(20):
        microphone.capture.push(None, None, 128, 0.0)
    assert not np.any(microphone.pcm())
    assert len(microphone.chunks()) == 2


@settings(max_examples=10, deadline=None)
@given(st.integers(16, 128))
def test_the_size_of_blocks_changes_nothing(block: int) -> None:
    source = tone(44_100, 0.1)
    whole, parts = Microphone(44_100), Microphone(44_100)
    whole.push(source)
    parts.push(source, block)
    count = min(len(whole.pcm()), len(parts.pcm()))
    assert count >= 480 * 3
    np.testing.assert_array_equal(whole.pcm()[:count], parts.pcm()[:count])

"""A recorded conversation: what was said and heard, where it sounded, for the tab that made it.

1. The notice is there before the first sample and as long as it runs, and it stops it.
2. Left is what the microphone heard; right is what the loudspeaker got, cut where it was cut; and
   they lie to each other as they did in the room, judged by a recorder of the page's own graph.
3. The files come by a link that works once, and are gone with the conversation.
"""

from __future__ import annotations

import base64
import json
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Download, Page, expect

from tests.browser.conftest import Arrive
from tests.browser.served_app import ServedApp, serve
from tests.browser.visitor import Visitor
from tests.listening import Samples, find, resample
from tests.recording.test_wav import read
from tests.speech import conversation, say, sounding
from voice_loop.recording.store import PREFIX

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.timeout(400)]

RATE_HZ = 24_000
QUESTION = "What is nine times eight?"
MICROPHONE = conversation(("Tell me a story.", 6.0), (QUESTION, 16.0), length_s=34)
NOTICE = "[data-voice-recording]"

# What the microphone gave to the page's graph, with the frame at which it did.
WATCH_MICROPHONE = """
(() => {
  const tap = (window.__microphone = { rate: 0, frames: [], blocks: [] });
  const code = `registerProcessor("test-microphone", class extends AudioWorkletProcessor {
    process(inputs) {
      if (inputs[0][0]) this.port.postMessage({ frame: currentFrame, block: inputs[0][0].slice() });
      return true;
    }
  });`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    const source = this;
    if (source instanceof MediaStreamAudioSourceNode && !tap.rate) {
      tap.rate = source.context.sampleRate;
      source.context.audioWorklet.addModule(url).then(() => {
        const node = new AudioWorkletNode(source.context, "test-microphone");
        node.port.onmessage = (event) => {
          tap.frames.push(event.data.frame);
          tap.blocks.push(event.data.block);
        };
        connect.call(source, node);
        connect.call(node, source.context.destination);
      });
    }
    return connect.call(source, target, ...rest);
  };
  window.__takeMicrophone = () => {
    const first = tap.frames[0];
    const samples = new Float32Array(tap.frames[tap.frames.length - 1] - first + 128);
    tap.frames.forEach((frame, index) => samples.set(tap.blocks[index], frame - first));
    const bytes = new Uint8Array(samples.buffer);
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768)
      text += String.fromCharCode.apply(null, bytes.subarray(at, at + 32768));
    return { rate: tap.rate, first, data: btoa(text), heard: window.__taps[0].frames[0] };
  };
})();
"""


@dataclass(frozen=True)
class Room:
    """Both sides as the page's own graph had them, at the recording's rate, on one line."""

    microphone: Samples
    microphone_s: float
    """When its first sample was, in seconds of the graph."""
    loudspeaker: Samples
    loudspeaker_s: float


def room_of(visitor: Visitor) -> Room:
    raw = visitor.page.evaluate("__takeMicrophone()")
    rate = int(raw["rate"])
    samples = np.frombuffer(base64.b64decode(raw["data"]), dtype="<f4")
    tape = visitor.heard()
    assert tape.rate_hz == rate
    return Room(
        resample(samples, rate, RATE_HZ),
        raw["first"] / rate,
        resample(tape.samples, rate, RATE_HZ),
        raw["heard"] / rate,
    )


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The system's temporary folder, as the app sees it."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def recording_app(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    settings = {"VOICE_RECORDING": "true", "TMPDIR": str(temporary)}
    with serve(tmp_path_factory.mktemp("recording") / "app.log", settings) as served:
        yield served
    assert "Traceback" not in served.log_text(), served.log_text()[-6000:]


def figures(visitor: Visitor) -> None:
    """Show or hide the panel that holds the switch: by its chord, because it covers its button."""
    visitor.page.keyboard.press("Control+Shift+D")


def files_of(temporary: Path) -> list[Path]:
    return [path for root in temporary.glob(PREFIX + "*") for path in root.glob("*/*")]


def save(page: Page, file: str, folder: Path) -> tuple[Path, Download]:
    with page.expect_download() as caught:
        page.locator(f'[data-voice-file="{file}"]').click()
    path = folder / file
    caught.value.save_as(path)
    assert caught.value.suggested_filename == file
    return path, caught.value


def loudest_lag(one: Samples, other: Samples) -> int:
    """Sample of `other` at which `one` begins; negative where it began before."""
    size = 1 << (len(one) + len(other)).bit_length()
    scores = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size)), size)
    lag = int(np.argmax(scores))
    return lag - size if lag > size // 2 else lag


def windows_alike(recorded: Samples, there: Samples, lag: int) -> list[float]:
    """Correlation of each half second that holds sound, at one lag give or take 10 ms."""
    window, slack, found = RATE_HZ // 2, RATE_HZ // 100, []
    for at in range(0, len(recorded) - window, window):
        piece, first = recorded[at : at + window], at + lag - slack
        if np.max(np.abs(piece)) > 0.1 and 0 <= first <= len(there) - window - 2 * slack:
            found.append(find(piece, there[first : first + window + 2 * slack]).correlation)
    return found


def assert_alike(correlations: list[float], complaint: str, breaks: int = 0) -> None:
    """The same sound. The page's resampler has its own idea of a hiss, and a place is corrected by
    a sample now and then: half a second may be less alike than most. On a busy machine the browser
    drops a block for one of two listeners to the same stream, which spoils one. Another sound, or
    one out of place, is not like it at all, and all that follows neither. Where the loudspeaker
    paused or ran dry, which it tells ten times a second, the half second around that `break` is not
    compared."""
    assert np.median(correlations) > 0.9, f"{complaint}: {correlations}"
    assert sorted(correlations)[breaks + 1] > 0.7, f"{complaint}, {breaks} breaks: {correlations}"


def loudness(samples: Samples) -> Samples:
    """Of each 10 ms: what a microphone's processing leaves as it was, other than the phases."""
    frame = RATE_HZ // 100
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return np.asarray(np.sqrt(np.mean(np.square(whole), axis=1)), dtype=np.float32)


def likeness(piece: Samples, line: Samples) -> float:
    """The best correlation of `piece` with any stretch of `line`, levels apart."""
    best = 0.0
    for at in range(len(line) - len(piece)):
        there = line[at : at + len(piece)]
        if np.max(there) > 0.01:
            best = max(best, float(np.corrcoef(piece, there)[0, 1]))
    return best


def cut_at(samples: Samples) -> float:
    """Where the first answer's sound ends, in s: before the first second of silence."""
    loud = np.flatnonzero(sounding(samples, RATE_HZ))
    gaps = np.flatnonzero(np.diff(loud) > 100)
    return float(loud[gaps[0]] if len(gaps) else loud[-1]) / 100


def refusal(url: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=30)
    return refused.value.code, json.loads(refused.value.read())


def hold_a_recorded_conversation(visitor: Visitor, temporary: Path) -> None:
    """Switched on before Talk; a story is talked over; stopped by the notice."""
    page = visitor.page
    figures(visitor)
    page.get_by_role("button", name="Record the conversation").click()
    expect(page.locator(NOTICE)).to_contain_text("will be recorded")
    figures(visitor)
    assert files_of(temporary) == []
    visitor.start_talking()
    expect(page.locator('[data-voice-recording="running"]')).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="being recorded")).to_have_count(1)
    visitor.wait_for_answers(1)
    expect(page.locator(NOTICE)).to_be_visible()
    files = files_of(temporary)
    assert {path.name for path in files} >= {"conversation.wav", "timeline.jsonl"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in files} == {0o700}
    page.locator(NOTICE).get_by_role("button", name="Stop recording").click()
    expect(page.locator(NOTICE)).to_have_count(0)


def test_a_conversation_is_recorded_as_it_sounded_and_gone_with_it(
    recording_app: ServedApp, temporary: Path, arrive: Arrive, tmp_path: Path
) -> None:
    visitor = arrive(recording_app.url, microphone=MICROPHONE)
    visitor.page.add_init_script(WATCH_MICROPHONE)
    visitor.visit(recording_app.url)
    hold_a_recorded_conversation(visitor, temporary)
    figures(visitor)
    wav, download = save(visitor.page, "conversation.wav", tmp_path)
    timeline, _ = save(visitor.page, "timeline.jsonl", tmp_path)
    assert refusal(download.url)[0] == 410
    assert refusal(download.url)[1]["code"] == "download_spent"
    frames = read(wav).astype(np.float32) / np.float32(32768)
    assert_as_in_the_room(visitor, frames[:, 0], frames[:, 1])
    assert_told(timeline)
    figures(visitor)
    visitor.click_talk()
    visitor.wait_for_status("idle")
    for _ in range(100):
        if not files_of(temporary):
            break
        visitor.page.wait_for_timeout(100)
    assert files_of(temporary) == []
    figures(visitor)
    expect(visitor.page.locator("[data-voice-file]")).to_have_count(0)
    assert visitor.console == []


def assert_as_in_the_room(visitor: Visitor, left: Samples, right: Samples) -> None:
    room = room_of(visitor)
    spoken = loudness(say(QUESTION))
    assert likeness(spoken, loudness(left)) > 0.9, "what was spoken is on the left"
    assert likeness(spoken, loudness(right)) < 0.85
    left_lag, right_lag = loudest_lag(left, room.microphone), loudest_lag(right, room.loudspeaker)
    alike = windows_alike(left, room.microphone, left_lag)
    assert_alike(alike, "the left is not what the microphone gave")
    alike = windows_alike(right, room.loudspeaker, right_lag)
    assert len(alike) >= 8
    reports = visitor.wire.reports()
    breaks = max(r.underruns for r in reports) + sum(r.phase == "paused" for r in reports)
    assert_alike(alike, "the right is not what the loudspeaker got", breaks)
    # Where the recording's first sample lies in the room, by either side.
    latency_s = float(np.median([r.output_latency_ms for r in reports])) / 1000
    user_s = room.microphone_s + left_lag / RATE_HZ
    answer_s = room.loudspeaker_s + latency_s + right_lag / RATE_HZ
    assert abs(user_s - answer_s) < 0.030, f"{1000 * (user_s - answer_s):.1f} ms apart"
    cut_s = cut_at(right) + right_lag / RATE_HZ
    assert abs(cut_s - cut_at(room.loudspeaker)) < 0.030, "cut where the loudspeaker fell silent"


def assert_told(timeline: Path) -> None:
    entries = [json.loads(line) for line in timeline.read_text(encoding="utf-8").splitlines()]
    names = {entry["event"] for entry in entries}
    assert names >= {
        "recording",
        "phase",
        "playback",
        "barge_in",
        "transcript",
        "speech",
        "metrics",
    }
    assert "recording_dropped" not in names
    spoken = " ".join(e["text"] for e in entries if e["event"] == "transcript").lower()
    assert "once there was" in spoken
    (cut,) = [e for e in entries if e["event"] == "barge_in" and e["source"] == "speech"]
    assert cut["at_ms"] > 0
    text = timeline.read_text(encoding="utf-8").lower()
    assert not any(secret in text for secret in ("ticket", "resume_key", "sk-"))

"""Records what a page sends to its loudspeaker, sample by sample, with the frame of each block.

An init script wraps `AudioNode.connect`: whatever is connected to a context's destination is also
connected to a recording worklet. Blocks carry `currentFrame`, so a gap in the recording itself
(not in the audio) is seen and refused. This is test code that runs in the page under test; the
product holds no script.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import BrowserContext, Page

_RECORDER = """
class Tap extends AudioWorkletProcessor {
  process(inputs) {
    const channel = inputs[0][0];
    const block = channel ? new Float32Array(channel) : new Float32Array(128);
    this.port.postMessage({ frame: currentFrame, time: currentTime, block }, [block.buffer]);
    return true;
  }
}
registerProcessor("test-tap", Tap);
"""

_INIT = """
(() => {
  const taps = (window.__taps = []);
  const url = URL.createObjectURL(new Blob([%s], { type: "text/javascript" }));
  const connect = AudioNode.prototype.connect;
  const ready = new WeakMap();
  AudioNode.prototype.connect = function (target, ...rest) {
    const result = connect.call(this, target, ...rest);
    const context = this.context;
    if (target !== context.destination || this.__tap || context instanceof OfflineAudioContext)
      return result;
    const source = this;
    if (!ready.has(context)) {
      const tap = { rate: context.sampleRate, frames: [], blocks: [], wall: performance.now() };
      taps.push(tap);
      ready.set(context, context.audioWorklet.addModule(url).then(() => {
        const options = { channelCount: 1, channelCountMode: "explicit" };
        const node = new AudioWorkletNode(context, "test-tap", options);
        node.__tap = true;
        node.port.onmessage = (event) => {
          if (!tap.frames.length)
            tap.wall = performance.now() - (context.currentTime - event.data.time) * 1000;
          tap.frames.push(event.data.frame);
          tap.blocks.push(event.data.block);
        };
        connect.call(node, context.destination);
        return node;
      }));
    }
    ready.get(context).then((node) => connect.call(source, node));
    return result;
  };
  window.__takeTap = () => taps.filter((tap) => tap.frames.length).map((tap) => {
    const first = tap.frames[0];
    const samples = new Float32Array(tap.frames[tap.frames.length - 1] - first + 128);
    const gaps = [];
    tap.frames.forEach((frame, index) => {
      samples.set(tap.blocks[index], frame - first);
      const before = index ? tap.frames[index - 1] + 128 : frame;
      if (frame !== before) gaps.push([before - first, frame - first]);
    });
    const bytes = new Uint8Array(samples.buffer);
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768)
      text += String.fromCharCode.apply(null, bytes.subarray(at, at + 32768));
    return { rate: tap.rate, wall: tap.wall, gaps, data: btoa(text) };
  });
})();
"""


@dataclass(frozen=True)
class Recording:
    """What one AudioContext played."""

    samples: npt.NDArray[np.float32]
    rate_hz: int
    start_ms: float
    """`performance.now()` of the page at the first sample, as rendered."""
    gaps: tuple[tuple[int, int], ...]
    """Samples [from, to) that the recorder itself missed, as a starting context does once: a busy
    machine may leave a worklet out for a quantum."""

    @property
    def length_s(self) -> float:
        """Seconds recorded."""
        return len(self.samples) / self.rate_hz


def install_tap(context: BrowserContext) -> None:
    """Record every page of `context` from its next load on."""
    context.add_init_script(tap_script())


def tap_script() -> str:
    """What a page has to run before it makes its first AudioContext."""
    return _INIT % json.dumps(_RECORDER)


def take_recordings(page: Page) -> list[Recording]:
    """What was played so far, one recording an AudioContext."""
    return recordings(page.evaluate("window.__takeTap()"))


def recordings(taken: list[dict[str, Any]]) -> list[Recording]:
    """What `window.__takeTap()` gave."""
    return [
        Recording(
            np.frombuffer(base64.b64decode(raw["data"]), dtype="<f4"),
            int(raw["rate"]),
            float(raw["wall"]),
            tuple((first, last) for first, last in raw["gaps"]),
        )
        for raw in taken
    ]

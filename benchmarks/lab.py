"""A room in the page: the microphone is a mixer; one recorder hears all there is to hear.

An init script gives the page a microphone that is a graph in the product's own AudioContext: a
noise bed, the sounds the benchmark plays, and the speaker's own sound through a room response.
Source, microphone (as delivered to the page) and speaker are recorded by one worklet with frame
numbers, so all three share one sample clock. What the page sends (and the end of an answer, when
it comes) is noted with its frame too.
This is test code that runs in the page under test; the product holds no script.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import BrowserContext, Page

from tests.listening import resample

Samples = npt.NDArray[np.float32]
AUDIBLE = 1e-5
"""Below this the speaker is silent: the benchmark's voice never is while it speaks."""

_WORKLET = """
const SIZE = 2048;
class Lab extends AudioWorkletProcessor {
  constructor() {
    super();
    this.line = new Float32Array(3 * SIZE);
    this.fill = 0;
    this.silent = 1e9;
    this.first = 0;
  }
  process(inputs) {
    if (!this.fill) this.first = currentFrame;
    let loud = false;
    for (let input = 0; input < 3; input++) {
      const channel = inputs[input][0];
      if (channel) {
        this.line.set(channel, input * SIZE + this.fill);
        if (input === 2) loud = channel.some((value) => Math.abs(value) > %(audible)s);
      } else this.line.fill(0, input * SIZE + this.fill, input * SIZE + this.fill + 128);
    }
    const before = this.silent;
    this.silent = loud ? 0 : this.silent + 128;
    const turn = 0.2 * sampleRate;
    if (loud && before >= turn) this.port.postMessage({ speaking: true, frame: currentFrame });
    if (before < turn && this.silent >= turn)
      this.port.postMessage({ speaking: false, frame: currentFrame });
    this.fill += 128;
    if (this.fill === SIZE) {
      this.port.postMessage({ first: this.first, line: this.line }, [this.line.buffer]);
      this.line = new Float32Array(3 * SIZE);
      this.fill = 0;
    }
    return true;
  }
}
registerProcessor("lab", Lab);
"""

_INIT = """
(() => {
  const SIZE = 2048;
  const url = URL.createObjectURL(new Blob([%(worklet)s], { type: "text/javascript" }));
  const connect = AudioNode.prototype.connect;
  const sources = AudioContext.prototype.createMediaStreamSource;
  const buffers = {};
  const lab = (window.__lab = {
    context: null, blocks: [], end: 0, speaking: false, started: 0, stopped: 0,
    sent: [], starts: [], ends: [], tracks: [],
  });
  let announce;
  const known = new Promise((resolve) => (announce = resolve));

  const build = async (context) => {
    lab.mix = context.createGain();
    lab.bedGain = context.createGain();
    connect.call(lab.bedGain, lab.mix);
    lab.echo = context.createConvolver();
    lab.echo.normalize = false;
    lab.echoGain = context.createGain();
    lab.echoGain.gain.value = 0;
    connect.call(connect.call(lab.echo, lab.echoGain), lab.mix);
    lab.speaker = context.createGain();
    lab.heard = context.createGain();
    await context.audioWorklet.addModule(url);
    const node = (lab.node = new AudioWorkletNode(context, "lab", {
      numberOfInputs: 3, channelCount: 1, channelCountMode: "explicit",
    }));
    connect.call(lab.mix, node, 0, 0);
    connect.call(lab.heard, node, 0, 1);
    connect.call(lab.speaker, node, 0, 2);
    connect.call(lab.speaker, lab.echo);
    connect.call(node, context.destination);
    node.port.onmessage = ({ data }) => {
      if (data.line) {
        lab.blocks.push(data);
        lab.end = data.first + SIZE;
        lab.ends = lab.ends.filter((wait) => wait.frame > lab.end || wait.done());
      } else {
        lab.speaking = data.speaking;
        lab[data.speaking ? "started" : "stopped"] = data.frame;
        if (data.speaking) lab.starts = lab.starts.filter(
          (wait) => wait.after >= data.frame || wait.done(data.frame));
      }
    };
  };

  const Native = window.AudioContext;
  window.AudioContext = class extends Native {
    constructor(...options) {
      super(...options);
      if (!lab.context) {
        lab.context = this;
        lab.ready = build(this).then(announce);
      }
    }
  };
  AudioNode.prototype.connect = function (target, ...rest) {
    const result = connect.call(this, target, ...rest);
    if (this.context === lab.context && target === this.context.destination && this !== lab.node) {
      const source = this;
      lab.ready.then(() => connect.call(source, lab.speaker));
    }
    return result;
  };
  AudioContext.prototype.createMediaStreamSource = function (stream) {
    const node = sources.call(this, stream);
    if (this === lab.context) lab.ready.then(() => connect.call(node, lab.heard));
    return node;
  };
  navigator.mediaDevices.getUserMedia = async () => {
    await known;
    const end = lab.context.createMediaStreamDestination();
    connect.call(lab.mix, end);
    lab.tracks.push(...end.stream.getTracks());
    return end.stream;
  };

  const frameNow = () => Math.round(lab.context.currentTime * lab.context.sampleRate);
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (typeof data === "string" && lab.context && /user\\.|playback\\.report/.test(data))
      lab.sent.push({ frame: frameNow(), data });
    return send.call(this, data);
  };

  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...options) {
      super(...options);
      this.addEventListener("message", ({ data }) => {
        if (typeof data === "string" && lab.context && /"audio\\.end"/.test(data))
          lab.sent.push({ frame: frameNow(), data });
      });
    }
  };

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const text = (array) => {
    const raw = new Uint8Array(array.buffer);
    let out = "";
    for (let at = 0; at < raw.length; at += 32768)
      out += String.fromCharCode.apply(null, raw.subarray(at, at + 32768));
    return btoa(out);
  };
  lab.load = (name, data, rate) => {
    const samples = new Float32Array(bytes(data).buffer);
    buffers[name] = new AudioBuffer({ length: samples.length, sampleRate: rate });
    buffers[name].copyToChannel(samples, 0);
  };
  const at = (frame) => Math.max(Math.ceil(frame / 128), Math.ceil(frameNow() / 128) + 8) * 128;
  lab.play = (name, gain, frame) => {
    const start = at(frame ?? 0);
    const source = new AudioBufferSourceNode(lab.context, { buffer: buffers[name] });
    const level = new GainNode(lab.context, { gain });
    connect.call(connect.call(source, level), lab.mix);
    source.onended = () => level.disconnect();
    source.start(start / lab.context.sampleRate);
    return start;
  };
  lab.playAfterStart = async (name, gain, delay, after, patience) => {
    const start = await lab.nextStart(after, patience);
    return start === null ? null : [start, lab.play(name, gain, start + delay)];
  };
  lab.nextStart = (after, patience) => new Promise((resolve) => {
    if (lab.speaking && lab.started > after) return resolve(lab.started);
    const timer = setTimeout(() => resolve(null), patience);
    lab.starts.push({ after, done: (frame) => (clearTimeout(timer), resolve(frame), false) });
  });
  lab.bed = (name, gain) => {
    if (lab.bedSource) lab.bedSource.stop();
    lab.bedSource = new AudioBufferSourceNode(lab.context, { buffer: buffers[name], loop: true });
    lab.bedGain.gain.value = gain;
    connect.call(lab.bedSource, lab.bedGain);
    lab.bedSource.start();
  };
  lab.setEcho = (name, gain) => {
    if (name) lab.echo.buffer = buffers[name];
    lab.echoGain.gain.value = gain;
  };
  lab.state = () => ({
    frame: frameNow(), end: lab.end, speaking: lab.speaking, started: lab.started,
    stopped: lab.stopped, rate: lab.context.sampleRate, state: lab.context.state,
    base: lab.context.baseLatency, output: lab.context.outputLatency,
  });
  lab.latency = async () => {
    const context = lab.context;
    const stamps = [];
    let ahead = Infinity;
    for (let count = 0; count < 50; count++) {
      ahead = Math.min(ahead, performance.now() - context.currentTime * 1000);
      const stamp = context.getOutputTimestamp();
      stamps.push(stamp.performanceTime - stamp.contextTime * 1000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return stamps.sort((a, b) => a - b)[25] - ahead;
  };
  lab.take = async (first, last) => {
    if (lab.end < last) await new Promise((resolve) => {
      lab.ends.push({ frame: last, done: () => (resolve(), false) });
    });
    lab.blocks = lab.blocks.filter((block) => block.first + SIZE > first);
    const lines = [0, 1, 2].map(() => new Float32Array(last - first));
    let missing = last - first;
    for (const block of lab.blocks) {
      const from = Math.max(first, block.first);
      const to = Math.min(last, block.first + SIZE);
      if (to <= from) continue;
      missing -= to - from;
      lines.forEach((line, index) => line.set(
        block.line.subarray(index * SIZE + from - block.first, index * SIZE + to - block.first),
        from - first));
    }
    return { lines: lines.map(text), missing };
  };
  lab.forget = (before) => {
    lab.blocks = lab.blocks.filter((block) => block.first + SIZE > before);
  };
  lab.takeSent = () => lab.sent.splice(0);
})();
"""


@dataclass(frozen=True)
class Tape:
    """A stretch of all three lines; sample 0 is context frame `first`."""

    first: int
    rate_hz: int
    source: Samples
    """What sounded in the room: words, bed, echo."""
    microphone: Samples
    """As the browser delivered it to the page."""
    speaker: Samples
    missing: int
    """Samples the recorder did not see."""

    def ms(self, samples: float) -> float:
        """Duration at this tape's rate."""
        return samples * 1000 / self.rate_hz


@dataclass(frozen=True)
class Sent:
    """A text frame of the page, or an `audio.end` of the server."""

    frame: int
    """Of the audio context, when it was sent or came."""
    body: dict[str, Any]


@dataclass(frozen=True)
class LabState:
    """The page's audio, now."""

    frame: int
    end: int
    speaking: bool
    started: int
    stopped: int
    rate: int
    state: str
    base: float
    output: float

    @property
    def output_latency_ms(self) -> float:
        """What the browser says lies between rendering and the ear."""
        return (self.output or self.base) * 1000


class Lab:
    """The room of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._loaded: set[str] = set()

    @staticmethod
    def install(context: BrowserContext) -> None:
        """For every page of `context`, from its next load on."""
        worklet = _WORKLET % {"audible": AUDIBLE}
        context.add_init_script(_INIT % {"worklet": json.dumps(worklet)})

    def load(self, name: str, samples: Samples, rate_hz: int) -> None:
        """Give the page a sound, once, at the rate of its audio context."""
        if name not in self._loaded:
            rate = self.state().rate
            fitting = samples if rate == rate_hz else resample(samples, rate_hz, rate)
            data = base64.b64encode(fitting.astype("<f4").tobytes()).decode()
            self.page.evaluate("([n, d, r]) => __lab.load(n, d, r)", [name, data, rate])
            self._loaded.add(name)

    def load_room(self, name: str, response: Samples, rate_hz: int) -> None:
        """Give the page a room; at another rate its response keeps its loudness."""
        self.load(name, response * np.float32(rate_hz / self.state().rate), rate_hz)

    def play(self, name: str, gain: float, frame: int | None = None) -> int:
        """Begin at `frame` or as soon as can be; the frame of its first sample."""
        return int(self.page.evaluate("([n, g, f]) => __lab.play(n, g, f)", [name, gain, frame]))

    def play_after_start(
        self, name: str, gain: float, delay: int, after: int, patience_ms: float
    ) -> tuple[int, int] | None:
        """Begin `delay` frames after the next answer begins to sound: that frame, and ours."""
        found = self.page.evaluate(
            "(given) => __lab.playAfterStart(...given)", [name, gain, delay, after, patience_ms]
        )
        return None if found is None else (int(found[0]), int(found[1]))

    def next_start(self, after: int, patience_ms: float) -> int | None:
        """The frame at which the next answer after frame `after` begins to sound."""
        found = self.page.evaluate(
            "([after, patience]) => __lab.nextStart(after, patience)", [after, patience_ms]
        )
        return None if found is None else int(found)

    def bed(self, name: str, gain: float) -> None:
        """Background from now on."""
        self.page.evaluate("([n, g]) => __lab.bed(n, g)", [name, gain])

    def echo(self, name: str | None, gain: float) -> None:
        """Speaker to microphone through the room response `name`; gain 0 is none."""
        self.page.evaluate("([n, g]) => __lab.setEcho(n, g)", [name, gain])

    def state(self) -> LabState:
        """How it is now."""
        return LabState(**self.page.evaluate("__lab.state()"))

    def output_latency_ms(self) -> float:
        """From rendered to heard, by the stamps that the browser sets on its output. Takes a
        second."""
        return float(self.page.evaluate("__lab.latency()"))

    def input_latency_ms(self) -> float:
        """From the microphone to the page, by what the browser says of the track."""
        told = self.page.evaluate("__lab.tracks.at(-1).getSettings().latency")
        return float(told or 0) * 1000

    def take(self, first: int, last: int) -> Tape:
        """The recording from `first` to `last`, waiting for its end; forgets what is older."""
        raw = self.page.evaluate("([first, last]) => __lab.take(first, last)", [first, last])
        rate_hz = self.state().rate
        lines = [np.frombuffer(base64.b64decode(line), dtype="<f4") for line in raw["lines"]]
        return Tape(first, rate_hz, lines[0], lines[1], lines[2], int(raw["missing"]))

    def take_sent(self) -> list[Sent]:
        """What the page sent, and which answers ended, since the last call."""
        return [
            Sent(int(entry["frame"]), json.loads(entry["data"]))
            for entry in self.page.evaluate("__lab.takeSent()")
        ]

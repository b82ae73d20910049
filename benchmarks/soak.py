"""Does anything grow or tear while people talk on and on?

    python -m benchmarks.soak                two minutes
    python -m benchmarks.soak --minutes 60
    python -m benchmarks.soak --fill 1100    when all that is bounded is full

A real Chromium whose microphone repeats a question and an interruption, the served app, the local
Realtime server in this process (so that its models are not in the app's memory). Sampled all the
while: resident memory of the app's processes, the page's heap after a collection, audio on its way
up and ahead of the ear, and the positions of every chunk in both directions. The floor comes first:
the same figures of a session in which nobody speaks.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
from playwright.sync_api import CDPSession, Page, WebSocket, sync_playwright

from benchmarks.harness import BUILD_FOLDER, KEY, assistant, talking_engines
from benchmarks.slope import Slope, slope
from benchmarks.tables import load_average, save, table
from tests.browser.served_app import ServedApp, serve
from tests.browser_support import launch_chromium
from tests.speech import conversation, write_wav
from voice_loop.audio.pcm import bytes_to_ms, samples_to_ms
from voice_loop.errors import WireError
from voice_loop.local.options import LocalOptions
from voice_loop.protocol import codec
from voice_loop.protocol.events import AudioChunk, AudioEnd, PlaybackReport

ANSWER: Final = (
    "Let me tell you about the river that runs through the old part of the town.",
    "Long ago the people built their houses on its northern bank, where the ground was dry.",
    "Every morning the fishermen went out before the sun came up over the hills.",
)
SAID: Final = (("Can you tell me about the river?", 9.0), ("Stop, what about the bridge?", 17.0))
LOOP_S: Final = 32.0
QUIET_S: Final = 8.0
"""At the beginning of the microphone's loop: the floor is measured there."""
EVERY_S: Final = 5.0
FLOOR_SAMPLES: Final = 4
WARM_UP_SHARE: Final = 0.25
LONGEST_MINUTES: Final = "1440"
PATIENCE_MS: Final = 60_000
NOISE_SIGMAS: Final = 3.0


class Traffic:
    """Watches the voice socket: positions that do not join, and how far audio is ahead."""

    def __init__(self) -> None:
        self.up_bytes = 0
        self.chunks = {"up": 0, "down": 0}
        self.torn = {"up": 0, "down": 0}
        self.answers = 0
        self.interrupted = 0
        self.underruns = 0
        self.dropped_chunks = 0
        self.sockets = 0
        self._next: dict[tuple[str, int, int], int] = {}
        self._sent_samples: dict[tuple[int, int], int] = {}
        self.ahead_ms = 0.0
        self.most_ahead_ms = 0.0
        self.buffered_ms = 0.0

    def watch(self, page: Page) -> None:
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        if "/voice" in socket.url:
            self.sockets += 1
            self._next.clear()
            socket.on("framereceived", self._down)
            socket.on("framesent", self._up)

    def _up(self, frame: bytes | str) -> None:
        try:
            event = codec.decode_client(frame)
        except WireError:
            return
        if isinstance(event, AudioChunk):
            self.up_bytes += len(event.pcm)
            self._joins("up", event)
        elif isinstance(event, PlaybackReport):
            self.underruns = max(self.underruns, event.underruns)
            self.dropped_chunks = max(self.dropped_chunks, event.dropped_chunks)
            self.buffered_ms = event.buffered_ms
            sent = self._sent_samples.get((event.turn, event.item), 0)
            self.ahead_ms = max(0.0, samples_to_ms(sent) - event.played_ms)
            self.most_ahead_ms = max(self.most_ahead_ms, self.ahead_ms)

    def _down(self, frame: bytes | str) -> None:
        try:
            event = codec.decode_server(frame)
        except WireError:
            return
        if isinstance(event, AudioChunk):
            self._joins("down", event)
            end = event.position_samples + len(event.pcm) // 2
            self._sent_samples = {(event.turn, event.item): end}
        elif isinstance(event, AudioEnd):
            self.answers += event.reason == "completed"
            self.interrupted += event.reason == "interrupted"

    def _joins(self, way: str, chunk: AudioChunk) -> None:
        key = (way, chunk.turn, chunk.item)
        expected = self._next.get(key, chunk.position_samples)
        self.torn[way] += chunk.position_samples != expected
        if key not in self._next:
            self._next = {k: v for k, v in self._next.items() if k[0] != way}
        self._next[key] = chunk.position_samples + len(chunk.pcm) // 2
        self.chunks[way] += 1


@dataclasses.dataclass
class Sample:
    """Everything at one moment."""

    at_s: float
    server_mb: float
    heap_mb: float
    dom_nodes: float
    up_backlog_ms: float
    """Sent by the page, not yet handed to the provider; the server tells it in batches of 0.5 s."""
    ahead_ms: float
    """Sent by the server, not yet heard."""


class Soak:
    """One page in one session, looked at from all sides."""

    def __init__(self, app: ServedApp, page: Page, traffic: Traffic) -> None:
        self._app = app
        self._page = page
        self._traffic = traffic
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._cdp.send("Performance.enable")
        self._began_s = time.monotonic()
        self._up_before = self._counter("audio_bytes_total", 'direction="up"')
        root = psutil.Process(app.process.pid)
        self._processes = [root, *root.children(recursive=True)]

    def _counter(self, name: str, label: str = "") -> float:
        with urllib.request.urlopen(f"{self._app.backend_url}/metrics", timeout=5) as response:
            for line in response.read().decode().splitlines():
                if line.startswith(f"voice_loop_{name}") and label in line:
                    return float(line.rsplit(" ", 1)[1])
        return 0.0

    def sample(self) -> Sample:
        self._cdp.send("HeapProfiler.collectGarbage")
        told = self._cdp.send("Performance.getMetrics")["metrics"]
        page = {entry["name"]: float(entry["value"]) for entry in told}
        handed_on = self._counter("audio_bytes_total", 'direction="up"') - self._up_before
        resident = sum(one.memory_info().rss for one in self._processes if one.is_running())
        return Sample(
            at_s=time.monotonic() - self._began_s,
            server_mb=resident / 1e6,
            heap_mb=page["JSHeapUsedSize"] / 1e6,
            dom_nodes=page["Nodes"],
            up_backlog_ms=max(0.0, bytes_to_ms(int(self._traffic.up_bytes - handed_on))),
            ahead_ms=self._traffic.ahead_ms,
        )

    def sample_for(self, seconds: float, every_s: float) -> list[Sample]:
        end_s = time.monotonic() + seconds
        samples = []
        while time.monotonic() < end_s:
            self._page.wait_for_timeout(every_s * 1000)
            samples.append(self.sample())
        return samples

    def fill(self, turns: int) -> None:
        """Typed turns, each into the answer before it: so the transcript's 200 lines and the other
        stores reach their bounds in minutes."""
        field = self._page.locator("[name=text]").first
        shown = self._page.get_by_role("log")
        for number in range(turns):
            text = f"And the river's part number {number}?"
            field.fill(text)
            field.press("Enter")
            shown.get_by_text(text).first.wait_for(state="attached", timeout=PATIENCE_MS)
            speaking = self._page.locator("[data-voice-status=speaking]").first
            speaking.wait_for(state="attached", timeout=PATIENCE_MS)

    def lost_facts(self) -> float:
        return self._counter("facts_lost_total")


@contextmanager
def stage() -> Iterator[tuple[ServedApp, Page, Traffic]]:
    """App, assistant, and a browser that has begun to talk."""
    options = LocalOptions(api_keys=frozenset({KEY}))
    with (
        tempfile.TemporaryDirectory() as folder,
        assistant(functools.partial(talking_engines, ANSWER), options) as base_url,
        serve(
            Path(folder) / "app.log",
            {
                "VOICE_PROVIDER": "openai",
                "OPENAI_API_KEY": KEY,
                "OPENAI_BASE_URL": base_url,
                "REFLEX_WEB_WORKDIR": BUILD_FOLDER,
                "VOICE_MAX_MINUTES": LONGEST_MINUTES,
            },
        ) as app,
        sync_playwright() as playwright,
    ):
        wav = write_wav(Path(folder) / "said.wav", conversation(*SAID, length_s=LOOP_S))
        browser = launch_chromium(
            playwright,
            # Without the ending that `launch_chromium` adds the file is played again and again.
            extra=("--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={wav}"),
        )
        try:
            page, traffic = browser.new_page(), Traffic()
            traffic.watch(page)
            page.goto(app.url)
            _talk(page)
            yield app, page, traffic
        finally:
            browser.close()


def _talk(page: Page) -> None:
    idle = page.locator("[data-voice-status=idle]").first
    idle.wait_for(state="attached", timeout=PATIENCE_MS)
    page.locator("[data-voice=talk]").click()
    page.locator("[data-voice-status=listening]").first.wait_for(
        state="attached", timeout=PATIENCE_MS
    )


FIGURES: Final = ("server_mb", "heap_mb", "dom_nodes", "up_backlog_ms", "ahead_ms")


def rows(floor: list[Sample], samples: list[Sample]) -> list[dict[str, Any]]:
    """A row per figure: floor, beginning, end, slope."""
    steady = samples[int(len(samples) * WARM_UP_SHARE) :]
    times_s = [one.at_s for one in steady]
    made = []
    for name in FIGURES:
        values = [float(getattr(one, name)) for one in steady]
        quiet = [float(getattr(one, name)) for one in floor]
        line = slope(times_s, values)
        made.append(
            {
                "figure": name,
                "floor": statistics.mean(quiet) if quiet else None,
                "first": values[0] if values else None,
                "last": values[-1] if values else None,
                "most": max(values, default=None),
                "slope/h": line.per_hour if line else None,
                "+- 95 %": line.margin if line else None,
                "grows": _grows(line, values, quiet, times_s),
            }
        )
    return made


def _grows(
    line: Slope | None, values: list[float], quiet: list[float], times_s: list[float]
) -> str:
    """Surely above zero, and more over the soak than the figure wavers when nobody speaks."""
    if line is None:
        return "too short"
    noise = NOISE_SIGMAS * statistics.pstdev(quiet) if quiet else 0.0
    gained = line.per_hour * (times_s[-1] - times_s[0]) / 3_600
    return "yes" if line.grows and gained > noise else "no"


def continuity(traffic: Traffic, lost_facts: float) -> dict[str, Any]:
    """What tore, and what was done meanwhile."""
    return {
        "answers heard whole": traffic.answers,
        "answers interrupted": traffic.interrupted,
        "chunks up": traffic.chunks["up"],
        "chunks down": traffic.chunks["down"],
        "gaps up": traffic.torn["up"],
        "gaps down": traffic.torn["down"],
        "underruns": traffic.underruns,
        "dropped chunks": traffic.dropped_chunks,
        "most ahead of the ear ms": traffic.most_ahead_ms,
        "facts lost": lost_facts,
        "sockets": traffic.sockets,
        "machine load": load_average(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--fill", type=int, default=0, help="typed turns before the measurement")
    options = parser.parse_args()
    minutes = options.minutes
    with stage() as (app, page, traffic):
        soak = Soak(app, page, traffic)
        floor = soak.sample_for(QUIET_S, QUIET_S / FLOOR_SAMPLES)
        soak.fill(options.fill)
        samples = soak.sample_for(minutes * 60, EVERY_S)
        told = continuity(traffic, soak.lost_facts())
    made = rows(floor, samples)
    print(table(f"Soak of {minutes:g} minutes: what grows", made))
    print(table("Continuity", [told]))
    result = {
        "minutes": minutes,
        "filled": options.fill,
        "rows": made,
        "continuity": told,
        "samples": [dataclasses.asdict(one) for one in samples],
    }
    print(f"-> {save('soak', result)}")


if __name__ == "__main__":
    main()

"""The stage of a benchmark: the served app, an assistant that talks and talks, a browser.

The assistant is the project's own local Realtime server in this process, with the real voice,
detector and recogniser, behind the OpenAI adapter. Its answers are long, and never silent while
they last: a noise of two quantisation steps lies under the voice, so that silence at the speaker
can only be a stop.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio.from_thread
import numpy as np
from playwright.sync_api import BrowserContext, Page, WebSocket, sync_playwright

from benchmarks.lab import Lab, Samples
from tests.browser.served_app import serve as serve_app
from tests.browser_support import launch_chromium
from voice_loop.audio.pcm import from_float, to_float
from voice_loop.errors import WireError
from voice_loop.local import output
from voice_loop.local.brain.base import Context, Say, Step
from voice_loop.local.engines import Engines, real_engines
from voice_loop.local.options import LocalOptions
from voice_loop.local.server import serve as serve_assistant
from voice_loop.local.voice import Speech, Voice
from voice_loop.protocol import codec
from voice_loop.protocol.events import AudioChunk

KEY = "bench"
BUILD_FOLDER = ".cache/web-bench"
"""Not the tests': both may run at once."""
DITHER = 2 / 32768
LONG_ANSWER = (
    "Let me tell you about the river that runs through the old part of the town.",
    "Long ago the people built their houses on its northern bank, where the ground was dry.",
    "Every morning the fishermen went out before the sun came up over the hills.",
    "They carried lanterns, and from the bridge it looked as if the stars were swimming.",
    "In the market the women sold apples, warm bread, and flowers from the meadows.",
    "Children ran between the stalls and nobody minded, as long as nothing was broken.",
    "When the great storm came, the water rose higher than anyone could remember.",
    "For three days and three nights the whole town worked together to save the mill.",
    "Afterwards they planted willows along the shore, and some of them still stand today.",
    "If you walk there in the evening you can hear the wheel turning behind the leaves.",
    "The miller's daughter became the first teacher of the school beside the church.",
    "She taught the children to read, to count, and to look after the river.",
)


class Answers:
    """Whatever is said: the same sentences."""

    def __init__(self, sentences: Sequence[str] = LONG_ANSWER) -> None:
        self._sentences = sentences

    async def respond(self, context: Context) -> AsyncGenerator[Step, None]:
        for sentence in self._sentences:
            yield Say(f"{sentence} ")


def _murmur(samples: int) -> Samples:
    rng = np.random.default_rng(samples)
    return np.where(rng.random(samples) < 0.5, -DITHER, DITHER).astype(np.float32)


class NeverSilent:
    """A voice with a noise floor; each sentence is spoken once and remembered."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._speak = functools.cache(self._fresh)
        self._lock = threading.Lock()

    def speak(self, sentence: str, speed: float = 1.0) -> Speech:
        with self._lock:
            return self._speak(sentence, speed)

    def _fresh(self, sentence: str, speed: float) -> Speech:
        speech = self._voice.speak(sentence, speed)
        samples = to_float(speech.pcm)
        return Speech(from_float(samples + _murmur(len(samples))), speech.words)


def talking_engines(sentences: Sequence[str] = LONG_ANSWER) -> Engines:
    """The real ones, with a brain of few ideas; what it says was spoken once before."""
    real = real_engines(Answers(sentences))
    # The server's pause between two sentences is digital silence: a stop to our instruments.
    vars(output)["_SENTENCE_GAP"] = from_float(_murmur(len(output._SENTENCE_GAP) // 2))
    return Engines(real.detector, NeverSilent(real.voice), real.recogniser, real.responder)


@contextlib.contextmanager
def assistant(
    engines: Callable[[], Engines] = talking_engines, options: LocalOptions | None = None
) -> Iterator[str]:
    """The base URL of a Realtime server in this process, until the block ends."""
    options = options or LocalOptions(api_keys=frozenset({KEY}))
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve_assistant(options, engines)) as server,
    ):
        portal.call(server.load)
        yield f"http://127.0.0.1:{server.port}/v1"


@dataclass
class Wire:
    """What came down the voice socket: audio by (turn, item), and the other events."""

    events: list[object] = field(default_factory=list)
    audio: dict[tuple[int, int], bytearray] = field(default_factory=dict)

    def watch(self, page: Page) -> None:
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        if "/voice" in socket.url:
            socket.on("framereceived", self._note)

    def _note(self, frame: bytes | str) -> None:
        try:
            event = codec.decode_server(frame)
        except WireError:
            return
        if isinstance(event, AudioChunk):
            for key in [key for key in self.audio if key[0] < event.turn - 1]:
                del self.audio[key]
            self.audio.setdefault((event.turn, event.item), bytearray()).extend(event.pcm)
        else:
            self.events.append(event)

    def answer(self, turn: int, item: int) -> Samples:
        """What came of an item so far, 24 kHz."""
        return to_float(bytes(self.audio.get((turn, item), b"")))


@dataclass
class Stage:
    """Everything is up and the page listens."""

    page: Page
    lab: Lab
    wire: Wire
    console: list[str]


@contextlib.contextmanager
def serve_with_assistant(
    folder: Path,
    *,
    engines: Callable[[], Engines] = talking_engines,
    options: LocalOptions | None = None,
    settings: Mapping[str, str] | None = None,
    page_port: int | None = None,
) -> Iterator[str]:
    """The app in production mode on the OpenAI adapter and our assistant; its URL. `folder` gets
    the log."""
    with assistant(engines, options) as base_url:
        environment = {
            "VOICE_PROVIDER": "openai",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": base_url,
            "REFLEX_WEB_WORKDIR": BUILD_FOLDER,
            **(settings or {}),
        }
        with serve_app(folder / "app.log", environment, page_port=page_port) as app:
            yield app.url


@contextlib.contextmanager
def visit(url: str) -> Iterator[Stage]:
    """A browser of its own at `url`, after a click on Talk."""
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        try:
            yield _enter(browser.new_context(), url)
        finally:
            browser.close()


def _enter(context: BrowserContext, url: str) -> Stage:
    Lab.install(context)
    page: Page = context.new_page()
    wire = Wire()
    wire.watch(page)
    console: list[str] = []
    page.on("console", lambda message: console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: console.append(f"pageerror: {error}"))
    page.goto(url)
    page.locator("[data-voice-status=idle]").first.wait_for(state="attached", timeout=60_000)
    page.locator("[data-voice=talk]").click()
    page.locator("[data-voice-status=listening]").first.wait_for(state="attached", timeout=30_000)
    return Stage(page, Lab(page), wire, console)

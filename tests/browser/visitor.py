"""A person at the page: what they click, see and hear."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from playwright.sync_api import ConsoleMessage, Page, WebSocket
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.listening import Samples, first_place, resample, windows_in_order, windows_in_place
from tests.speaker_tap import Recording, take_recordings
from voice_loop.errors import WireError
from voice_loop.protocol import codec
from voice_loop.protocol.events import (
    AudioChunk,
    AudioEnd,
    ClientEvent,
    ErrorEvent,
    PlaybackReport,
    ServerEvent,
    SessionReady,
)

PATIENCE_MS = 30_000
MOST_GAPS = 4
"""Of a recording that can still be judged."""
TALK = "[data-voice=talk] >> nth=0"
"""The dial; an error card has such a button too, after it."""
STATUS = "[data-voice-status]"
LIVE = ("listening", "user_speaking", "thinking", "speaking")
IS_ALIVE = """() => {
  const button = document.querySelector("[data-voice=talk]");
  return button && Object.keys(button).some((key) => key.startsWith("__reactProps"));
}"""
"""React has taken the drawn page over, and with it the component's listeners are there."""


@dataclass
class Wire:
    """Everything that crossed the voice sockets of a page, decoded by the server's own codec."""

    received: list[object] = field(default_factory=list)
    sent: list[object] = field(default_factory=list)
    undecodable: list[bytes | str] = field(default_factory=list)
    sockets: int = 0
    sessions: int = 0
    finished: set[tuple[int, int]] = field(default_factory=set)
    """Session (counted from 1) and turn of every answer that was played to its end."""

    def watch(self, page: Page, path: str) -> None:
        """Follow every socket of `page` whose URL holds `path`."""
        page.on("websocket", lambda socket: self._follow(socket, path))

    def _follow(self, socket: WebSocket, path: str) -> None:
        if path not in socket.url.split("?")[0].removeprefix("ws://"):
            return
        if "/_event/?" in socket.url:
            return
        self.sockets += 1
        socket.on("framereceived", lambda frame: self._note(frame, down=True))
        socket.on("framesent", lambda frame: self._note(frame, down=False))

    def _note(self, frame: bytes | str, *, down: bool) -> None:
        try:
            if down:
                self._received(codec.decode_server(frame))
            else:
                self._sent(codec.decode_client(frame))
        except WireError:
            self.undecodable.append(frame)

    def _received(self, event: ServerEvent) -> None:
        self.received.append(event)
        if isinstance(event, SessionReady) and not event.resumed:
            self.sessions += 1

    def _sent(self, event: ClientEvent) -> None:
        self.sent.append(event)
        if isinstance(event, PlaybackReport) and event.phase == "finished":
            self.finished.add((self.sessions, event.turn))

    def errors(self) -> list[ErrorEvent]:
        """Errors the server told."""
        return [event for event in self.received if isinstance(event, ErrorEvent)]

    def reports(self) -> list[PlaybackReport]:
        """What the page said it rendered."""
        return [event for event in self.sent if isinstance(event, PlaybackReport)]

    def items(self) -> dict[tuple[int, int], npt.NDArray[np.float32]]:
        """Audio that came down, whole items by (turn, item)."""
        parts: dict[tuple[int, int], list[AudioChunk]] = {}
        for event in self.received:
            if isinstance(event, AudioChunk):
                parts.setdefault((event.turn, event.item), []).append(event)
        return {
            key: np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2").astype(np.float32)
            / np.float32(32768)
            for key, chunks in parts.items()
        }

    def completed_items(self) -> list[tuple[int, int]]:
        """Items whose audio came to its end uncut."""
        cut = {
            event.turn
            for event in self.received
            if isinstance(event, AudioEnd) and event.reason != "completed"
        }
        return [key for key in self.items() if key[0] not in cut]


class Visitor:
    """One page, with its console, wire and loudspeaker watched."""

    def __init__(self, page: Page, *, voice_path: str = "/voice") -> None:
        self.page = page
        self.wire = Wire()
        self.console: list[str] = []
        self.wire.watch(page, voice_path)
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.console.append(f"pageerror: {error}"))

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def visit(self, url: str, alive: str | None = None) -> None:
        """Open the page and wait until it is alive: what the server drew looks the same before. A
        page that has not our elements shows `alive` then."""
        self.page.goto(url)
        if alive is not None:
            self.page.locator(alive).first.wait_for(timeout=PATIENCE_MS)
            return
        self.page.wait_for_function(IS_ALIVE, timeout=PATIENCE_MS)
        self.wait_for_status("idle")

    def status(self) -> str:
        """What the page shows."""
        return self.page.locator(STATUS).first.get_attribute("data-voice-status") or ""

    def wait_for_status(self, *names: str, timeout_ms: float = PATIENCE_MS) -> None:
        """Until the page shows one of `names`."""
        wanted = ", ".join(f'[data-voice-status="{name}"]' for name in names)
        self.page.locator(wanted).first.wait_for(state="attached", timeout=timeout_ms)

    def click_talk(self) -> None:
        """The big button."""
        self.page.locator(TALK).click()

    def start_talking(self) -> None:
        """Click and wait until the assistant listens. A page that was not alive yet when it was
        clicked is clicked again, as a person does."""
        self.click_talk()
        try:
            self.wait_for_status(*LIVE, "connecting", "error", timeout_ms=5_000)
        except PlaywrightTimeout:
            self.click_talk()
        self.wait_for_status(*LIVE)

    def type_in(self, text: str) -> None:
        """A typed message."""
        field = self.page.locator("[name=text]").first
        field.fill(text)
        field.press("Enter")

    def wait_until_heard(self, ms: float) -> None:
        """Until so much of an answer was played; bounded."""
        for _ in range(300):
            if any(report.played_ms >= ms for report in self.wire.reports()):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"not heard; status {self.status()}, {self.wire.errors()}")

    def wait_for_answers(self, count: int, *, timeout_ms: float = 120_000) -> None:
        """Until `count` answers were played to their end."""
        deadline = self.page.evaluate("performance.now()") + timeout_ms
        while len(self.wire.finished) < count:
            if self.page.evaluate("performance.now()") > deadline:
                raise AssertionError(
                    f"{len(self.wire.finished)} of {count} answers; status {self.status()}; "
                    f"errors {self.wire.errors()}; console {self.console}"
                )
            self.page.wait_for_timeout(200)

    def finished_turns(self) -> set[int]:
        """Turns whose audio was played to its end."""
        return {turn for _, turn in self.wire.finished}

    def underruns(self) -> int:
        """Counted by the page's player."""
        return max((report.underruns for report in self.wire.reports()), default=0)

    def pauses(self, turn: int) -> int:
        """How often this turn's answer stood still, as the page told: for a sound that could have
        been speech, or for want of audio."""
        reports = self.wire.reports()
        before = max((report.underruns for report in reports if report.turn < turn), default=0)
        own = [report for report in reports if report.turn == turn]
        ran_out = max((report.underruns for report in own), default=before) - before
        return ran_out + sum(report.phase == "paused" for report in own)

    def heard(self) -> Recording:
        """What the loudspeaker got: the one context's recording that holds sound."""
        recordings = take_recordings(self.page)
        assert recordings, "nothing was ever played"
        return max(recordings, key=lambda tape: float(np.max(np.abs(tape.samples))))

    def assert_played_whole(self, *, least: int) -> None:
        """Every completed item that came down the wire is in the loudspeaker's recording: sample
        for sample at one constant lag, so nothing was lost, repeated or torn. An answer that the
        page says it paused has one lag more for each pause."""
        tape = self.heard()
        gaps = [gap for gap in tape.gaps if gap[0] > tape.rate_hz]
        assert len(gaps) <= MOST_GAPS, f"the machine is too busy to judge: {gaps} not recorded"
        whole = begin = 0
        for key in self.wire.completed_items():
            if key[0] not in self.finished_turns():
                continue
            sent: Samples = resample(self.wire.items()[key], 24_000, tape.rate_hz)
            # What is said twice must be there twice: each is looked for behind the one before it.
            rest = tape.samples[begin:]
            # A quantum that the machine left out is one more, wherever it was.
            pauses = self.pauses(key[0]) + len(gaps)
            lag = first_place(sent, rest, tape.rate_hz)
            if pauses:
                windows_in_order(sent, rest, tape.rate_hz).assert_whole(pauses=pauses)
            else:
                figures = windows_in_place(sent, rest, lag, tape.rate_hz)
                assert figures, f"item {key} holds no sound"
                assert min(figures) > 0.97, f"item {key} was torn: {figures}"
            whole += 1
            begin += lag + len(sent) // 2
        assert whole >= least, f"only {whole} items were played whole"

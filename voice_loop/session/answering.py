"""The assistant's side: a response's output on its way to being heard, and its interruption.

Output of any response but the present one is dropped. Audio goes through the pacer and is entered
in the ledger; what the browser reports moves both. Tool calls are handed out and their results
given back; when all calls of a response are answered, another response is owed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from voice_loop.audio.leading_silence import LeadingSilence
from voice_loop.audio.pcm import ms_to_samples
from voice_loop.config import Limits
from voice_loop.errors import ERRORS
from voice_loop.protocol.events import (
    AudioChunk,
    AudioEnd,
    ErrorEvent,
    PlaybackReport,
    ToolPhase,
    ToolUpdate,
    UserBargeIn,
)
from voice_loop.providers import base
from voice_loop.session import barge_in, effects
from voice_loop.session.captions import Captions
from voice_loop.session.facts import AudibleFrom, Mark, MarkName, Usage
from voice_loop.session.pacing import Pacer
from voice_loop.session.playback import ItemAudio, PlaybackLedger
from voice_loop.session.turn import TurnMachine

SILENT_BROWSER_MS: Final = 5_000
"""Beyond the time that what was sent needs: then it counts as played."""
RATE_LIMIT_MS: Final = 2_000
"""Pause before an answer that was refused for its rate is asked for again."""
MAX_TOOL_CALLS: Final = 32
MAX_SHOWN_ARGUMENTS_CHARS: Final = 2_000


class Answering:
    """Everything between the provider's output and the ear of the user."""

    def __init__(
        self, machine: TurnMachine, out: effects.Effects, captions: Captions, limits: Limits
    ) -> None:
        self._machine = machine
        self._out = out
        self.captions = captions
        self.ledger = PlaybackLedger()
        self._pacer = Pacer(ms_to_samples(limits.max_ahead_ms), ms_to_samples(limits.max_held_ms))
        self._response_items: list[ItemAudio] = []
        self._unheard_items: list[str] = []
        """Of a response that is being cancelled: deleted when it is over."""
        self._calls: dict[str, tuple[str, int, str, str]] = {}
        """call id → response id, turn, tool name, its arguments to show: not yet answered."""
        self._stopped_turn = 0
        self._first_delta_turn = 0
        self._leading_silence = LeadingSilence()
        self._silent_deadline: float | None = None
        self._retry_ms: float | None = None
        self._retried_turn = 0

    # What the others ask.

    @property
    def audible(self) -> bool:
        return self.ledger.audible

    @property
    def quiet(self) -> bool:
        """Nothing plays and nothing is held."""
        return self._pacer.empty and not self.ledger.open_items()

    @property
    def busy(self) -> bool:
        """An answer is asked for, made, or not heard to its end."""
        return self._machine.answering or not self.quiet

    @property
    def working(self) -> bool:
        """Tools run for the present turn, or it will be asked again."""
        if self._retry_ms is not None:
            return True
        return any(turn == self._machine.turn for _, turn, _, _ in self._calls.values())

    def said_in_this_turn(self) -> str:
        return self.captions.spoken(self._machine.response_turn)

    # The provider's output.

    def on_response_started(self, event: base.ResponseStarted, now_ms: float) -> None:
        if not self._machine.response_started(event.response_id):
            self._out.commands.append(effects.CancelResponse())
            return
        self._response_items = []
        self._mark("response_started", now_ms, self._machine.response_turn)

    def on_output_started(self, event: base.OutputStarted) -> None:
        if self._machine.accepts(event.response_id):
            self._open(event.item_id)
        elif self._machine.stops(event.response_id) and self.ledger.by_id(event.item_id) is None:
            # Begun before our cancel arrived: nobody will hear it, so the model must not know it.
            self._unheard_items.append(event.item_id)

    def _open(self, item_id: str) -> ItemAudio:
        entry = self.ledger.open(self._machine.response_turn, item_id)
        if entry not in self._response_items:
            self._response_items.append(entry)
        return entry

    def on_audio(self, event: base.OutputAudio, now_ms: float) -> None:
        if not self._machine.accepts(event.response_id):
            return
        entry = self._open(event.item_id)
        if entry.over:
            return
        self._machine.output_came(now_ms)
        if self._first_delta_turn != entry.turn:
            self._first_delta_turn = entry.turn
            self._leading_silence = LeadingSilence()
            self._mark("first_delta", now_ms, entry.turn)
        if self._leading_silence.feed(event.pcm):
            silence_ms = self._leading_silence.duration_ms or 0.0
            self._out.facts.append(AudibleFrom(entry.turn, silence_ms))
        samples = self._pacer.hold(entry.turn, entry.item, event.pcm)
        if samples is None:
            self._too_long(entry, now_ms)
            return
        self.ledger.receive(entry, samples)
        self.pump(now_ms, fresh=True)

    def _too_long(self, entry: ItemAudio, now_ms: float) -> None:
        if self._machine.cancel(now_ms):
            self._out.commands.append(effects.CancelResponse())
        self._complete(entry)
        self._error("answer_too_long")
        self.pump(now_ms)

    def on_audio_done(self, event: base.OutputAudioDone, now_ms: float) -> None:
        entry = self.ledger.by_id(event.item_id)
        if entry is not None and self._machine.accepts(event.response_id):
            self._complete(entry)
            self.pump(now_ms)

    def _complete(self, entry: ItemAudio) -> None:
        if not entry.complete and not entry.cut:
            self.ledger.complete(entry)
            if entry.received:
                self._pacer.end(entry.turn, entry.item, "completed")

    def on_transcript(self, event: base.OutputTranscript) -> None:
        """The text may end after the audio was heard: the line closes then."""
        entry = self.ledger.by_id(event.item_id)
        if entry is None and self._machine.accepts(event.response_id):
            entry = self._open(event.item_id)
        if entry is None or entry.cut:
            return
        self.captions.add(entry, event.delta, final=event.final, text=event.text)
        if entry.finished and event.final:
            self._show(entry)

    def on_response_done(self, event: base.ResponseDone, now_ms: float) -> None:
        ours = self._machine.response == "cancelling"
        turn = self._machine.response_turn
        if not self._machine.response_done(event.response_id):
            return
        self._mark("response_done", now_ms, turn)
        if event.usage:
            self._out.facts.append(Usage(turn, event.usage))
        broken = event.status == "failed" or (event.status == "cancelled" and not ours)
        for entry in self._response_items:
            if broken and not entry.complete:
                self._break_off(entry)
            else:
                self._complete(entry)
                self.captions.end(entry)
                if entry.finished:
                    self._show(entry)
        self._response_items = []
        self._out.commands += map(effects.DeleteItem, self._unheard_items)
        self._unheard_items = []
        if broken:
            code = event.error or "provider_failed"
            self._error(code)
            self._try_again(code, turn, now_ms)
        self.pump(now_ms)

    def on_refused(self, code: str, now_ms: float) -> None:
        """The response that was asked for will not be made."""
        if self._machine.response_refused():
            self._try_again(code, self._machine.response_turn, now_ms)

    def _try_again(self, code: str, turn: int, now_ms: float) -> None:
        """Too many requests is the one failure that passes by itself: ask once more."""
        unheard = not any(e.heard for e in self.ledger if e.turn == turn)
        once = turn != self._retried_turn and self._machine.may_ask_again
        if code == "provider_rate_limited" and unheard and once:
            self._retried_turn = turn
            self._retry_ms = now_ms + RATE_LIMIT_MS

    def _break_off(self, entry: ItemAudio) -> None:
        if entry.over:
            return
        self._pacer.drop(entry.turn)
        self._out.drop_audio(entry.turn)
        for other in self.ledger.open_items():
            if other.turn == entry.turn:
                self._cut(other)
        if entry.sent:
            self._out.send(AudioEnd(entry.turn, entry.item, "failed"))

    # Tools.

    def on_tool_call(self, event: base.ToolCall, now_ms: float) -> None:
        if not self._machine.accepts(event.response_id) or event.call_id in self._calls:
            return
        self._machine.output_came(now_ms)
        turn = self._machine.response_turn
        if len(self._calls) >= MAX_TOOL_CALLS:
            self._out.commands.append(
                effects.AddToolResult(event.call_id, '{"error":"too many calls"}')
            )
            return
        shown = event.arguments[:MAX_SHOWN_ARGUMENTS_CHARS]
        self._calls[event.call_id] = (event.response_id, turn, event.name, shown)
        self._out.tools.append(effects.RunTool(event.call_id, event.name, event.arguments, turn))
        self._tool_update(event.call_id, "running")

    def on_tool_result(self, call_id: str, output: str, *, failed: bool) -> None:
        """Give the result back; the last one of a response owes an answer, if the turn stands."""
        if call_id not in self._calls:
            return
        self._tool_update(call_id, "failed" if failed else "done")
        response_id, turn, _, _ = self._calls.pop(call_id)
        self._out.commands.append(effects.AddToolResult(call_id, output))
        open_calls = any(response == response_id for response, _, _, _ in self._calls.values())
        if not open_calls and turn == self._machine.turn and turn != self._stopped_turn:
            self._machine.owe()

    def _tool_update(self, call_id: str, state: ToolPhase) -> None:
        _, turn, name, arguments = self._calls[call_id]
        self._out.send(ToolUpdate(call_id, name, state, turn, arguments))

    # The browser.

    def pump(self, now_ms: float, *, fresh: bool = False) -> None:
        """Let go what pacing allows; `fresh`: it came this moment."""
        for event in self._pacer.release(self.ledger.ahead):
            if isinstance(event, AudioChunk):
                self.ledger.send(event.turn, event.item, len(event.pcm) // 2)
                self._out.send(event, now_ms if fresh else None)
                # One message in, several out: its delay is that of the first.
                fresh = False
            else:
                self._out.send(event)
        self.watch_browser(now_ms)

    def watch_browser(self, now_ms: float) -> None:
        """Expect the browser to play what was sent, from now on."""
        waits = self.audible and self._pacer.empty
        self._silent_deadline = (
            now_ms + self.ledger.remaining_ms + SILENT_BROWSER_MS if waits else None
        )

    def browser_gone(self) -> None:
        self._silent_deadline = None

    def on_report(self, report: PlaybackReport, now_ms: float) -> None:
        """What was rendered: moves the window, the captions, the end of the answer."""
        playing = self.ledger.open_items()
        verdict = self.ledger.report(report)
        if verdict in ("unknown_turn", "bad_played_time"):
            self._error(verdict)
        if report.item == 0:
            marks: tuple[tuple[MarkName, float | None], ...] = (
                ("first_chunk_received", report.client_received_ms),
                ("first_chunk_queued", report.client_queued_ms),
                ("first_sound", report.client_first_sound_ms),
            )
            self._client_marks(marks, report.turn)
        for entry in playing:
            self._show(entry)
        self.pump(now_ms)

    def _show(self, entry: ItemAudio) -> None:
        update = self.captions.show(entry)
        if update is not None:
            self._out.send(update)

    # Interruption.

    def on_barge_in(self, event: UserBargeIn, now_ms: float) -> None:
        """The browser flushed: take its word for what was heard, then stop the answer."""
        if event.turn > self._machine.turn:
            self._error("unknown_turn")
            return
        entry = self.ledger.at(event.turn, event.item)
        if entry is not None and not entry.over:
            playing = self.ledger.open_items()
            self.ledger.finish_before(entry)
            if self.ledger.hear(entry, event.played_ms) == "bad_played_time":
                self._error("bad_played_time")
            for heard in playing:
                if heard.finished:
                    # Interrupted at the last sample, or in the next item: this one was heard whole.
                    self._show(heard)
        marks: tuple[tuple[MarkName, float | None], ...] = (
            ("barge_in_onset", event.client_onset_ms),
            ("barge_in_detected", event.client_detected_ms),
            ("barge_in_stopped", event.client_stopped_ms),
        )
        self._client_marks(marks, event.turn)
        self._mark("barge_in_received", now_ms, event.turn)
        self.interrupt(now_ms)

    def interrupt(self, now_ms: float) -> bool:
        """Stop the answer, wherever it is. False when there was none."""
        if not self.busy and not self.working:
            return False
        self._stopped_turn = self._machine.turn
        self._retry_ms = None
        self._mark("interrupted", now_ms, self._machine.turn)
        active = self._machine.cancel(now_ms)
        for step in barge_in.decide(self.ledger.open_items(), response_active=active):
            match step:
                case barge_in.StopSending(turn):
                    self._pacer.drop(turn)
                    self._out.drop_audio(turn)
                case barge_in.EndAudio(turn, item):
                    self._out.send(AudioEnd(turn, item, "interrupted"))
                case barge_in.Cancel():
                    self._out.commands.append(effects.CancelResponse())
                case barge_in.Truncate(entry, audio_end_ms):
                    self._out.commands.append(effects.TruncateItem(entry.item_id, audio_end_ms))
                    self._cut(entry)
                case barge_in.Delete(entry):
                    self._out.commands.append(effects.DeleteItem(entry.item_id))
                    self._cut(entry)
        self._silent_deadline = None
        return True

    def _cut(self, entry: ItemAudio) -> None:
        entry.cut = True
        update = self.captions.cut(entry)
        if update is not None:
            self._out.send(update)

    # The link, time.

    def link_lost(self) -> bool:
        """Break off what was being made. True when the answer is lost before a word was heard."""
        unheard = self._machine.answering or self.working
        for entry in list(self._response_items):
            if not entry.complete:
                unheard = unheard and entry.heard == 0
                self._break_off(entry)
        for call_id in list(self._calls):
            self._tool_update(call_id, "failed")
        self._calls.clear()
        self._retry_ms = None
        self._response_items = []
        return unheard

    def deadline(self) -> float | None:
        times = (self._silent_deadline, self._retry_ms)
        return min((t for t in times if t is not None), default=None)

    def tick(self, now_ms: float) -> None:
        if self._retry_ms is not None and now_ms >= self._retry_ms:
            self._retry_ms = None
            same_turn = self._machine.turn == self._retried_turn
            if same_turn and not self._machine.say_again(refused=True):
                self._machine.owe()
        if self._silent_deadline is not None and now_ms >= self._silent_deadline:
            self._silent_deadline = None
            playing = self.ledger.open_items()
            self.ledger.finish_all_sent()
            for entry in playing:
                self._show(entry)

    def _mark(self, name: MarkName, at_ms: float, turn: int) -> None:
        self._out.facts.append(Mark(name, at_ms, "server", turn))

    def _client_marks(self, marks: Iterable[tuple[MarkName, float | None]], turn: int) -> None:
        for name, at_ms in marks:
            if at_ms is not None:
                self._out.facts.append(Mark(name, at_ms, "client", turn))

    def _error(self, code: str) -> None:
        row = ERRORS[code]
        self._out.send(ErrorEvent(code, row.message, row.recoverable))

"""One conversation: every event of page and provider to the rule it belongs to.

Joins the user's side (`listening`), the assistant's (`answering`) and the turns (`turn`), and after
each event settles what follows: the next response, the phase to show, the limits. It decides, in
`out`; it never waits, reads no clock and knows neither socket nor task. `session` carries it out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from voice_loop.config import Limits
from voice_loop.errors import ERRORS
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.session import effects
from voice_loop.session.answering import Answering
from voice_loop.session.captions import Captions
from voice_loop.session.facts import ClockSample, Mark
from voice_loop.session.history import History
from voice_loop.session.listening import Listening
from voice_loop.session.turn import TurnMachine

MAX_TEXT_CHARS: Final = 4_000
ROLL_OVER_MARGIN_MS: Final = 180_000
"""A provider's session is replaced, in a pause, so long before it expires."""
SAY: Final = "Say exactly the following to the user, word for word, and nothing else: "


@dataclass(frozen=True, slots=True)
class Terms:
    """What a conversation is opened with."""

    settings: base.SessionSettings
    options: wire.StartOptions
    limits: Limits
    max_session_ms: float
    line_prefix: str = ""
    end_code: str = "session_limit"
    """Why it ends after `max_session_ms`."""


class Conversation:
    """The rules of one session. Handlers take `now_ms` of the server's clock."""

    def __init__(self, terms: Terms, now_ms: float) -> None:
        self.out = effects.Effects()
        self.settings = terms.settings
        self._limits = terms.limits
        self.machine = TurnMachine(terms.limits.first_audio_timeout_ms)
        self.history = History(tuple(terms.settings.history))
        captions = Captions(terms.line_prefix, self.history)
        self.answering = Answering(self.machine, self.out, captions, terms.limits)
        self.listening = Listening(
            self.machine, self.answering, self.out, self.history, terms.line_prefix
        )
        self.listening.options = terms.options
        activity = terms.settings.voice_activity
        if activity is not None:
            self.listening.prefix_padding_ms = activity.prefix_padding_ms
            self.listening.silence_ms = activity.silence_duration_ms
        self.listening.transcribes = terms.settings.transcribe
        self.phase: wire.TurnPhase = "listening"
        self._was_quiet = True
        self._last_active_ms = now_ms
        self._end_ms = now_ms + terms.max_session_ms
        self._end_code = terms.end_code
        self._roll_over_ms: float | None = None
        self._asked_voice = terms.settings.voice
        """What the present connection was asked for: a provider fixes it with its first audio."""
        self._link_up = False
        self._reconnecting = False
        """The connection broke: nobody listens at the other end until there is a new one."""
        self._answer_again = False

    # The page.

    def on_client(self, event: wire.ClientEvent, now_ms: float) -> None:
        """One frame of the page. `session.start`, pings and signed commands are not for here."""
        match event:
            case wire.AudioChunk():
                self.listening.on_audio(len(event.pcm) // 2)
                self.out.commands.append(
                    effects.AppendAudio(event.pcm, event.position_samples, now_ms)
                )
                return
            case wire.PlaybackReport():
                self.out.facts.append(event)
                self.answering.on_report(event, now_ms)
            case wire.UserSpeech():
                self.out.facts.append(event)
                self.listening.on_user_speech(event, now_ms)
            case wire.UserBargeIn():
                self.out.facts.append(event)
                self.listening.on_barge_in(event, now_ms)
            case wire.SessionOptions():
                self.listening.set_barge_in(event.barge_in)
            case wire.InputMute():
                if event.muted:
                    self.listening.on_mute(now_ms)
            case wire.InputPress():
                self.listening.on_press(now_ms)
            case wire.InputCommit() if self._link_up:
                self.listening.on_release(now_ms)
            case wire.InputCommit() | wire.InputCancel():
                self.listening.on_cancel()
            case wire.InputText():
                self._on_text(event.text, now_ms)
            case wire.SessionEnd():
                self.out.end = "user"
            case wire.SessionStart():
                self.error("bad_frame")
            case wire.ClockPing() | wire.AppCommand():
                pass
            case _:
                assert_never(event)
        self.settle(now_ms)

    def _on_text(self, text: str, now_ms: float) -> None:
        text = text.strip()
        if not text or len(text) > MAX_TEXT_CHARS:
            self.error("bad_frame")
            return
        self.listening.on_text(text, now_ms)

    # The app.

    def message(self, text: str, now_ms: float) -> None:
        """A message as if the user had typed it."""
        self._on_text(text, now_ms)
        self.settle(now_ms)

    def say(self, text: str, now_ms: float) -> bool:
        """Let the assistant say this, as soon as nobody speaks. False when too much waits."""
        queued = self.machine.say(SAY + text)
        self.settle(now_ms)
        return queued

    def interrupt(self, now_ms: float) -> None:
        """Stop the answer, as the Stop button does."""
        self.answering.interrupt(now_ms)
        self.settle(now_ms)

    def change(
        self,
        *,
        instructions: str | None = None,
        tools: Sequence[base.ToolSpec] | None = None,
        voice: str | None = None,
    ) -> None:
        """New instructions or tools, from the next response on; another voice with a connection of
        its own, which gets the history, as soon as nobody speaks."""
        if voice is not None:
            self.settings = dataclasses.replace(self.settings, voice=voice)
            return
        if instructions is not None:
            self.settings = dataclasses.replace(self.settings, instructions=instructions)
        if tools is not None:
            self.settings = dataclasses.replace(self.settings, tools=tuple(tools))
        # A wished voice is for the next connection: in an update of this one it is refused.
        current = dataclasses.replace(self.settings, voice=self._asked_voice)
        self.out.commands.append(effects.UpdateSettings(current))

    def on_tool_result(self, call_id: str, output: str, *, failed: bool, now_ms: float) -> None:
        self.answering.on_tool_result(call_id, output, failed=failed)
        self.settle(now_ms)

    # The provider.

    def on_provider(self, event: base.ProviderEvent, now_ms: float) -> None:
        """One event of the provider."""
        match event:
            case base.OutputAudio():
                self.answering.on_audio(event, now_ms)
            case base.OutputTranscript():
                self.answering.on_transcript(event)
            case base.SpeechStarted():
                self.listening.on_speech_started(event, now_ms)
            case base.SpeechStopped():
                self.listening.on_speech_stopped(event, now_ms)
            case base.InputCommitted():
                self.listening.on_committed(event, now_ms)
            case base.InputTranscript():
                self.listening.on_transcript(event, now_ms)
            case base.ResponseStarted():
                self.answering.on_response_started(event, now_ms)
            case base.OutputStarted():
                self.answering.on_output_started(event)
            case base.OutputAudioDone():
                self.answering.on_audio_done(event, now_ms)
            case base.ToolCall():
                self.answering.on_tool_call(event, now_ms)
            case base.ResponseDone():
                self.answering.on_response_done(event, now_ms)
            case base.Expiring():
                self.error("provider_expired")
                self.out.replace_link = True
            case base.Fault():
                if event.no_response:
                    self.answering.on_refused(event.code, now_ms)
                if event.recoverable:
                    self.error(event.code, retry_after_ms=event.retry_after_ms)
            case base.ItemTruncated() | base.ItemDeleted() | base.Updated():
                pass
            case _:
                assert_never(event)
        self.settle(now_ms)

    def begin_connect(self) -> base.SessionSettings:
        """Settings and history for a new connection; commands queued from now on are for it."""
        self._asked_voice = self.settings.voice
        return dataclasses.replace(self.settings, history=self.history.items())

    def on_link_up(self, connected: base.Connected, now_ms: float) -> None:
        self._link_up = True
        self._reconnecting = False
        self.answering.captions.aligned = connected.aligned_transcript
        self._roll_over_ms = None
        if connected.expires_in_ms is not None:
            margin = min(ROLL_OVER_MARGIN_MS, connected.expires_in_ms / 2)
            self._roll_over_ms = now_ms + connected.expires_in_ms - margin
        if self._answer_again:
            self._answer_again = False
            self.machine.owe()
        self.settle(now_ms)

    def on_link_down(self, now_ms: float, code: str | None = None) -> None:
        """The connection is gone; the session tries for another, or ends. Without a `code` it was
        left on purpose, and nobody needs to notice."""
        if self._link_up:
            self.out.facts.append(Mark("link_down", now_ms, "server", self.machine.turn))
        self._link_up = False
        self._reconnecting = code is not None
        unheard = self.answering.link_lost()
        said_again = unheard and self.machine.say_again()
        self._answer_again = unheard and not said_again and self.history.ends_with_user
        self.machine.link_lost()
        self.listening.link_lost()
        self.settle(now_ms)
        if code is not None:
            # After the change of phase: a page takes the next one as the end of the trouble.
            self.error(code)

    # Time.

    def limit(self, end_ms: float, code: str) -> None:
        """It ends then, and `code` says why."""
        self._end_ms, self._end_code = end_ms, code

    @property
    def _renewal_ms(self) -> float | None:
        """When this connection is to be left for a new one, once nobody speaks."""
        if self._link_up and self._asked_voice != self.settings.voice:
            return self._last_active_ms
        return self._roll_over_ms

    def deadline(self) -> float:
        """When `tick` has something to do."""
        times = (
            self.machine.deadline(),
            self.answering.deadline(),
            self.listening.deadline(),
            self._renewal_ms if self.phase == "listening" else None,
            self._last_active_ms + self._limits.idle_ms if self.phase == "listening" else None,
        )
        return min([self._end_ms, *(t for t in times if t is not None)])

    def tick(self, now_ms: float) -> None:
        """What ran out by now."""
        if now_ms >= self._end_ms:
            self.out.end = self._end_code
            return
        idle = self.phase == "listening"
        if idle and now_ms >= self._last_active_ms + self._limits.idle_ms:
            self.out.end = "idle_limit"
            return
        if self.machine.cancel_overdue(now_ms):
            self.error("provider_lost")
            self.out.replace_link = True
        elif idle and self._renewal_ms is not None and now_ms >= self._renewal_ms:
            self.out.link_wished = self._asked_voice != self.settings.voice
            self._roll_over_ms = None
            self._asked_voice = self.settings.voice
            self.out.replace_link = True
        if self.machine.audio_overdue(now_ms):
            self.error("provider_timeout")
            self.answering.interrupt(now_ms)
        self.listening.tick(now_ms)
        self.answering.tick(now_ms)
        self.settle(now_ms)

    def settle(self, now_ms: float) -> None:
        """After any event: what follows from the new state."""
        quiet = self.answering.quiet
        if quiet and not self._was_quiet:
            self.listening.playback_over(now_ms)
        self._was_quiet = quiet
        if self._link_up:
            ask = self.machine.next_ask(now_ms, quiet=quiet)
            if ask is not None:
                self.out.commands.append(effects.CreateResponse(ask.instructions))
                self.out.facts.append(
                    Mark("response_asked", now_ms, "server", self.machine.response_turn)
                )
        self._show_phase(now_ms)

    def _show_phase(self, now_ms: float) -> None:
        working = self.answering.working or self._answer_again or self._reconnecting
        phase = self.machine.phase(speaking=self.answering.audible, working=working)
        if phase != "listening" or self.phase != "listening":
            self._last_active_ms = now_ms
        if phase != self.phase:
            self.phase = phase
            self.out.send(wire.TurnState(phase, self.machine.turn))

    def clock_sample(self, ping: wire.ClockPing, received_ms: float, sent_ms: float) -> None:
        self.out.facts.append(
            ClockSample(
                ping.id,
                ping.client_sent_ms,
                received_ms,
                sent_ms,
                ping.offset_ms,
                ping.round_trip_ms,
            )
        )

    def error(self, code: str, *, retry_after_ms: float | None = None) -> None:
        """Tell the person; the conversation goes on."""
        row = ERRORS.get(code, ERRORS["internal"])
        self.out.send(wire.ErrorEvent(code, row.message, row.recoverable, retry_after_ms))

"""The user's side: sounds, the provider's speech items, and which of them are turns.

An item is adopted when it was spoken in silence or belongs to a confirmed sound; spoken over
audible playback without one it is dropped (backchannel, cough, our own echo) and deleted, so that
it does not stay in the conversation. In between stands the second chance: an item nobody confirmed
waits for its transcript, and interrupts after all when it holds real words.

The provider's own `speech_started` interrupts only where the browser is deaf: in silence, or where
no transcript could judge it. Over playback the provider hears our echo too, and cannot tell.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Final

from voice_loop.audio.pcm import ms_to_samples
from voice_loop.protocol.events import StartOptions, TranscriptUpdate, UserBargeIn, UserSpeech
from voice_loop.providers import base
from voice_loop.session import effects
from voice_loop.session.answering import Answering
from voice_loop.session.barge_in import is_interruption
from voice_loop.session.facts import Mark, MarkName
from voice_loop.session.history import History
from voice_loop.session.sounds import AppendLedger, Sound, SoundLog
from voice_loop.session.turn import COMMIT_WAIT_MS, STOPPED_WAIT_MS, TurnMachine
from voice_loop.session.utterance import OwnCommits, Utterance

DEAF_BROWSER_MS: Final = 600
"""Speech that only the provider hears interrupts when it lasts so long."""
BARGE_IN_GRACE_MS: Final = 300
"""The page's `user.barge_in` follows a confirmed sound; after this long we act without it."""
SECOND_CHANCE_MS: Final = 3_000
"""How long an unconfirmed item waits for its transcript."""
MIN_COMMIT_MS: Final = 100
"""The provider refuses to commit less."""
MAX_UTTERANCES: Final = 32
PUSH_TO_TALK: Final = "push_to_talk"


class Listening:
    """Decides about everything the user utters."""

    def __init__(
        self,
        machine: TurnMachine,
        answering: Answering,
        out: effects.Effects,
        history: History,
        line_prefix: str,
    ) -> None:
        self._machine = machine
        self._answering = answering
        self._out = out
        self._history = history
        self._prefix = line_prefix
        self._utterances: dict[str, Utterance] = {}
        self._lines = 0
        self._held_samples = 0
        self._interrupted = False
        """The floor was taken from the assistant, not in silence."""
        self._own_commits = OwnCommits()
        self._grace_ms: float | None = None
        self._onset_ms: float | None = None
        """Of a confirmed sound whose interruption is not carried out yet."""
        self.sounds = SoundLog()
        self.appended = AppendLedger()
        self.options = StartOptions()
        self.prefix_padding_ms = 0
        self.silence_ms = 0
        self.transcribes = True

    def set_barge_in(self, wanted: bool) -> None:
        """From now on; what was about to interrupt does not any more."""
        self.options = dataclasses.replace(self.options, barge_in=wanted)
        if not wanted:
            self._grace_ms = None
            for utterance in self._utterances.values():
                utterance.interrupts_at_ms = None

    # What the browser's detector says.

    def on_user_speech(self, event: UserSpeech, now_ms: float) -> None:
        sound = self.sounds.update(event)
        match event.phase:
            case "candidate":
                self._machine.speech_goes_on(now_ms)
            case "confirmed":
                self._confirmed(sound, event, now_ms)
            case "rejected":
                self._sound_over(now_ms)
            case "ended":
                self._client_mark("speech_ended", event.client_at_ms)
                self._sound_over(now_ms)

    def _confirmed(self, sound: Sound, event: UserSpeech, now_ms: float) -> None:
        if self._machine.floor == "user":
            self._machine.speech_goes_on(now_ms)
        elif sound.during_playback and self._answering.audible:
            # The page flushes first and says then what was heard.
            if self.options.barge_in:
                self._grace_ms = now_ms + BARGE_IN_GRACE_MS
                self._onset_ms = event.client_onset_ms
            return
        else:
            self._interrupted = self._answering.interrupt(now_ms)
            self._machine.take_floor(now_ms)
        self._client_mark("speech_onset", event.client_onset_ms)

    def _sound_over(self, now_ms: float) -> None:
        if not self.sounds.any_open:
            self._machine.speech_over(now_ms, interruption=self._interrupted)

    def on_barge_in(self, event: UserBargeIn, now_ms: float) -> None:
        """The page stopped the answer. By speech, the floor is the user's from now on."""
        self._grace_ms = None
        self._answering.on_barge_in(event, now_ms)
        if event.source == "speech" and event.turn <= self._machine.turn:
            self._take_floor_back(now_ms)

    def _take_floor_back(self, now_ms: float) -> None:
        if self._machine.take_floor(now_ms):
            self._interrupted = True
        if self._onset_ms is not None:
            self._client_mark("speech_onset", self._onset_ms)
            self._onset_ms = None
        if not self.sounds.any_open:
            # The sound may be over already: no further end will come for it.
            self._machine.speech_over(now_ms, interruption=True)

    # What the provider's detector says.

    def on_speech_started(self, event: base.SpeechStarted, now_ms: float) -> None:
        utterance = self._utterance(event.item_id)
        utterance.started_ms = now_ms
        utterance.onset = self.appended.captured_at(event.audio_start_ms + self.prefix_padding_ms)
        utterance.audible = self._answering.audible
        if not self._answering.busy:
            if self._machine.take_floor(now_ms):
                self._interrupted = False
        elif self._browser_is_deaf(utterance):
            utterance.interrupts_at_ms = now_ms + DEAF_BROWSER_MS
        self._machine.speech_goes_on(now_ms)

    def _browser_is_deaf(self, utterance: Utterance) -> bool:
        """Only the provider can notice this. Over audible playback the browser's silence is its
        word: it knows the echo, the provider does not, so what it did not notice has to be words.
        """
        if not self.options.barge_in or self._same_sound(utterance):
            return False
        return not (utterance.audible and self.transcribes)

    def _same_sound(self, utterance: Utterance) -> list[Sound]:
        return self.sounds.overlapping(utterance.onset, utterance.end)

    def on_speech_stopped(self, event: base.SpeechStopped, now_ms: float) -> None:
        utterance = self._utterance(event.item_id)
        utterance.stopped_ms = now_ms
        utterance.end = self.appended.captured_at(event.audio_end_ms)
        utterance.interrupts_at_ms = None
        if not self.sounds.any_open:
            self._machine.commit_expected(now_ms, STOPPED_WAIT_MS)

    def on_committed(self, event: base.InputCommitted, now_ms: float) -> None:
        """The item exists: adopt it, drop it, or wait for its words."""
        utterance = self._utterance(event.item_id)
        own = self._own_commits.take(now_ms)
        utterance.interrupts_at_ms = None
        if own is not None:
            self._adopt(utterance, now_ms, answered_in=own.answered_in)
        elif self._machine.pressed or self._is_turn(utterance):
            self._adopt(utterance, now_ms)
        elif self._has_second_chance():
            utterance.verdict = "waiting"
            utterance.decide_by_ms = now_ms + SECOND_CHANCE_MS
            self._judge(utterance, now_ms)
        else:
            self._drop(utterance, now_ms)

    def _is_turn(self, utterance: Utterance) -> bool:
        sounds = self._same_sound(utterance)
        over_playback = utterance.audible
        if sounds:
            over_playback = any(sound.during_playback for sound in sounds)
        confirmed = any(sound.confirmed for sound in sounds)
        if not self.options.barge_in and over_playback and self._answering.audible:
            return False
        expected = self._machine.floor == "user" or not self._answering.busy
        return utterance.meant or confirmed or (expected and not over_playback)

    def _has_second_chance(self) -> bool:
        return self.options.barge_in and self.transcribes

    def on_transcript(self, event: base.InputTranscript, now_ms: float) -> None:
        utterance = self._utterances.get(event.item_id)
        if utterance is None or utterance.verdict == "dropped":
            return
        utterance.text = event.text
        utterance.final = event.final
        if utterance.verdict == "adopted":
            self._show(utterance)
        elif utterance.verdict == "waiting":
            self._judge(utterance, now_ms)

    def _judge(self, utterance: Utterance, now_ms: float) -> None:
        if not utterance.final:
            return
        if is_interruption(utterance.text, self._answering.said_in_this_turn()):
            self._adopt(utterance, now_ms)
        else:
            self._drop(utterance, now_ms)

    # Verdicts.

    def _adopt(
        self, utterance: Utterance, now_ms: float, *, answered_in: int | None = None
    ) -> None:
        if answered_in is None:
            if self._machine.floor == "free":
                self._answering.interrupt(now_ms)
            self._machine.adopt()
        self._interrupted = False
        utterance.verdict = "adopted"
        utterance.decide_by_ms = None
        utterance.turn = self._machine.turn if answered_in is None else answered_in
        self._lines += 1
        utterance.line = f"{self._prefix}u{self._lines}"
        for name, at_ms in self._times(utterance, now_ms):
            if at_ms is not None:
                self._mark(name, at_ms)
        # The line stands before the answer's, though its words come later.
        self._show(utterance)

    @staticmethod
    def _times(u: Utterance, now_ms: float) -> tuple[tuple[MarkName, float | None], ...]:
        return (
            ("speech_started", u.started_ms),
            ("speech_stopped", u.stopped_ms),
            ("input_committed", now_ms),
        )

    def _drop(self, utterance: Utterance, now_ms: float) -> None:
        utterance.verdict = "dropped"
        utterance.decide_by_ms = None
        self._mark("input_dropped", now_ms)
        self._out.commands.append(effects.DeleteItem(utterance.item_id))

    def _show(self, utterance: Utterance) -> None:
        line = utterance.line or ""
        self._history.set(line, "user", utterance.text)
        self._out.send(
            TranscriptUpdate(line, "user", utterance.turn, utterance.text, utterance.final)
        )

    # Hands and keyboard.

    def on_audio(self, samples: int) -> None:
        self._held_samples += samples

    def on_press(self, now_ms: float) -> None:
        """Push-to-talk pressed: stop the answer, forget what was heard, listen."""
        self._answering.interrupt(now_ms)
        self._out.commands.append(effects.ClearAudio())
        self._held_samples = 0
        self._machine.take_floor(now_ms)
        self._machine.pressed = True

    def on_release(self, now_ms: float) -> None:
        """Released: the turn is complete. Less than the provider takes is thrown away. The press
        itself may have gone to a session before this one."""
        enough = self._held_samples >= ms_to_samples(MIN_COMMIT_MS)
        if not (self._machine.pressed or (enough and self.options.turn_detection == PUSH_TO_TALK)):
            return
        self._machine.pressed = False
        if not enough:
            self.on_cancel()
            return
        self._held_samples = 0
        self._mark("press_released", now_ms)
        self._out.commands.append(effects.CommitAudio())
        # Nothing is waited for: the answer is asked for right behind the commit, however late that
        # is acknowledged. No detector commits anything beside us.
        self._machine.adopt()
        self._own_commits.add(math.inf, answered_in=self._machine.turn)

    def on_cancel(self) -> None:
        """Slid off: as if nothing had been said."""
        self._out.commands.append(effects.ClearAudio())
        self._machine.release_floor()

    def on_mute(self, now_ms: float) -> None:
        """The microphone falls silent in mid-speech: the provider will not hear an end."""
        if self._machine.pressed:
            return
        for utterance in self._utterances.values():
            utterance.interrupts_at_ms = None
        if self._machine.floor == "user":
            self.commit(now_ms)
        elif self._hears_speech():
            self._out.commands.append(effects.ClearAudio())

    def on_text(self, text: str, now_ms: float) -> None:
        """A typed message interrupts and is a turn; spoken over, it joins the spoken one."""
        self._answering.interrupt(now_ms)
        if self._machine.floor == "free":
            self._machine.new_turn()
        self._mark("text_received", now_ms)
        self._out.commands.append(effects.AddText(text))
        self._machine.owe()
        self._lines += 1
        line = f"{self._prefix}u{self._lines}"
        self._history.set(line, "user", text)
        self._out.send(TranscriptUpdate(line, "user", self._machine.turn, text, True, typed=True))

    def commit(self, now_ms: float) -> None:
        """Commit ourselves; the item that follows is adopted."""
        self._out.commands.append(effects.CommitAudio())
        self._own_commits.add(now_ms + COMMIT_WAIT_MS)
        self._machine.commit_expected(now_ms)

    # Playback, link, time.

    def playback_over(self, now_ms: float) -> None:
        """Nothing plays any more: who goes on speaking has the floor."""
        for utterance in self._utterances.values():
            if utterance.going_on:
                # Its end is announced only after the detector's window of silence.
                utterance.interrupts_at_ms = now_ms + DEAF_BROWSER_MS + self.silence_ms

    def link_lost(self) -> None:
        """What the provider was hearing is gone with it."""
        self._utterances = {k: u for k, u in self._utterances.items() if u.verdict == "adopted"}
        self._own_commits.clear()
        self._interrupted = False
        self._held_samples = 0
        self.appended.restart()

    def deadline(self) -> float | None:
        times = [self._grace_ms]
        for utterance in self._utterances.values():
            times += (utterance.interrupts_at_ms, utterance.decide_by_ms)
        return min((t for t in times if t is not None), default=None)

    def tick(self, now_ms: float) -> None:
        """What ran out by now."""
        if self._grace_ms is not None and now_ms >= self._grace_ms:
            self._grace_ms = None
            if self._answering.interrupt(now_ms):
                self._take_floor_back(now_ms)
        for utterance in list(self._utterances.values()):
            if utterance.interrupts_at_ms is not None and now_ms >= utterance.interrupts_at_ms:
                utterance.interrupts_at_ms = None
                utterance.meant = True
                self._answering.interrupt(now_ms)
                self._machine.take_floor(now_ms)
                self._interrupted = True
            if utterance.decide_by_ms is not None and now_ms >= utterance.decide_by_ms:
                self._drop(utterance, now_ms)
        self._floor_ran_out(now_ms)

    def _floor_ran_out(self, now_ms: float) -> None:
        match self._machine.floor_overdue(now_ms):
            case "dead_air":
                self._mark("committed_for_silence", now_ms)
                self.commit(now_ms)
            case "gone" if self._hears_speech():
                # Too low for the browser, not for the provider: it will say when it is over.
                self._machine.speech_goes_on(now_ms)
            case "gone" | "commit_wait":
                self._mark("gave_up_waiting", now_ms)
                self._machine.release_floor()
                self._interrupted = False
            case None:
                pass

    def _hears_speech(self) -> bool:
        """The provider is in the middle of an utterance."""
        return any(u.going_on for u in self._utterances.values())

    def _utterance(self, item_id: str) -> Utterance:
        utterance = self._utterances.get(item_id)
        if utterance is None:
            utterance = Utterance(item_id, audible=self._answering.audible)
            self._utterances[item_id] = utterance
            while len(self._utterances) > MAX_UTTERANCES:
                del self._utterances[next(iter(self._utterances))]
        return utterance

    def _mark(self, name: MarkName, at_ms: float) -> None:
        self._out.facts.append(Mark(name, at_ms, "server", self._machine.turn))

    def _client_mark(self, name: MarkName, at_ms: float) -> None:
        self._out.facts.append(Mark(name, at_ms, "client", self._machine.turn))

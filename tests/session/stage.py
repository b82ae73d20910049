"""A conversation on a stage: events in, decisions out, time by hand."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from voice_loop.config import Limits
from voice_loop.protocol import events as wire
from voice_loop.providers import base
from voice_loop.session import effects
from voice_loop.session.conversation import Conversation, Terms
from voice_loop.session.facts import Fact, Mark

T = TypeVar("T")

SAMPLES_A_MS = 24
SECOND = bytes(48_000)


class Stage:
    """Plays page and provider; keeps what was decided until it is read."""

    def __init__(
        self,
        *,
        options: wire.StartOptions | None = None,
        limits: Limits | None = None,
        settings: base.SessionSettings | None = None,
        expires_in_ms: float | None = None,
        linked: bool = True,
    ) -> None:
        self.now_ms = 1_000.0
        self.conversation = Conversation(
            Terms(
                settings or base.SessionSettings("Be kind.", "marin"),
                options or wire.StartOptions(),
                limits or Limits(),
                3_600_000,
            ),
            self.now_ms,
        )
        self.sent: list[wire.ServerEvent] = []
        self.facts: list[Fact] = []
        self._commands: list[effects.Command] = []
        self.tools: list[effects.RunTool] = []
        self.replaced = 0
        self.end: str | None = None
        self._sounds = 0
        self.position = 0
        self._responses = 0
        if linked:
            self.link_up(expires_in_ms)

    # Driving.

    def link_up(self, expires_in_ms: float | None = None, *, aligned: bool = False) -> None:
        connected = base.Connected("m", "v", expires_in_ms, aligned)
        self.conversation.on_link_up(connected, self.now_ms)
        self._collect()

    def link_down(self, code: str | None = None) -> None:
        """Without a code it was left on purpose."""
        self.conversation.on_link_down(self.now_ms, code)
        self._collect()

    def client(self, *events: wire.ClientEvent) -> None:
        for event in events:
            self.conversation.on_client(event, self.now_ms)
            self._collect()

    def provider(self, *events: base.ProviderEvent) -> None:
        for event in events:
            self.conversation.on_provider(event, self.now_ms)
            self._collect()

    def wait(self, ms: float) -> None:
        """Let time pass, and look at the clock whenever something is due."""
        until = self.now_ms + ms
        for _ in range(1_000):
            due = self.conversation.deadline()
            if due > until:
                break
            self.now_ms = max(self.now_ms, due)
            self.conversation.tick(self.now_ms)
            self._collect()
            if self.end is not None:
                return
        else:
            raise AssertionError("the conversation is never content")
        self.now_ms = until

    def _collect(self) -> None:
        out = self.conversation.out
        for command in out.commands:
            if isinstance(command, effects.AppendAudio):
                self.conversation.listening.appended.append(
                    command.position_samples, len(command.pcm) // 2
                )
            else:
                self._commands.append(command)
        self.sent += [frame.event for frame in out.frames]
        self.facts += out.facts
        self.tools += out.tools
        self.replaced += out.replace_link
        self.end = out.end or self.end
        out.clear()

    # Reading.

    def commands(self) -> list[effects.Command]:
        """What the provider was told since the last look."""
        commands, self._commands = self._commands, []
        return commands

    def of(self, kind: type[T]) -> list[T]:
        """Everything of this kind that was sent to the page."""
        return [event for event in self.sent if isinstance(event, kind)]

    def errors(self) -> list[str]:
        return [event.code for event in self.of(wire.ErrorEvent)]

    def marks(self) -> list[str]:
        return [fact.name for fact in self.facts if isinstance(fact, Mark)]

    def lines(self) -> dict[str, wire.TranscriptUpdate]:
        """The transcript as a page shows it."""
        shown: dict[str, wire.TranscriptUpdate] = {}
        for update in self.of(wire.TranscriptUpdate):
            if update.removed:
                shown.pop(update.line, None)
            else:
                shown[update.line] = update
        return shown

    @property
    def phase(self) -> str:
        return self.conversation.phase

    # Scenes.

    def hear(self, ms: float) -> None:
        """The microphone sends so much audio; the line of samples goes on."""
        samples = int(ms * SAMPLES_A_MS)
        self.client(wire.AudioChunk(0, 0, self.position, bytes(2 * samples)))
        self.position += samples

    def sound(
        self,
        *phases: wire.SpeechPhase,
        during_playback: bool = False,
        lasting_ms: float = 200,
        same: bool = False,
    ) -> int:
        """The browser's detector speaks of a sound that began where the line is now."""
        if not same:
            self._sounds += 1
            self._onset = (self.position, self.now_ms)
        position, onset_ms = self._onset
        for phase in phases:
            at_ms = onset_ms + (0 if phase == "candidate" else lasting_ms)
            self.client(
                wire.UserSpeech(phase, self._sounds, onset_ms, at_ms, during_playback, position)
            )
        return self._sounds

    def line_ms(self) -> float:
        """Where the line is, in the provider's milliseconds (its padding taken off)."""
        return max(0.0, self.position / SAMPLES_A_MS - 300)

    def user_says(self, text: str, item_id: str = "u1") -> None:
        """A plain turn in silence, as browser and provider tell it."""
        self.sound("candidate", "confirmed")
        self.provider(base.SpeechStarted(item_id, self.line_ms()))
        self.hear(1_000)
        self.sound("ended", lasting_ms=1_000, same=True)
        self.provider(
            base.SpeechStopped(item_id, self.position / SAMPLES_A_MS),
            base.InputCommitted(item_id),
            base.InputTranscript(item_id, text, True),
        )

    def answer(
        self,
        text: str = "One two three four",
        *,
        seconds: float = 2,
        done: bool = True,
        item_id: str | None = None,
    ) -> str:
        """The provider answers what was asked; the item's id."""
        self._responses += 1
        response, item = f"r{self._responses}", item_id or f"a{self._responses}"
        self.provider(
            base.ResponseStarted(response),
            base.OutputStarted(response, item),
            base.OutputTranscript(response, item, text),
            base.OutputAudio(response, item, bytes(int(48_000 * seconds) // 2 * 2)),
        )
        if done:
            self.provider(
                base.OutputAudioDone(response, item),
                base.OutputTranscript(response, item, "", True, text),
                base.ResponseDone(response, "completed"),
            )
        return item

    @property
    def response(self) -> str:
        return f"r{self._responses}"

    def played(
        self,
        ms: float,
        phase: wire.PlaybackPhase = "playing",
        *,
        turn: int | None = None,
        item: int = 0,
    ) -> None:
        self.client(self.report(ms, phase, turn=turn, item=item))

    def report(
        self,
        ms: float,
        phase: wire.PlaybackPhase = "playing",
        *,
        turn: int | None = None,
        item: int = 0,
    ) -> wire.PlaybackReport:
        turn = self.conversation.machine.turn if turn is None else turn
        return wire.PlaybackReport(turn, item, phase, ms, 0, 0, 0, 10, self.now_ms)

    def barge_in(
        self, ms: float, source: wire.BargeInSource = "speech", *, turn: int | None = None
    ) -> None:
        turn = self.conversation.machine.turn if turn is None else turn
        self.client(wire.UserBargeIn(turn, 0, ms, source, 1.0, 2.0, 3.0))

    def speaking_stage(self) -> Stage:
        """Bring it to where an answer of 2 s is being heard, 500 ms of it by now."""
        self.user_says("Tell me something.")
        self.commands()
        self.answer(done=False)
        self.hear(1_000)
        self.played(500, "playing")
        return self


def without_seq(event: wire.ServerEvent) -> wire.ServerEvent:
    return dataclasses.replace(event, seq=0)

"""Whose turn it is: what a sound, the Stop control, a press or a typed line mean for the answer.

The rule: the answer falls silent first, then the server is told how much of it was heard, then what
the person wants goes up. Holds the server's `turn.state`; the worklets pause and resume a mere
candidate by themselves.
"""

from __future__ import annotations

import math
from typing import Any

from .jsapi import performance
from .push_to_talk import PushToTalk


class Floor:
    """`conversation` has socket, clock, choice, player (or None) and voice."""

    def __init__(self, conversation: Any) -> None:
        self.conversation = conversation
        self.socket = conversation.socket
        self.choice = conversation.choice
        self.phase = "listening"
        self.turn = 0
        self.is_push_to_talk: bool = self.choice.turn_detection == "push_to_talk"
        self.talk = PushToTalk(self.socket, self.interrupt_by_press)

    def restart(self) -> None:
        """A new session counts its turns anew."""
        self.phase = "listening"
        self.turn = 0

    def follow(self, event: Any) -> None:
        """The server's `turn.state`."""
        self.phase = event.state
        self.turn = event.turn

    def hear(self, position: int, pcm: Any) -> None:
        """One captured chunk."""
        if self.is_push_to_talk:
            self.talk.hear(position, pcm)
        else:
            self.socket.send_audio(position, pcm)

    def on_speech(self, message: Any) -> None:
        onset = self.conversation.clock.page_ms(message.onset_time)
        at = self.conversation.clock.page_ms(message.at_time)
        speech = {
            "type": "user.speech",
            "seq": 0,
            "phase": message.phase,
            "sound": message.sound,
            "client_onset_ms": onset,
            "client_at_ms": at,
            "during_playback": message.during_playback,
            "position_samples": math.floor(self.socket.relative(message.onset)),
        }
        self.socket.send(speech)
        self.conversation.voice.emit("onSpeech", speech)
        if message.phase == "confirmed" and self.choice.barge_in is True and self.is_playing():
            self.interrupt("speech", onset, at, None)

    def press(self) -> None:
        """The push-to-talk control went down."""
        if self.is_push_to_talk:
            self.talk.press()

    def is_playing(self) -> bool:
        player = self.conversation.player
        return player is not None and player.is_playing is True

    def is_answering(self) -> bool:
        return self.is_playing() or self.phase == "thinking" or self.phase == "speaking"

    def stop(self) -> None:
        """The Stop control or Escape."""
        self.talk.cancel()
        now = performance.now()
        self.interrupt("stop", now, now, None)

    def interrupt_by_press(self, then: Any) -> None:
        now = performance.now()
        self.interrupt("press", now, now, then)

    def interrupt(self, source: str, onset_ms: Any, detected_ms: Any, then: Any) -> None:
        """Silence the answer, tell the server what was heard of it, then call `then`."""
        player = self.conversation.player

        def tell(turn: int, item: int, played_ms: float, stopped_ms: Any) -> Any:
            self.socket.send_in_session(
                {
                    "type": "user.barge_in",
                    "seq": 0,
                    "turn": turn,
                    "item": item,
                    "played_ms": played_ms,
                    "source": source,
                    "client_onset_ms": onset_ms,
                    "client_detected_ms": detected_ms,
                    "client_stopped_ms": stopped_ms,
                }
            )
            if then is not None:
                then()

        if not self.is_answering():
            if then is not None:
                then()
        elif player is None:
            tell(self.turn, 0, 0, None)
        else:
            # In another phase `turn` may already be the user's next one.
            turn = player.turn
            if self.phase == "thinking" or self.phase == "speaking":
                turn = max(turn, self.turn)
            player.flush(turn, tell)

    def send_text(self, text: str) -> None:
        """A typed message; it interrupts."""
        now = performance.now()
        body = {"type": "input.text", "seq": 0, "text": text}
        self.interrupt("text", now, now, lambda: self.socket.send(body))

"""Push-to-talk: hold, speak, let go.

The press interrupts the answer, then `input.press` goes up, then what was said since 200 ms before
the press: people begin to speak as they press. Letting go within 150 ms, sliding off or Escape
cancels.
"""

from __future__ import annotations

from typing import Any

from .jsapi import Array, clearTimeout, performance, setTimeout

PRE_ROLL_SAMPLES = 4800
KEPT_CHUNKS = 30
SHORTEST_MS = 150
TAIL_MS = 60


class PushToTalk:
    """Which captured chunks go up. `interrupt(then)` silences the answer and calls `then`."""

    def __init__(self, socket: Any, interrupt: Any) -> None:
        self.socket = socket
        self.interrupt = interrupt
        self.kept: Any = Array()
        self.position = 0
        self.from_position = 0
        self.pressed_at_ms: float = 0
        self.released_at_ms: float = 0
        self.is_pressed: bool = False
        self.is_open: bool = False
        self.is_closing: bool = False
        self.timer: Any = None

    def hear(self, position: int, pcm: Any) -> None:
        """One captured chunk."""
        self.position = position + pcm.byteLength // 2
        if self.is_open:
            self.socket.send_audio(position, pcm)
            if self.is_closing:
                self.commit()
        else:
            self.kept.push(KeptChunk(position, pcm))
            if len(self.kept) > KEPT_CHUNKS:
                self.kept.shift()

    def press(self) -> None:
        if self.is_closing:
            self.commit()
        if not self.is_pressed:
            self.is_pressed = True
            self.pressed_at_ms = performance.now()
            self.from_position = self.position - PRE_ROLL_SAMPLES
            self.interrupt(self.begin)

    def begin(self) -> None:
        """The answer is silent: open the way, with what was said meanwhile."""
        if not self.is_pressed:
            return
        self.is_open = True
        self.socket.send({"type": "input.press", "seq": 0, "client_at_ms": self.pressed_at_ms})
        kept = self.kept
        self.kept = Array()
        for i in range(len(kept)):
            if kept[i].position >= self.from_position:
                self.socket.send_audio(kept[i].position, kept[i].pcm)

    def release(self) -> None:
        """Let go on the button: the turn is complete with the chunk that is being filled."""
        if not self.is_pressed or self.is_closing:
            return
        self.released_at_ms = performance.now()
        if not self.is_open or self.released_at_ms - self.pressed_at_ms < SHORTEST_MS:
            self.cancel()
            return
        self.is_closing = True
        self.timer = setTimeout(self.commit, TAIL_MS)

    def commit(self) -> None:
        if self.is_closing:
            self.close()
            held = self.released_at_ms - self.pressed_at_ms
            self.socket.send(
                {
                    "type": "input.commit",
                    "seq": 0,
                    "client_at_ms": self.released_at_ms,
                    "held_ms": held,
                }
            )

    def cancel(self) -> None:
        """Slid off, too short or Escape: what was said is thrown away."""
        was_open = self.is_open
        self.close()
        if was_open:
            self.socket.send({"type": "input.cancel", "seq": 0})

    def close(self) -> None:
        clearTimeout(self.timer)
        self.is_pressed = False
        self.is_open = False
        self.is_closing = False


class KeptChunk:
    """Audio from before the press."""

    def __init__(self, position: int, pcm: Any) -> None:
        self.position = position
        self.pcm = pcm

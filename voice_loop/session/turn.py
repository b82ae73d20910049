"""Whose turn it is: the floor, and ownership of every response. One rule per event.

(a) an adopted user item is owed an answer; a dropped one is not;
(b) while the floor is the user's, no response is asked for: tool results and `say` wait;
(c) no dead air: after the end of an interruption the floor comes back, by a commit or by giving up;
(d) a response is asked for only when none is active; a cancelled one is waited for at most 2 s,
    then the link is replaced.

Pure: `now_ms` comes in, what to do comes out. It knows nothing of audio, sockets or providers; the
caller says whether assistant audio is still playing (`quiet`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from voice_loop.protocol.events import TurnPhase

CANCEL_WAIT_MS: Final = 2_000
DEAD_AIR_MS: Final = 1_500
COMMIT_WAIT_MS: Final = 1_000
"""How long a commit of ours may take to be answered before we go back to listening."""
STOPPED_WAIT_MS: Final = 2_000
"""How long after `speech_stopped` the commit may take."""
FLOOR_MAX_MS: Final = 60_000
MAX_SAYS: Final = 8

ResponsePhase = Literal["none", "asked", "active", "cancelling"]
FloorDeadline = Literal["dead_air", "commit_wait", "gone"]


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the provider for a response now."""

    instructions: str | None


@dataclass(frozen=True, slots=True)
class Say:
    """Something the app wants said; waits for quiet, and is a turn of its own."""

    instructions: str
    refused: bool = False
    """It was asked for once, and refused."""


class TurnMachine:
    """The state of one conversation's turns."""

    def __init__(self, first_audio_timeout_ms: float = 20_000) -> None:
        self._first_audio_timeout_ms = first_audio_timeout_ms
        self.turn = 0
        self.floor: Literal["free", "user"] = "free"
        self.pressed = False
        self.response: ResponsePhase = "none"
        self.response_id: str | None = None
        self.response_turn = 0
        self.owed = False
        """The present turn waits for an answer that was not asked for yet."""
        self._says: deque[Say] = deque()
        self._saying: Say | None = None
        """What the present turn is for, when that is something the app wants said."""
        self._cancel_deadline: float | None = None
        self._audio_deadline: float | None = None
        self._floor_deadline: tuple[float, FloorDeadline] | None = None

    # The floor.

    def new_turn(self) -> int:
        """An exchange begins; what the old one still owed is void."""
        self.turn += 1
        self.owed = False
        self._saying = None
        return self.turn

    def take_floor(self, now_ms: float) -> bool:
        """(b) The user speaks. True when that begins a turn."""
        began = self.floor == "free"
        if began:
            self.floor = "user"
            self.new_turn()
        self._floor_deadline = (now_ms + FLOOR_MAX_MS, "dead_air")
        return began

    def release_floor(self) -> None:
        self.floor = "free"
        self.pressed = False
        self._floor_deadline = None

    def speech_goes_on(self, now_ms: float) -> None:
        """A sound began or goes on: the deadline that ran since the last one's end is void."""
        if self.floor == "user":
            self._floor_deadline = (now_ms + FLOOR_MAX_MS, "dead_air")

    def speech_over(self, now_ms: float, *, interruption: bool) -> None:
        """(c) The browser heard the sound end. Only an interruption is worth a commit of ours."""
        if self.floor == "user" and not self.pressed:
            kind: FloorDeadline = "dead_air" if interruption else "gone"
            self._floor_deadline = (now_ms + DEAD_AIR_MS, kind)

    def commit_expected(self, now_ms: float, within_ms: float = COMMIT_WAIT_MS) -> None:
        """An item must come now; without one the floor is free again after the wait."""
        if self.floor == "user" and not self.pressed:
            self._floor_deadline = (now_ms + within_ms, "commit_wait")

    def adopt(self) -> None:
        """(a) The user's item is a turn: an answer is owed."""
        if not self.pressed:
            if self.floor == "free":
                self.new_turn()
            self.release_floor()
        self.owed = True

    def owe(self) -> None:
        """The present turn needs a(nother) response: tool results, a typed message."""
        self.owed = True

    def say(self, instructions: str) -> bool:
        """Queue words of the app. False when too many wait."""
        if len(self._says) >= MAX_SAYS:
            return False
        self._says.append(Say(instructions))
        return True

    def say_again(self, *, refused: bool = False) -> bool:
        """Nothing of what the app wanted said was heard: it is next. False when this turn is for
        something else."""
        say, self._saying = self._saying, None
        if say is None:
            return False
        self._says.appendleft(Say(say.instructions, refused or say.refused))
        return True

    # Responses.

    @property
    def may_ask_again(self) -> bool:
        """After a refusal: what the app wants said comes back as another turn, once."""
        return self._saying is None or not self._saying.refused

    @property
    def answering(self) -> bool:
        """A response is asked for, being made, or owed: silence here is thinking."""
        return self.response in ("asked", "active") or self.owed

    def next_ask(self, now_ms: float, *, quiet: bool) -> Ask | None:
        """(b) and (d): the response to ask for now, if any."""
        if self.floor == "user" or self.response != "none":
            return None
        if self.owed:
            self.owed = False
            return self._ask(now_ms, None)
        if self._says and quiet:
            self.new_turn()
            self._saying = self._says.popleft()
            return self._ask(now_ms, self._saying.instructions)
        return None

    def _ask(self, now_ms: float, instructions: str | None) -> Ask:
        self.response = "asked"
        self.response_id = None
        self.response_turn = self.turn
        self._audio_deadline = now_ms + self._first_audio_timeout_ms
        return Ask(instructions)

    def response_started(self, response_id: str) -> bool:
        """True when it is the one that was asked for; another must be cancelled."""
        if self.response in ("asked", "cancelling") and self.response_id is None:
            self.response_id = response_id
            if self.response == "asked":
                self.response = "active"
            return True
        return self.response_id == response_id

    def accepts(self, response_id: str) -> bool:
        """Output of this response is wanted: late deltas of a cancelled one are not."""
        return self.response == "active" and self.response_id == response_id

    def stops(self, response_id: str) -> bool:
        """It was cancelled and is not over yet."""
        return self.response == "cancelling" and self.response_id == response_id

    def output_came(self, now_ms: float) -> None:
        """More has to come, or the end of the response."""
        self._audio_deadline = now_ms + self._first_audio_timeout_ms

    def cancel(self, now_ms: float) -> bool:
        """Stop the response. True when the provider must be told."""
        self.owed = False
        if self.response not in ("asked", "active"):
            return False
        self.response = "cancelling"
        self._cancel_deadline = now_ms + CANCEL_WAIT_MS
        self._audio_deadline = None
        return True

    def response_done(self, response_id: str) -> bool:
        """True when it was ours."""
        if self.response == "none" or self.response_id not in (None, response_id):
            return False
        self._clear_response()
        return True

    def response_refused(self) -> bool:
        """The one that was asked for never begins. True when it was still wanted."""
        if self.response_id is not None:
            return False
        wanted = self.response == "asked"
        self._clear_response()
        return wanted

    def _clear_response(self) -> None:
        self.response = "none"
        self.response_id = None
        self._cancel_deadline = None
        self._audio_deadline = None

    def link_lost(self) -> None:
        """The provider's connection is gone, and with it response and half-heard speech."""
        self._clear_response()
        if not self.pressed:
            self.release_floor()

    # Time.

    def deadline(self) -> float | None:
        """When `cancel_overdue`, `audio_overdue` or `floor_overdue` next say something."""
        floor = self._floor_deadline[0] if self._floor_deadline else None
        times = (self._cancel_deadline, self._audio_deadline, floor)
        return min((t for t in times if t is not None), default=None)

    def cancel_overdue(self, now_ms: float) -> bool:
        """(d) The cancelled response does not end: replace the link. True once."""
        if self._cancel_deadline is None or now_ms < self._cancel_deadline:
            return False
        self._cancel_deadline = None
        return True

    def audio_overdue(self, now_ms: float) -> bool:
        """The answer does not begin, or does not go on."""
        return self._audio_deadline is not None and now_ms >= self._audio_deadline

    def floor_overdue(self, now_ms: float) -> FloorDeadline | None:
        """(c) What ran out, once."""
        if self._floor_deadline is None or now_ms < self._floor_deadline[0]:
            return None
        kind = self._floor_deadline[1]
        self._floor_deadline = None
        return kind

    def phase(self, *, speaking: bool, working: bool) -> TurnPhase:
        """What to show; `working`: tools run, or a commit of ours waits for its item."""
        if self.floor == "user":
            return "user_speaking"
        if speaking:
            return "speaking"
        return "thinking" if self.answering or working else "listening"

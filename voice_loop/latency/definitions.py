"""What each figure means: from where to where, on whose clock, and when there is none.

Data for the documentation, which is made from it; targets are in `budget`, owners of the stages in
`turn_record`. Nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from voice_loop.latency.budget import FigureName


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure."""

    begins: str
    ends: str
    clock: str
    absent: str


DEFINITIONS: Final[dict[FigureName, Definition]] = {
    "ttfb_ms": Definition(
        "turn end",
        "first audio of the answer, from the provider, at the server",
        "server",
        "no answer came, or no turn was ended before it",
    ),
    "turn_latency_ms": Definition(
        "turn end",
        "first audible sample: rendered, plus the device's output latency",
        "server; the last mark is the browser's, brought over with the measured offset, and its "
        "uncertainty is told",
        "as before; nothing was played; the clocks were not compared yet; or the browser does not "
        "tell its output latency",
    ),
    "voice_to_voice_ms": Definition(
        "acoustic end of speech: the last frame the page's detector heard speech in, not the "
        "silence that proved it",
        "first audible sample",
        "browser",
        "typed turns and push-to-talk without speech; the detector is off or heard nothing; the "
        "clocks were not compared yet (they decide which speech belongs to which turn)",
    ),
    "barge_in_stop_ms": Definition(
        "acoustic onset of the user's speech, backdated by the detector",
        "last audible sample of the answer: rendered, plus the device's output latency",
        "browser",
        "the turn was not interrupted, or by a button, a key or the provider's detector alone",
    ),
    "relay_up_ms": Definition(
        "chunk of the microphone received and decoded",
        "chunk handed to the provider's socket",
        "server",
        "no audio came in during the turn; audio that waited for a connection is not counted",
    ),
    "relay_down_ms": Definition(
        "audio received from the provider and decoded",
        "chunk handed to the page's socket",
        "server",
        "no audio went out; audio that pacing held back, or that was sent again after a resume, "
        "is not counted",
    ),
}
VALUES: Final[dict[str, str]] = {
    "round_trip_ms": "the last exchange of clock frames, there and back, without the server's "
    "own time; absent before the first exchange",
    "jitter_buffer_ms": "audio that waited in the page when the turn's first sample was played",
    "output_latency_ms": "what the browser says lies between rendering a sample and hearing it, "
    "at the last report of the turn",
    "leading_silence_ms": "from the first sample of the answer's audio to its first one above "
    "-50 dBFS, counted in the audio itself; absent while all of it was silent",
}
COUNTED: Final[dict[str, str]] = {
    "underruns": "times the page ran out of audio within an answer",
    "dropped_chunks": "chunks of interrupted answers that the page threw away",
    "false_onsets": "sounds that paused the answer and turned out to be no speech",
    "clock_jumps": "times the two clocks contradicted what was known of them (a laptop slept): "
    "the turns under way are not counted",
}
REASONS: Final[dict[str, str]] = {
    "missing": "a mark that the figure needs never came",
    "doubled": "a mark that comes once came with different times: no guess is made",
    "out of order": "the end lies before the begin by more than the clocks' uncertainty",
    "implausible": "longer than two minutes: some clock is wrong",
    "resumed": "the page's socket broke during the turn: its times say nothing of the budget",
    "clock jumped": "the browser's clock was set or slept during the turn",
}

"""The last turn, step by step on one time line: from the last sound said to the first one heard.

Every step is told, the unknown ones too, with why they are: no mark, no figure, or one stretch that
no mark parts. Nothing is ever drawn for want of a mark. Pure; `waterfall_view` draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict

from voice_loop.ui.figures import as_map, as_number, ms, why_absent

SPEECH_END: Final = "speech_ended"
TURN_ENDS: Final = (
    "speech_stopped",
    "press_released",
    "text_received",
    "committed_for_silence",
    "input_committed",
)
CHAIN: Final[tuple[tuple[str, str], ...]] = (
    ("turn_end", "Turn end known"),
    ("response_asked", "Answer asked for"),
    ("first_delta", "First audio at the server"),
    ("first_chunk_sent", "Sent to the page"),
    ("first_chunk_received", "Received by the page"),
    ("first_chunk_queued", "Queued for playback"),
    ("first_sound", "Audible"),
)
_PLACE: Final = {SPEECH_END: -1, **{mark: place for place, (mark, _) in enumerate(CHAIN)}}
_NO_MARK: Final = "no mark parts it from the next step"


class Step(TypedDict):
    """One step; its name says where it ends."""

    name: str
    owner: str
    """Empty where nothing is known."""
    value: str
    offset: float
    """Where it begins, in percent of the whole."""
    share: float
    """How long it is, in percent of the whole."""
    unknown: str
    """Why there is no value; empty where there is one."""


class _Stage(TypedDict):
    first: int
    last: int
    owner: str
    ms: float
    estimated: bool


def _place(mark: object) -> int | None:
    if mark in TURN_ENDS:
        return 0
    return _PLACE.get(mark) if isinstance(mark, str) else None


def _stages(metrics: Mapping[str, Any]) -> list[_Stage]:
    """The turn's stages in their order, with the end of speech before them."""
    found: list[_Stage] = []
    rows = metrics.get("stages")
    for row in rows if isinstance(rows, list) else []:
        length, begins, ends = as_number(row, "ms"), None, None
        if isinstance(row, Mapping):
            begins, ends = _place(row.get("begins")), _place(row.get("ends"))
        if length is None or length < 0 or begins is None or ends is None:
            continue
        # Where the request itself stands for the end of the turn, it is asked for at once.
        if begins < ends or row.get("owner") == "tools":
            found.append(
                _Stage(
                    first=begins + 1,
                    last=ends,
                    owner=str(row.get("owner", "")),
                    ms=length,
                    estimated=bool(row.get("estimated")),
                )
            )
    said = _before(metrics)
    if said is not None and found:
        before = _Stage(
            first=0, last=found[0]["first"] - 1, owner="provider", ms=said, estimated=False
        )
        found.insert(0, before)
    return found


def _before(metrics: Mapping[str, Any]) -> float | None:
    """End of speech to turn end: what one figure has more than the other."""
    whole = as_number(as_map(metrics, "figures", "voice_to_voice_ms"), "value_ms")
    rest = as_number(as_map(metrics, "figures", "turn_latency_ms"), "value_ms")
    return whole - rest if whole is not None and rest is not None and whole >= rest else None


def steps(metrics: Mapping[str, Any]) -> list[Step]:
    """Every step of the turn; empty before the first turn."""
    if not (metrics.get("figures") or metrics.get("absent")):
        return []
    stages = _stages(metrics)
    whole = sum(stage["ms"] for stage in stages)
    shown: list[Step] = []
    at = 0.0
    for place in range(len(CHAIN)):
        here = [stage for stage in stages if stage["last"] == place]
        if not here:
            shown.append(_unknown(metrics, stages, place))
        for stage in here:
            shown.append(_known(stage, at, whole))
            at += stage["ms"]
    return shown


def _known(stage: _Stage, at_ms: float, whole_ms: float) -> Step:
    name = CHAIN[stage["last"]][1]
    if stage["owner"] == "tools":
        name = "Tools ran"
    return Step(
        name=name,
        owner="not split" if stage["owner"] == "unsplit" else stage["owner"],
        value=("≈ " if stage["estimated"] else "") + ms(stage["ms"], unit=True),
        offset=round(100 * at_ms / whole_ms, 2) if whole_ms else 0.0,
        share=round(100 * stage["ms"] / whole_ms, 2) if whole_ms else 0.0,
        unknown="",
    )


def _unknown(metrics: Mapping[str, Any], stages: list[_Stage], place: int) -> Step:
    covered = any(stage["first"] <= place < stage["last"] for stage in stages)
    if covered:
        why = _NO_MARK
    elif place == 0:
        why = why_absent(metrics, "voice_to_voice_ms")
    else:
        why = why_absent(
            metrics, "ttfb_ms" if place <= _PLACE["first_delta"] else "turn_latency_ms"
        )
    return Step(
        name=CHAIN[place][1], owner="", value="", offset=0.0, share=0.0, unknown=f"Unknown: {why}"
    )


def caption(metrics: Mapping[str, Any]) -> str:
    """Which turn it is and how long it took; empty before the first turn."""
    turn = metrics.get("turn")
    stages = _stages(metrics)
    whole = sum(stage["ms"] for stage in stages)
    if not isinstance(turn, int):
        return ""
    if not whole:
        return f"Turn {turn}"
    began = "your last sound" if _before(metrics) is not None else "the end of your turn"
    heard = stages[-1]["last"] == len(CHAIN) - 1
    ended = "the first sound heard" if heard else "the last known step"
    return f"Turn {turn}: {ms(whole, unit=True)} from {began} to {ended}"

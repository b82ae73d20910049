"""Where an answer's audio becomes audible, however it is cut into pieces."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.audio.leading_silence import AUDIBLE_SAMPLE, LeadingSilence


def pcm(*values: int) -> bytes:
    return np.array(values, dtype="<i2").tobytes()


def fed(audio: bytes, cuts: list[int]) -> LeadingSilence:
    silence = LeadingSilence()
    ends = sorted({min(cut, len(audio)) for cut in cuts} | {len(audio)})
    for begin, end in zip([0, *ends], ends, strict=False):
        silence.feed(audio[begin:end])
    return silence


def test_the_limit_is_50_db_below_full_scale() -> None:
    assert AUDIBLE_SAMPLE == 104
    assert fed(pcm(0, 104, -104), []).duration_ms is None
    assert fed(pcm(0, 104, 105), []).duration_ms == 2 / 24
    assert fed(pcm(0, -105), []).duration_ms == 1 / 24


def test_the_loudest_negative_sample_is_audible() -> None:
    assert fed(pcm(0, 0, -32_768), []).duration_ms == 2 / 24


def test_audio_that_begins_at_once_has_no_silence() -> None:
    assert fed(pcm(5_000), []).duration_ms == 0


def test_it_tells_the_end_of_the_silence_once() -> None:
    silence = LeadingSilence()
    assert [silence.feed(part) for part in (b"", pcm(0), pcm(9_000), pcm(9_000))] == [
        False,
        False,
        True,
        False,
    ]


@given(
    quiet=st.lists(st.integers(-AUDIBLE_SAMPLE, AUDIBLE_SAMPLE), max_size=200),
    loud=st.integers(AUDIBLE_SAMPLE + 1, 32_767),
    rest=st.lists(st.integers(-32_768, 32_767), max_size=20),
    cuts=st.lists(st.integers(0, 450), max_size=8),
)
def test_the_cuts_do_not_matter(
    quiet: list[int], loud: int, rest: list[int], cuts: list[int]
) -> None:
    silence = fed(pcm(*quiet, loud, *rest), cuts)
    assert silence.duration_ms == len(quiet) * 1000 / 24_000

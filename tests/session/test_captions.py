"""The assistant's lines where words and sound come together: what was heard is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_loop.protocol.events import TranscriptUpdate
from voice_loop.session.captions import Captions
from voice_loop.session.history import History
from voice_loop.session.playback import ItemAudio


def spoken(*words: tuple[str, int], aligned: bool = True) -> tuple[Captions, ItemAudio, History]:
    """Each word comes right before its samples."""
    history = History()
    captions = Captions("", history)
    captions.aligned = aligned
    entry = ItemAudio(1, 0, "a1")
    for word, samples in words:
        captions.add(entry, word, final=False, text="")
        entry.received += samples
    return captions, entry, history


def shown(captions: Captions, entry: ItemAudio, heard: int) -> TranscriptUpdate | None:
    entry.heard = heard
    return captions.show(entry)


SENTENCE = (("A", 1_000), (" very-long-word", 1_000), (" b", 8_000), (" c", 1_000))


def test_a_line_holds_the_words_whose_sound_was_heard_whatever_their_length() -> None:
    texts = []
    for heard in (400, 1_000, 1_900, 2_000, 5_000, 7_000, 10_000, 10_999):
        update = shown(*spoken(*SENTENCE)[:2], heard)
        texts.append(update.text if update else "")
    a, b, c = "A", "A very-long-word", "A very-long-word b"
    assert texts == ["", a, b, b, b, c, c, "A very-long-word b c"]


def test_it_is_no_estimate_and_a_cut_keeps_the_same_words() -> None:
    captions, entry, history = spoken(*SENTENCE)
    update = shown(captions, entry, 2_100)
    assert update is not None
    assert (update.text, update.estimated, update.final) == ("A very-long-word", False, False)
    cut = captions.cut(entry)
    assert cut is not None
    assert (cut.text, cut.estimated, cut.interrupted) == ("A very-long-word", False, True)
    assert [item.text for item in history.items()] == ["A very-long-word"]


def test_without_alignment_the_same_place_is_an_estimate_by_share() -> None:
    update = shown(*spoken(*SENTENCE, aligned=False)[:2], 2_100)
    assert update is not None
    assert (update.text, update.estimated) == ("A", True)


def test_a_word_whose_sound_did_not_come_yet_was_not_heard() -> None:
    captions, entry, _ = spoken(("A", 1_000))
    captions.add(entry, " b", final=False, text="")
    update = shown(captions, entry, 1_000)
    assert update is not None
    assert update.text == "A"


def test_another_text_in_the_providers_last_word_makes_it_an_estimate_again() -> None:
    captions, entry, _ = spoken(*SENTENCE)
    captions.add(entry, "", final=True, text="Something else was said here")
    update = shown(captions, entry, 5_500)
    assert update is not None
    assert update.estimated
    assert "Something else was said here".startswith(update.text)


def test_the_same_text_in_its_last_word_changes_nothing() -> None:
    captions, entry, _ = spoken(*SENTENCE)
    captions.add(entry, "", final=True, text="A very-long-word b c")
    update = shown(captions, entry, 2_100)
    assert update is not None
    assert (update.text, update.estimated) == ("A very-long-word", False)


@given(
    words=st.lists(st.tuples(st.from_regex(r" ?[a-z]{0,6}", fullmatch=True), st.integers(0, 500))),
    steps=st.lists(st.integers(0, 4_000), max_size=8),
)
def test_what_was_heard_begins_the_text_and_never_shrinks(
    words: list[tuple[str, int]], steps: list[int]
) -> None:
    captions, entry, _ = spoken(*words)
    text, before = "".join(word for word, _ in words), ""
    for heard in sorted(min(step, entry.received) for step in steps):
        update = shown(captions, entry, heard)
        if update is not None:
            assert text.startswith(update.text)
            assert len(update.text) >= len(before)
            before = update.text

"""Models load beside a loop that goes on."""

from __future__ import annotations

import gc
import importlib
import json
import sys
import threading
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.local import loading
from voice_loop.local.loading import open_library, parse_in_steps, parsed_in_steps

TEXTS = st.text(alphabet='ab",:{}[]\\ \né', max_size=8)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=12) | VALUES, st.sampled_from([None, 1]), st.data())
def test_steps_give_what_one_call_gives(
    value: object, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=data.draw(st.booleans()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "_STEP_CHARS", data.draw(st.integers(1, 40)))
        assert parse_in_steps(text) == value


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', '{"a": 1,}', '{"a": 1} x', "nonsense"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Extra|Illegal"):
        parse_in_steps(text)


def test_a_large_dictionary_is_parsed_in_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    parse = loading._parsed

    def counted(text: str) -> object:
        calls.append(len(text))
        return parse(text)

    monkeypatch.setattr(loading, "_parsed", counted)
    words = {f"word{number}": "wˈɜɹd" for number in range(50_000)}
    assert parse_in_steps(json.dumps(words, ensure_ascii=False)) == words
    assert len(calls) > 20
    assert max(calls) < 3 * loading._STEP_CHARS


def test_other_threads_run_while_objects_within_objects_are_parsed() -> None:
    text = json.dumps({"weights": {f"f{n}": {"NN": 0.5, "VB": n} for n in range(60_000)}})
    turns, done = 0, threading.Event()

    def other() -> None:
        nonlocal turns
        while not done.wait(0.001):
            turns += 1

    beside = threading.Thread(target=other)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.001)
    try:
        beside.start()
        parse_in_steps(text)
    finally:
        done.set()
        beside.join(30)
        sys.setswitchinterval(interval)
    assert turns > 3


def module_with_assets(folder: Path) -> types.ModuleType:
    module = types.ModuleType("pronunciation")
    vars(module).update(ASSETS=str(folder), _load_json=lambda name: "as ever")
    return module


def test_dictionaries_are_read_in_steps_for_a_while_only(tmp_path: Path) -> None:
    (tmp_path / "plain.json").write_text('{"a": "é"}', encoding="utf-8")
    module = module_with_assets(tmp_path)
    with parsed_in_steps(module):
        assert module._load_json("plain.json") == {"a": "é"}
        assert not gc.isenabled()
    assert module._load_json("plain.json") == "as ever"
    assert gc.isenabled()


def test_another_build_of_the_package_loads_as_ever() -> None:
    with parsed_in_steps(types.ModuleType("changed")):
        assert gc.isenabled()


def test_the_installed_package_is_the_one_that_is_meant() -> None:
    g2p = importlib.import_module("hibari.g2p")
    with parsed_in_steps(g2p):
        parsed = g2p._load_json("lexicon_us_silver.json.gz")
    assert parsed == g2p._load_json("lexicon_us_silver.json.gz")


def test_a_library_is_linked_ahead_and_a_missing_one_is_nobodys_fault() -> None:
    open_library("numpy", "_core/_multiarray_umath*")
    open_library("numpy", "no_such_library*")
    open_library("no_such_package", "*")

"""The stand-ins for the browser's memory and names, on which every CPython test rests."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reflex_voice_audio.browser import jsapi
from reflex_voice_audio.browser.jsapi import (
    Array,
    ArrayBuffer,
    DataView,
    Float32Array,
    Int16Array,
    Map,
    Object,
    Uint8Array,
    bound,
    provide,
)


def test_views_of_one_buffer_share_its_memory() -> None:
    buffer = ArrayBuffer(8)
    words, octets = Int16Array(buffer), Uint8Array(buffer, 2, 2)
    words[1] = 0x0201
    assert list(octets) == [1, 2]
    octets.fill(0)
    assert words[1] == 0
    octets.set([7, 8])
    assert octets.subarray(1, 2)[0] == 8
    assert (octets.length, octets.byteOffset, octets.byteLength) == (2, 2, 2)
    assert bytes(buffer.slice(2, 4)) == b"\x07\x08"
    assert buffer.slice(6).byteLength == 2


def test_an_array_with_its_own_memory_lends_it_as_a_buffer() -> None:
    own = Int16Array(4)
    Uint8Array(own.buffer)[0] = 5
    assert own[0] == 5
    own.subarray(2)[0] = 9
    assert list(own) == [5, 0, 9, 0]
    assert (own.length, own.byteLength, own.byteOffset) == (4, 8, 0)
    own.set([1, 2], 1)
    own.fill(3)
    assert list(own) == [3] * 4
    assert Float32Array([0.1])[0] != 0.1


def test_a_view_off_its_grid_is_refused_as_in_the_browser() -> None:
    with pytest.raises(ValueError, match="start offset"):
        Int16Array(ArrayBuffer(8), 1)
    with pytest.raises(ValueError, match="byte length"):
        Int16Array(ArrayBuffer(7))


@given(st.integers(0, 2**32 - 1), st.integers(-(2**15), 2**15 - 1), st.booleans())
def test_a_data_view_reads_what_it_wrote(large: int, small: int, little: bool) -> None:
    view = DataView(ArrayBuffer(12), 2)
    view.setUint32(0, large, little)
    view.setInt16(4, small, little)
    view.setUint16(6, small + 2**15, little)
    view.setUint8(8, large - 256 * (large // 256))
    assert (view.getUint32(0, little), view.getInt16(4, little)) == (large, small)
    assert view.getUint16(6, little) == small + 2**15
    assert view.getUint8(8) == large - 256 * (large // 256)
    assert view.byteLength == 10
    assert DataView(ArrayBuffer(4), 1, 2).byteLength == 2


def test_lists_and_maps_have_javascripts_methods() -> None:
    items = Array([3, 1, 2])
    assert (items.push(4), items.shift(), items.indexOf(9)) == (4, 3, -1)
    items.unshift(0)
    assert (items.splice(1, 2), items.slice(1), items.join("-"), items.length) == (
        [1, 2],
        [4],
        "0-4",
        2,
    )
    assert Array().shift() is None
    table = Map()
    seen: list[tuple[str, int]] = []
    table.set("a", 1).set("b", 2)
    table.forEach(lambda value, key: seen.append((key, value)))
    assert (seen, table.size, table.get("z")) == ([("a", 1), ("b", 2)], 2, None)
    assert (table.delete("a"), table.delete("a"), table.has("b")) == (True, False, True)
    table.clear()
    assert table.size == 0
    assert (Object.keys({"k": 1}), Object.hasOwn({"k": 1}, "z")) == (["k"], False)


def test_a_name_of_the_browser_raises_until_a_test_gives_it() -> None:
    navigator = jsapi.navigator
    assert navigator is jsapi.navigator
    with pytest.raises(NameError, match="provide"):
        _ = navigator.onLine
    try:
        provide("navigator", SimpleNamespace(onLine=True))
        assert navigator.onLine is True
        navigator.language = "en"
        assert navigator.language == "en"
        provide("fetch", lambda url: url)
        assert jsapi.fetch("/x") == "/x"
        provide("localStorage", {"k": 1})
        assert jsapi.localStorage["k"] == 1
    finally:
        for name in ("navigator", "fetch", "localStorage"):
            provide(name, None)
    with pytest.raises(AttributeError, match="add it to jsapi"):
        _ = jsapi.nothingOfTheKind


def test_binding_is_nothing_to_do_in_python() -> None:
    assert bound(test_binding_is_nothing_to_do_in_python, 3) is not None

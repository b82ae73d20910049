"""What makes the built files small: it may change how a program is said, never what it does."""

from __future__ import annotations

import ast
import dataclasses
import subprocess
import typing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Playwright
from reflex_voice_audio import events as payloads
from reflex_voice_audio.browser import jsapi
from reflex_voice_audio.build import BROWSER, BUNDLES
from reflex_voice_audio.dialect import DialectError
from reflex_voice_audio.js_print import number, to_text
from reflex_voice_audio.js_shrink import shrink
from reflex_voice_audio.js_tree import UnknownJavaScriptError, parse
from reflex_voice_audio.members import drop_dead_methods, short_members, strings_of
from reflex_voice_audio.transpile import translate

from tests.browser_support import launch_chromium
from tests.component import v8
from voice_loop.protocol import events


def small(code: str) -> str:
    return to_text(shrink(parse(code))).strip()


def evaluated(code: str) -> str:
    done = subprocess.run(
        [str(v8.NODE), "-e", code], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


# What the text says.

SAID = [
    ("a = (b - (c - d));", "a=b-(c-d);"),
    ("a = ((b * c) / d);", "a=b*c/d;"),
    ("a = (b - (-c));", "a=b- -c;"),
    ("a = (typeof b === \"string\");", 'a=typeof b==="string";'),
    ("x = ((a) && ((b || c)));", "x=a&&(b||c);"),
    ("x = (a)? (b) : (c);", "x=a?b:c;"),
    ("f((function (a) {return a + 1;}));", "f(function(a){return a+1});"),
    ("({a: 1});", "({a:1});"),
    ("x = a[\"key\"] + a[\"not a name\"];", 'x=a.key+a["not a name"];'),
    ("i += 1;", "++i;"),
    ("x = 2.0 * 3;", "x=6;"),
    ("x = Math.floor(7 / 2);", "x=3;"),
    ("x = 1 / 3;", "x=1/3;"),
    ("x = true; y = false;", "x=!0;y=!1;"),
    ("if (a) { b(); }", "a&&b();"),
    ("if (!a) { b(); }", "a||b();"),
    ("if (a) { b(); } else { c(); }", "a?b():c();"),
    ("if (a != null) { a.b(c); }", "a?.b(c);"),
    ("if (a.b != null) { a.b.c.d(); }", "a.b?.c.d();"),
    ("if (a != null) { b.a(); }", "a!=null&&b.a();"),
    ("if (f() != null) { f().a(); }", "f()!=null&&f().a();"),
    ("if (a) { if (b) { c(); } } else { d(); }", "a?b&&c():d();"),
    ("while (a) { if (b) { break; } c(); }", "for(;a;){if(b)break;c()}"),
    ("if (a) { while (b) { if (c) { break; } } } else { d(); }",
     "if(a){for(;b;)if(c)break;}else d();"),
    ("try { a(); } catch(err_1) { b(); } finally { c(); }",
     "try{a()}catch(err_1){b()}finally{c()}"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "said"), SAID, ids=[code for code, _ in SAID])
def test_a_program_is_said_in_fewer_words(code: str, said: str) -> None:
    assert small(code) == said


@pytest.mark.parametrize("code", ["a = /x/;", "a = `x`;", "switch (a) {}", "a = #;", "f(a b);"])
def test_what_pscript_never_writes_is_refused(code: str) -> None:
    with pytest.raises(UnknownJavaScriptError):
        parse(code)


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_value(value: float) -> None:
    assert float(number(value)) == value


def sums(depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(["a", "b", "2", "0.5", "(-3)", "f(1)"])
    if depth == 0:
        return leaf
    inner = sums(depth - 1)
    operators = st.sampled_from(["+", "-", "*", "/", "&&", "||", "<", "===", "!=="])
    return st.one_of(
        leaf,
        st.builds(lambda x, o, y: f"(({x}) {o} ({y}))", inner, operators, inner),
        st.builds(lambda x, y, z: f"(({x})? ({y}) : ({z}))", inner, inner, inner),
        st.builds(lambda o, x: f"({o}({x}))", st.sampled_from(["-", "!"]), inner),
    )


@settings(max_examples=4, deadline=None)
@given(st.lists(sums(4), min_size=60, max_size=60))
def test_an_expression_keeps_its_value(expressions: list[str]) -> None:
    begin = "a=7;b=-1.25;f=x=>x+a;out=[];"
    long = begin + "".join(f"out.push({text});" for text in expressions)
    short = begin + "".join(small(f"out.push({text});") for text in expressions)
    end = "process.stdout.write(out.map(x=>Object.is(x,-0)?'-0':String(x)).join())"
    assert evaluated(long + end) == evaluated(short + end)


PROGRAM = """
from .jsapi import Array, JSON, Map


class Counter:
    def __init__(self, begin):
        self.count = begin
        self.on_done = None

    def add(self, amount):
        if amount is None:
            return
        if amount < 0:
            return
        self.count += amount
        if self.on_done is not None:
            self.on_done(self.count)

    def unused_method(self):
        return 12345


class Owner:
    def __init__(self):
        self.counter = Counter(3)
        self.heard = Array()
        self.counter.on_done = self.hear

    def hear(self, count):
        def note(extra):
            self.heard.push(count + extra)

        note(0.5)

    def kind_of(self, value):
        if value > 10:
            return "large"
        elif value > 5:
            return "middle"
        return None

    def run(self):
        for i in range(4):
            if i == 2:
                continue
            self.counter.add(i)
        self.counter.add(None)
        try:
            JSON.parse("{")
        except Exception:
            self.heard.push(-1)
        finally:
            self.heard.push(-2)
        places = Map()
        places.set("a", self.kind_of)
        kind = places.get("a")
        return [self.heard, kind(11), kind(6), kind(1), self.counter.count]


def main():
    return Owner().run()
"""
RESULT = [[3.5, 4.5, 7.5, -1, -2], "large", "middle", None, 7]


@pytest.mark.parametrize("is_small", [True, False], ids=["small", "readable"])
def test_classes_closures_and_bound_methods_do_what_they_did(
    tmp_path: Path, is_small: bool
) -> None:
    (tmp_path / "classes_worklet.py").write_text(PROGRAM, encoding="utf-8")
    assert v8.run(tmp_path, "classes_worklet.py", small=is_small) == RESULT
    code = translate(
        tmp_path,
        "classes_worklet.py",
        is_worklet=True,
        keep=frozenset({"main"}),
        small=is_small,
    ).code
    assert ("12345" in code) is not is_small
    assert ("on_done" in code) is not is_small


def test_comparing_methods_is_refused(tmp_path: Path) -> None:
    code = (
        "class A:\n    def f(self):\n        return 1\n"
        "    def g(self, x):\n        return x == self.f\n\n\n"
        "def main():\n    return A().g(1)\n"
    )
    (tmp_path / "compare_worklet.py").write_text(code, encoding="utf-8")
    with pytest.raises(DialectError, match="is compared"):
        translate(tmp_path, "compare_worklet.py", is_worklet=True, keep=frozenset({"main"}))


# Which names are shortened.


def shortened(code: str, *others: str) -> dict[str, str]:
    tree = ast.parse(code)
    return short_members(tree.body, strings_of([tree, *map(ast.parse, others)]))


MEMBERS = """
class A:
    def __init__(self, event):
        self.inner_total = event.foreign_total
        self.foreign_total = 1
        self.written = 2
        self.play = 3

    def process(self):
        return self.inner_total


class B:
    def __init__(self):
        self.other_total = A(1)
        self.third_total = self.other_total.inner_total
"""


def test_a_name_is_kept_if_anything_outside_may_mean_something_by_it() -> None:
    short = shortened(MEMBERS, 'x = {"written": 1}')
    assert set(short) == {"inner_total", "other_total", "third_total"}


def test_names_of_different_classes_share_a_short_one_and_those_of_one_class_do_not() -> None:
    short = shortened(MEMBERS, 'x = {"written": 1}')
    assert short["inner_total"] in (short["other_total"], short["third_total"])
    assert short["other_total"] != short["third_total"]


def test_a_method_that_only_a_dead_method_calls_is_dead_too() -> None:
    tree = ast.parse(
        "class A:\n    def one(self):\n        self.two()\n"
        "    def two(self):\n        self.three()\n    def three(self):\n        self.three()\n"
        "    def named(self):\n        pass\n"
    )
    drop_dead_methods(tree.body, frozenset({"named"}))
    kind = tree.body[0]
    assert isinstance(kind, ast.ClassDef)
    # One that calls itself has a user.
    assert [part.name for part in kind.body if isinstance(part, ast.FunctionDef)] == [
        "three",
        "named",
    ]


def test_an_object_that_stands_in_for_one_of_the_browsers_keeps_all_its_methods() -> None:
    tree = ast.parse(
        "class Storage:\n    def removeItem(self, name):\n        pass\n"
        "    def play(self):\n        pass\n    def forget_all(self):\n        pass\n"
    )
    assert set(short_members(tree.body, frozenset())) == {"forget_all"}
    drop_dead_methods(tree.body, frozenset())
    assert "removeItem" in ast.unparse(tree) and "play" in ast.unparse(tree)
    assert "forget_all" not in ast.unparse(tree)


def all_shortened() -> set[str]:
    trees = {
        path.stem: ast.parse(path.read_text(encoding="utf-8"))
        for path in BROWSER.glob("*.py")
        if path.stem not in ("jsapi", "react_api")
    }
    strings = strings_of(trees.values())
    return set(short_members([node for tree in trees.values() for node in tree.body], strings))


def test_no_name_of_the_wire_or_of_a_trigger_is_shortened() -> None:
    kinds = [*events.CLIENT_EVENTS, *events.SERVER_EVENTS]
    outside = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    for name in vars(payloads).values():
        if typing.is_typeddict(name):
            outside |= set(typing.get_type_hints(name))
    assert len(outside) > 60
    assert all_shortened() & outside == set()


def test_no_order_of_the_state_and_no_prop_is_shortened() -> None:
    from reflex_voice_audio.component import VoiceAudio

    api = (BROWSER.parent / "api.py").read_text(encoding="utf-8")
    props = {name.split("_")[0] + "".join(part.title() for part in name.split("_")[1:])
             for name in VoiceAudio.get_props()}  # fmt: skip
    assert "workletUrl" in props
    assert all_shortened() & (strings_of([ast.parse(api)]) | props) == set()


NAMES_OF_THE_PLATFORM = """() => {
  const names = new Set();
  for (const name of Object.getOwnPropertyNames(window)) {
    let value = null;
    try { value = window[name]; } catch { continue; }
    if (value === null || !["object", "function"].includes(typeof value)) continue;
    for (const owner of [value, value.prototype])
      if (owner) for (const found of Object.getOwnPropertyNames(owner)) names.add(found);
  }
  return [...names];
}"""


@pytest.mark.browser
@pytest.mark.timeout(120)
def test_no_name_that_an_object_of_the_browser_has_is_shortened(playwright: Playwright) -> None:
    chromium = launch_chromium(playwright)
    names = set(chromium.new_page().evaluate(NAMES_OF_THE_PLATFORM))
    chromium.close()
    assert len(names) > 3_000
    assert all_shortened() & names == set(), "put these into members.PLATFORM"


def test_the_small_files_say_no_name_that_is_long_and_ours() -> None:
    for spec in BUNDLES:
        code = translate(BROWSER, spec.entry, is_worklet=spec.is_worklet).code
        assert "__init__" not in code
        assert "prototype" not in code.replace("AudioContext.prototype", "")
    assert jsapi.PAGE_NAMES & all_shortened() == set()

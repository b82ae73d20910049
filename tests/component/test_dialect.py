"""The dialect: what it refuses, what it says, and that what it lets through means the same."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reflex_voice_audio.dialect import DialectError, Problem, check

from tests.component import v8


def body(text: str) -> str:
    """A function around statements."""
    return "def f(a, b, c, items):\n" + textwrap.indent(textwrap.dedent(text), "    ")


REFUSED = [
    ("return a % 5", "keeps the sign"),
    ("a //= b + c", "x = x // y"),
    ("a %= b", "x = x // y"),
    ("a **= 2", "x = x // y"),
    ("return round(a)", "math.floor(x + 0.5)"),
    ("while items:\n    a = 1", "len(x) > 0"),
    ("if items:\n    a = 1", "is not None"),
    ("return 1 if items else 2", "is not None"),
    ("return not items", "is not None"),
    ("return a or b", "is not None"),
    ("return f'{a:03d}'", "padStart"),
    ("return f'{a!r}'", "padStart"),
    ("return max(a, key=b)", "positional arguments only"),
    ("return items[-1]", "negative index"),
    ("return items[1:2]", "subarray"),
    ("for v in items:\n    a = v", "range(n)"),
    ("for i in range(0, a, b):\n    c = i", "step"),
    ("for i in range(a):\n    b = i\nreturn i", "loop variable i"),
    ("for i in range(a):\n    i = 3", "changes the loop"),
    ("for i in range(a):\n    c = lambda: i", "closure"),
    ("for i in range(a):\n    pass\nelse:\n    pass", "else"),
    ("while a > b:\n    pass\nelse:\n    pass", "else"),
    ("return 9007199254740993", "2**53"),
    ("x = {'k': 1}\nreturn len(x)", "Map"),
    ("return len({'k': 1})", "Map"),
    ("return a == [1, 2]", "identity"),
    ("return a < b + c < 3", "evaluated twice"),
    ("return isinstance(a, int)", "isinstance"),
    ("this = 3\nreturn this", "this means something else"),
    ("new = 3\nreturn new", "new means something else"),
    ("_pyfunc_x = 3\nreturn 1", "means something else"),
    ("return [x for x in items]", "comprehensions"),
    ("return {x: 1 for x in items}", "comprehensions"),
    ("return {1, 2}", "Set from jsapi"),
    ("del items[0]", "no del"),
    ("with a:\n    pass", "try and finally"),
    ("global x", "no global"),
    ("return f(*items)", "starred"),
    ("if (n := a) > 3:\n    return n", "walrus"),
    ("match a:\n    case 1:\n        return 2", "if and elif"),
    ("assert a > 1", "raise Error"),
    ("yield a", "generators"),
    ("return a & b", "bit operations"),
    ("return a << b", "multiply"),
    ("return ~a", "bit operations"),
    ("return a in items", "indexOf"),
    ("return a not in items", "indexOf"),
    ("try:\n    a()\nexcept (ValueError, KeyError):\n    pass", "except Exception"),
    ("try:\n    a()\nexcept:\n    pass", "except Exception"),
    ("try:\n    a()\nexcept Exception:\n    pass\nelse:\n    pass", "no else on try"),
    ("try:\n    a()\nexcept Exception:\n    raise", "raise an Error"),
    ("raise a from b", "raise an Error"),
    ("return sorted(items)", "compare function"),
    ("return Number(a)", "new"),
    ("return String(a)", "new"),
    ("return Map.get(a)", "new"),
    ("return items.append(a)", "push"),
    ("return a.startswith('x')", "startsWith"),
    ("return a.items()", "Map"),
    ("return super().x()", "super"),
    ("return math.gcd(a, b)", "math.gcd"),
    ("return math.e", "math.e"),
    ("return range(a)", "for loop"),
    ("return min(items)", "two or more"),
    ("return int(a, 2)", "one argument"),
    ("return {b: 1}", "string constants"),
    ("return b'x'", "bytes"),
    ("return lambda x: x + a", "nested function"),
    ("import os", "import only math"),
    ("def g(x, *rest):\n    return x", "name the arguments"),
    ("def g(x, *, y):\n    return x", "keyword-only"),
    ("def g(x=[]):\n    return x", "constant"),
    ("@a\ndef g():\n    return 1", "decorators"),
]


@pytest.mark.parametrize(("code", "hint"), REFUSED, ids=[code for code, _ in REFUSED])
def test_what_means_something_else_is_refused_with_what_to_write(code: str, hint: str) -> None:
    source = body(code)
    ast.parse(source)
    found = check(source, "browser/x.py")
    assert any(hint in problem.message for problem in found), [str(p) for p in found]


MODULES = [
    ("import os", "import only math"),
    ("from os import path", "import only math"),
    ("from .a import b as c", "as they are"),
    ("from .a import *", "as they are"),
    ("from ..a import b", "from .module import name"),
    ("for i in range(3):\n    pass", "module level"),
    ("class a:\n    pass", "capital"),
    ("class A(B, C):\n    pass", "one base"),
    ("class A:\n    x = 3", "class attributes"),
    ("class A:\n    def keys(self):\n        return 1", "not bound"),
    ("@a\nclass A:\n    pass", "decorators"),
]


@pytest.mark.parametrize(("code", "hint"), MODULES, ids=[code for code, _ in MODULES])
def test_module_and_class_shapes_that_cannot_be_translated_are_refused(
    code: str, hint: str
) -> None:
    assert any(hint in problem.message for problem in check(code, "x.py"))


def test_a_problem_names_file_line_and_column() -> None:
    [problem] = check("def f(a):\n    x = 1\n    return a % x\n", "browser/dsp.py")
    assert str(problem).startswith("browser/dsp.py:3:12: ")


def test_what_is_not_python_is_a_problem_and_no_traceback() -> None:
    [problem] = check("def f(:\n", "x.py")
    assert (problem.line, "not Python" in problem.message) == (1, True)


def test_an_error_shows_every_problem() -> None:
    error = DialectError([Problem("a.py", 1, 2, "one"), Problem("a.py", 3, 4, "two")])
    assert str(error) == "a.py:1:2: one\na.py:3:4: two"


@given(st.text(max_size=80))
def test_any_text_gets_problems_or_none_but_no_exception(text: str) -> None:
    assert isinstance(check(text, "x.py"), list)


BOOLEANS = """
class A:
    def __init__(self, on: bool):
        self.on: bool = on
        self.late = False

    def ready(self) -> bool:
        return self.on and not self.late

    def use(self, flag: bool, items, name):
        seen = len(items) > 0
        if flag and seen and self.ready() and not self.late:
            return 1
        if name.startsWith("x") or items.has(name) or isinstance(name, str):
            return 2
        while True:
            return 3
"""


def test_what_is_certainly_a_boolean_may_stand_alone() -> None:
    assert check(BOOLEANS, "x.py") == []


# Each returns something JSON can hold; both machines must return the same.
MEANING = {
    "equality": "return [a == b, a != b, a == 2, 1 == a, c == None, c is not None]",
    "strings": "return f'{a}x{b}' + str(a) + 'y'",
    "none_is_undefined": "x = {'k': None}\nreturn [x['k'] is None, c is None]",
    "floor": "return [a // b, -a // b, (a + b) // 2 * 3, int(a / b), int(-a / b)]",
    "loops": (
        "n = a\ntotal = 0\nfor i in range(n):\n    n = n - 1\n    total += i\n"
        "for j in range(5, 0, -2):\n    total += j * 10\n"
        "for k in range(2, len([1, 2, 3, 4])):\n    total += k * 100\nreturn [n, total]"
    ),
    "chains": "return [1 < a < 5, 1 < a == 2, a if a > b else b, max(a, b, 3), min(a, b)]",
    "math": (
        "return [math.floor(-2.5), math.ceil(2.1), math.fabs(-3), math.sqrt(16), abs(-7), "
        "math.pow(2, 3), math.pi > 3]"
    ),
    "closures": (
        "count = 0\ndef more(step):\n    nonlocal count\n    count += step\n    return count\n"
        "more(2)\nmore(b)\nreturn count"
    ),
    "early_return": "if a > 1:\n    return\nreturn 5",
    "try": (
        "steps = ''\ntry:\n    steps = steps + 'a'\n    raise Error('boom')\n"
        "except Exception as err:\n    steps = steps + err.message\nfinally:\n"
        "    steps = steps + 'z'\nreturn steps"
    ),
    "objects": "x = {'type': 'pcm', 'n': a}\nx['m'] = b\nreturn [x, x['n'] + x['m']]",
    "swaps": "x = a\ny = b\nx, y = y, x\nreturn [x, y, [a, [b]]]",
    "signs": "return [a - -b, a + -b, -a - b, a - (b - 1) - 1, a / (b * 2), 2 ** a]",
    "map": (
        "x = Map()\nx.set('k', a)\ny = Array()\ny.push(b)\ny.push(a)\n"
        "return [x.get('k'), x.has('z'), y.indexOf(a), len(y), y.shift(), y.join('-')]"
    ),
    "typed": (
        "x = Int16Array(4)\nx[1] = a\ny = Uint8Array(x.buffer)\ny[0] = 7\nz = Float32Array(2)\n"
        "z.set([0.1, 2.0], 0)\nv = DataView(x.buffer)\nv.setUint16(4, 258, True)\n"
        "return [x[0], x[1], x[2], y.length, z[0], v.getUint8(4), z.subarray(1, 2)[0]]"
    ),
    "fill": "x = Float64Array(3)\nx.fill(1.5)\nreturn [x[2], len(x), x.byteLength]",
}
CLASSES = """
class Base:
    def __init__(self, start, tell):
        self.count = start
        self.tell = tell
        self.open: bool = True

    def add(self, more):
        if not self.open:
            return None
        self.count += more
        self.tell(self.count)
        return self.is_large()

    def is_large(self) -> bool:
        return self.count > LIMIT

LIMIT: int = 5

class Holder:
    def __init__(self):
        self.seen = Array()
        self.base = Base(3, self.note)
        self.callback = self.base.add

    def note(self, value):
        self.seen.push(value)

def objects():
    h = Holder()
    first = h.callback(1)
    second = h.base.add(4)
    h.base.open = False
    return [first, second, h.base.add(1), h.seen.join(",")]
"""


def _module() -> str:
    imports = (
        "import math\n"
        "from .jsapi import Array, DataView, Error, Float32Array, Float64Array, Int16Array\n"
        "from .jsapi import Map, Uint8Array\n"
    )
    functions = [
        f"def {name}_(a, b, c):\n" + textwrap.indent(code, "    ") + "\n"
        for name, code in MEANING.items()
    ]
    calls = ", ".join(f'"{name}": {name}_(2, 5, None)' for name in MEANING)
    main = f'def main():\n    return {{"objects": objects(), {calls}}}\n'
    return imports + CLASSES + "\n" + "\n".join(functions) + "\n" + main


@pytest.mark.parametrize("small", [True, False])
def test_what_the_dialect_lets_through_means_the_same_in_both_machines(
    tmp_path: Path, small: bool
) -> None:
    source = _module()
    (tmp_path / "meaning_worklet.py").write_text(source, encoding="utf-8")
    assert check(source, "x.py") == []
    scope: dict[str, Any] = {}
    exec(source.replace("from .jsapi", "from reflex_voice_audio.browser.jsapi"), scope)
    expected = scope["main"]()
    got = v8.run(tmp_path, "meaning_worklet.py", small=small)
    assert got == expected

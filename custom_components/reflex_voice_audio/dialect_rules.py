"""The tables of the browser dialect: which words are refused, and what to write instead.

Each row stands for a construct that PScript translates into something else than CPython does, or
not at all. `dialect` applies them; nothing here looks at code.
"""

from __future__ import annotations

import ast
from typing import Final

LARGEST_INTEGER: Final = 2**53


def words(text: str) -> frozenset[str]:
    """The words of `text`, as a set."""
    return frozenset(text.split())


IMPORTABLE: Final = frozenset({"__future__", "math", "typing", "collections.abc"})
MATH_NAMES: Final = words(
    "sin cos sqrt floor ceil log10 log2 log exp pow fabs pi inf tanh atan2 hypot"
)
RESERVED: Final = words(
    "this arguments eval undefined var let const function new delete typeof instanceof void switch "
    "case default catch throw export extends static enum package interface private protected "
    "public implements do NaN Infinity"
)
REFUSED_CALLS: Final = {
    "round": "write math.floor(x + 0.5): JavaScript rounds halves differently",
    "sum": "add in a loop",
    "sorted": "use the array's own sort with a compare function",
    "dict": "write a dict literal",
    "list": "write a list literal or Array()",
    "tuple": "write a list literal",
    "set": "use Set from jsapi",
    "float": "use parseFloat from jsapi",
    "bool": "write a comparison",
    "zip": "use an index loop",
    "enumerate": "use an index loop",
    "map": "use an index loop",
    "filter": "use an index loop",
    "reversed": "use an index loop that counts down",
    "any": "use a loop",
    "all": "use a loop",
    "iter": "use an index loop",
    "next": "use an index loop",
    "hasattr": "compare the attribute with None",
    "getattr": "use a subscript: x[name]",
    "setattr": "use a subscript: x[name] = value",
    "delattr": "set the attribute to None",
    "super": "call nothing: a browser class has no usable super()",
    "print": "use console from jsapi",
    "type": "compare a field that tells the kind",
    "issubclass": "compare a field that tells the kind",
    "format": "add strings, or use a plain f-string",
    "repr": "use JSON.stringify",
    "divmod": "write // and a subtraction",
    "pow": "use math.pow",
    "open": "there are no files in the browser",
    "Number": "it would be called with `new`; use parseFloat from jsapi",
    "String": "it would be called with `new`; use str(x)",
    "Boolean": "it would be called with `new`; write a comparison",
    "Symbol": "it would be called with `new`",
    "BigInt": "it would be called with `new`",
}
PSCRIPT_METHODS: Final = words(
    "clear copy count find get index join keys pop remove repeat replace reverse sort split "
    "splitlines title translate update values capitalize center partition rfind"
)
"""Names PScript replaces by its own imitation; the translation calls JavaScript's instead."""
REFUSED_METHODS: Final = {
    name: "no such method in JavaScript; " + hint
    for names, hint in (
        ("append extend insert", "use push, or splice, of Array from jsapi"),
        ("popitem setdefault items fromkeys", "use Map from jsapi"),
        ("startswith endswith", "use startsWith or endsWith"),
        ("lower upper strip lstrip rstrip", "use toLowerCase, toUpperCase or trim"),
        ("format zfill rjust ljust", "use padStart, padEnd or toFixed"),
        ("isdigit isalpha isnumeric isspace", "use a regular expression"),
    )
    for name in names.split()
}
REFUSED_NODES: Final[dict[type[ast.AST], str]] = {
    ast.ListComp: "no comprehensions: write a loop",
    ast.DictComp: "no comprehensions: write a loop",
    ast.SetComp: "no comprehensions: write a loop",
    ast.GeneratorExp: "no generators: write a loop",
    ast.Set: "no set literals: use Set from jsapi",
    ast.Slice: "no slices: use subarray or slice()",
    ast.Delete: "no del: set it to None, or use Map.delete",
    ast.With: "no with: use try and finally",
    ast.AsyncWith: "no async with: use try and finally",
    ast.AsyncFor: "no async for: use a while loop",
    ast.Global: "no global: keep the state in an object",
    ast.Starred: "no starred arguments: name them",
    ast.NamedExpr: "no walrus: assign first",
    ast.Match: "no match: use if and elif",
    ast.Assert: "no assert: raise Error",
    ast.Yield: "no generators: write a loop",
    ast.YieldFrom: "no generators: write a loop",
    ast.BitAnd: "no bit operations: JavaScript's are signed and 32 bits wide",
    ast.BitOr: "no bit operations: JavaScript's are signed and 32 bits wide",
    ast.BitXor: "no bit operations: JavaScript's are signed and 32 bits wide",
    ast.LShift: "no bit operations: multiply",
    ast.RShift: "no bit operations: divide with //",
    ast.Invert: "no bit operations: JavaScript's are signed and 32 bits wide",
    ast.MatMult: "no matrix product",
    ast.Mod: "no %: JavaScript keeps the sign; write a - b * (a // b), or compare and subtract",
    ast.In: "no `in`: use indexOf(x) >= 0, or Map.has",
    ast.NotIn: "no `not in`: use indexOf(x) < 0, or Map.has",
}
BOOLEAN_METHODS: Final = words(
    "has hasOwn includes startsWith endsWith matches contains test delete hasAttribute"
)
# PScript binds an instance's methods except those that Object has as well.
UNBOUND_METHODS: Final = words("assign create entries freeze is keys values name length")

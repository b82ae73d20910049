"""Short names for what the whole program names: its classes, functions and tables.

Each gets a capital letter, which no local name is. The rule: nothing that is exported or the
platform's gets another name. A name for `this` in each method, or for the functions of `Math`,
makes the files shorter and what gzip makes of them longer, so there is none.
"""

from __future__ import annotations

import itertools
import string
from collections import Counter
from collections.abc import Iterator

from .js_tree import Node


def shorten_names(program: list[Node], keep: frozenset[str]) -> None:
    """Rename every name of `program` that is not in `keep`, in place."""
    own = {name: None for node in program for name in _declared(node) if name not in keep}
    others = {n.text for top in program for n in top.walk() if n.kind == "name"} - set(own)
    uses = Counter(n.text for top in program for n in top.walk() if n.kind == "name")
    free = (name for name in _capitals() if name not in others)
    short = dict(zip(sorted(own, key=lambda name: (-uses[name], name)), free, strict=False))
    for top in program:
        for node in top.walk():
            if node.kind in ("name", "class"):
                node.text = short.get(node.text, node.text)


def _capitals() -> Iterator[str]:
    for length in (1, 2):
        for letters in itertools.product(string.ascii_uppercase, repeat=length):
            yield "".join(letters)


def _declared(node: Node) -> Iterator[str]:
    if node.kind == "class":
        yield node.text
    elif node.kind == "let":
        for part in node.parts:
            yield part.parts[0].text

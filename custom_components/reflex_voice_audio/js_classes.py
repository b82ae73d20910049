"""Turns PScript's imitation of classes into JavaScript's own, and its functions into arrows.

PScript makes a class of a function and binds every method to every instance as it is made. Here a
class is native, so a worklet's can be registered as it is, and a method is bound only where it is
taken as a value (`self.on_click` without a call), each time anew: two such values are never equal,
which is why comparing them is refused. The rule: `this` means in each place what `self` does.
"""

from __future__ import annotations

from .js_tree import Node, UnknownJavaScriptError

_CONSTRUCTOR = "__init__"


def modernise(statements: list[Node]) -> list[Node]:
    """The program with native classes, arrows and names declared where they are given a value."""
    made = {node.parts[0].text for top in statements for node in top.walk() if node.kind == "new"}
    program = _with_classes(statements)
    own = {node.text: node for node in program if node.kind == "class"}
    methods = {part.text for node in own.values() for part in node.parts[1:]}
    for index, node in enumerate(program):
        names = {part.text for part in node.parts[1:]} if node.kind == "class" else set()
        program[index] = _Rewriter(names, methods, made - set(own)).rewrite(node)
    return _declared(program)


def _assigned(statement: Node) -> tuple[str, Node] | None:
    """(target as `name` or `Class.prototype.name`, value) of an assignment statement."""
    if statement.kind != "expression" or statement.parts[0].kind != "assign":
        return None
    target, value = statement.parts[0].parts
    path = []
    while target.kind == "member":
        path.append(target.text)
        target = target.parts[0]
    return (".".join([target.text, *reversed(path)]), value) if target.kind == "name" else None


def _with_classes(statements: list[Node]) -> list[Node]:
    program: list[Node] = []
    classes: dict[str, Node] = {}
    for statement in statements:
        name, value = _assigned(statement) or ("", statement)
        owner, of_prototype, rest = name.partition(".prototype")
        if name and _makes_instances(value):
            classes[name] = Node("class", name, [Node("name")])
            program.append(classes[name])
        elif of_prototype and owner in classes:
            _add_to_class(classes[owner], rest.removeprefix("."), value)
        else:
            program.append(statement)
    for node in classes.values():
        _finish_constructor(node)
    return program


def _makes_instances(value: Node) -> bool:
    return any(node.is_name("_pyfunc_op_instantiate") for node in value.walk())


def _add_to_class(owner: Node, name: str, value: Node) -> None:
    if name == "":
        # Object.create(Base.prototype)
        owner.parts[0] = value.parts[1].parts[0]
    elif value.kind in ("function", "async"):
        kind = "async method" if value.kind == "async" else "method"
        named = "constructor" if name == _CONSTRUCTOR else name
        owner.parts.append(Node(kind, named, value.parts))
    elif name not in ("_base_class", "__name__"):
        raise UnknownJavaScriptError(f"{owner.text} has a {name} that is not a method")


def _finish_constructor(owner: Node) -> None:
    for method in owner.parts[1:]:
        if method.text == "constructor":
            body = method.parts[1]
            if owner.parts[0].text:
                first = Node("call", "", [Node("name", "super")])
                at = 1 if body.parts and body.parts[0].kind == "var" else 0
                body.parts.insert(at, Node("expression", "", [first]))
            # What a constructor returns would be taken for the instance, were it an object.
            for node in body.walk():
                if node.kind == "return" and node.parts and node.parts[0].is_name("null"):
                    node.parts = []


class _Rewriter:
    """Rewrites one statement of the program: `names` are the methods of its class."""

    def __init__(self, names: set[str], methods: set[str], made: set[str]) -> None:
        self.names = names
        self.methods = methods
        self.made = made

    def rewrite(self, node: Node) -> Node:
        parts = node.parts
        if node.kind == "call" and parts[0].kind == "member":
            inner = parts[0].parts[0]
            if parts[0].text == "bind" and inner.kind in ("function", "async"):
                return self._arrow(inner)
            # Its name is called, so it is no value.
            parts[0].parts = [self.rewrite(inner)]
            node.parts = [parts[0], *(self.rewrite(part) for part in parts[1:])]
            return node
        if node.kind == "assign" and parts[0].kind in ("name", "member"):
            parts[0].parts = [self.rewrite(part) for part in parts[0].parts]
            is_made = parts[0].kind == "name" and parts[0].text in self.made
            if not (is_made and parts[1].kind == "function"):
                parts[1] = self.rewrite(parts[1])
            return node
        if node.kind == "binary" and node.text in ("===", "!==", "==", "!="):
            for part in parts:
                if self._is_method(part):
                    raise UnknownJavaScriptError(f"the method {part.text} is compared")
        node.parts = [self.rewrite(part) for part in parts]
        if node.kind in ("function", "async"):
            return self._arrow(node)
        if self._is_method(node):
            return Node("call", "", [Node("member", "bind", [node]), Node("name", "this")])
        return node

    def _is_method(self, node: Node) -> bool:
        return node.kind == "member" and node.parts[0].is_name("this") and node.text in self.names

    def _arrow(self, function: Node) -> Node:
        kind = "async arrow" if function.kind == "async" else "arrow"
        parameters, body = function.parts
        return Node(kind, "", [parameters, self.rewrite(body)])


def _declared(program: list[Node]) -> list[Node]:
    """Every name of the program is declared by the one statement that gives it a value."""
    names: set[str] = set()
    seen: set[str] = set()
    declared: list[Node] = []
    for node in program:
        if node.kind == "var":
            names.update(part.text for part in node.parts)
            continue
        name, _ = _assigned(node) or ("", node)
        if name in names and name not in seen:
            seen.add(name)
            if declared and declared[-1].kind == "let":
                declared[-1].parts.append(node.parts[0])
                continue
            node = Node("let", "", [node.parts[0]])
        declared.append(node)
    return declared

"""React's hooks for one component: render, render again, unmount."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from reflex_voice_audio.browser import react_api


class React:
    """React's hooks for one component: `render` runs it, `unmount` cleans up."""

    def __init__(self) -> None:
        self.refs: list[Any] = []
        self.effects: list[tuple[Any, list[Any]]] = []
        self.cleanups: dict[int, Any] = {}
        self.dependencies: dict[int, list[Any]] = {}
        self.handle: Any = None
        self._ref_index = 0

    def use_ref(self, initial: Any) -> Any:
        if self._ref_index == len(self.refs):
            self.refs.append(SimpleNamespace(current=initial))
        self._ref_index += 1
        return self.refs[self._ref_index - 1]

    def use_effect(self, effect: Any, dependencies: list[Any]) -> None:
        self.effects.append((effect, dependencies))

    def use_handle(self, ref: Any, make: Any, dependencies: list[Any]) -> None:
        if self.handle is None:
            self.handle = make()

    def render(self, component: Any, props: Any) -> Any:
        self._ref_index = 0
        self.effects = []
        element = component(props)
        for index, (effect, dependencies) in enumerate(self.effects):
            if self.dependencies.get(index) != dependencies:
                self._clean(index)
                self.dependencies[index] = dependencies
                self.cleanups[index] = effect()
        return element

    def _clean(self, index: int) -> None:
        cleanup = self.cleanups.pop(index, None)
        if cleanup is not None:
            cleanup()

    def unmount(self) -> None:
        for index in sorted(self.cleanups):
            self._clean(index)
        self.dependencies.clear()


@contextmanager
def react() -> Iterator[React]:
    hooks = React()
    names = {
        "createElement": lambda tag, props: (tag, props),
        "useEffect": hooks.use_effect,
        "useImperativeHandle": hooks.use_handle,
        "useRef": hooks.use_ref,
    }
    for name, target in names.items():
        react_api.provide(name, target)
    try:
        yield hooks
    finally:
        for name in names:
            react_api.provide(name, None)

"""React's names, as browser Python imports them; the build turns this import into one from "react".

Under CPython each raises until a test puts its own in place with `provide`.
"""

from __future__ import annotations

from typing import Any, Final

from .jsapi import Placeholder

createElement: Final[Any] = Placeholder("createElement")
useEffect: Final[Any] = Placeholder("useEffect")
useImperativeHandle: Final[Any] = Placeholder("useImperativeHandle")
useRef: Final[Any] = Placeholder("useRef")


def provide(name: str, target: Any) -> None:
    """Give a name its stand-in; None takes it away."""
    object.__setattr__(globals()[name], "_target", target)

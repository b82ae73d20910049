"""The browser's own names, as browser Python imports them.

The build drops this import and checks that every name is one the target (page or worklet) has.
Under CPython it stands in: typed arrays and buffers work like the browser's, every other name is a
`Placeholder` that raises until a test gives it something with `provide`. No behaviour of a browser
is imitated here beyond memory.
"""

from __future__ import annotations

import array
import struct
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORKLET_NAMES: Final = _words(
    "Array ArrayBuffer AudioWorkletProcessor DataView Error Float32Array Float64Array Int16Array "
    "Int32Array JSON Map Math Object Promise Reflect Set Uint8Array bound console currentFrame "
    "currentTime globalThis isFinite isNaN parseFloat parseInt registerProcessor sampleRate "
    "undefined Infinity NaN"
)
PAGE_NAMES: Final = _words(
    "AbortController AbortSignal Array ArrayBuffer AudioContext AudioWorkletNode Blob CustomEvent "
    "DOMException DataView Date Error Event File Float32Array Float64Array Headers Int16Array "
    "Int32Array JSON Map Math MediaStream MessageChannel Object Promise Reflect RegExp Set "
    "String TextDecoder TextEncoder URL URLSearchParams Uint8Array WebSocket bound btoa "
    "clearInterval clearTimeout console crypto decodeURIComponent document encodeURIComponent "
    "fetch globalThis history isFinite isNaN localStorage location navigator parseFloat parseInt "
    "performance queueMicrotask requestAnimationFrame cancelAnimationFrame sessionStorage "
    "setInterval setTimeout structuredClone undefined window Infinity NaN"
)

T = TypeVar("T")


def bound(method: T, owner: object) -> T:
    """`method` bound to `owner`. Written where JavaScript does not bind by itself: on instances
    that `Reflect.construct` made. The build turns it into `method.bind(owner)`."""
    return method


class ArrayBuffer:
    """Memory that typed arrays share; `ArrayBuffer(n)` is n zero bytes."""

    def __init__(self, size_or_owner: int | array.array[Any] = 0) -> None:
        owner: Any = size_or_owner
        if isinstance(owner, int):
            owner = bytearray(owner)
        self.memory: memoryview = memoryview(owner).cast("B")

    @property
    def byteLength(self) -> int:
        return len(self.memory)

    def slice(self, start: int, end: int | None = None) -> ArrayBuffer:
        """A copy of a part."""
        part = self.memory[start : self.byteLength if end is None else end]
        copied = ArrayBuffer(len(part))
        copied.memory[:] = part
        return copied

    def __bytes__(self) -> bytes:
        return bytes(self.memory)


class _View:
    """A typed array over a given buffer: slower than one with its own memory, but shared."""

    def __init__(self, kind: str, buffer: ArrayBuffer, offset: int, length: int | None) -> None:
        size = struct.calcsize(kind)
        end = buffer.byteLength if length is None else offset + length * size
        if offset > 0 and offset - size * (offset // size) != 0:
            raise ValueError(f"start offset should be a multiple of {size}")
        if (end - offset) - size * ((end - offset) // size) != 0:
            raise ValueError(f"byte length should be a multiple of {size}")
        self.kind = kind
        self.buffer = buffer
        self.byteOffset = offset
        self.items: memoryview[Any] = buffer.memory[offset:end].cast(kind)  # type: ignore[call-overload]

    @property
    def length(self) -> int:
        return len(self.items)

    @property
    def byteLength(self) -> int:
        return self.items.nbytes

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]

    def __setitem__(self, index: int, value: Any) -> None:
        self.items[index] = value

    def set(self, source: Iterable[Any], offset: int = 0) -> None:
        """Copy `source` in, beginning at `offset`."""
        for index, value in enumerate(source):
            self.items[offset + index] = value

    def subarray(self, start: int, end: int | None = None) -> _View:
        """A part that shares the memory."""
        last = len(self.items) if end is None else end
        offset = self.byteOffset + start * self.items.itemsize
        return _View(self.kind, self.buffer, offset, last - start)

    def fill(self, value: Any) -> None:
        """Every element becomes `value`."""
        for index in range(len(self.items)):
            self.items[index] = value


class _TypedArray(array.array):  # type: ignore[type-arg]
    """A typed array with its own memory: as quick as `array.array`."""

    kind = "b"

    def __new__(
        cls, source: Any = 0, offset: int = 0, length: int | None = None
    ) -> Any:  # a _View where it is given a buffer
        if isinstance(source, ArrayBuffer):
            return _View(cls.kind, source, offset, length)
        if isinstance(source, int):
            return super().__new__(cls, cls.kind, bytes(source * struct.calcsize(cls.kind)))
        return super().__new__(cls, cls.kind, source)

    @property
    def length(self) -> int:
        return len(self)

    @property
    def byteLength(self) -> int:
        return len(self) * self.itemsize

    @property
    def byteOffset(self) -> int:
        return 0

    @property
    def buffer(self) -> ArrayBuffer:
        return ArrayBuffer(self)

    def set(self, source: Iterable[Any], offset: int = 0) -> None:
        """Copy `source` in, beginning at `offset`."""
        for index, value in enumerate(source):
            self[offset + index] = value

    def subarray(self, start: int, end: int | None = None) -> Any:
        """A part that shares the memory."""
        last = len(self) if end is None else end
        return _View(self.kind, self.buffer, start * self.itemsize, last - start)

    def fill(self, value: Any) -> None:
        """Every element becomes `value`."""
        for index in range(len(self)):
            self[index] = value


class Float32Array(_TypedArray):
    """32-bit floats."""

    kind = "f"


class Float64Array(_TypedArray):
    """64-bit floats."""

    kind = "d"


class Int16Array(_TypedArray):
    """16-bit integers; a value out of range raises here and wraps in the browser."""

    kind = "h"


class Int32Array(_TypedArray):
    """32-bit integers; a value out of range raises here and wraps in the browser."""

    kind = "i"


class Uint8Array(_TypedArray):
    """Bytes."""

    kind = "B"


class DataView:
    """Numbers of either byte order in a buffer; the default is big-endian, as in the browser."""

    def __init__(
        self, buffer: ArrayBuffer, byte_offset: int = 0, byte_length: int | None = None
    ) -> None:
        end = buffer.byteLength if byte_length is None else byte_offset + byte_length
        self.buffer = buffer
        self.memory = buffer.memory[byte_offset:end]

    @property
    def byteLength(self) -> int:
        return len(self.memory)

    def _read(self, kind: str, offset: int, little: bool) -> Any:
        return struct.unpack_from(("<" if little else ">") + kind, self.memory, offset)[0]

    def _write(self, kind: str, offset: int, value: Any, little: bool) -> None:
        struct.pack_into(("<" if little else ">") + kind, self.memory, offset, value)

    def getUint8(self, offset: int) -> int:
        return int(self._read("B", offset, True))

    def getUint16(self, offset: int, little: bool = False) -> int:
        return int(self._read("H", offset, little))

    def getUint32(self, offset: int, little: bool = False) -> int:
        return int(self._read("I", offset, little))

    def getInt16(self, offset: int, little: bool = False) -> int:
        return int(self._read("h", offset, little))

    def setUint8(self, offset: int, value: int) -> None:
        self._write("B", offset, value, True)

    def setUint16(self, offset: int, value: int, little: bool = False) -> None:
        self._write("H", offset, value, little)

    def setUint32(self, offset: int, value: int, little: bool = False) -> None:
        self._write("I", offset, value, little)

    def setInt16(self, offset: int, value: int, little: bool = False) -> None:
        self._write("h", offset, value, little)


class Array(list[Any]):
    """A JavaScript array: what `[]` is in the browser, with its methods."""

    @property
    def length(self) -> int:
        return len(self)

    def push(self, value: Any) -> int:
        self.append(value)
        return len(self)

    def shift(self) -> Any:
        return list.pop(self, 0) if self else undefined

    def unshift(self, value: Any) -> int:
        self.insert(0, value)
        return len(self)

    def splice(self, start: int, count: int) -> Array:
        removed = Array(self[start : start + count])
        del self[start : start + count]
        return removed

    def slice(self, start: int = 0, end: int | None = None) -> Array:
        return Array(self[start:end])

    def indexOf(self, value: Any) -> int:
        return self.index(value) if value in self else -1

    def join(self, separator: str = ",") -> str:
        return separator.join(str(value) for value in self)


class Map:
    """A JavaScript Map; what is missing comes as None, which the dialect cannot tell apart."""

    def __init__(self) -> None:
        self._items: dict[Any, Any] = {}

    @property
    def size(self) -> int:
        return len(self._items)

    def get(self, key: Any) -> Any:
        return self._items.get(key)

    def set(self, key: Any, value: Any) -> Map:
        self._items[key] = value
        return self

    def has(self, key: Any) -> bool:
        return key in self._items

    def delete(self, key: Any) -> bool:
        return self._items.pop(key, self) is not self

    def clear(self) -> None:
        self._items.clear()

    def forEach(self, function: Callable[..., Any]) -> None:
        for key, value in list(self._items.items()):
            function(value, key)


class Object:
    """The parts of JavaScript's Object that read plain objects, which are dicts here."""

    @staticmethod
    def keys(source: dict[str, Any]) -> Array:
        return Array(source)

    @staticmethod
    def hasOwn(source: dict[str, Any], name: str) -> bool:
        return name in source

    @staticmethod
    def assign(target: dict[str, Any], *sources: dict[str, Any] | None) -> dict[str, Any]:
        for source in sources:
            target.update(source or {})
        return target

    @staticmethod
    def defineProperty(target: object, name: str, accessors: dict[str, Any]) -> Any:
        """An object with the accessor; Python's dicts cannot carry one."""
        read, write = accessors.get("get"), accessors.get("set")
        accessor = property(
            None if read is None else lambda _: read(),
            None if write is None else lambda _, value: write(value),
        )
        return type("Object", (), {name: accessor})()


class Error(Exception):
    """What browser Python raises; `.message` and `.name` as JavaScript errors have them."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.name = "Error"


class MessagePort:
    """The shape of a worklet's port."""

    onmessage: Callable[[Any], None] | None
    postMessage: Callable[..., None]


class AudioWorkletProcessor:
    """The base of a worklet processor; the browser makes the port, tests put one in its place."""

    port: MessagePort


class Placeholder:
    """Stands for one name of the browser; everything on it goes to what a test provided."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_target", None)

    def _resolve(self) -> Any:
        target = object.__getattribute__(self, "_target")
        if target is None:
            name = object.__getattribute__(self, "_name")
            raise NameError(f"{name} is the browser's: a test gives it with provide({name!r}, ...)")
        return target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resolve(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._resolve(), name, value)

    def __call__(self, *arguments: Any) -> Any:
        return self._resolve()(*arguments)

    def __getitem__(self, key: Any) -> Any:
        return self._resolve()[key]


undefined: Final = None
"""JavaScript's undefined; None here, because `is None` is true of both after the translation."""

_placeholders: dict[str, Placeholder] = {}


def __getattr__(name: str) -> Any:
    if name not in PAGE_NAMES and name not in WORKLET_NAMES:
        raise AttributeError(f"{name} is not one of the browser's names: add it to jsapi")
    return _placeholders.setdefault(name, Placeholder(name))


def provide(name: str, target: Any) -> None:
    """Give a browser name its stand-in, for every module that imported it; None takes it away."""
    object.__setattr__(__getattr__(name), "_target", target)

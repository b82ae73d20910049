"""The socket to a Realtime server: frames as they are, every wait bounded.

The `openai` package does handshake, headers and authentication; its frames are taken raw, so that
no model object is built for each. Its own reconnection stays off: it would go on in silence with
an empty session. Foreign exceptions end here: what comes out is ProviderError or `LinkClosed`.

Does not know what the frames mean.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import urlsplit, urlunsplit

import anyio
import anyio.to_thread
from openai import AsyncOpenAI, OpenAIError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.websocket_connection_options import WebSocketConnectionOptions
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)

from voice_loop.errors import (
    ProviderError,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_loop.providers.openai_realtime.faults import from_status

OPENAI_BASE_URL: Final = "https://api.openai.com/v1"
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""A frame bigger than that is no speech; 100 ms of audio is 6.4 kB."""
MAX_QUEUED_FRAMES: Final = 64
ROOM_BYTES: Final = 16 * 1024
"""Half of what the socket's writer takes before it makes its caller wait."""
CLOSE_TIMEOUT_S: Final = 1.0
_MAX_RETRY_AFTER_MS: Final = 3_600_000.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect, and as whom."""

    api_key: str = field(repr=False)
    model: str
    base_url: str | None = None
    """http, https, ws or wss; None is OpenAI."""
    safety_identifier: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long each step may take."""

    connect_ms: float = 10_000
    """From the first packet to the acknowledged settings."""
    send_ms: float = 5_000
    ping_interval_ms: float = 20_000
    ping_timeout_ms: float = 20_000


class LinkClosed(Exception):
    """The connection is over. `code` is None when no close frame came."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"closed with {code}")
        self.code = code
        self.reason = reason


class Link:
    """One open connection. One reader; any number of senders."""

    def __init__(self, connection: AsyncRealtimeConnection, bounds: Bounds) -> None:
        self._connection = connection
        self._bounds = bounds
        self._closed = False

    @classmethod
    async def open(cls, address: Address, bounds: Bounds) -> Link:
        """Connect. Raises ProviderUnavailable, ProviderRejected or ProviderTimeout."""
        with _foreign_errors_mapped():
            # Off the loop: the client loads the machine's certificates, 20 ms that no other
            # session's audio should wait for.
            client = await anyio.to_thread.run_sync(_client, address)
            try:
                with anyio.fail_after(bounds.connect_ms / 1000):
                    manager = client.realtime.connect(
                        model=address.model,
                        extra_headers=_headers(address),
                        websocket_connection_options=_options(address, bounds),
                    )
                    return cls(await manager.enter(), bounds)
            finally:
                with anyio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                    await client.close()

    async def receive(self) -> bytes:
        """The next frame. Raises LinkClosed. Safe to cancel."""
        try:
            return await self._connection.recv_bytes()
        except ConnectionClosed as closed:
            raise _link_closed(closed) from None
        except (WebSocketException, OSError):
            raise LinkClosed(None, "") from None

    async def send(self, frame: str) -> None:
        """Hand a frame to the socket. Raises ProviderUnavailable when the connection is gone, and
        ProviderTimeout when the peer stopped reading: the link is closed then."""
        if self._closed:
            raise ProviderUnavailable("provider_lost")
        try:
            if self._has_room(len(frame)):
                await self._connection.send_raw(frame)
                return
            with anyio.fail_after(self._bounds.send_ms / 1000):
                await self._connection.send_raw(frame)
        except TimeoutError:
            await self.aclose()
            raise ProviderTimeout("provider_timeout") from None
        except (WebSocketException, OSError) as error:
            detail = "connection_closed" if isinstance(error, ConnectionClosed) else "socket_error"
            raise ProviderUnavailable("provider_lost", detail_code=detail) from None

    def _has_room(self, size_bytes: int) -> bool:
        """The socket takes the frame without waiting: a bound would cost more than the frame."""
        socket = getattr(self._connection, "_connection", None)
        transport = getattr(socket, "transport", None)
        if transport is None:
            return False
        waiting: int = transport.get_write_buffer_size()
        return waiting + size_bytes < ROOM_BYTES

    async def aclose(self) -> None:
        """Close; bounded, idempotent, safe in a cancelled scope. A deaf peer is cut off."""
        if self._closed:
            return
        self._closed = True
        with anyio.move_on_after(2 * CLOSE_TIMEOUT_S, shield=True):
            with suppress(WebSocketException, OSError):
                await self._connection.close()


def websocket_base_url(base_url: str | None) -> str:
    """`base_url` with the WebSocket's scheme: the SDK takes `ws://` for `wss://` otherwise."""
    parts = urlsplit(base_url or OPENAI_BASE_URL)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit(parts._replace(scheme=scheme))


def _client(address: Address) -> AsyncOpenAI:
    # The HTTP base is given too, or the SDK would read it from the environment.
    return AsyncOpenAI(
        api_key=address.api_key,
        base_url=OPENAI_BASE_URL,
        websocket_base_url=websocket_base_url(address.base_url),
        max_retries=0,
    )


def _headers(address: Address) -> Mapping[str, str]:
    if address.safety_identifier is None:
        return {}
    return {"OpenAI-Safety-Identifier": address.safety_identifier}


def _options(address: Address, bounds: Bounds) -> WebSocketConnectionOptions:
    options: dict[str, Any] = {
        "compression": None,
        "max_size": MAX_FRAME_BYTES,
        "max_queue": MAX_QUEUED_FRAMES,
        "open_timeout": bounds.connect_ms / 1000,
        "ping_interval": bounds.ping_interval_ms / 1000,
        "ping_timeout": bounds.ping_timeout_ms / 1000,
        "close_timeout": CLOSE_TIMEOUT_S,
    }
    if _is_loopback(address.base_url):
        options["proxy"] = None  # a proxy set for the network is no way to this machine
    # The SDK hands all of them to websockets but types only the first few.
    return cast(WebSocketConnectionOptions, options)


def _is_loopback(base_url: str | None) -> bool:
    host = urlsplit(base_url or OPENAI_BASE_URL).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _foreign_errors_mapped() -> Iterator[None]:
    """Whatever the handshake raises, as ProviderError; `from None` because URLs and headers of
    foreign exceptions may carry secrets."""
    try:
        yield
    except ProviderError:
        raise
    except TimeoutError:
        raise ProviderTimeout("provider_timeout") from None
    except InvalidStatus as error:
        response = error.response
        raise from_status(
            response.status_code,
            _code_in(response.body),
            _retry_after_ms(response.headers.get("Retry-After")),
        ) from None
    except InvalidURI:
        raise ProviderRejected("provider_rejected", detail_code="invalid_url") from None
    except ssl.SSLCertVerificationError:
        raise ProviderUnavailable("provider_unreachable", detail_code="certificate") from None
    except (InvalidHandshake, WebSocketException, OSError, EOFError):
        raise ProviderUnavailable("provider_unreachable") from None
    except (OpenAIError, ValueError):
        raise ProviderRejected("provider_rejected", detail_code="client") from None


def _code_in(body: bytes | bytearray | None) -> str | None:
    """The error code in a JSON body of the usual shape."""
    try:
        code = json.loads(body or b"")["error"]["code"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    return code if isinstance(code, str) else None


def _retry_after_ms(value: str | None) -> float | None:
    """Seconds only: a date would need the wall clock, and nobody sends one here."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return min(seconds * 1000, _MAX_RETRY_AFTER_MS) if 0 <= seconds < float("inf") else None


def _link_closed(closed: ConnectionClosed) -> LinkClosed:
    frame = closed.rcvd
    return LinkClosed(frame.code, frame.reason) if frame is not None else LinkClosed(None, "")

"""`/metrics`: for operators, and for nobody else.

With a token set (`VOICE_METRICS_TOKEN`) it takes that token as bearer, from anywhere. Without one
it answers only this machine: a loopback address, a loopback name as host (a page that rebinds its
name has another), no header of a proxy, and no `Origin`, which a page of some other site would
bring. For everybody else it does not exist. What the page says is not decided here.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable
from typing import Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

METRICS_PATH: Final = "/metrics"
FORWARDING_HEADERS: Final = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)

Exposition = Callable[[str], tuple[str, bytes]]
"""`Accept` header → content type and body; may block for some milliseconds."""


def metrics_route(
    exposition: Exposition,
    *,
    path: str = METRICS_PATH,
    token: str | None = None,
    behind_proxy: bool = False,
) -> Route:
    """The route. Behind a proxy every request comes from this machine: then only the token opens
    it."""

    async def metrics(request: Request) -> Response:
        if token is not None:
            if not _bears(request, token):
                return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        elif behind_proxy or not _is_local(request):
            return Response(status_code=404)
        accept = request.headers.get("accept", "")
        # In a thread: audio on the loop must not wait for files and formatting.
        content_type, body = await anyio.to_thread.run_sync(exposition, accept)
        headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
        return Response(body, headers=headers)

    return Route(path, metrics, methods=["GET"])


def _bears(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    same = secrets.compare_digest(given.strip().encode(), token.encode())
    return same and scheme.lower() == "bearer"


def _is_local(request: Request) -> bool:
    if "origin" in request.headers or any(name in request.headers for name in FORWARDING_HEADERS):
        return False
    peer = request.client.host if request.client else ""
    return _is_loopback(peer) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback

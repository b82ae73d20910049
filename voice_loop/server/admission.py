"""Who may open a socket's session: pure answers, as a wire code or None.

Browsers do not hold WebSockets to the same-origin rule and CORS does not cover them: any page on
the internet may open one. So the Origin is compared, with the ticket's and with those allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

HOME_NETWORK_BITS: Final = 64
"""What one IPv6 visitor is given at least: 2^64 addresses to come from."""


def origin_refusal(origin: str, ticket_origin: str, allowed: Iterable[str]) -> str | None:
    """None when the socket's Origin is the page's that got the ticket, and is allowed."""
    if _normal(origin) != _normal(ticket_origin):
        return "origin_refused"
    if "*" in (allowed := list(allowed)):
        return None
    return None if _normal(origin) in {_normal(entry) for entry in allowed} else "origin_refused"


def _normal(origin: str) -> str:
    """Scheme, host and port in lower case; default ports left out, as browsers do."""
    try:
        parts = urlsplit(origin.strip().lower())
    except ValueError:
        # A bracket that is not closed: what was written is compared as it is.
        return origin.strip().lower()
    if not parts.scheme or not parts.netloc:
        return origin.strip().lower()
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    netloc = parts.netloc.removesuffix(default) if default else parts.netloc
    return f"{parts.scheme}://{netloc}"


def client_address(
    peer: str, headers: Iterable[tuple[bytes, bytes]], trusted_proxy_hops: int
) -> str:
    """Whom a socket without a ticket counts for: its peer, or what the trusted proxies saw.

    With `n` trusted hops the n-th entry of X-Forwarded-For from the right counts: the ones before
    it were written by the visitor.
    """
    if trusted_proxy_hops <= 0:
        return peer
    lines = [v.decode("latin-1") for n, v in headers if n.lower() == b"x-forwarded-for"]
    hops = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    return hops[-trusted_proxy_hops] if len(hops) >= trusted_proxy_hops else peer


def place_of(address: str) -> str:
    """For whom limits count: an IPv4 address, or the network that an IPv6 visitor owns; an IPv4
    address in IPv6 clothes is itself. Anything else stands for itself."""
    try:
        parsed = ipaddress.ip_address(address.strip().strip("[]").partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    network = ipaddress.ip_network((parsed, HOME_NETWORK_BITS), strict=False)
    return str(network)

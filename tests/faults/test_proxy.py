"""The network that fails on cue does what it says, or the tests that stand on it mean nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.faults.proxy import FaultProxy


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    """Where the proxy leads: the test plays the server by hand."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


def joined(proxy: FaultProxy, server: socket.socket) -> tuple[socket.socket, socket.socket]:
    near = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    far, _ = server.accept()
    far.settimeout(5)
    return near, far


def test_bytes_pass_both_ways_and_an_end_is_an_end(echo: socket.socket) -> None:
    with FaultProxy(echo.getsockname()[1]) as proxy:
        near, far = joined(proxy, echo)
        near.sendall(b"up")
        assert far.recv(10) == b"up"
        far.sendall(b"down")
        assert near.recv(10) == b"down"
        far.close()
        assert near.recv(10) == b""
        near.close()


def test_a_cut_resets_both_sides(echo: socket.socket) -> None:
    with FaultProxy(echo.getsockname()[1]) as proxy:
        near, far = joined(proxy, echo)
        near.sendall(b"x")
        assert far.recv(1) == b"x"
        proxy.cut()
        for end in (near, far):
            with pytest.raises(ConnectionResetError):
                end.recv(1)
            end.close()


def test_a_stall_carries_nothing_and_tells_nobody_and_new_connections_pass(
    echo: socket.socket,
) -> None:
    with FaultProxy(echo.getsockname()[1]) as proxy:
        near, far = joined(proxy, echo)
        near.sendall(b"x")
        assert far.recv(1) == b"x"
        proxy.stall()
        near.sendall(b"y")
        far.settimeout(0.3)
        with pytest.raises(TimeoutError):
            far.recv(1)
        others = joined(proxy, echo)
        others[0].sendall(b"z")
        assert others[1].recv(1) == b"z"
        for end in (near, far, *others):
            end.close()


def test_a_closed_one_refuses_and_counts(echo: socket.socket) -> None:
    with FaultProxy(echo.getsockname()[1]) as proxy:
        proxy.closed = True
        address = ("127.0.0.1", proxy.port)
        with (
            pytest.raises(ConnectionResetError),
            socket.create_connection(address, timeout=5) as near,
        ):
            near.recv(1)
        assert (proxy.accepted, proxy.refused) == (0, 1)

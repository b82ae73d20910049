"""A real Redis for the tests of several workers: found, or installed; on a free port, in memory.

Run as a module it makes sure that there is one: on the PATH, else from Debian's packages. The tests
themselves never install and never skip.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import redis

logger = logging.getLogger(__name__)

SERVERS = ("redis-server", "valkey-server")
INSTALL_TIMEOUT_S = 600
START_TIMEOUT_S = 30


def find_redis() -> str | None:
    """Path of a Redis server; None when there is none."""
    return next(filter(None, map(shutil.which, SERVERS)), None)


@contextlib.contextmanager
def running_redis() -> Iterator[str]:
    """Its URL, as long as the block lasts. Keeps nothing on disk."""
    server = find_redis()
    if server is None:
        raise RuntimeError("There is no Redis. Run `make redis`, which finds or installs one.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        command = [server, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder]
        command += ["--save", "", "--appendonly", "no"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            _wait_until_up(port, process)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_up(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    with redis.Redis(port=port) as client:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("Redis did not start.") from None
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)


def _install() -> None:
    if not shutil.which("apt-get"):
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    for command in ("update", "install -y --no-install-recommends redis-server"):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                [*sudo, "apt-get", *command.split()], check=False, timeout=INSTALL_TIMEOUT_S
            )


def main() -> int:
    """Find or install; the exit code says whether there is a Redis now."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if find_redis() is None:
        logger.warning("Looking for a Redis server ...")
        _install()
    found = find_redis()
    if found is None:
        logger.error("No Redis could be installed. Install redis-server, then try again.")
        return 1
    logger.info("Tests of several workers use %s", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())

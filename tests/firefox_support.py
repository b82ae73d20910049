"""Firefox for the browser tests: found, or installed; driven by Mozilla's own client.

Its AudioContext only starts where there is a sound card; on Linux that is a PulseAudio of the
test's own with a null sink. Run as a module it makes sure that both are there. The tests
themselves never install and never skip.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

NAMES = ("firefox-esr", "firefox")
PACKAGES = ("firefox-esr", "pulseaudio")
INSTALL_TIMEOUT_S = 600
START_TIMEOUT_S = 60
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
}


def find_firefox() -> str | None:
    """Path of a Firefox; None when there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def missing() -> list[str]:
    """What has to be installed."""
    found = {"firefox-esr": find_firefox()}
    if sys.platform == "linux":
        found["pulseaudio"] = shutil.which("pulseaudio")
    return [name for name, path in found.items() if path is None]


@contextlib.contextmanager
def sound_card() -> Iterator[dict[str, str]]:
    """A sound card that swallows everything; yields the variables that lead to it."""
    if sys.platform != "linux":
        yield {}
        return
    # A socket's path must be short: not in pytest's own folders.
    folder = Path(tempfile.mkdtemp(prefix="sound-"))
    place = folder / "native"
    command = [
        "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
        "-L", "module-null-sink sink_name=nowhere",
        "-L", f"module-native-protocol-unix socket={place} auth-anonymous=1",
    ]  # fmt: skip
    environment = os.environ | {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not place.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PulseAudio did not start: {(folder / 'log').read_text()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
        yield {"PULSE_SERVER": f"unix:{place}"}
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def firefox(folder: Path, port: int, variables: Mapping[str, str]) -> Iterator[Any]:
    """A headless Firefox with a session: a `marionette_driver` client. Profile and log lie in
    `folder`. It is started here and not by the client, which leaves sockets open as it waits."""
    path = find_firefox()
    if path is None:
        raise RuntimeError("There is no Firefox. Run `make browser`, which finds or installs one.")
    profile = folder / "profile"
    profile.mkdir()
    preferences = PREFERENCES | {"marionette.port": port}
    lines = (
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in preferences.items()
    )
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [path, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    with (folder / "firefox.log").open("wb") as log:
        browser = subprocess.Popen(command, env=os.environ | variables, stdout=log, stderr=log)
    try:
        _wait_for_port(browser, port)
        with warnings.catch_warnings():
            # Its dependency `mozinfo` asks `distro` in a way that is deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            from marionette_driver.marionette import Marionette
        client = Marionette(host="127.0.0.1", port=port)
        client.start_session()
        try:
            yield client
        finally:
            client.delete_session()
    finally:
        browser.terminate()
        browser.wait(20)


def _wait_for_port(browser: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if browser.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Firefox did not start") from None
        with contextlib.suppress(subprocess.TimeoutExpired):
            browser.wait(0.1)


def _install() -> None:
    if not shutil.which("apt-get"):
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        logger.warning("Looking for Firefox: apt-get %s", " ".join(command))
        try:
            subprocess.run(
                [*sudo, "apt-get", *command],
                check=False,
                timeout=INSTALL_TIMEOUT_S,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            logger.warning("That did not work: %s", error)


def main() -> int:
    """Find or install; the exit code says whether everything is there now."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if missing():
        _install()
    lacking = missing()
    if lacking:
        logger.error("Install %s, then try again.", " and ".join(lacking))
        return 1
    logger.info("Firefox tests use %s", find_firefox())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

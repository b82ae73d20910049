"""Chromium for the browser tests: found, or installed; started with a spoken file as microphone.

Run as a module it makes sure that there is a browser: Playwright's own, else the system's, else
it installs one. The tests themselves never install and never skip.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

logger = logging.getLogger(__name__)

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_TIMEOUT_S = 600
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium(playwright: Playwright) -> str | None:
    """Path of a Chromium: Playwright's own first, then the system's; None when there is none."""
    own = playwright.chromium.executable_path
    if Path(own).exists():
        return own
    return next(filter(None, map(shutil.which, SYSTEM_NAMES)), None)


def launch_chromium(
    playwright: Playwright,
    *,
    microphone: Path | None = None,
    device: bool = True,
    extra: tuple[str, ...] = (),
) -> Browser:
    """A headless Chromium. With `microphone` (a WAV) it has a fake device that plays the file
    once and grants the permission; without it the device is Chromium's beeping one, and nobody
    answers the question about it; without `device` there is none."""
    path = find_chromium(playwright)
    if path is None:
        raise RuntimeError("There is no Chromium. Run `make browser`, which finds or installs one.")
    flags = [*FLAGS, *extra]
    if device:
        flags.append("--use-fake-device-for-media-stream")
    if microphone is not None:
        flags += [
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
        ]
    return playwright.chromium.launch(executable_path=path, headless=True, args=flags)


def _install() -> None:
    commands = [[sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]]
    if shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        commands += [[*sudo, "apt-get", "update"], [*sudo, "apt-get", "install", "-y", "chromium"]]
    for command in commands:
        logger.warning("Looking for a browser: %s", " ".join(command))
        try:
            subprocess.run(command, check=False, timeout=INSTALL_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            logger.warning("That did not work: %s", error)
        with sync_playwright() as playwright:
            if find_chromium(playwright):
                return


def main() -> int:
    """Find or install; the exit code says whether there is a browser now."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with sync_playwright() as playwright:
        found = find_chromium(playwright)
    if found is None:
        _install()
        with sync_playwright() as playwright:
            found = find_chromium(playwright)
    if found is None:
        logger.error("No Chromium could be installed. Install Chromium or Chrome, then try again.")
        return 1
    logger.info("Browser tests use %s", found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The app as people run it: `reflex run` in a process of its own, on free ports, with its log kept.

Builds go to `.web-test*`, so that a `make run` beside them is not disturbed; state and local
assistant have their own places too. A build holds the port of its server: the app that serves a
whole run has its own (`SHARED_BUILD`), which no other app of the run may overwrite.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 240
"""A first build installs the page's packages."""
SHARED_BUILD = {"REFLEX_WEB_WORKDIR": ".web-test-shared"}
KEEP_FROM_ENVIRONMENT = frozenset(
    ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_START")
    # How this machine reaches the network: without them nothing can be installed behind a proxy.
    + ("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS")
    + ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
)
KEEP_THAT_BEGIN = ("NPM_CONFIG_", "PIP_")


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class ServedApp:
    """A running app."""

    url: str
    backend_url: str
    log: Path
    process: subprocess.Popen[bytes]

    def log_text(self) -> str:
        """Everything it printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def app_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """A clean environment: none of the developer's settings, the interpreter's tools first."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in KEEP_FROM_ENVIRONMENT or name.upper().startswith(KEEP_THAT_BEGIN)
    }
    tools = str(Path(sys.executable).parent)
    return kept | {
        "PATH": f"{tools}{os.pathsep}{kept.get('PATH', '')}",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


def answers(url: str) -> bool:
    """Whether somebody answers there at all."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status < 500)
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def serve(
    log: Path,
    settings: Mapping[str, str],
    *,
    mode: str = "prod",
    folder: Path = ROOT,
    page_port: int | None = None,
) -> Iterator[ServedApp]:
    """`reflex run --env MODE` in `folder` until the block ends. Raises RuntimeError with the end of
    its log when it does not come up."""
    page_port = page_port or free_port()
    backend_port = page_port if mode == "prod" else free_port()
    environment = app_environment(
        {
            "PORT": str(page_port),
            "REFLEX_BACKEND_PORT": str(backend_port),
            "REFLEX_FRONTEND_PORT": str(page_port),
            "REFLEX_WEB_WORKDIR": ".web-test",
            "REFLEX_STATES_WORKDIR": str(log.parent / "states"),
            "VOICE_LOCAL_PORT": str(free_port()),
            **({"REFLEX_API_URL": f"http://localhost:{backend_port}"} if mode == "dev" else {}),
            **settings,
        }
    )
    command = [str(Path(sys.executable).parent / "reflex"), "run", "--env", mode]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    app = ServedApp(
        f"http://localhost:{page_port}", f"http://localhost:{backend_port}", log, process
    )
    try:
        _wait_until_up(app)
        yield app
    finally:
        stop(process)


def _wait_until_up(app: ServedApp) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (answers(app.url) and answers(f"{app.backend_url}/ping")):
        if app.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The app did not come up:\n{app.log_text()[-4000:]}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            app.process.wait(0.25)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the app and all it started: asked first, then made to."""
    for sign, patience_s in ((signal.SIGINT, 15), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

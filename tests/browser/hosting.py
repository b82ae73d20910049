"""The app as a host runs it: `reflex export` in a checkout, the backend's zip in an empty folder
with an environment of its own, the page's zip on another origin.

One export serves all tests of a run: the page holds the address of the backend, so its port is
chosen before. It has one page more than the app, `crew`, with which tests look at the workers.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.browser.served_app import (
    ROOT,
    ServedApp,
    answers,
    app_environment,
    free_port,
    stop,
)

CHECKOUT = (
    "voice_loop", "custom_components", "assets", "reflex.lock", "rxconfig.py", "requirements.txt",
    "pyproject.toml", "README.md", "LICENSE",
)  # fmt: skip
EXPORT_TIMEOUT_S = 300
INSTALL_TIMEOUT_S = 600
START_TIMEOUT_S = 90


@dataclass(frozen=True)
class Hosting:
    """What was exported and where it is."""

    backend: Path
    """The unpacked `backend.zip`."""
    python: Path
    """The interpreter that has what requirements.txt names, and nothing else."""
    page_url: str
    backend_port: int


def export(folder: Path, backend_port: int) -> tuple[Path, Path]:
    """`reflex export` in a copy of the checkout; the two zip files."""
    checkout = folder / "checkout"
    checkout.mkdir()
    left_out = shutil.ignore_patterns("__pycache__", "*.js", "stamp", "external")
    for name in CHECKOUT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=left_out)
        else:
            shutil.copy(source, checkout)
    shutil.copy(ROOT / "tests" / "browser" / "crew.py", checkout)
    with (checkout / "voice_loop" / "voice_loop.py").open("a", encoding="utf-8") as entry:
        entry.write("\nimport crew\n\ncrew.join(app, voice)\n")
    environment = app_environment({"REFLEX_API_URL": f"http://localhost:{backend_port}"})
    tool = Path(sys.executable).parent / "reflex"
    _run([str(tool), "export"], checkout, environment, EXPORT_TIMEOUT_S)
    return checkout / "frontend.zip", checkout / "backend.zip"


def install(folder: Path) -> Path:
    """A fresh environment with what requirements.txt names; its interpreter."""
    home = folder / "environment"
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    _run([sys.executable, "-m", "venv", str(home)], folder, environment, 60)
    python = home / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile"]
    _run([*pip, "-r", str(ROOT / "requirements.txt")], folder, environment, INSTALL_TIMEOUT_S)
    return python


def _run(command: list[str], folder: Path, environment: Mapping[str, str], bound_s: float) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=bound_s,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"


@contextlib.contextmanager
def static_page(folder: Path) -> Iterator[str]:
    """A small static server for the page; yields its URL."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Quiet(SimpleHTTPRequestHandler):
    """Says nothing of each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def hosting(folder: Path) -> Iterator[Hosting]:
    """Export, install and unpack; the page is served as long as the block lasts."""
    port = free_port()
    with ThreadPoolExecutor() as pool:
        installed = pool.submit(install, folder)
        frontend_zip, backend_zip = export(folder, port)
        python = installed.result()
    backend, page = folder / "backend", folder / "page"
    for archive, target in ((backend_zip, backend), (frontend_zip, page)):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(target)
    shutil.rmtree(folder / "checkout")
    with static_page(page) as url:
        yield Hosting(backend, python, url, port)


KEEPS_WORKERS = (
    "granian", "--interface", "asgi", "--factory", "--workers", "2", "--respawn-failed-workers",
    "--host", "127.0.0.1", "voice_loop.voice_loop:app",
)  # fmt: skip
"""As `reflex run` starts it, but a worker that is killed is replaced."""
REFLEX_RUN = ("reflex", "run", "--backend-only", "--env", "prod")


@contextlib.contextmanager
def backend(
    hosted: Hosting,
    log: Path,
    settings: Mapping[str, str],
    command: tuple[str, ...] = REFLEX_RUN,
    port: int | None = None,
) -> Iterator[ServedApp]:
    """The backend, with nothing but environment variables; on another `port` when something stands
    between it and the page."""
    port = port or hosted.backend_port
    environment = {
        "HOME": str(hosted.backend.parent),
        # No interpreter's tools and none of the system's: what is needed lies in the environment.
        "PATH": str(hosted.python.parent),
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        "REFLEX_STATES_WORKDIR": str(log.parent / "states"),
        **settings,
    }
    program = [str(hosted.python.parent / command[0]), *command[1:]]
    assert not answers(f"http://localhost:{port}/ping"), "another one is still there"
    with running(program, hosted.backend, environment, log) as process:
        app = ServedApp(hosted.page_url, f"http://localhost:{port}", log, process)
        wait_until_up(app)
        yield app


@contextlib.contextmanager
def running(
    command: list[str], folder: Path, environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its log, until the block ends."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        stop(process)


def wait_until_up(app: ServedApp) -> None:
    """Raises RuntimeError with the end of the log when it does not come up."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers(f"{app.backend_url}/ping"):
        if app.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The backend did not come up:\n{app.log_text()[-4000:]}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            app.process.wait(0.25)


KNOWN_PATHS = (b"/_event", b"/ping", b"/_health", b"/_upload")


@contextlib.contextmanager
def narrow_proxy(port: int, backend_port: int) -> Iterator[None]:
    """Listens on `port` and lets only Reflex's own paths through to `backend_port`: everything else
    gets a 404, as from a proxy that does not know it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head: bytes = self.request.recv(65_536)
            path = head.split(b" ", 2)[1] if head.count(b" ") > 1 else b""
            if not path.startswith(KNOWN_PATHS):
                self.request.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                return
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", backend_port)) as up,
            ):
                up.sendall(head)
                back = threading.Thread(target=_pour, args=(up, self.request), daemon=True)
                back.start()
                _pour(self.request, up)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(5)


def _pour(source: socket.socket, target: socket.socket) -> None:
    """Until one of the two is closed; then both are."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)

"""How the app starts, and how it refuses to: with one sentence that names the variable."""

from __future__ import annotations

import functools
import http.server
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.browser.served_app import ROOT, app_environment


def run_reflex(*arguments: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "reflex"), "run", *arguments],
        cwd=ROOT, env=app_environment(settings), capture_output=True, text=True, timeout=50,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("VOICE_PROVIDER", "bogus"), ("PORT", "many"), ("VOICE_TICKET_SECRET", "short")],
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(name: str, value: str) -> None:
    done = run_reflex("--env", "prod", settings={name: value})
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"Voice Loop cannot start: {name} must" in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) <= 3, said


def test_a_secret_that_is_refused_is_not_repeated() -> None:
    done = run_reflex("--env", "prod", settings={"VOICE_TICKET_SECRET": "hunter2"})
    assert "hunter2" not in done.stdout + done.stderr


def test_the_configuration_can_be_read_with_wrong_settings_as_an_export_does() -> None:
    program = "import rxconfig; print(rxconfig.config.app_name)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=50,
        env=app_environment({"VOICE_PROVIDER": "bogus", "PORT": "many"}), check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "voice_loop"


def test_npm_trusts_the_certificates_that_the_machine_trusts(tmp_path: Path) -> None:
    """A company's proxy signs with a certificate of its own, and Node brings a list of its own."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(command.split(), check=True, capture_output=True, timeout=50)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ask = f"fetch('https://localhost:{server.server_port}/').then(r=>console.log(r.status))"
        program = (
            f"import rxconfig, subprocess; subprocess.run(['node', '-e', {ask!r}], check=True)"
        )
        environment = app_environment({"SSL_CERT_FILE": str(certificate)})
        for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_DIR"):
            environment.pop(name, None)
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=50,
            env=environment, check=False,
        )  # fmt: skip
        server.shutdown()
    assert done.stdout.strip() == "200", done.stderr

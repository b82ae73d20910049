"""What docs/local.md tells people to type works as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from voice_loop.config import Settings
from voice_loop.local.__main__ import parse_arguments

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "local.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m voice_loop\.local(.*)$", TEXT, re.MULTILINE)


def test_every_documented_command_is_understood() -> None:
    assert COMMANDS
    for command in COMMANDS:
        parse_arguments(shlex.split(command))


def test_every_option_is_documented_and_every_documented_option_exists(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    real = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert set(re.findall(r"^\| `(--[a-z-]+)`", TEXT, re.MULTILINE)) == real


def test_the_packages_are_the_installed_ones() -> None:
    rows = re.findall(r"\| `([a-z-]+)` ([\d.]+)", TEXT)
    assert {name: version(name) for name, _ in rows} == dict(rows)
    assert len(rows) == 3


def test_the_settings_of_a_chat_server_are_accepted_as_written() -> None:
    written = dict(re.findall(r"^(VOICE_LOCAL_LLM_\w+)=(\S+)$", TEXT, re.MULTILINE))
    settings = Settings.from_env(written)
    assert settings.local_llm_url == written["VOICE_LOCAL_LLM_URL"]
    assert settings.local_llm_model == written["VOICE_LOCAL_LLM_MODEL"]


@pytest.mark.models
def test_the_documented_client_gets_its_answer_from_the_documented_server() -> None:
    (command,) = COMMANDS
    arguments = shlex.split(command.replace("8080", "0"))
    (client,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "voice_loop.local", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            port = re.findall(r":(\d+)/", server.stdout.readline())[0]
            done = subprocess.run(
                [sys.executable, "-c", client.replace("8080", port)],
                capture_output=True, text=True, timeout=40, check=True,
            )  # fmt: skip
        finally:
            server.terminate()
    assert done.stdout.strip() == "That is 42."

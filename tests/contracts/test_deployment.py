"""docs/deployment.md names only what there is: variables, options, paths, files, commands."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from granian.cli import cli as granian
from reflex.config import Config
from reflex.utils import exec as reflex_exec
from reflex_base.environment import EnvironmentVariables
from reflex_cli.v2.deploy import deploy  # type: ignore[import-untyped]  # it has no types

from tests.browser.hosting import KEEPS_WORKERS, REFLEX_RUN
from voice_loop.telemetry.prometheus import MULTIPROC_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bVOICE_[A-Z_]+|\bOPENAI_[A-Z_]+", TEXT))))
def test_a_setting_of_ours_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\b_*REFLEX_[A-Z_]+", TEXT))))
def test_a_variable_of_reflex_is_read_by_reflex(name: str) -> None:
    plain = name.removeprefix("__")
    variable = getattr(EnvironmentVariables, plain, None)
    if variable is None:
        assert plain.removeprefix("REFLEX_").lower() in Config.__dataclass_fields__
    else:
        assert variable.name == name


def test_the_other_variables_are_those_of_their_libraries() -> None:
    assert "GRANIAN_WORKERS" in TEXT
    assert "GRANIAN_WORKERS" in inspect.getsource(reflex_exec)
    assert MULTIPROC_VARIABLE in TEXT


def test_the_commands_are_those_that_the_tests_run() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert any(line.endswith(" ".join(REFLEX_RUN)) for line in commands)
    (shown,) = [shlex.split(line) for line in commands if line.startswith("granian ")]
    assert [part for part in shown if part not in ("--port", "8000")] == list(KEEPS_WORKERS)
    known = {option for parameter in granian.params for option in parameter.opts}
    assert {part for part in shown if part.startswith("--")} <= known
    (shown,) = [shlex.split(line) for line in commands if line.startswith("reflex deploy")]
    known = {each for given in deploy.params for each in (*given.opts, *given.secondary_opts)}
    assert {part for part in shown if part.startswith("--")} <= known


def test_the_commands_of_reflex_exist() -> None:
    tool = Path(sys.executable).parent / "reflex"
    named = {match[1] for block in blocks("sh") for match in re.finditer(r"\breflex (\w+)", block)}
    assert named == {"run", "export", "login", "deploy"}
    for command in named:
        done = subprocess.run(
            [str(tool), command, "--help"], capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, command


def test_the_container_copies_what_there_is_and_runs_what_is_tested() -> None:
    (text,) = blocks("dockerfile")
    lines = [line.split(" ", 1) for line in text.splitlines()]
    kinds = [line[0] for line in lines]
    assert kinds[0] == "FROM"
    assert kinds.count("CMD") == 1
    assert set(kinds) <= {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "EXPOSE", "STOPSIGNAL", "CMD"}
    copied = {shlex.split(rest)[0] for kind, rest in lines if kind == "COPY"}
    for name in copied:
        assert (ROOT / name).exists(), name
    assert {"voice_loop", "custom_components", "rxconfig.py", "requirements.txt"} <= copied
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (install,) = [rest for kind, rest in lines if kind == "RUN" and "pip" in rest]
    for needed in re.findall(r'"([^"]+)"', install):
        assert f'"{needed}"' in project


def test_the_proxies_let_websockets_through() -> None:
    (nginx,) = blocks("nginx")
    assert nginx.count("{") == nginx.count("}")
    for line in (
        "proxy_http_version 1.1;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $connection_upgrade;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    ):
        assert line in nginx
    (caddy,) = blocks("caddy")
    assert caddy.count("{") == caddy.count("}")

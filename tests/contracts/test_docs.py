"""The documentation says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contracts.docs_tables import ROOT, TABLES, between


@pytest.mark.parametrize(("document", "name"), list(TABLES))
def test_a_table_made_from_the_code_is_up_to_date(document: str, name: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    found = between(name).search(text)
    assert found, f"{document} has lost its markers of {name}"
    made = TABLES[document, name]()
    assert found[0].count(made) == 1, "run: python -m tests.contracts.docs_tables"


def settings_named_in_the_code() -> list[str]:
    source = (ROOT / "voice_loop" / "config.py").read_text(encoding="utf-8")
    read = r'read\.(?:text|url|whole|number|choice|flag|secret|path)\(\s*"([A-Z_]+)"'
    return sorted(set(re.findall(read, source)))


@pytest.mark.parametrize("name", settings_named_in_the_code())
def test_every_setting_is_in_the_example_file_and_in_the_readme(name: str) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert re.search(rf"^#? ?{name}=", example, re.MULTILINE)
    assert f"`{name}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_changelog_knows_the_version() -> None:
    from voice_loop import __version__

    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text or f"## [{__version__}]" in text


@pytest.mark.parametrize(
    "document",
    sorted(str(p.relative_to(ROOT)) for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]),
)
def test_every_link_to_a_file_of_the_repository_leads_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (path.parent / target).exists(), f"{document} links to {target}"


DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


def commands_of(path: Path) -> list[str]:
    """Lines of shell blocks, and code in the text that begins like a command."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`((?:make |python -m |\.venv/bin/)[^`]*)`", text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_the_documentation_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in commands_of(path):
        for target in re.findall(r"^make ([a-z-]+)", command):
            assert target in targets, f"{path.name}: {command}"
        for module in re.findall(r"python -m ((?:tests|benchmarks|voice_loop)[\w.]*)", command):
            place = ROOT.joinpath(*module.split("."))
            exists = place.with_suffix(".py").exists() or (place / "__main__.py").exists()
            assert exists or module.endswith("NAME"), f"{path.name}: {command}"
        for file in re.findall(r"pytest (tests/\S+)", command):
            assert (ROOT / file).exists(), f"{path.name}: {command}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_named_in_code_is_there(path: Path) -> None:
    named = r"`((?:tests|benchmarks|docs|custom_components)/[\w/.-]*\w\.(?:py|md|png))`"
    for name in re.findall(named, path.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_the_component_alone_is_shown_with_lines_of_the_tested_app() -> None:
    guide = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    app = (ROOT / "docs/examples/intercom/intercom/intercom.py").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(class Intercom.*?)```", guide, re.DOTALL)
    tested = app.splitlines()
    assert [line for line in shown.splitlines() if line not in tested] == []


def test_the_voices_of_the_guide_are_those_of_the_page() -> None:
    from voice_loop.ui.tab import VOICES

    guide = (ROOT / "docs" / "openai.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^Voices: (.*)$", guide, re.MULTILINE)
    assert tuple(re.findall(r"`([a-z]+)`", line)) == VOICES


def test_the_guide_tells_what_becomes_of_every_refusal_by_its_code() -> None:
    from voice_loop.errors import ERRORS

    guide = (ROOT / "docs" / "openai.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(provider_\w+)`", guide))
    assert named <= set(ERRORS)
    assert {"provider_key_refused", "provider_quota", "provider_model_unknown"} <= named

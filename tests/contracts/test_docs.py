"""The documentation says what the code says."""

from __future__ import annotations

import re

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

"""The audit finds what it is there to find; what is installed here passes it."""

from __future__ import annotations

from email.message import Message
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.contracts import audit
from tests.contracts.audit import Findings


def package(folder: Path, *, name: str = "thing", **fields: str) -> PathDistribution:
    """An installed package whose metadata say this."""
    metadata = Message()
    metadata["Metadata-Version"] = "2.4"
    metadata["Name"], metadata["Version"] = name, "1.0"
    for key, value in fields.items():
        metadata[key.replace("_", "-")] = value
    place = folder / f"{name}-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(metadata.as_string())
    return PathDistribution(place)


def test_what_is_installed_here_is_in_its_ranges_and_freely_licensed() -> None:
    findings = Findings()
    packages = audit.look(findings)
    assert findings.wrong == []
    assert {"reflex", "openai", "numpy", "pytest", "starlette"} <= set(packages)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("(MIT OR GPL-2.0-or-later) AND BSD-3-Clause", False),
        ("GPL-3.0-or-later", False),
        ("LGPL-2.1-only", False),
        ("AGPL-3.0-only", False),
        ("none named", False),
        ("", False),
    ],
)
def test_only_licences_of_the_list_pass(expression: str, allowed: bool) -> None:
    assert audit.is_allowed(expression) is allowed


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ({"License_Expression": "MIT", "License": "GPL"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, "BSD-3-Clause"),
        ({"License": "Apache License, Version 2.0"}, "Apache-2.0"),
        ({"License": "MPL-2.0 AND MIT"}, "MPL-2.0 AND MIT"),
        ({"License": "Mozilla Public License 2.0 (MPL 2.0)"}, "MPL-2.0"),
        (
            {"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"},
            "GNU General Public License v3",
        ),
        ({"License": "MIT or whatever you like"}, "MIT or whatever you like"),
        ({}, "none named"),
    ],
)
def test_a_licence_is_read_where_the_package_names_it(
    tmp_path: Path, fields: dict[str, str], expression: str
) -> None:
    assert audit.licence(package(tmp_path, **fields)) == expression


def test_what_is_missing_or_out_of_its_range_is_wrong() -> None:
    findings = Findings()
    roots = [
        Requirement("pytest>=9999"),
        Requirement("no-such-package-here>=1"),
        Requirement("not-for-this-machine; sys_platform == 'amiga'"),
    ]
    assert set(audit.tree(roots, findings)) >= {"pytest", "pluggy"}
    first, second = sorted(findings.wrong)
    assert "pytest>=9999" in second
    assert "no-such-package-here" in first and "not installed" in first


def test_an_extra_brings_its_packages_and_is_not_taken_for_granted() -> None:
    plain = audit.tree([Requirement("coverage")], Findings())
    told = Findings()
    audit.tree([Requirement("uvicorn[standard]")], told)
    assert "tomli" not in plain
    assert any("uvicorn needs" in line for line in told.wrong), "[standard] is not installed here"


def report(*packages: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(packages)}


def test_a_known_weakness_is_wrong_with_the_version_that_mends_it() -> None:
    findings = Findings()
    weak = {"id": "PYSEC-1", "fix_versions": ["1.1"]}
    hopeless = {"id": "PYSEC-2", "fix_versions": []}
    told = report({"name": "thing", "version": "1.0", "vulns": [weak, hopeless]})
    audit.judge_advisories(told, findings)
    assert findings.unasked == []
    assert findings.wrong == [
        "thing 1.0: PYSEC-1, mended in 1.1",
        "thing 1.0: PYSEC-2, mended in no version yet",
    ]


def test_a_service_that_is_away_or_knows_nothing_is_said_to_be_and_no_success() -> None:
    away, knows_nothing = Findings(), Findings()
    audit.judge_advisories(None, away)
    skipped = {"name": "thing", "skip_reason": "not found"}
    audit.judge_advisories(report(skipped, skipped), knows_nothing)
    for findings in (away, knows_nothing):
        assert findings.wrong == []
        assert "could not be reached" in findings.unasked[0]
    assert "0 of 2" in knows_nothing.unasked[0]


def test_one_package_that_only_its_own_index_knows_is_no_silence() -> None:
    findings = Findings()
    known = [{"name": f"p{n}", "version": "1", "vulns": []} for n in range(19)]
    audit.judge_advisories(report(*known, {"name": "own", "skip_reason": "?"}), findings)
    assert (findings.wrong, findings.unasked) == ([], [])


@pytest.mark.parametrize(
    ("wrong", "unasked", "arguments", "code"),
    [([], [], [], 0), (["x"], [], [], 1), ([], ["y"], [], 0), ([], ["y"], ["--strict"], 1)],
)
def test_what_is_wrong_fails_and_what_could_not_be_asked_only_when_it_must(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: list[str],
    unasked: list[str],
    arguments: list[str],
    code: int,
) -> None:
    def look(findings: Findings) -> dict[str, Any]:
        findings.wrong += wrong
        findings.unasked += unasked
        return {}

    # Nobody is asked: the network is not this test's matter.
    monkeypatch.setattr(audit, "look", look)
    monkeypatch.setattr(audit, "ask_index", lambda *_: None)
    monkeypatch.setattr(audit, "ask_advisories", lambda *_: None)
    assert audit.main(arguments) == code
    said = capsys.readouterr().out
    assert ("WRONG: x" in said) is bool(wrong)
    assert ("NOT CHECKED: y" in said) is bool(unasked)

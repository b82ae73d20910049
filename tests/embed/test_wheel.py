"""What is released holds what it should and nothing else, and works away from the checkout."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser

import pytest
from trove_classifiers import classifiers

from tests.embed.conftest import Packages
from tests.embed.packaging import ROOT
from voice_loop import __version__

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SCRIPTS = {"audio-worklet.js", "voice-component.js"}


@pytest.fixture(scope="module")
def names(packages: Packages) -> set[str]:
    with zipfile.ZipFile(packages.wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(packages: Packages, names: set[str]) -> Message:
    (path,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    with zipfile.ZipFile(packages.wheel) as archive:
        return Parser().parsestr(archive.read(path).decode())


def test_the_wheel_is_pure_python_with_both_packages_and_nothing_else(
    packages: Packages, names: set[str]
) -> None:
    assert packages.wheel.name == f"voice_loop-{__version__}-py3-none-any.whl"
    tops = {name.split("/")[0] for name in names}
    assert tops == {"voice_loop", "reflex_voice_audio", f"voice_loop-{__version__}.dist-info"}


def test_every_module_of_the_checkout_is_in_the_wheel(names: set[str]) -> None:
    for root, prefix in ((ROOT, "voice_loop"), (ROOT / "custom_components", "reflex_voice_audio")):
        modules = {str(path.relative_to(root)) for path in (root / prefix).rglob("*.py")}
        assert modules <= names


def test_the_wheel_carries_what_the_browser_loads_and_its_types(names: set[str]) -> None:
    scripts = {name for name in names if name.endswith(".js")}
    assert {name.split("/")[-1] for name in scripts} == SCRIPTS
    assert {name.rsplit("/", 1)[0] for name in scripts} == {"reflex_voice_audio/_generated"}
    assert {"voice_loop/py.typed", "reflex_voice_audio/py.typed"} <= names


def test_no_test_no_cache_and_no_secret_is_in_it(names: set[str]) -> None:
    for name in names:
        assert not any(part in name for part in ("test_", "__pycache__", ".env", ".web", "stamp"))
        assert name.endswith((".py", ".js", ".typed", "METADATA", "WHEEL", "RECORD", "LICENSE"))


def test_the_metadata_says_what_it_is_and_what_it_needs(metadata: Message) -> None:
    assert metadata["Name"] == "voice-loop"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Summary"] and metadata["Keywords"]
    classifiers = metadata.get_all("Classifier") or []
    assert "Typing :: Typed" in classifiers
    assert any(each.startswith("Programming Language :: Python :: 3.11") for each in classifiers)
    assert set(metadata.get_all("Provides-Extra") or []) == {"local", "otel"}
    needs = " ".join(metadata.get_all("Requires-Dist") or [])
    for package in ("reflex", "openai", "websockets", "numpy", "python-dotenv"):
        assert package in needs
    assert "pscript" not in needs
    assert str(metadata.get_payload()).startswith("# Voice Loop")


def test_the_metadata_is_complete_for_who_looks_for_it(metadata: Message) -> None:
    for wanted in ("Author", "Summary", "Keywords", "License-Expression", "License-File"):
        assert metadata[wanted], wanted
    assert metadata["Description-Content-Type"] == "text/markdown"
    pairs = [entry.split(", ", 1) for entry in metadata.get_all("Project-URL") or []]
    links = dict(pairs)
    assert set(links) == {"Homepage", "Documentation", "Changelog", "Issues"}
    assert all(url.startswith("https://") for url in links.values())
    said = metadata.get_all("Classifier") or []
    assert set(said) <= set(classifiers), "an index refuses what is not on the list"
    assert len(said) == len(set(said))
    for wanted in ("Development Status", "Framework", "Intended Audience", "Topic", "Typing"):
        assert any(each.startswith(f"{wanted} ::") for each in said), wanted
    assert not any(each.startswith("License ::") for each in said), "the expression says it"
    newest = max(int(each.rsplit(".", 1)[1]) for each in said if " :: 3." in each)
    assert newest >= sys.version_info.minor


def test_the_source_distribution_holds_what_a_build_needs_and_no_tests(packages: Packages) -> None:
    with tarfile.open(packages.sdist) as archive:
        files = {member.name.split("/", 1)[1] for member in archive.getmembers()}
    for name in ("pyproject.toml", "LICENSE", "README.md", "custom_components/hatch_build.py"):
        assert name in files
    allowed = ("voice_loop/", "custom_components/")
    beside = {name for name in files if not name.startswith(allowed)}
    assert beside == {
        "pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "PKG-INFO", ".gitignore",
    }  # fmt: skip


CHECK = """
import pathlib, sys
import reflex_voice_audio, voice_loop, voice_loop.embed
site = pathlib.Path({site!r})
for module in (reflex_voice_audio, voice_loop, voice_loop.embed):
    assert site in pathlib.Path(module.__file__).parents, module.__file__
try:
    import pscript
except ImportError:
    pass
else:
    raise SystemExit("pscript is there")
voice = voice_loop.VoiceLoop(environ={{}})
import reflex as rx
app = rx.App()
voice.attach(app)
assert "voice-component" in str(voice.audio()._get_all_imports())
print("works")
"""


def test_installed_it_works_without_the_checkout_and_without_the_compiler(
    packages: Packages, tmp_path: object
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK.format(site=str(packages.site))],
        env=packages.environment | {"PATH": "/usr/bin:/bin"},
        cwd=str(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip().endswith("works"), done.stdout + done.stderr[-2000:]

"""The build: the same bytes each time, rebuilt when a source changed, whole files only."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from reflex_voice_audio import build as build_module
from reflex_voice_audio.build import (
    BUNDLES,
    GENERATED,
    BuildError,
    build,
    ensure_built,
    fingerprint,
)
from reflex_voice_audio.dialect import DialectError
from reflex_voice_audio.transpile import Bundle, bundle

from tests.component import v8

NAMES = {spec.output for spec in BUNDLES}
LARGEST_GZIPPED_BYTES = 18_200
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("built")
    build(target)
    return target


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The smallest project: a worklet and an entry."""
    folder = tmp_path / "browser"
    folder.mkdir()
    worklet = (
        "from .jsapi import registerProcessor\n"
        "from .shared import LIMIT\n"
        "registerProcessor('x', LIMIT)\n"
    )
    write(folder, "shared", "LIMIT: int = 5\n\n\ndef unused() -> int:\n    return LIMIT\n")
    write(folder, "audio_worklet", worklet)
    write(folder, "react_api", "def useRef(value):\n    return value\n")
    write(
        folder,
        "entry",
        "from .react_api import useRef\n\n\ndef VoiceAudio(props):\n    return useRef(props)\n",
    )
    return folder


def write(folder: Path, name: str, code: str) -> None:
    (folder / f"{name}.py").write_text(code, encoding="utf-8")


def problems_of(folder: Path, entry: str, *, is_worklet: bool) -> str:
    with pytest.raises(DialectError) as caught:
        bundle(folder, Bundle("x.js", entry, is_worklet))
    return str(caught.value)


def test_every_bundle_is_built_and_is_javascript(built: Path) -> None:
    assert {path.name for path in built.glob("*.js")} == NAMES
    for path in built.glob("*.js"):
        module = built / f"{path.stem}.mjs"
        shutil.copy(path, module)
        done = subprocess.run(
            [str(v8.NODE), "--check", str(module)], capture_output=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr.decode()


def test_the_built_files_stay_small(built: Path) -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in built.glob("*.js")}
    assert sum(sizes.values()) < LARGEST_GZIPPED_BYTES, sizes


def test_nothing_of_pscripts_imitation_of_python_is_shipped(built: Path) -> None:
    for path in built.glob("*.js"):
        library = set(re.findall(r"_py(?:func|meth)_\w+", path.read_text(encoding="utf-8")))
        assert library == set()


def test_a_worklet_reads_no_name_that_worklets_do_not_have(built: Path) -> None:
    code = (built / "audio-worklet.js").read_text(encoding="utf-8")
    assert not re.search(r"\b(document|performance|setTimeout|TextEncoder)\b", code)


def test_building_twice_gives_the_same_bytes_and_leaves_right_files_alone(
    built: Path, tmp_path: Path
) -> None:
    build(tmp_path)
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes()
    before = {name: (tmp_path / name).stat().st_ino for name in NAMES}
    build(tmp_path)
    assert {name: (tmp_path / name).stat().st_ino for name in NAMES} == before


def _build_into(folder: str) -> None:
    build(Path(folder))


def test_processes_that_build_at_once_leave_whole_files(built: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_build_into, args=(str(tmp_path),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=50)
        assert worker.exitcode == 0
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_changed_source_is_rebuilt_once(sources: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    assert ensure_built(target, sources) is True
    assert ensure_built(target, sources) is False
    write(sources, "shared", "LIMIT: int = 6\n")
    assert ensure_built(target, sources) is True
    assert "6" in (target / "audio-worklet.js").read_text(encoding="utf-8")
    assert ensure_built(target, sources) is False


def test_a_build_that_broke_off_is_repeated(sources: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    build(target, sources)
    (target / "stamp").unlink()
    assert ensure_built(target, sources) is True


def test_an_installed_wheel_is_never_rebuilt(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    build(target, sources)
    (target / "stamp").unlink()
    monkeypatch.setattr(build_module, "PACKAGE", tmp_path / "site-packages" / "x")
    assert ensure_built(target, sources) is False


def test_without_pscript_the_files_that_are_there_are_used(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    build(target, sources)
    (target / "stamp").write_text("old", encoding="utf-8")
    monkeypatch.setattr(build_module, "find_spec", lambda name: None)
    assert ensure_built(target, sources) is False
    (target / "voice-component.js").unlink()
    with pytest.raises(BuildError, match="pip install pscript"):
        ensure_built(target, sources)


def test_a_folder_that_cannot_be_written_is_left_or_named(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    build(target, sources)
    (target / "stamp").write_text("old", encoding="utf-8")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert ensure_built(target, sources) is False
    (target / "voice-component.js").unlink()
    with pytest.raises(BuildError, match="cannot be written"):
        ensure_built(target, sources)


def test_sources_that_cannot_be_translated_leave_the_files_as_they_were(
    sources: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    build(target, sources)
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    write(sources, "entry", "def VoiceAudio(props):\n    return props % 2\n")
    with pytest.raises(DialectError, match=r"entry\.py:2:12"):
        ensure_built(target, sources)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before


def test_the_fingerprint_changes_with_every_source(sources: Path) -> None:
    seen = {fingerprint(sources)}
    for path in sorted(sources.glob("*.py")):
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        seen.add(fingerprint(sources))
    assert len(seen) == 1 + len(list(sources.glob("*.py")))


def test_a_component_imports_react_and_exports_its_components(sources: Path) -> None:
    code = bundle(sources, BUNDLES[1])
    assert code.startswith('import{useRef}from"react";')
    assert code.endswith("export{VoiceAudio};\n")


def test_only_what_is_used_is_shipped(sources: Path) -> None:
    code = bundle(sources, BUNDLES[0])
    assert code == 'registerProcessor("x",5);\n'


BROKEN = [
    ("from .shared import NOTHING\nx = NOTHING\n", "shared has no NOTHING"),
    ("from .missing import x\nx()\n", "there is no module missing"),
    ("from .jsapi import document\ndocument()\n", "document does not exist in a worklet"),
    ("from .jsapi import whatever\nwhatever()\n", "whatever does not exist"),
    ("from .shared import LIMIT\n\ndef unused():\n    return 1\n", "bundles share one scope"),
    ("from .audio_worklet import x\n", "in a circle"),
    ("from .jsapi import registerProcessor\nregisterProcessor(nobody)\n", "nobody is neither"),
    ("x = 1 +\n", "not Python"),
]


@pytest.mark.parametrize(("code", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_names_that_cannot_be_found_are_named(sources: Path, code: str, message: str) -> None:
    write(sources, "audio_worklet", code)
    assert message in problems_of(sources, "audio_worklet.py", is_worklet=True)


def test_what_would_need_pythons_library_is_refused(sources: Path) -> None:
    code = (
        "from .jsapi import registerProcessor\n\n\ndef f():\n    return 1\n\n\n"
        "registerProcessor(f() + f())\n"
    )
    write(sources, "audio_worklet", code)
    message = problems_of(sources, "audio_worklet.py", is_worklet=True)
    assert "imitation of Python (op_add)" in message


def test_attributes_are_shortened_only_where_every_use_is_known(tmp_path: Path) -> None:
    write(
        tmp_path,
        "names_worklet",
        "from .jsapi import JSON\n\n\nclass Inner:\n"
        "    def __init__(self):\n        self.hidden_total = 3\n        self.shown = 4\n"
        "    def twice(self):\n        return self.hidden_total * 2\n\n"
        "class Outer:\n"
        "    def __init__(self):\n        self.inner = Inner()\n"
        "    def read(self, message):\n"
        "        return [self.inner.twice(), self.inner.shown, message.shown, message.kind]\n\n"
        'def main():\n    return Outer().read(JSON.parse(\'{"shown": 7, "kind": 8}\'))\n',
    )
    assert v8.run(tmp_path, "names_worklet.py") == [6, 4, 7, 8]
    from reflex_voice_audio.transpile import translate

    code = translate(tmp_path, "names_worklet.py", is_worklet=True, keep=frozenset({"main"})).code
    assert "hidden_total" not in code
    assert code.count("shown") >= 3


def test_reflex_serves_the_files_under_urls_with_a_hash(tmp_path: Path) -> None:
    script = (
        "from reflex_voice_audio import _generated as g;"
        "print(g.AUDIO_WORKLET); print(g.COMPONENT.importable_path)"
    )
    path = f"{ROOT}{os.pathsep}{ROOT / 'custom_components'}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "REFLEX_TELEMETRY_ENABLED": "false"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    worklet, component = done.stdout.split()[-2:]
    folder = "/external/reflex_voice_audio/_generated"
    assert re.fullmatch(rf"{folder}/audio-worklet\.js\?v=\w+", worklet)
    assert component.endswith(f"{folder}/voice-component.js")
    linked = tmp_path / "assets" / "external" / "reflex_voice_audio" / "_generated"
    assert (linked / "audio-worklet.js").read_bytes() == (
        GENERATED / "audio-worklet.js"
    ).read_bytes()


def test_the_wheels_build_hook_builds_without_reflex(tmp_path: Path) -> None:
    copied = tmp_path / "custom_components"
    shutil.copytree(
        ROOT / "custom_components",
        copied,
        ignore=shutil.ignore_patterns("*.js", "stamp", "__pycache__"),
    )
    script = (
        "import sys; sys.modules['reflex'] = None\n"
        f"sys.path.insert(0, {str(copied)!r})\n"
        "from hatch_build import BrowserBuildHook\n"
        "sys.path.pop(0)\n"
        f"hook = BrowserBuildHook({str(tmp_path)!r}, {{}}, None, None, '', 'wheel')\n"
        "hook.initialize('standard', {})\n"
        "assert 'reflex_voice_audio' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    made = copied / "reflex_voice_audio" / "_generated"
    assert {path.name for path in made.glob("*.js")} == NAMES


def test_building_by_hand_says_what_came_out(capsys: pytest.CaptureFixture[str]) -> None:
    build_module.main()
    shown = capsys.readouterr().out
    assert all(f"{name}: " in shown for name in NAMES)

"""The packages as people get them: built as `python -m build` does, installed away from here."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore")
BUILD_TIMEOUT_S = 120
WITHOUT = """\
import sys
sys.modules["pscript"] = None
sys.path[:] = [entry for entry in sys.path if not entry.startswith({root!r})]
"""


def build(folder: Path) -> tuple[Path, Path]:
    """The source distribution, and the wheel that is made of nothing but that."""
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in SOURCES:
        shutil.copy(ROOT / name, checkout)
    left_out = shutil.ignore_patterns("__pycache__", "*.js", "stamp")
    for package in ("voice_loop", "custom_components"):
        shutil.copytree(ROOT / package, checkout / package, ignore=left_out)
    _hatch(checkout, "sdist", folder)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        # The argument of this name came with Python 3.11.4.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    _hatch(unpacked, "wheel", folder)
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def _hatch(source: Path, target: str, folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    done = subprocess.run(
        command, cwd=source, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def install(wheel: Path, folder: Path) -> Path:
    """`wheel` alone in a folder of its own, which nobody may write."""
    site = folder / "site-packages"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    done = subprocess.run(
        [*command, "--target", str(site), str(wheel)],
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for path in [site, *site.rglob("*")]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    return site


def environment(site: Path, folder: Path) -> dict[str, str]:
    """Variables of a process that has the installed packages, not this checkout and not what only
    a build needs."""
    start = folder / "start"
    start.mkdir(exist_ok=True)
    text = WITHOUT.format(root=str(ROOT) + "/")
    text += f"sys.path[:] = [entry for entry in sys.path if entry != {str(ROOT)!r}]\n"
    # The interpreter's packages lie in the checkout too; they are what the app depends on.
    text += f"sys.path += {[entry for entry in sys.path if 'site-packages' in entry]!r}\n"
    (start / "sitecustomize.py").write_text(text, encoding="utf-8")
    return {
        "PYTHONPATH": f"{site}:{start}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "REFLEX_USE_NPM": "1",
    }


def writable(site: Path) -> None:
    """Give back the right to remove it."""
    for path in [site, *site.rglob("*")]:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)

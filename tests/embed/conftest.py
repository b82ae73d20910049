"""The packages, built and installed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.embed.packaging import build, environment, install, writable


@dataclass(frozen=True)
class Packages:
    """What a release is."""

    sdist: Path
    wheel: Path
    site: Path
    environment: dict[str, str]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packages]:
    """The sdist, the wheel, and where the wheel is installed."""
    folder = tmp_path_factory.mktemp("packages")
    sdist, wheel = build(folder)
    site = install(wheel, folder)
    yield Packages(sdist, wheel, site, environment(site, folder))
    writable(site)

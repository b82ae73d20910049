"""One build and one server for all browser tests; a fresh Chromium with its own microphone each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.hosting import Hosting, hosting
from tests.browser.served_app import SHARED_BUILD, ServedApp, serve
from tests.browser.visitor import Visitor
from tests.browser_support import launch_chromium
from tests.speaker_tap import install_tap
from tests.speech import Samples, write_wav

Arrive = Callable[..., Visitor]


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """The app in production mode with the offline assistant."""
    folder = tmp_path_factory.mktemp("app")
    with serve(folder / "app.log", SHARED_BUILD) as served:
        yield served
    assert "Traceback" not in served.log_text(), served.log_text()[-6000:]


@pytest.fixture(scope="session")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    """What `reflex export` made, unpacked; an environment for it; its page served."""
    with hosting(tmp_path_factory.mktemp("hosting")) as made:
        yield made


@pytest.fixture
def arrive(playwright: Playwright, tmp_path: Path) -> Iterator[Arrive]:
    """`arrive(url, microphone=samples, **context_options)` opens a page in a new browser."""
    browsers: list[Browser] = []

    def open_page(
        url: str,
        *,
        microphone: Samples | None = None,
        device: bool = True,
        extra: tuple[str, ...] = (),
        voice_path: str = "/voice",
        alive: str | None = None,
        **options: object,
    ) -> Visitor:
        wav = None
        if microphone is not None:
            wav = write_wav(tmp_path / f"microphone{len(browsers)}.wav", microphone)
        browser = launch_chromium(playwright, microphone=wav, device=device, extra=extra)
        browsers.append(browser)
        context = browser.new_context(**options)  # type: ignore[arg-type]  # handed on as they are
        install_tap(context)
        visitor = Visitor(context.new_page(), voice_path=voice_path)
        visitor.visit(url, alive)
        return visitor

    yield open_page
    for browser in browsers:
        browser.close()

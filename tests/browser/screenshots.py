"""Writes the pictures of the user guide: `python -m tests.browser.screenshots`.

The app is served and spoken to as the browser tests do it, with the offline assistant; nothing is
posed. `docs/images/` holds what it wrote last.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Playwright, expect, sync_playwright

from tests.browser.served_app import ROOT, serve
from tests.browser.visitor import Visitor
from tests.browser_support import launch_chromium
from tests.speech import conversation, write_wav

IMAGES = ROOT / "docs" / "images"
DESK, PHONE = (1280, 800), (390, 844)
TALK = conversation(
    ("Hello there.", 1.5),
    ("What is seventeen plus twenty five?", 9.0),
    ("Tell me a story.", 17.0),
    length_s=90,
)


def settled(page: Page) -> None:
    """Nothing changes its colour any more."""
    page.wait_for_function("!document.getAnimations().some(a => a instanceof CSSTransition)")


def speaking(visitor: Visitor) -> None:
    """In the middle of a story, after two turns."""
    visitor.start_talking()
    visitor.wait_for_answers(2)
    expect(visitor.page.locator("[data-live]")).to_contain_text("little voice", timeout=60_000)


def interrupted(visitor: Visitor) -> None:
    """The story was cut."""
    speaking(visitor)
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_role("log").get_by_text("cut", exact=True)).to_be_visible()


def settings(visitor: Visitor) -> None:
    """The panel, with the names of the devices."""
    visitor.start_talking()
    visitor.page.get_by_role("button", name="Settings", exact=True).click()
    expect(visitor.page.get_by_role("region", name="Settings")).to_be_visible()


def held(visitor: Visitor) -> None:
    """Push-to-talk, with the button down."""
    page = visitor.page
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_role("switch", name="Hold to talk").check()
    page.keyboard.press("Escape")
    page.locator("[data-voice=press]").focus()
    page.keyboard.down("Space")
    visitor.wait_for_status("user_speaking")


def blocked(visitor: Visitor) -> None:
    """The microphone is denied."""
    visitor.click_talk()
    expect(visitor.page.get_by_role("alert")).to_be_visible()


PICTURES: dict[str, tuple[str, tuple[int, int], Callable[[Visitor], None]]] = {
    "page-light": ("light", DESK, speaking),
    "page-dark": ("dark", DESK, speaking),
    "interrupted": ("light", DESK, interrupted),
    "settings": ("light", DESK, settings),
    "hold-to-talk": ("light", DESK, held),
    "phone": ("light", PHONE, speaking),
    "blocked": ("light", DESK, blocked),
}


def take(playwright: Playwright, url: str, wav: Path, name: str) -> None:
    """One picture."""
    scheme, (width, height), pose = PICTURES[name]
    denied = pose is blocked
    browser = launch_chromium(
        playwright,
        microphone=None if denied else wav,
        extra=("--deny-permission-prompts",) if denied else (),
    )
    try:
        context = browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width, "height": height},
            device_scale_factor=2 if width < 500 else 1,
        )
        visitor = Visitor(context.new_page())
        visitor.visit(url)
        visitor.page.locator("[data-voice-provider]").wait_for()
        pose(visitor)
        settled(visitor.page)
        visitor.page.screenshot(path=IMAGES / f"{name}.png")
    finally:
        browser.close()


def main() -> None:
    """All of them."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        wav = write_wav(folder / "microphone.wav", TALK)
        with serve(folder / "app.log", {}) as app:
            for picture in PICTURES:
                take(playwright, app.url, wav, picture)


if __name__ == "__main__":
    main()

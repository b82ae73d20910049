"""What axe-core finds on a page: WCAG 2.2 up to AA, and its best practices."""

from __future__ import annotations

from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES: Final = [
    "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice",
]  # fmt: skip


def found_by_axe(page: Page, within: str | None = None) -> list[str]:
    """One line for each rule that is broken; `within` is a selector."""
    options: dict[str, Any] = {"runOnly": RULES, "resultTypes": ["violations"]}
    response = Axe().run(page, context=within, options=options).response
    assert response["passes"], "axe looked at nothing"
    return [
        f"{broken['id']}: {node['target']} {node['failureSummary']}"
        for broken in response["violations"]
        for node in broken["nodes"]
    ]


def assert_accessible(page: Page, within: str | None = None) -> None:
    """Nothing at all; judged when no colour changes any more."""
    page.wait_for_function("!document.getAnimations().some(a => a instanceof CSSTransition)")
    assert found_by_axe(page, within) == []

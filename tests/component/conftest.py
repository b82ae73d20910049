"""A page with one mounted voice component."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.component.driver import Component
from tests.component.fake_page import Page, browser


@pytest.fixture
def page() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture
def component(page: Page) -> Component:
    return Component(page)

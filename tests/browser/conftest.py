"""A real browser: Debian's Chromium, driven by Playwright. Where it is not installed these tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not CHROMIUM.exists():
            item.add_marker(pytest.mark.skip(reason=f"needs {CHROMIUM}: apt-get install chromium"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser. No longer than a module: while it runs, this thread has an event loop."""
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # The ORM is only used between the browser's steps, whatever Django thinks of the loop.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console complained of, and what it asked other hosts for."""
    return []


@pytest.fixture
def page(chromium, live_server, complaints) -> Iterator[Any]:
    """An empty tab of somebody who is not signed in."""
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda asked: None if is_ours(asked.url, live_server.url) else complaints.append(asked.url))
    yield tab
    context.close()


def is_ours(address: str, server: str) -> bool:
    return address.startswith((server, "data:", "blob:"))

"""What tests of pages share: a browser for each file; for the console also a demo, and tabs that must not complain."""

from collections.abc import Generator

import pytest
from playwright.sync_api import Browser
from tests.e2e.browsing import Demo, Tabs, chromium, demo
from tests.e2e.console_browsing import ConsoleTabs


@pytest.fixture(scope="module")
def running() -> Generator[Demo]:
    with demo() as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def console(running: Demo, browser: Browser) -> Generator[ConsoleTabs]:
    tabs = Tabs(browser, str(running.http.base_url).rstrip("/"))
    made = ConsoleTabs(running, tabs)
    yield made
    tabs.close()
    assert made.complaints() == []

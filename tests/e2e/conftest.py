"""What tests of pages share: one demo, one browser, and tabs that must not complain."""

from collections.abc import Generator

import pytest
from playwright.sync_api import Browser
from tests.e2e.browsing import Demo, Tabs, chromium, started_demo
from tests.e2e.collector import collector
from tests.e2e.console_browsing import ConsoleTabs
from tests.e2e.leaks import leaks


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with tests of pages come last: once Playwright has started, its loop stays in their thread."""
    with_browser = {item.path for item in items if "browser" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path in with_browser, "browser" in getattr(item, "fixturenames", ())))


@pytest.fixture(scope="session")
def only_demo() -> Generator[Demo]:
    with collector() as (address, traces), started_demo({"CALLMARK_OTLP_ENDPOINT": address}) as started:
        yield started
        assert leaks(started.data, traces) == []  # of all that the tests on it made it write


@pytest.fixture(scope="module")
def demo(only_demo: Demo) -> Demo:
    """The one demo, reset: its clock, its handsets and what happened are as at the start, its accounts stay.

    So a test changes only what is its own in an account: a name that nobody else uses, a receiver of its own.
    """
    only_demo.reset()
    return only_demo


@pytest.fixture(scope="session")
def browser(only_demo: Demo) -> Generator[Browser]:
    """The one browser. Where a demo ends, a loop of its own runs, which Playwright's does not let run beside it."""
    with chromium() as started:
        yield started


@pytest.fixture
def tabs(demo: Demo, browser: Browser) -> Generator[Tabs]:
    """Tabs that must leave nothing on the browser's console."""
    opened = Tabs(browser, str(demo.http.base_url))
    yield opened
    opened.close()
    assert opened.complaints == []


@pytest.fixture
def console(demo: Demo, browser: Browser) -> Generator[ConsoleTabs]:
    tabs = Tabs(browser, str(demo.http.base_url).rstrip("/"))
    made = ConsoleTabs(demo, tabs)
    yield made
    tabs.close()
    assert made.complaints() == []

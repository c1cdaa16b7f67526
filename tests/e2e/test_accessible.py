"""The demo's pages outside the console by axe-core's rules, and on a phone."""

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.browsing import Demo, Tabs
from tests.e2e.console_browsing import judge

PAGES = {
    "/": "main",
    "/emulator": "[data-handsets] tr",
    "/emulator/handsets": "[data-device][data-status=online]",
    "/emulator/handsets/919900000004": "[data-device][data-status=online]",
    "/emulator/mails": "main",
    "/emulator/client": "main",
    "/docs": ".opblock",
    "/docs/handset": ".opblock",
    "/docs/emulator": ".opblock",
    "/docs/errors": "main",
    "/docs/errors/invalid-input": "table",
}
"""Each page with what is there once it has drawn itself."""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_on_a_page_of_the_demo(browser: Browser, demo: Demo, path: str, *, dark: bool) -> None:
    tabs = Tabs(browser, str(demo.http.base_url))
    try:
        page = tabs.open(path, width=1280, dark=dark)
        expect(page.locator(PAGES[path]).first).to_be_visible(timeout=20_000)
        judge(page)
        page.set_viewport_size({"width": 390, "height": 844})
        judge(page)
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    finally:
        tabs.close()

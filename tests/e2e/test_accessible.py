"""The demo's pages outside the console by axe-core's rules, and on a phone."""

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.browsing import Demo, Tabs
from tests.e2e.console_browsing import PHONE, ConsoleTabs, check_page

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


_COLOURS = "() => [document.documentElement, document.body].map(one => getComputedStyle(one).backgroundColor).join()"


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_on_a_page_of_the_demo(browser: Browser, demo: Demo, path: str) -> None:
    tabs = Tabs(browser, str(demo.http.base_url))
    try:
        page = tabs.open(path, width=1280, dark=True)
        expect(page.locator(PAGES[path]).first).to_be_visible()
        if path == "/docs":
            open_an_operation(page)
        check_page(page)
        dark = page.evaluate(_COLOURS)
        page.set_viewport_size({"width": PHONE, "height": 844})
        page.emulate_media(color_scheme="light")  # an open page follows the system
        page.wait_for_function(f"dark => ({_COLOURS})() !== dark", arg=dark)
        check_page(page)
    finally:
        tabs.close()


def open_an_operation(page: Page) -> None:
    """An opened operation shows what its references name."""
    push = page.locator("[id$=pushRecordV1]")
    push.locator(".opblock-summary-control").click()
    expect(push.get_by_placeholder("clientAccountId")).not_to_have_value("")
    expect(push.get_by_placeholder("Idempotency-Key")).to_have_value("")
    push.locator(".responses-table").get_by_text("Schema").first.click()
    expect(push.locator(".responses-table .response").first).to_contain_text("UploadedOut")
    expect(push).not_to_contain_text("$ref")


def test_what_is_chosen_can_be_seen_in_a_contrast_theme(console: ConsoleTabs) -> None:
    page = console.signed_in()
    page.emulate_media(forced_colors="active")

    def looks(css: str) -> set[bytes]:
        return {one.screenshot() for one in page.locator(css).all()}

    page.goto("/console/webhooks/new")
    page.get_by_label("User Feedback").uncheck()
    page.get_by_label("Possible spoof").uncheck()
    page.get_by_label("Stop on 410").uncheck()
    page.get_by_label("Honour Retry-After").check()
    page.get_by_label("Name").focus()
    page.mouse.move(0, 0)
    assert len(looks("[name=event_types]")) == 2
    assert len(looks("[role=switch]")) == 2
    page.locator("main").evaluate(
        "one => one.innerHTML = [1, 9].map(done => `<progress class=progress max=10 value=${done}></progress>`)"
    )
    assert len(looks("progress")) == 2
    page.goto("/console/labels/new?type=dynamic")
    assert len(looks("[type=radio]")) == 2
    page.goto("/console/callbacks")
    tabs = page.get_by_role("navigation", name="Views").get_by_role("link")
    lines = tabs.evaluate_all("found => found.map(one => getComputedStyle(one).textDecorationLine)")
    assert lines == ["underline", *["none"] * (len(lines) - 1)]


def test_a_credential_that_is_sent_before_the_script_is_there_stays_out_of_the_address(
    browser: Browser, demo: Demo
) -> None:
    context = browser.new_context(base_url=str(demo.http.base_url), java_script_enabled=False)
    page = context.new_page()
    page.goto("/emulator/client")
    before = page.url
    page.get_by_label("App credential").fill("cmapp_secret")
    page.get_by_label("Number").fill("919900000001")
    page.get_by_role("button", name="Register and connect").click()
    expect(page.get_by_label("App credential")).to_have_value("cmapp_secret")
    assert page.url == before
    context.close()

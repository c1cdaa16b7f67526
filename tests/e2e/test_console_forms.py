"""Forms of the console on their way to the server."""

from typing import Any

from playwright.sync_api import Route, expect
from tests.e2e.browsing import stop_time
from tests.e2e.console_browsing import ConsoleTabs


def test_a_form_that_was_stopped_on_its_way_is_sent_again_without_a_reload(console: ConsoleTabs) -> None:
    page, sent = console.signed_in("admin", account=1), list[str]()
    stop_time(page)
    page.goto("/console/keys/new")
    browser: Any = page.context.new_cdp_session(page)

    def hold(route: Route) -> None:
        sent.append(route.request.post_data or "")

    page.route("**/console/keys/new", hold)
    name, button = page.get_by_label("Key Name"), page.get_by_role("button", name="Generate")

    def press_twice_and_stop() -> None:
        """By a script, because Playwright waits before a click until nothing is loaded."""
        with page.expect_request(lambda request: request.method == "POST"):
            button.evaluate("one => { one.click(); one.click(); }")
        browser.send("Page.stopLoading")

    name.fill("first")
    press_twice_and_stop()
    expect(button).to_have_attribute("aria-disabled", "true")
    name.fill("second")
    expect(button).not_to_have_attribute("aria-disabled", "true")
    press_twice_and_stop()
    page.clock.run_for(10_000)
    expect(button).not_to_have_attribute("aria-disabled", "true")
    press_twice_and_stop()
    assert ["second" in one for one in sent] == [False, True, True]

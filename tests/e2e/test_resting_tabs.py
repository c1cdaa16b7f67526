"""Tabs that rest between tests: what one test leaves in a tab does not reach the next."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.browsing import Tabs, stop_time
from tests.e2e.resting_tabs import devtools

PATH = "/console/sign-in"
_SEEN = """async () => (await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn))), {
  cookies: document.cookie,
  kept: [localStorage.length, sessionStorage.length, window.name, history.length, history.state],
  left: Object.keys(window).filter(one => one.startsWith("left")),
  looks: ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)", "(forced-colors: active)", "print",
    "(prefers-contrast: more)"].filter(one => matchMedia(one).matches),
  size: [innerWidth, innerHeight, scrollY],
  permission: (await navigator.permissions.query({ name: "clipboard-read" })).state,
  databases: (await indexedDB.databases()).length,
  hovered: document.querySelectorAll("input:hover").length,
  focused: document.activeElement.name,
})"""
"""What a page can see of the tab that it is in."""


def leave_all(page: Page, heard: list[str]) -> None:
    """Leaves something of each kind that a test may leave."""
    page.context.add_cookies([{"name": "left", "value": "1", "url": page.url}])
    page.evaluate("""() => {
      document.cookie = "also=left";
      localStorage.left = sessionStorage.left = window.name = window.left = "left";
      for (const step of [1, 2, 3]) history.pushState({ step }, "", `?left=${step}`);
      addEventListener("pagehide", () => console.error("left"));
    }""")
    page.get_by_label("Password").hover()
    page.set_viewport_size({"width": 500, "height": 300})
    page.emulate_media(
        media="print", color_scheme="dark", reduced_motion="no-preference", forced_colors="active", contrast="more"
    )
    page.context.grant_permissions(["clipboard-read"])
    page.route("**/*", lambda route: route.fulfill(body="<title>left</title>"))
    page.on("request", lambda request: heard.append(request.url))
    page.get_by_label("Email").focus()
    with devtools(page) as session:
        session.send("Emulation.setScriptExecutionDisabled", {"value": True})


def names(page: Page) -> set[str | None]:
    """Of the tab's cookies."""
    return {cookie.get("name") for cookie in page.context.cookies()}


def test_nothing_of_one_test_reaches_the_next_in_its_tab(tabs: Tabs) -> None:
    first, heard = tabs.open(PATH), list[str]()
    seen, had = first.evaluate(_SEEN), names(first)
    leave_all(first, heard)
    tabs.close()
    then = len(heard)
    other = Tabs(tabs.browser, tabs.base_url)
    page = other.open(PATH)
    assert page is first
    assert page.evaluate(_SEEN) == seen
    assert seen["looks"] == ["(prefers-reduced-motion: reduce)"]
    assert names(page) == had
    expect(page).not_to_have_title("left")
    assert heard[then:] == []
    page.evaluate("console.error('of the next')")
    other.close()
    assert (tabs.complaints, other.complaints) == ([], ["error: of the next"])


def test_a_tab_with_what_only_its_end_takes_back_is_closed(tabs: Tabs) -> None:
    """By an example of each kind that is noticed; of the methods of pages and contexts every other is (`_PAGE`)."""
    spends: dict[str, Callable[[Page], Any]] = {
        "clock": stop_time,
        "listener that is heard once": lambda page: page.once("dialog", lambda dialog: dialog.accept()),
        "offline": lambda page: page.context.set_offline(True),
        "another page": lambda page: page.context.new_page(),
        "key": lambda page: page.keyboard.down("Shift"),
        "another origin": lambda page: page.goto("data:text/html,left"),
        "origin before": lambda page: (page.goto("data:text/html,left"), page.goto(PATH)),
        "closed": lambda page: page.close(),
    }
    for name, spend in spends.items():
        page = tabs.open("/healthz")
        spend(page)
        tabs.close()
        assert page.is_closed(), name


def test_a_fault_of_a_page_at_the_end_of_a_test_is_heard(tabs: Tabs) -> None:
    page = tabs.open(PATH)
    page.evaluate("setTimeout(() => { throw new Error('late') })")
    tabs.close()
    assert tabs.complaints == ["error: late"]
    tabs.complaints.clear()


@pytest.mark.parametrize("path", [PATH, "/emulator"])
def test_what_was_on_its_way_when_a_test_ended_is_nobodys_complaint(tabs: Tabs, path: str) -> None:
    page = tabs.open(path)
    page.evaluate("setInterval(() => { console.error('left'); fetch('/nothing'); }, 1)")
    page.wait_for_event("console")
    tabs.close()
    heard = len(tabs.complaints)
    other = Tabs(tabs.browser, tabs.base_url)
    other.open(path)  # the same tab, or a new one where such a page could not be left in time
    other.close()
    assert (len(tabs.complaints), other.complaints) == (heard, [])
    tabs.complaints.clear()

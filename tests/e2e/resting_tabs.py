"""Tabs that rest between tests: a tab that has shown pages of ours shows the next ones at half the cost of a new tab.

It has their scripts and style sheets, which a tab of a new context gets, parses and compiles again. A tab rests if what
its test did to it can be taken back, and if nothing else was asked of it: see `_PAGE` and `_CONTEXT`.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from msgspec import Struct, field
from playwright.sync_api import Browser, BrowserContext, Error, Page
from tests.e2e.axe_core import at_hand

Complain = Callable[[str, str], None]
_MAY_REST = 4
_LATENCY_MS = float(os.environ.get("PAGES_LATENCY_MS", "0"))
"""How late each answer reaches a page. To look for tests that pass only because the platform is near."""
_PRESSED_LATER = """{
  const rule = new CSSStyleSheet();
  rule.replaceSync("html::before { content: ''; position: fixed; inset: 0; z-index: 2147483647 }");
  document.adoptedStyleSheets = [rule];
  addEventListener("DOMContentLoaded", () => { document.adoptedStyleSheets = []; });
}"""
"""A test presses nothing before the scripts of a page have run: nobody is as quick. What lies over the page meanwhile
is no style that others inherit, which would have all of them computed again.
"""
_FORGET = "() => { localStorage.clear(); sessionStorage.clear(); window.name = ''; }"
_SAY_ALL = "() => new Promise(said => setTimeout(said))"
"""What the browser says of the page before the answer is heard before it."""
_PAGE = """bring_to_front check click close content dblclick dispatch_event emulate_media evaluate evaluate_handle
    expect_console_message expect_download expect_event expect_file_chooser expect_navigation
    expect_request expect_request_finished expect_response fill focus get_attribute get_by_alt_text
    get_by_label get_by_placeholder get_by_role get_by_test_id get_by_text get_by_title go_back
    go_forward goto hover inner_html inner_text input_value is_checked is_closed is_disabled is_editable
    is_enabled is_hidden is_visible locator on press reload remove_listener route screenshot
    select_option set_checked set_input_files set_viewport_size text_content title uncheck unroute
    unroute_all wait_for_event wait_for_function wait_for_load_state wait_for_selector wait_for_timeout
    wait_for_url"""
_CONTEXT = """add_cookies clear_cookies clear_permissions close cookies expect_event expect_page grant_permissions
    is_closed new_page remove_listener storage_state wait_for_event"""
"""Methods whose effect a reset takes back, or a tab's next page ends. A tab whose test calls another never rests."""


class Tab(Struct):
    """A tab of a context of its own, and what its test did to it."""

    page: Page
    base_url: str
    complain: Complain
    listeners: list[tuple[Any, Any]] = field(default_factory=list[tuple[Any, Any]])
    is_spent: bool = False


_resting: list[Tab] = []


def opened(browser: Browser, base_url: str, complain: Complain) -> Tab:
    """The tab that has rested last, or a new one. It is empty, has no cookies, and is not on any page."""
    base_url = base_url.rstrip("/")
    for tab in reversed(_resting):
        if (tab.page.context.browser, tab.base_url) == (browser, base_url) and not tab.page.is_closed():
            _resting.remove(tab)
            tab.complain = complain
            return tab
    context = browser.new_context(base_url=base_url)
    context.add_init_script(_PRESSED_LATER)
    context.add_init_script(at_hand())
    tab = Tab(context.new_page(), base_url, complain)
    if _LATENCY_MS:
        _hear_late(tab.page)
    tab.page.on("console", lambda message: tab.complain(message.type, message.text))
    tab.page.on("pageerror", lambda error: tab.complain("error", str(error)))
    _watch(tab)
    return tab


def looks(page: Page, *, width: int, dark: bool) -> None:
    """Gives the tab this width and theme, whatever it had."""
    scheme: Literal["dark", "light"] = "dark" if dark else "light"
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(
        media="null", color_scheme=scheme, reduced_motion="reduce", forced_colors="null", contrast="null"
    )


def is_resting(context: BrowserContext) -> bool:
    """Whether a tab of this context rests."""
    return any(tab.page.context == context for tab in _resting)


def rest(tab: Tab) -> None:
    """Takes back what a test did to the tab, so that the next may take it; closes it if that is not sure."""
    with suppress(Error):
        tab.page.evaluate("0" if tab.is_spent else _SAY_ALL)  # a clock that was stopped lets no time pass
    tab.complain = _say_nothing
    leaves: Tab | None = tab
    with suppress(Error):
        if _can_rest(tab):
            _reset(tab)
            _resting.append(tab)
            leaves = _resting.pop(0) if len(_resting) > _MAY_REST else None
    if leaves:
        with suppress(Error):
            leaves.page.context.close()


@contextmanager
def devtools(page: Page) -> Generator[Any]:
    """The browser's own protocol for the tab. What it turned on ends with the block, so the tab may rest."""
    session = BrowserContext.new_cdp_session(page.context, page)
    try:
        yield session
    finally:
        session.detach()


def _hear_late(page: Page) -> None:
    session: Any = BrowserContext.new_cdp_session(page.context, page)  # stays: what it asks for would end with it
    session.send("Network.enable")
    late = {"offline": False, "latency": _LATENCY_MS, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.emulateNetworkConditions", late)


def _can_rest(tab: Tab) -> bool:
    page = tab.page
    return (
        not tab.is_spent
        and not page.is_closed()
        and page.context.pages == [page]
        and page.url.startswith(f"{tab.base_url}/")
    )


def _reset(tab: Tab) -> None:
    page, context = tab.page, tab.page.context
    with page.expect_navigation(url="about:blank"):
        page.evaluate("location.replace('about:blank')")  # so it stays in its process, and of our origin
    page.evaluate(_FORGET)
    page.mouse.move(0, 0)
    page.unroute_all(behavior="ignoreErrors")
    for event, listener in tab.listeners:
        page.remove_listener(event, listener)
    tab.listeners.clear()
    with devtools(page) as session:
        session.send("Page.resetNavigationHistory")
    context.clear_permissions()
    context.clear_cookies()


def _watch(tab: Tab) -> None:
    """Notes what the test asks of the tab, that a reset does not take back."""
    page = tab.page
    for kind, of, kept in ((Page, page, _PAGE), (BrowserContext, page.context, _CONTEXT)):
        for name in dir(kind):
            if not name.startswith("_") and name not in kept.split() and callable(getattr(kind, name)):
                _note(tab, of, name)
    for name in ("fast_forward", "install", "pause_at", "resume", "run_for", "set_fixed_time", "set_system_time"):
        _note(tab, page.clock, name)
    for of in (page.keyboard, page.mouse):
        _note(tab, of, "down")
    listen = page.on

    def on(event: Any, listener: Any) -> None:
        tab.listeners.append((event, listener))
        listen(event, listener)

    def navigated(frame: Any) -> None:
        if frame == page.main_frame and not frame.url.startswith((f"{tab.base_url}/", "about:blank")):
            tab.is_spent = True

    listen("framenavigated", navigated)
    setattr(page, "on", on)  # noqa: B010 - of other types than Playwright's overloads


def _note(tab: Tab, of: Any, name: str) -> None:
    method = getattr(of, name)

    def noted(*args: Any, **options: Any) -> Any:
        tab.is_spent = True
        return method(*args, **options)

    setattr(of, name, noted)


def _say_nothing(_kind: str, _text: str) -> None:
    """Of a tab that no test has."""

"""The console in Debian's Chromium: signed-in pages, each looked at for complaints, accessibility and width."""

import re
from collections.abc import Callable, Generator
from typing import Any

from msgspec import Struct
from playwright.sync_api import Locator, Page, ViewportSize, expect
from tests.e2e.browsing import Demo, Tabs
from tests.e2e.judging import COLOURS, RULES, judge
from tests.e2e.serving import until

PHONE = 390
WINDOW: ViewportSize = {"width": 1280, "height": 900}
_REFUSED = re.compile(r"status of 4\d\d \(")
_THEME = """() => document.documentElement.dataset.bsTheme
  ?? (document.documentElement.classList.contains("dark-mode") ? "dark" : "light")"""
"""The pages of `/docs` say it by a class."""
_LOOKS = """() => [...new Set([...document.querySelectorAll("*")].map(
  one => one.tagName + [...one.attributes].filter(a => !["id", "href", "src", "action", "value"].includes(a.name)
    && !a.name.startsWith("data-")).map(a => a.name + (["class", "role", "type"].includes(a.name) ? a.value : ""))))]
  .sort().join(" ").replace("classdark-mode", "class")"""
_judged: dict[str, set[str]] = {}
"""The themes in which pages of these elements were judged."""
_sessions: dict[tuple[str, str], Any] = {}
"""Cookies of who has signed in, by demo and email: most tests are not about signing in."""


class ConsoleTabs(Struct):
    """Tabs of a demo's console."""

    demo: Demo
    tabs: Tabs

    def signed_in(
        self,
        role: str = "admin",
        path: str = "/console",
        *,
        account: int = 0,
        width: int = 1280,
        before: Callable[[Page], None] | None = None,
        **options: Any,
    ) -> Page:
        """A tab on `path`, signed in as the account's first member of that role, or as the `operator`.

        `before`: what is done to the tab before it loads `path`, and after it has signed in where it must.
        """
        who = self.member(role, account)
        key = self.tabs.base_url, who["email"]
        page = self.tabs.open(path, width=width, cookies=_sessions.get(key, ()), **options)
        signs_in = "/console/sign-in" in page.url  # the first time, or a test has ended the session
        if signs_in:
            sign_in(page, who["email"], who["password"])
            _sessions[key] = page.context.cookies()
        if before:
            before(page)
        if before or signs_in:
            page.goto(path)
        return page

    def pages(self, role: str, *paths: str, **options: Any) -> Generator[Page]:
        """A tab as `signed_in` opens it, on one of these pages after the other."""
        page = self.signed_in(role, paths[0], **options)
        yield page
        for path in paths[1:]:
            page.goto(path)
            yield page

    def complaints(self) -> list[str]:
        """What the browser complained of, apart from refusals, which it takes for failures to load."""
        return [one for one in self.tabs.complaints if not _REFUSED.search(one)]

    def member(self, role: str, account: int = 0) -> dict[str, Any]:
        """Email and password of the account's first member of that role, or of the `operator`."""
        made = self.demo.credentials
        if role == "operator":
            return made["operator"]
        return next(member for member in made["accounts"][account]["members"] if member["role"] == role)


def sign_in(page: Page, email: str, password: str) -> None:
    """Fills in the form of the sign-in page and waits for what follows."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/console(?!/sign-in$)"))


def follow(link: Locator) -> None:
    """Presses a link and waits for the page that it leads to: until then there is the page before."""
    leads_to = link.get_attribute("href")
    link.click()
    link.page.wait_for_url(f"**{leads_to}")


_SETTLED = """() => Promise.allSettled(document.getAnimations()
  .filter(one => one.effect.getComputedTiming().endTime !== Infinity).map(one => one.finished))"""
"""A colour on its way from one theme to the other is neither."""
_AT_REST = "() => !document.querySelector('[aria-busy=true]')"
"""What was pressed waits for its answer, paler than it will be."""
_SEEN = f"""async () => {{
  await ({_SETTLED})();
  const tables = [...document.querySelectorAll(".table-responsive:has(.cs-table)")];
  return [({_LOOKS})(), ({_THEME})(), document.documentElement.scrollWidth > innerWidth,
    tables.some(one => one.scrollWidth > one.clientWidth + 1)];
}}"""


def fits(page: Page) -> tuple[str, str]:
    """Asserts that nothing sticks out sideways. What the page consists of, and its theme."""
    expect(page.locator("main")).to_be_visible()
    page.wait_for_load_state()
    page.wait_for_function(_AT_REST)
    looks, theme, is_wide, is_cut = page.evaluate(_SEEN)
    assert not is_wide, f"{page.url} is wider than the screen"
    assert not is_cut, f"a table of {page.url} is wider than its card"
    return looks, theme


def check_page(page: Page) -> None:
    """Asserts what every page keeps: accessible by axe-core's rules, and nothing sticks out sideways.

    Pages of the same elements are judged by axe-core once, because that takes half a second, and in the other theme by
    the rules for colours alone.
    Complaints of the browser are collected: a fixture asserts `ConsoleTabs.complaints()` to be empty at a test's end.
    """
    looks, theme = fits(page)
    themes = _judged.setdefault(looks, set())
    if theme not in themes:
        judge(page, COLOURS if themes else RULES)
        themes.add(theme)


def looked_at(page: Page) -> None:
    """Checks the page at its own width and on a phone's."""
    check_page(page)
    size = page.viewport_size
    assert size
    page.set_viewport_size({"width": PHONE, "height": 844})
    check_page(page)
    page.set_viewport_size(size)


def turn(page: Page) -> None:
    """Makes a page of a window one of a phone, and one of a phone one of a window."""
    size = page.viewport_size
    assert size
    page.set_viewport_size(WINDOW if size["width"] == PHONE else {"width": PHONE, "height": 844})


def looked_at_in_both_themes(page: Page) -> None:
    """Checks the page as it is, then turned and in the other theme: an open page follows the system.

    It stays so: the next page is looked at in these first.
    """
    check_page(page)
    theme = page.evaluate(_THEME)
    turn(page)
    page.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    expect(page.locator("html")).not_to_have_attribute("data-bs-theme", theme)
    check_page(page)


def press_until_pushed(press: Callable[[], None], pushed: Locator) -> None:
    """Presses a button that pushes a record to a handset; again where a busy machine let the record's time go by."""
    late = pushed.page.get_by_text("Failed to push: the handset did not connect in time")

    def is_pushed() -> bool:
        press()
        expect(pushed.or_(late).first).to_be_visible()
        return pushed.is_visible()

    until(is_pushed)

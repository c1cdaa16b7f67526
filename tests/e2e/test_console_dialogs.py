"""Questions over a page, menus of rows and copy buttons, when something comes between."""

from playwright.sync_api import Page, Route, expect
from tests.e2e.console_browsing import ConsoleTabs, check_page


def press_delete(page: Page, row: int) -> str:
    """Presses Delete in the menu of a row; the name in the row."""
    line = page.locator("tbody tr").nth(row)
    line.locator("summary").click()
    line.get_by_role("link", name="Delete").click()
    return line.get_by_role("link").first.inner_text()


def test_a_question_that_comes_late_is_not_asked(console: ConsoleTabs) -> None:
    page, held = console.signed_in("admin", "/console/labels"), list[Route]()
    dialog, opener = page.get_by_role("dialog"), page.locator("tbody tr").first.locator("summary")

    def hold(route: Route) -> None:
        held.append(route)

    def comes_late() -> None:
        expect(opener).to_have_attribute("aria-busy", "true")
        held.pop().continue_()
        expect(opener).not_to_have_attribute("aria-busy", "true")

    def hold_first() -> None:
        first = page.locator("tbody a[data-asks]", has_text="Delete").first
        page.route(f"**{first.get_attribute('href')}", hold)

    hold_first()
    page.goto("/console/feature-sets")
    hold_first()
    press_delete(page, 0)
    page.get_by_role("searchbox").press_sequentially("d")
    comes_late()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.goto("/console/labels")
    press_delete(page, 0)
    asked = press_delete(page, 1)
    expect(dialog).to_contain_text(f"Delete {asked}?")
    comes_late()
    expect(dialog).to_contain_text(f"Delete {asked}?")


def test_a_menu_closes_behind_the_keyboard_and_what_was_not_copied_is_shown(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/labels")
    menu = page.locator("tbody tr").first.locator("details")
    menu.locator("summary").press("Enter")
    items = menu.get_by_role("link").count() + menu.get_by_role("button").count()
    for _ in range(items):
        page.keyboard.press("Tab")
        expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    expect(menu).not_to_have_attribute("open", "")
    assert page.evaluate("document.activeElement !== document.body")
    page.evaluate(
        """() => {
          navigator.clipboard.writeText = () => Promise.reject(new DOMException("no", "NotAllowedError"));
          document.execCommand = () => false;
        }"""
    )
    button = page.locator("main [data-copy]:visible").first
    button.click()
    shown = page.get_by_role("dialog").get_by_role("textbox", name="Copy this text yourself")
    expect(shown).to_have_value(button.get_attribute("data-copy") or "")
    assert shown.evaluate("one => one.selectionEnd - one.selectionStart === one.value.length")
    check_page(page)
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(button).to_be_focused()
    expect(page.locator("[data-copied]")).to_have_count(0)

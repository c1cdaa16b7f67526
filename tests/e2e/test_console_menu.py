"""The console on a phone: its menu, and the narrowest screen."""

from playwright.sync_api import expect
from tests.e2e.console_browsing import PHONE, ConsoleTabs, check_page


def test_the_menu_of_a_phone_keeps_the_focus_and_closes_by_escape_or_a_tap_beside_it(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", width=PHONE)
    opener, menu = page.get_by_role("link", name="Open the menu"), page.get_by_role("complementary", name="Menu")
    brand = page.locator(".cs-brand:visible")
    expect(brand).to_have_count(1)
    opener.click()
    expect(page.locator(":not([inert] *).cs-brand:visible")).to_have_count(1)
    expect(page.get_by_role("link", name="Close the menu")).to_be_focused()
    check_page(page)
    for _ in range(40):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#menu')")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    expect(menu).to_be_visible()
    page.mouse.click(PHONE - 10, 400)
    expect(menu).to_be_hidden()
    opener.click()
    page.get_by_role("link", name="Close the menu").click()
    expect(menu).to_be_hidden()


def test_a_menu_that_was_opened_before_its_script_ran_closes(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", width=PHONE)
    page.goto("/console/labels#menu")
    menu = page.get_by_role("complementary", name="Menu")
    expect(page.get_by_role("link", name="Close the menu")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    assert not page.url.endswith("#menu")


def test_pages_with_a_preview_fit_the_narrowest_screen(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", width=320)
    for path in ("labels/new", "push"):
        page.goto(f"/console/{path}")
        expect(page.locator(".cs-phone")).to_be_visible()
        check_page(page)

"""The console on a phone: its menu, and the narrowest screen."""

from playwright.sync_api import expect
from tests.e2e.console_browsing import PHONE, ConsoleTabs, check_page, fits


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
    page.goto("/console/labels#menu")  # from another page: only the fragment of this one would change
    menu = page.get_by_role("complementary", name="Menu")
    expect(page.get_by_role("link", name="Close the menu")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    assert not page.url.endswith("#menu")


def test_pages_with_a_preview_fit_the_narrowest_screen(console: ConsoleTabs) -> None:
    for page in console.pages("admin", "/console/labels/new", "/console/push", width=320):
        expect(page.locator(".cs-phone")).to_be_visible()
        fits(page)


def test_a_menu_that_is_too_long_shows_the_entry_of_its_page(console: ConsoleTabs) -> None:
    page = console.signed_in("admin")
    page.set_viewport_size({"width": 1280, "height": 560})
    entries = page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(entries.last).not_to_be_in_viewport()
    for name in ("API keys", "Webhooks", "Home"):
        page.goto(entries.filter(has_text=name).first.get_attribute("href") or "")
        here = page.locator("[aria-current=page]")
        expect(here).to_have_text(name)
        expect(here).to_be_in_viewport(ratio=1)
        assert page.evaluate("scrollY") == 0
    check_page(page)


def test_names_are_whole_beside_a_rows_menu_and_endings_of_keys_stay_on_one_line(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/labels", width=PHONE)
    rows = page.locator("tr:has(.cs-row-menu)")
    for row in rows.all():
        name, menu = row.locator("td a[dir=auto]").first.bounding_box(), row.locator(".cs-row-menu").bounding_box()
        assert name
        assert menu
        assert name["x"] + name["width"] <= menu["x"], row.inner_text()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/console/keys")
    ending = page.get_by_role("cell", name="ends in").locator("code").first
    assert ending.evaluate("one => one.getClientRects().length") == 1

"""Structure, feature sets and numbers in Debian's Chromium, from a first department to ten thousand listed numbers."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.e2e.console_browsing import ConsoleTabs, check_page, looked_at, looked_at_in_both_themes

import callmark
from callmark.surfaces.console import display_names

FIRST = 918140000000


def open_menu(page: Page, about: str) -> None:
    page.locator(f"summary[aria-label='More about {about}']").click()


def make_structure(page: Page) -> None:
    """A department, an operation of the catalogue, a process."""
    page.goto("/console/structure")
    page.get_by_role("link", name="Add department").first.click()
    page.get_by_label("Name").fill("Harvest")
    check_page(page)
    page.get_by_role("button", name="Add department").click()
    page.get_by_role("link", name="Add calling operations").click()
    page.get_by_label("Recruitment").check()
    page.get_by_label("Field service").check()
    looked_at(page)
    page.get_by_role("button", name="Add", exact=True).click()
    open_menu(page, "Recruitment")
    page.get_by_role("link", name="Add Process").first.click()
    page.get_by_label("Name").fill("Open days")
    page.get_by_role("button", name="Add process").click()
    expect(page.locator("summary", has_text="Open days")).to_be_visible()


def make_set(page: Page) -> None:
    """A draft with a label, whose phone followed the form."""
    open_menu(page, "Open days")
    page.get_by_role("link", name="Add feature set").first.click()
    page.get_by_label("Name", exact=True).fill("Doorstep")
    page.get_by_label("Label").select_option(index=1)
    shown = page.get_by_label("Label").locator("option:checked").inner_text()
    expect(page.locator("[data-phone-name]")).to_have_text(shown)
    expect(page.locator("[data-phone-logo]")).to_be_visible()
    looked_at(page)
    page.get_by_role("switch", name=re.compile("^Call Me Back")).check()
    page.get_by_role("button", name="Create feature set").click()
    expect(page.get_by_text("Next: list its numbers. This also")).to_be_visible()
    looked_at(page)


def list_ten_thousand(page: Page, directory: Path) -> None:
    """A file of numbers, previewed, listed, and its job followed to the end."""
    page.get_by_role("link", name="Manage Listing").click()
    looked_at(page)
    lines = [f"+{FIRST + index:,}".replace(",", " ") for index in range(10_000)]
    (directory / "numbers.csv").write_text("\n".join(["Phone Number", *lines, "no number here", lines[0]]))
    page.get_by_label("File").set_input_files(directory / "numbers.csv")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("New: 10,000")).to_be_visible()
    expect(page.get_by_text("no number here")).to_be_visible()
    looked_at(page)
    page.route("**/progress", lambda route: route.fulfill(status=429), times=1)  # it is asked for again
    page.get_by_role("button", name="Append").click()
    expect(page.get_by_text("10,000 numbers are being listed.")).to_be_visible()
    page.get_by_role("link", name="Skip to content").press("Enter")  # leaves a fragment in the address
    pasted = page.get_by_label("Or paste numbers")
    pasted.fill("typed while the job ran")
    expect(page.get_by_text("10,000 done")).to_be_visible()
    expect(pasted).to_have_value("typed while the job ran")
    expect(page.get_by_text("10,000 numbers are being listed.")).to_be_visible()
    looked_at(page)
    page.get_by_role("link", name="List 10,000 numbers").first.click()
    looked_at(page)


def look_through(page: Page) -> None:
    """Pages of the list, a search while one types, a number."""
    page.goto("/console/numbers")
    expect(page.get_by_role("row")).to_have_count(51)
    looked_at(page)
    page.get_by_role("link", name="Next page").click()
    page.get_by_role("link", name="First page").click()
    expect(page.get_by_role("link", name="First page")).to_have_count(0)
    page.get_by_label("Number or feature set").fill(f"+{FIRST + 77}")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.locator("#cs-live")).to_have_text("1 shown")
    sets = page.get_by_label("Feature set", exact=True)
    for chosen, button in (("Doorstep", "Manage Listing"), ("All feature sets", "List numbers")):
        sets.select_option(label=chosen)
        expect(page.locator("#list-numbers").get_by_role("link", name=button)).to_be_visible()
    page.get_by_role("link", name=display_names.phone(f"{FIRST + 77}")).click()
    looked_at(page)


def delist_the_chosen(page: Page) -> None:
    """A page of numbers, by their boxes."""
    page.goto("/console/numbers")
    page.get_by_label("Select all on this page").check()
    expect(page.get_by_text("50 selected")).to_be_visible()
    page.get_by_role("button", name="Delist", exact=True).click()
    expect(page.get_by_role("heading", name="Delist 50 numbers?")).to_be_visible()
    check_page(page)
    page.get_by_role("button", name="Delist", exact=True).click()
    expect(page.get_by_text("50 numbers are being delisted")).to_be_visible()


def rewrite_to_two(page: Page) -> None:
    """Makes a set hold two numbers, once sure of a line that gave none."""
    page.goto("/console/feature-sets")
    looked_at(page)
    open_menu(page, "Doorstep")
    check_page(page)
    page.get_by_role("link", name="Manage Listing").click()
    page.get_by_label(re.compile("^Rewrite")).check()
    page.get_by_label("Or paste numbers").fill(f"{FIRST}\n{FIRST + 1}\nhello\n")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("will be delisted")).to_be_visible()
    page.get_by_role("button", name="Rewrite").click()
    expect(page.get_by_text("Confirm this first")).to_be_visible()
    sure = page.get_by_label(re.compile("^Delist all numbers that are not in the list"))
    expect(sure).to_be_focused()
    looked_at(page)
    sure.check()
    page.get_by_role("button", name="Rewrite").click()
    expect(page.get_by_text("9,948 numbers are being delisted.")).to_be_visible()
    expect(page.get_by_text("9,948 done")).to_be_visible()
    page.goto("/console/numbers/jobs")
    looked_at(page)


def test_from_a_department_to_ten_thousand_listed_numbers_and_back(console: ConsoleTabs, tmp_path: Path) -> None:
    page = console.signed_in("admin", account=1)
    make_structure(page)
    make_set(page)
    list_ten_thousand(page, tmp_path)
    look_through(page)
    delist_the_chosen(page)
    rewrite_to_two(page)


def test_the_tree_remembers_what_is_open(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/structure")
    expect(page.get_by_role("link", name="Delivery default")).to_be_visible()
    looked_at(page)
    page.get_by_role("button", name="Collapse all").click()
    expect(page.get_by_role("link", name="Delivery default")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("link", name="Delivery default")).to_be_hidden()
    page.get_by_role("button", name="Expand all").click()
    open_menu(page, "Last mile")
    page.get_by_role("link", name="Rename").first.click()
    page.get_by_label("Name of the process").fill("Open evenings")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator("summary", has_text="Open evenings")).to_be_visible()
    page.evaluate("sessionStorage.setItem('structure', 'x{')")
    page.reload()
    page.get_by_role("button", name="Collapse all").click()
    expect(page.get_by_role("link", name="Delivery default")).to_be_hidden()
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new DOMException('', 'SecurityError'); }})"
    )
    page.reload()
    page.get_by_role("button", name="Collapse all").click()
    expect(page.get_by_role("link", name="Delivery default")).to_be_hidden()
    page.get_by_role("button", name="Show exact times").click()
    expect(page.get_by_role("button", name="Show times as")).to_be_visible()


def list_one(console: ConsoleTabs, number: str) -> None:
    """Lists a number, which nobody has proven."""
    account = console.demo.account
    with callmark.Client(
        base_url=console.demo.credentials["base_url"],
        account_id=account["client_account_id"],
        key_id=account["key_id"],
        api_key=account["api_key"],
    ) as client:
        client.numbers.publish(account["feature_sets"][0]["id"], [number])


def test_an_operator_decides_a_proof_that_a_business_asked_for(console: ConsoleTabs) -> None:
    list_one(console, number := "918140099999")
    page = console.signed_in("admin", f"/console/numbers/proofs/new?number={number}")
    page.get_by_role("button", name="Send to the operator").click()
    expect(page.get_by_text("The operator will review the proof of 1 number.")).to_be_visible()
    looked_at_in_both_themes(page)
    page = console.signed_in("operator", "/console/operator/proofs")
    looked_at_in_both_themes(page)
    page.get_by_role("link", name="Approve").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("There is no letter.")
    dialog.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Refuse").click()
    page.get_by_label("Reason").fill("A letter is needed")
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_text("No requests to review")).to_be_visible()

"""The console in Debian's Chromium: the door, keys, members, settings, acting for a business; light, dark, phone."""

import json
import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect
from tests.e2e.browsing import stop_time
from tests.e2e.console_browsing import PHONE, ConsoleTabs, check_page, fits, follow, looked_at_in_both_themes


def open_menu(page: Page, label: str) -> None:
    page.locator(f"summary[aria-label='{label}']").click()


def test_a_key_is_made_copied_saved_and_deleted(console: ConsoleTabs, tmp_path: Path) -> None:
    page = console.signed_in("admin", account=1)
    open_menu(page, "Manage this account")
    check_page(page)
    follow(page.get_by_role("link", name="Manage API Keys"))
    page.get_by_role("link", name="Create API Key").click()
    page.get_by_label("Key Name").fill("dialer")
    expect(page.get_by_text("6 / 100")).to_be_visible()
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("heading", name="dialer")).to_be_visible()
    check_page(page)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download").click()
    file = tmp_path / "key.json"
    saved.value.save_as(file)
    pair = json.loads(file.read_text())
    token = console.demo.http.post(
        f"/clients/{pair['client_account_id']}/token", json={"key_id": pair["key_id"], "api_key": pair["api_key"]}
    )
    assert token.status_code in {200, 201}
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy secret API key").click()
    assert page.evaluate("navigator.clipboard.readText()") == pair["api_key"]
    comes_not_back(page, pair["api_key"])
    page.goto("/console/keys")
    open_menu(page, "More about dialer")
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"ends in {pair['key_id'][-4:]}")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    check_page(page)
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("summary[aria-label='More about dialer']")).to_be_focused()
    open_menu(page, "More about dialer")
    page.get_by_role("link", name="Delete").click()
    dialog.get_by_role("button", name="Delete key").click()
    expect(page.get_by_text("dialer was deleted.")).to_be_visible()


def comes_not_back(page: Page, secret: str) -> None:
    """Asserts it of a page that the browser keeps when it is left."""
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert secret not in page.content()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.get_by_text("This secret has already been shown").first).to_be_visible()


def test_a_refused_form_keeps_what_was_typed_and_leads_to_the_mistake(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/members/invite", account=1)
    page.get_by_label("Email").fill("not an address")
    page.get_by_label("Name").fill("Nobody")
    page.get_by_label("Role").select_option(label="Admin of the whole account")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_label("Email")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("Nobody")
    check_page(page)


def test_back_to_a_page_that_the_browser_kept_shows_what_is_stored_now(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/settings", account=1)
    page.evaluate("""() => {
      window.isKept = true;
      document.querySelector("form:has([name=shown])").dataset.sent = "yes";
      dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    }""")
    page.wait_for_function("window.isKept === undefined")
    assert not page.locator("form[data-sent]").count()


def test_the_log_is_searched_while_one_types(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/settings", account=1)
    page.get_by_role("button", name="Save").click()
    page.goto("/console/audit")
    page.get_by_role("searchbox").fill("nothing like this")
    expect(page.locator("#results").get_by_text("No changes found")).to_be_visible()
    expect(page).to_have_url(re.compile("q=nothing"))
    page.reload()
    expect(page.locator("#results").get_by_text("No changes found")).to_be_visible()


def test_what_one_types_before_the_scripts_are_there_is_searched_when_they_are(console: ConsoleTabs) -> None:
    page, late = console.signed_in("admin", account=1), list[Route]()
    page.route("**/htmx.min.js*", lambda route: late.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    page.goto("/console/audit", wait_until="commit")
    page.get_by_role("searchbox").fill("nothing like this")
    while not late:
        page.wait_for_timeout(20)
    late[0].continue_()
    expect(page.locator("#results").get_by_text("No changes found")).to_be_visible()


def test_a_search_that_fails_says_so_and_leaves_no_old_list(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/numbers")
    results, search = page.locator("#results"), page.get_by_role("searchbox")
    before = results.locator("tbody tr").count()
    assert before
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    def refuse(route: Route) -> None:
        route.fulfill(status=503)

    for lost in (refuse, Route.abort):
        page.route("**/numbers?q=*", hold, times=1)
        search.fill("nothing like this")
        expect(results).to_have_attribute("aria-busy", "true")
        while not held:  # the page says so before it asks
            page.wait_for_timeout(20)
        lost(held.pop())
        expect(results.get_by_role("alert")).to_contain_text("The list could not be loaded.")
        expect(results).to_have_attribute("aria-busy", "false")
        expect(page.get_by_role("button", name="Delist")).to_have_count(0)
        check_page(page)
        search.fill("")
        expect(results.locator("tbody tr")).to_have_count(before)
    page.route("**/numbers?q=*", refuse, times=1)
    search.fill("+91")
    results.get_by_role("button", name="Try again").click()
    expect(results.locator("tbody tr").first).to_be_visible()
    expect(results.get_by_role("alert")).to_have_count(0)
    console.tabs.complaints.clear()  # of what was made to fail


def test_a_list_that_updates_itself_does_not_bring_back_what_was_not_searched_for(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/callbacks", before=stop_time)
    page.route(re.compile("/callbacks.*q="), lambda route: route.fulfill(status=503))
    page.get_by_role("searchbox").fill("+91")
    page.clock.run_for(1_000)
    missed = page.locator("#results").get_by_role("alert")
    expect(missed).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(30_000)  # it asks every five seconds
    expect(missed).to_be_visible()
    assert asked == []
    console.tabs.complaints.clear()


def test_a_search_does_not_wait_for_a_list_that_is_being_updated(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/callbacks", before=stop_time)
    page.evaluate("htmx.config.timeout = 0")  # what hangs does so to the end of the test
    held: list[Route] = []

    def hold_updates(route: Route) -> None:
        held.append(route) if "x-callmark-poll" in route.request.headers else route.continue_()

    page.route("**/console/callbacks*", hold_updates)
    with page.expect_request("**/console/callbacks*"):
        page.clock.run_for(6_000)
    page.get_by_role("searchbox").fill("999")
    page.clock.run_for(1_000)
    expect(page.locator("#results").get_by_text("No matches")).to_be_visible()
    assert len(held) == 1
    console.tabs.complaints.clear()  # of the update that was given up


def test_a_part_that_is_not_updated_says_since_when(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/usage", before=stop_time)
    note = page.locator("#live > .cs-outdated")
    page.route("**/console/usage", lambda route: route.fulfill(status=503))
    page.clock.run_for(2_000)
    expect(note).to_have_text(re.compile(r"Not updated since \d+ \w+ \d{4}, \d\d:\d\d:\d\d\."))
    page.clock.run_for(500)  # it is read out a little later
    expect(page.locator("#cs-live")).to_have_text(note.inner_text())
    for _ in range(2):
        with page.expect_response("**/console/usage"):  # what is asked while an answer is on its way is asked after it
            page.clock.run_for(2_000)
    expect(note).to_have_count(1)
    held = list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    page.unroute_all()
    page.route("**/console/usage", hold)
    with page.expect_request("**/console/usage"):
        page.clock.run_for(2_000)
    page.evaluate("getSelection().selectAllChildren(document.getElementById('live'))")
    with page.expect_event("requestfinished"):
        held[0].continue_()
    expect(note).to_have_count(1)  # an answer that is not shown, because somebody selects text, updates nothing
    page.evaluate("getSelection().empty()")
    page.route("**/console/usage", lambda route: route.fulfill(status=503))
    page.clock.resume()
    check_page(page)
    page.unroute_all()
    expect(note).to_have_count(0)
    console.tabs.complaints.clear()


def test_a_page_is_dark_as_the_system_where_the_browser_keeps_nothing(console: ConsoleTabs) -> None:
    context = console.tabs.browser.new_context(base_url=console.tabs.base_url, color_scheme="dark")
    context.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new DOMException('', 'SecurityError'); }})"
    )
    page = context.new_page()
    page.goto("/console/sign-in")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_question_that_could_not_be_added_is_asked_for_again(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/campaigns/new?type=questions")
    page.get_by_label("Campaign name").fill("Parcels")
    missed, questions = page.locator("#editor").get_by_role("alert"), page.get_by_role("group", name="Question")
    before = questions.count()
    page.route("**/campaigns/new*", lambda route: route.fulfill(status=503))
    page.get_by_role("button", name="Free text question").click()
    expect(missed.filter(has_text="The page could not be updated.").first).to_be_visible()
    expect(page.get_by_role("button", name="Free text question")).to_be_focused()
    check_page(page)
    page.unroute_all()
    page.get_by_role("button", name="Free text question").click()
    expect(questions).to_have_count(before + 1)
    expect(missed).to_have_count(0)
    expect(page.get_by_label("Campaign name")).to_have_value("Parcels")
    console.tabs.complaints.clear()


def test_pages_are_accessible_and_fit_in_light_and_dark_and_on_a_phone(console: ConsoleTabs) -> None:
    page = console.tabs.open("/console/sign-in", width=1280)
    expect(page.get_by_label("Email")).to_be_focused()
    looked_at_in_both_themes(page)
    page.goto("/console/forgot")
    looked_at_in_both_themes(page)
    for page in console.pages(
        "admin",
        "/console",
        "/console/keys",
        "/console/keys/new",
        "/console/members",
        "/console/members/invite",
        "/console/me",
        "/console/settings",
        "/console/audit",
        "/console/alerts",
        "/console/alerts/new/channel",
    ):
        looked_at_in_both_themes(page)
    page.set_viewport_size({"width": PHONE, "height": 844})
    page.get_by_role("link", name="Open the menu").click()
    page.get_by_role("link", name="Members").click()
    expect(page.get_by_role("heading", name="Members")).to_be_visible()


def test_lists_fit_beside_the_menu_in_a_narrow_window(console: ConsoleTabs) -> None:
    console.demo.push(console.demo.handset(), dynamic_call_reason="Your parcel arrives today")
    names = ("records", "keys", "usage", "audit", "members", "numbers", "webhook-events", "labels")
    page = console.signed_in("admin", width=1024)
    fits(page)
    for name in names:
        page.goto(f"/console/{name}")
        fits(page)
    page.locator("td summary").first.click()
    menu = page.locator("td details[open] .dropdown-menu")
    for link in menu.locator(".dropdown-item").all():
        link.click(trial=True)  # nothing lies over it
    fits(page)


def test_a_receiver_stands_on_one_line_beside_a_long_word(console: ConsoleTabs) -> None:
    console.demo.push(console.demo.handset(), dynamic_call_reason="Donaudampfschifffahrtsgesellschaft")
    page = console.signed_in("admin", "/console/records", width=1024)
    receivers = page.locator("td[data-label=Receiver] a")
    expect(receivers.first).to_contain_text("+91")
    assert receivers.evaluate_all("all => all.every(one => one.getClientRects().length === 1)")
    fits(page)


def test_a_page_prints_without_menu_and_buttons_in_light_colours(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/numbers", dark=True)
    page.emulate_media(media="print")
    for width in (1123, 718):  # A4 across and upright, without margins
        page.set_viewport_size({"width": width, "height": 794})
        table = page.get_by_role("table")
        for gone in (page.get_by_role("complementary", name="Menu"), page.locator(".cs-phone-bar")):
            expect(gone).to_be_hidden()
        expect(page.locator(":is(button, .btn, input, select):visible")).to_have_count(0)
        expect(table.get_by_role("columnheader", name="Number")).to_be_visible()
        box = table.bounding_box()
        assert box
        assert box["x"] == 0
        assert box["width"] <= width
    ink = page.evaluate("getComputedStyle(document.body).color")
    page.emulate_media(media="screen", color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    assert ink == page.evaluate("getComputedStyle(document.body).color")


def test_exact_times_are_shown_on_every_page_once_asked_for(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/labels")
    shown = "one => getComputedStyle(one, '::after').content === JSON.stringify(one.dataset.exact)"
    assert not page.locator("td time").first.evaluate(shown)
    page.get_by_role("button", name="Show exact times").click()
    for path in ("/console/labels", "/console/keys"):
        page.goto(path)
        assert page.locator("td time").first.evaluate(shown)
        fits(page)
    page.get_by_role("button", name="Show times as").click()
    assert not page.locator("td time").first.evaluate(shown)
    page.emulate_media(media="print")
    assert page.locator("td time").first.evaluate(shown)


def test_dark_mode_is_chosen_and_kept(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", account=1)
    page.locator("summary.cs-person").click()
    assert page.locator(".dropdown-header").inner_text() == console.member("admin", 1)["email"]  # in its own letters
    with page.expect_response("**/console/theme"):
        page.get_by_role("button", name="Dark mode").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")

"""Webhooks, Call Me Back and User Feedback in Debian's Chromium, walked as a business does; light, dark, phone."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, Route, expect
from tests.e2e.browsing import CALLER, stop_time
from tests.e2e.console_browsing import ConsoleTabs, check_page, follow, looked_at_in_both_themes

from callmark.surfaces.console import display_names


def open_menu(page: Page, label: str) -> None:
    page.locator(f"summary[aria-label='{label}']").click()


def make_webhook(page: Page, sink: str) -> None:
    """Creates the webhook `shop`, an address that is refused first, and copies its secret."""
    open_menu(page, "Manage this account")
    page.get_by_role("complementary").get_by_role("link", name="Manage Webhooks").click()
    page.get_by_role("link", name="Create webhook").first.click()
    page.get_by_label("Name").fill("shop")
    page.get_by_label("URL").fill("http://10.0.0.8/hook")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#url-error")).to_contain_text("cannot be called")
    check_page(page)
    page.get_by_label("URL").fill(sink)
    page.get_by_role("button", name="Create").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy signing secret").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("whsec_")
    check_page(page)


def test_a_webhook_is_made_tested_repaired_and_deleted(console: ConsoleTabs) -> None:
    console.demo.http.put("/emulator/v1/sinks/shop", json={"status": 500, "body": "<h1>Broken</h1>"})
    page = console.signed_in("admin")
    make_webhook(page, f"{console.demo.http.base_url}/emulator/v1/sinks/shop?key=s%2fecret")
    follow(page.get_by_role("link", name="Test Webhook"))
    check_page(page)
    page.get_by_role("button", name="Send test event").click()
    expect(page.get_by_text("the answer was 500")).to_be_visible()
    expect(page.get_by_text("<h1>Broken</h1>")).to_be_visible()
    check_page(page)
    page.get_by_label("Breadcrumb").get_by_role("link", name="Webhook events").click()
    page.get_by_label("State").select_option("failed")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    check_page(page)
    page.goto("/console/webhooks")
    check_page(page)
    open_menu(page, "More about shop")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("shop is paused.")).to_be_visible()
    open_menu(page, "More about shop")
    page.get_by_role("link", name="Recover failed events").click()
    page.get_by_role("button", name="Count events").click()
    expect(page.get_by_role("heading", name="Nothing to recover")).to_be_visible()
    check_page(page)
    page.goto("/console/webhooks")
    open_menu(page, "More about shop")
    page.get_by_role("link", name="Rotate secret").click()
    check_page(page)
    page.get_by_role("button", name="Rotate secret").click()
    expect(page.get_by_text("valid for 24 hours")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    open_menu(page, "More about shop")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete webhook").click()
    expect(page.get_by_text("shop was deleted.")).to_be_visible()


def test_a_failed_event_is_sent_again_and_the_page_follows(console: ConsoleTabs) -> None:
    http = console.demo.http
    http.put("/emulator/v1/sinks/late", json={"status": 503})
    page = console.signed_in("admin", "/console/webhooks/new")
    page.get_by_label("Name").fill("late")
    page.get_by_label("URL").fill(f"{http.base_url}/emulator/v1/sinks/late")
    page.get_by_role("button", name="Create").click()
    receiver = console.demo.handset()
    console.demo.call(receiver, "missed")
    asked = {"business_number": CALLER, "interested": False}
    assert http.post(f"/emulator/v1/handsets/{receiver}/call-me-back", json=asked).status_code == 200
    page.goto("/console/webhook-events")
    page.locator("tbody tr", has_text="late").get_by_role("link").first.click()
    expect(page.get_by_text("The last attempt failed. We will try again.")).to_be_visible()
    http.put("/emulator/v1/sinks/late", json={"status": 200})
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_text("The receiver answered with a 2xx.")).to_be_visible()
    expect(page.locator(".an-attempt")).to_have_count(2)


def set_hours(page: Page) -> None:
    """Sets the hours of the demo's configuration, with the preview of what receivers may choose."""
    page.get_by_role("link", name="Call Me Back").click()
    follow(page.get_by_role("link", name="Configurations").first)  # an empty list links them too
    check_page(page)
    page.get_by_role("link", name="Delivery default").first.click()
    page.get_by_label("Monday, opening 1, from").fill("10:00")
    page.get_by_label("Monday, opening 1, to").fill("14:00")
    page.get_by_label("Time zone of the business").select_option("Asia/Kolkata")
    page.get_by_label("Receiver's time zone").select_option("Asia/Dubai")
    page.get_by_label("Tuesday, opening 1, from").fill("09:00")
    page.get_by_label("Tuesday, opening 1, from").focus()
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Enter a complete, valid time, or clear the field.")).to_be_visible()
    page.get_by_role("button", name="Copy Monday to other weekdays").click()
    expect(page.locator(".an-day .is-invalid, .an-day .invalid-feedback")).to_have_count(0)
    coming = datetime.now(UTC) + timedelta(days=2)  # whole, and once among the days that may be chosen
    weekday = next(day for day in (f"{coming + timedelta(days=more):%A}" for more in range(3)) if day[0] != "S")
    offered = page.locator("#preview details", has_text=weekday)
    expect(offered).to_contain_text("8 slots")
    expect(offered).to_contain_text("08:30")
    check_page(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile(r"Mon.Fri 10:00.14:00"))).to_be_visible()


def test_hours_are_set_with_a_preview_and_a_request_is_worked_on(console: ConsoleTabs, tmp_path: Path) -> None:
    page = console.signed_in("process_owner")
    set_hours(page)
    page.goto("/console/callbacks")
    new = page.get_by_label("Views").get_by_role("link", name=re.compile("^New"))
    before = new.inner_text()
    receiver = ask_back(console)
    row = page.locator("#results tbody tr", has_text=display_names.phone(receiver))
    expect(row).to_have_count(1, timeout=30_000)  # the list updates itself, and the count of new ones with it
    expect(new).not_to_have_text(before)
    page.get_by_role("searchbox").fill(receiver)
    row = page.locator("#results tbody tr")
    expect(row).to_have_count(1)
    every = page.get_by_label("Views").get_by_role("link", name="All")
    expect(every).to_have_attribute("href", re.compile(f"q={receiver}"))
    check_page(page)
    row.get_by_role("button", name="Take").click()
    expect(page.get_by_text("is now assigned to you")).to_be_visible()
    page.locator("tbody tr", has_text=display_names.phone(receiver)).get_by_role("button", name="Done").click()
    page.get_by_role("link", name="Done", exact=True).click()
    expect(page.locator("tbody tr", has_text=display_names.phone(receiver))).to_contain_text("you,")
    admin = console.signed_in("admin", "/console/callbacks/export")
    check_page(admin)
    with admin.expect_download() as saved:
        admin.get_by_role("button", name="Download").click()
    saved.value.save_as(tmp_path / "log.csv")
    with admin.expect_download():  # the page has stayed, so it may be asked again
        admin.get_by_role("button", name="Download").click()
    assert receiver in (tmp_path / "log.csv").read_text()


def test_the_list_of_requests_does_not_move_under_the_pointer_and_says_what_it_does_not_show(
    console: ConsoleTabs,
) -> None:
    first, second = [ask_back(console) for _ in range(2)]
    page = console.signed_in("process_owner", "/console/callbacks?state=new", before=stop_time)
    rows, note = page.locator("#results tbody tr"), page.locator("#not-shown")
    count, new = rows.count(), page.locator("#new-count")
    expect(rows.filter(has_text=display_names.phone(first))).to_have_count(1)
    expect(note).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#results").hover()
    top = page.evaluate(_TOP_OF_LIST)
    third = ask_back(console)
    colleague = console.signed_in("admin", "/console/callbacks?state=new")
    colleague.locator("tbody tr", has_text=display_names.phone(second)).get_by_role("button", name="Done").click()
    expect(colleague.get_by_text("is marked as done")).to_be_visible()
    ask_back(console)
    with page.expect_request("**/console/callbacks?*") as polled:
        page.clock.run_for(6_000)
    assert polled.value.headers["x-callmark-poll"] == "yes"
    expect(note).to_contain_text("Not shown yet: 2 more, 1 gone.")
    expect(new).to_have_text(f" ({count + 1})")
    expect(rows).to_have_count(count)
    expect(rows.filter(has_text=display_names.phone(third))).to_have_count(0)
    box, listed = note.bounding_box(), page.locator("#results").bounding_box()
    assert box
    assert listed
    assert box["y"] + box["height"] <= listed["y"]  # it covers no button
    assert page.evaluate(_TOP_OF_LIST) == top
    _check_sayings(page)
    page.get_by_role("heading", name="Call Me Back").hover()
    page.clock.run_for(6_000)
    expect(rows.filter(has_text=display_names.phone(third))).to_have_count(1)
    expect(note).to_be_hidden()


_TOP_OF_LIST = "document.getElementById('results').getBoundingClientRect().top + scrollY"
_COUNT_SAYINGS = """() => {
  window.sayings = 0;
  window.left = new Promise((known) => document.addEventListener("left", ({ detail }) => known(detail)));
  const count = (changes) => (window.sayings += changes.length);
  new MutationObserver(count).observe(document.getElementById("not-shown"), { childList: true });
}"""
_LEFT = """async (pager) => {
  const detail = (await window.left).replace(/(id="results"[^>]*>)/, `$1${pager}`);
  document.dispatchEvent(new CustomEvent("left", { detail }));
}"""
"""The answer that the page left alone, once more: as it was, or with a pager. It is read a moment after its head."""


def _check_sayings(page: Page) -> None:
    page.evaluate(_COUNT_SAYINGS)
    with page.expect_response("**/console/callbacks?*"):
        page.clock.run_for(5_000)
    page.evaluate(_LEFT, "")
    assert page.evaluate("window.sayings") == 0  # the same is not read aloud again
    page.evaluate(_LEFT, '<nav class="cs-pager"></nav>')  # rows may have moved to the page after this one
    expect(page.locator("#not-shown")).to_contain_text("Not shown yet: some changes.")


def ask_back(console: ConsoleTabs) -> str:
    """A receiver that misses a call and asks to be called back, in the last slot there is."""
    receiver = console.demo.handset()
    console.demo.call(receiver, "missed")
    asked = {"business_number": CALLER, "slot": console.demo.screen(receiver)["offers"]["slots"][-1]}
    answer = console.demo.http.post(f"/emulator/v1/handsets/{receiver}/call-me-back", json=asked)
    assert answer.status_code == 200, answer.text
    return receiver


def test_a_campaign_is_built_with_its_preview_and_made_live(console: ConsoleTabs) -> None:
    page = console.signed_in("admin")
    follow(page.get_by_role("link", name="User Feedback"))
    check_page(page)
    follow(page.get_by_role("link", name="Create campaign"))
    check_page(page)
    page.get_by_role("link", name="Questions").click()
    page.get_by_label("Feature set").select_option(index=1)
    page.get_by_label("Campaign name").fill("Second round")
    page.get_by_label("Question text").fill("Was the parcel whole?")
    page.get_by_label("Options, one per line").fill("Yes\nNo")
    phone = page.locator("#preview")
    expect(phone).to_contain_text("Was the parcel whole?")
    page.get_by_role("button", name="Free text question").click()
    expect(page.get_by_label("Question text").nth(1)).to_be_focused()
    page.keyboard.type("What else?")
    expect(phone).to_contain_text("What else?")
    page.get_by_role("button", name="Move question 2 up").click()
    expect(page.get_by_label("Question text").first).to_have_value("What else?")
    check_page(page)
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Second round was created as a draft.")).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Make live").click()
    asked = page.get_by_role("dialog")
    expect(asked.get_by_text("End it first.")).to_be_visible()  # the demo's own campaign asks there already
    asked.get_by_role("link", name="Close").click()
    open_menu(page, "More about Second round")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete campaign").click()
    expect(page.get_by_text("Second round was deleted.")).to_be_visible()


def test_the_builder_takes_no_typing_while_a_question_comes_and_the_keyboard_follows_what_it_moved(
    console: ConsoleTabs,
) -> None:
    page, held = console.signed_in("admin", "/console/campaigns/new?type=questions"), list[Route]()
    page.route(
        "**/campaigns/new*", lambda route: held.append(route) if "add_text" in _sent(route) else route.fallback()
    )
    texts = page.get_by_label("Question text")
    texts.fill("Was the courier ")
    with page.expect_request("**/campaigns/new*"):
        page.get_by_role("button", name="Free text question").click()
    texts.evaluate("one => one.focus()")
    page.keyboard.type("on time?")
    assert texts.input_value() == "Was the courier "  # and not lost when the answer comes
    held.pop().continue_()
    expect(texts.nth(1)).to_be_focused()
    page.keyboard.type("What else?")

    def press(name: str, then: str) -> None:
        page.get_by_role("button", name=name, exact=True).press("Enter")
        expect(page.get_by_role("button", name=then, exact=True)).to_be_focused()

    press("Move question 2 up", then="Move question 1 down")
    expect(texts.first).to_have_value("What else?")
    press("Move question 1 down", then="Move question 2 up")
    press("Remove question 2", then="Remove question 1")
    press("Remove question 1", then="Question with options")


def _sent(route: Route) -> str:
    return route.request.post_data or ""


def test_without_scripts_a_campaign_grows_and_enter_saves_it(console: ConsoleTabs) -> None:
    page = console.signed_in("admin")
    context = console.tabs.browser.new_context(
        base_url=console.tabs.base_url, java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain = context.new_page()
    plain.goto("/console/labels")
    expect(plain.get_by_role("button", name=re.compile("Copy|exact times"))).to_have_count(0)
    open_menu(plain, "More about Acme Deliveries")
    expect(plain.get_by_role("link", name="Delete")).to_be_visible()
    plain.goto("/console/campaigns/new?type=questions")
    plain.get_by_role("button", name="Free text question").click()
    plain.get_by_role("button", name="Remove question 1").click()
    plain.get_by_label("Feature set").select_option(index=1)
    plain.get_by_label("Question text").fill("Anything?")
    plain.get_by_label("Campaign name").fill("By hand")
    plain.get_by_label("Campaign name").press("Enter")
    expect(plain.get_by_text("By hand was created as a draft.")).to_be_visible()
    context.close()


def test_pages_are_accessible_and_fit_in_dark_and_on_a_phone(console: ConsoleTabs) -> None:
    account = console.demo.account
    feature_set, campaign = account["feature_sets"][0]["id"], account["campaign_id"]
    paths = (
        "/webhooks/new",
        "/webhook-events",
        "/callbacks?state=all",
        f"/callbacks/configurations/{feature_set}",
        "/campaigns/new?type=questions",
        f"/campaigns/{campaign}",
        f"/campaigns/{campaign}/answers",
        f"/campaigns/{campaign}/export",
    )
    for page in console.pages("admin", *(f"/console{path}" for path in paths), dark=True):
        looked_at_in_both_themes(page)

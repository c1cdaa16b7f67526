"""Home, business identity and call personalisation in Debian's Chromium: from a label to a call that shows it."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.e2e.console_browsing import ConsoleTabs, check_page, looked_at, press_until_pushed
from tests.e2e.serving import until
from tests.support.factories import logo

CALLER = "918040009999"


def test_a_label_and_a_call_reason_are_made_with_a_preview(console: ConsoleTabs, tmp_path: Path) -> None:
    page = console.signed_in("admin", "/console/labels/new", account=1)
    small, good = tmp_path / "small.png", tmp_path / "good.png"
    small.write_bytes(logo(64))
    good.write_bytes(logo())
    page.get_by_role("textbox", name="Name").fill("Borealis Cards Service")
    expect(page.locator("[data-phone-name]")).to_have_text("Borealis Cards Service")
    expect(page.get_by_text("22 / 39")).to_be_visible()
    page.locator("#logo").set_input_files(small)
    page.get_by_label("Category").select_option("64")
    expect(page.get_by_label("The logo as it will be sent")).to_be_visible()
    looked_at(page)
    page.locator("#logo").set_input_files(good)
    expect(page.locator("[data-phone-logo]")).to_be_visible()
    page.get_by_role("button", name="Create Caller ID").click()
    expect(page.get_by_text("Borealis Cards Service was created")).to_be_visible()
    looked_at(page)
    page.goto("/console/call-reasons")
    page.get_by_label("Call reason").fill("About your card!")
    expect(page.locator("[data-rule=characters]")).to_have_attribute("data-kept", "no")
    expect(page.locator("[data-rule=length]")).to_have_attribute("data-kept", "yes")
    page.get_by_role("button", name="Add to library").click()
    looked_at(page)
    page.get_by_label("Call reason").fill("About your card")
    page.get_by_role("button", name="Add to library").click()
    expect(page.get_by_role("link", name="About your card")).to_be_visible()
    looked_at(page)
    page.get_by_role("link", name="About your card").click()
    looked_at(page)


def find_it(page: Page, receiver: str) -> None:
    """The receiver's record among the records, in its batch, and in the figures of the day."""
    page.goto("/console/records")
    page.get_by_label("Receiver number").fill(receiver)
    expect(page).to_have_url(re.compile(f"receiver={receiver}"))
    expect(page.locator("tbody tr")).to_have_count(1)
    looked_at(page)
    page.goto("/console/batches")
    looked_at(page)
    page.get_by_role("row").nth(1).get_by_role("link").first.click()
    looked_at(page)
    page.goto("/console")
    expect(page.locator("[data-chart] canvas")).to_be_visible()
    page.mouse.move(0, 0)
    expect(page.locator("[data-chart] .u-value")).to_have_text([re.compile(r"^\d")] * 5)
    looked_at(page)
    page.get_by_text("Show as table").click()
    check_page(page)


def test_a_record_pushed_by_hand_shows_when_it_rings_and_is_withdrawn(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/push")
    page.get_by_label("Receiver number").fill("12")
    page.get_by_label("Caller number").fill(f"+{CALLER}")
    page.get_by_role("button", name="Push now").click()
    expect(page.get_by_text("Receiver number is not a phone number")).to_be_visible()
    looked_at(page)
    expect(page.get_by_label("Caller number")).to_have_value(f"+{CALLER}")
    receivers = list[str]()

    def push() -> None:
        receivers.append(receiver := console.demo.handset())
        page.goto("/console/push")
        page.get_by_label("Receiver number").fill(f"+{receiver[:2]} {receiver[2:7]} {receiver[7:]}")
        page.get_by_label("Caller number").fill(f"+{CALLER}")
        page.get_by_label("Label", exact=True).select_option(label="Acme Returns")
        expect(page.locator("[data-phone-name]")).to_have_text("Acme Returns")
        page.get_by_label("Call reason").fill("Your return is booked")
        expect(page.locator("[data-phone-reason]")).to_have_text("Your return is booked")
        page.get_by_role("button", name="Push now").click()

    press_until_pushed(push, page.get_by_text("Pushed: delivered to the handset"))
    receiver = receivers[-1]
    looked_at(page)
    shown = console.demo.call(receiver, "answered", caller=CALLER)
    assert (shown["name"], shown["call_reason"]) == ("Acme Returns", "Your return is booked")
    page.reload()
    expect(page.get_by_text("Answered", exact=True)).to_be_visible()
    page.get_by_role("link", name="What shows now?").last.click()
    expect(page.get_by_role("heading", name="A call record shows")).to_be_visible()
    looked_at(page)
    page.get_by_role("link", name="Open the call record").click()
    page.get_by_role("link", name="Withdraw").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("The record was withdrawn")).to_be_visible()
    until(lambda: console.demo.screen(receiver, caller=CALLER)["name"] is None)
    find_it(page, receiver)


def test_a_file_is_uploaded_followed_and_its_results_downloaded(console: ConsoleTabs, tmp_path: Path) -> None:
    receiver = console.demo.handset()
    page = console.signed_in("admin", "/console/uploads/new", dark=True)
    looked_at(page)
    file = tmp_path / "evening.csv"
    rows = [f"+{receiver},Acme Deliveries,Your parcel arrives today", "nobody,,"]
    rows += [f"9199220{number:05d},,Your parcel arrives today" for number in range(1_500)]
    file.write_text("\n".join(["phone,label,reason", *rows]))
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("Caller number").fill("+91 80 4000 9999")
    file.write_text("\n".join(["phone,label,reason", *rows, ""]))
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("evening.csv was changed or moved since you chose it. Choose it again.")).to_be_visible()
    looked_at(page)
    page.get_by_label("File", exact=True).set_input_files(file)
    expect(page.get_by_text("evening.csv was changed or moved")).to_be_hidden()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="First rows on a phone")).to_be_visible()
    looked_at(page)
    page.get_by_role("button", name="Push 1,501 records").click()
    expect(page.get_by_role("heading", name="1,502 records")).to_be_visible()
    expect(page.get_by_text("1 pushed · 1,500 not pushed · 1 invalid")).to_be_visible()
    looked_at(page)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download results").click()
    results = saved.value.path().read_text().splitlines()
    assert len(results) == 1_503
    assert results[2].startswith("3,")
    assert "receiver_number" in results[2]
    page.goto("/console/uploads")
    looked_at(page)
    assert console.demo.screen(receiver, caller=CALLER)["name"] == "Acme Deliveries"

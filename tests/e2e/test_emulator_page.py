"""The emulator's page as a person uses it: clock, faults, seed, handsets, and the two resets."""

from playwright.sync_api import expect
from tests.e2e.browsing import Demo, Tabs, overflowing, to_ms_of


def test_the_emulators_page_moves_the_clock_sets_faults_and_seed_and_makes_handsets(demo: Demo, tabs: Tabs) -> None:
    page = tabs.open("/")
    page.get_by_role("link", name="Emulator: clock, faults, seed, reset").click()
    page.get_by_role("spinbutton", name="Next requests").fill("2")
    page.get_by_role("combobox", name="Error").select_option("service-unavailable")
    page.get_by_role("button", name="Set", exact=True).first.click()
    expect(page.locator("[data-faults-now]")).to_have_text("the next 2 requests answer 503 service-unavailable")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("[data-faults-now]")).to_have_text("none")
    page.get_by_role("spinbutton", name="Seed").fill("9007199254740993")
    page.get_by_role("button", name="Set", exact=True).last.click()
    expect(page.locator("[data-seed-now]")).to_have_text("Seed now: 9007199254740993")
    assert demo.http.get("/emulator/v1/seed").json() == {"seed": 9007199254740993}
    before = to_ms_of(demo.http.get("/emulator/v1/clock").json()["now"]) + 900_000
    page.get_by_role("button", name="+15 min").click()
    expect(page.locator("[data-note]")).to_have_text("The clock has moved in every process.")
    assert to_ms_of(demo.http.get("/emulator/v1/clock").json()["now"]) >= before
    page.get_by_role("textbox", name="Number").fill("919911888888")
    page.get_by_role("textbox", name="Script").fill('{"ack_delay_s": 1}')
    page.get_by_role("button", name="Create").click()
    line = page.get_by_role("row").filter(has_text="919911888888")
    expect(line).to_contain_text('{"ack_delay_s":1}')
    line.get_by_role("button", name="Remove").click()  # Playwright says no to what is asked
    page.on("dialog", lambda dialog: dialog.accept())
    line.get_by_role("button", name="Remove").click()
    expect(line).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    assert overflowing(page) == []


def test_the_emulators_page_resets_also_what_a_reset_keeps(demo: Demo, tabs: Tabs) -> None:
    account = demo.account["client_account_id"]
    kept = "/emulator/v1/snapshots/before-the-first-start"
    assert demo.http.put(kept).is_success
    page = tabs.open("/emulator")
    try:
        added = {"client_account_id": account, "url": f"{demo.http.base_url}/emulator/v1/sinks/added"}
        while (answer := demo.http.post("/emulator/v1/webhooks", json=added)).status_code == 201:
            pass
        assert "at most 5 webhooks" in answer.text
        button = page.get_by_role("button", name="Reset to the first start")
        button.click()  # Playwright says no to what is asked
        assert demo.http.post("/emulator/v1/webhooks", json=added).status_code == 409
        page.on("dialog", lambda dialog: dialog.accept())
        button.click()
        expect(page.locator("[data-note]")).to_have_text("Reset to the first start.")
        assert demo.http.post("/emulator/v1/webhooks", json=added).status_code == 201
    finally:
        assert demo.http.post(f"{kept}/restore").is_success
        assert demo.http.delete(kept).is_success

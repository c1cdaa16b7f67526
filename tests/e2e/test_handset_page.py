"""The handset's page as a person uses it: Chromium, a started demo, REST beside it."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from playwright.sync_api import Page, TimeoutError as NotInTime, expect
from tests.e2e.browsing import CALLER, Demo, Tabs, overflowing, ring, state_of
from tests.e2e.serving import until

REASON = "Your parcel arrives today"
STRANGER = "918049998888"
UNLISTED = "918040007777"
"""Nothing shows for it but call records, and nothing is asked after its calls."""
MAY_TRY_MS = 5_000
"""More than a call rings that ends by its script."""


def shows(page: Page, name: str, reason: str) -> None:
    """The call screen has exactly this name and reason, the badge, and a logo that has been loaded."""
    expect(page.locator("[data-name]")).to_have_text(name)
    expect(page.locator("[data-reason]")).to_have_text(reason)
    expect(page.locator("[data-verified]")).to_be_visible()
    page.wait_for_function("() => document.querySelector('[data-logo]').naturalWidth === 200")
    expect(page.locator("[data-nobody]")).to_be_hidden()


def shows_nothing(page: Page, why: str) -> None:
    """The call screen has the bare number and says why."""
    expect(page.locator("[data-number]")).to_have_text("Not identified")
    expect(page.locator("[data-why]")).to_contain_text(why)
    expect(page.locator("[data-verified]")).to_be_hidden()
    expect(page.locator("[data-logo]")).to_be_hidden()
    expect(page.locator("[data-reason]")).to_be_hidden()


def outcomes(page: Page, *expected: str) -> None:
    """The call history has these outcomes, newest first."""
    expect(page.locator("[data-history] .cm-outcome")).to_have_text(list(expected))


def watch_call(page: Page) -> None:
    """From now on the page notes whatever its call screen shows, also what is gone before Python looks."""
    page.evaluate(
        """() => {
          window.shown = [];
          window.watcher?.disconnect();
          const device = document.querySelector("main [data-device]");
          const text = (name) => device.querySelector(`[data-${name}]`).textContent;
          const look = () => window.shown.push([device.dataset.callState, text("name"), text("reason")]);
          window.watcher = new MutationObserver(look);
          window.watcher.observe(device, { attributeFilter: ["data-call-state"] });
        }"""
    )


def has_shown(page: Page) -> list[list[str]]:
    """State, name and reason of the call screen, one after the other, since `watch_call`."""
    return page.evaluate("window.shown")


def test_a_pushed_record_shows_on_a_call_that_ends_by_its_script(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page = tabs.handset(number)
    demo.push_in_time(number, dynamic_call_reason=REASON)
    expect(page.locator("[data-held] .cm-window")).to_contain_text("open, ")
    ring(page)
    shows(page, "Acme Deliveries", REASON)
    page.get_by_role("button", name="Reject").click()
    outcomes(page, "rejected")
    calls = 0

    def is_seen() -> bool:  # its 2.5 seconds may go by while the page stands still
        nonlocal calls
        calls += 1
        watch_call(page)
        answer = demo.call(number, "missed")
        assert (answer["name"], answer["call_reason"], answer["outcome"]) == ("Acme Deliveries", REASON, "missed")
        assert "on the handset" in answer["why"]
        return ["ringing", "Acme Deliveries", REASON] in has_shown(page)

    until(is_seen)
    before = [*["missed"] * calls, "rejected"]
    outcomes(page, *before)
    assert demo.screen(number)["name"] == "Acme Deliveries"
    assert demo.call(number, "answered")["outcome"] == "answered"
    assert demo.call(number, "rejected", STRANGER)["name"] is None
    outcomes(page, "rejected", "answered", *before)
    page.reload()
    outcomes(page, "rejected", "answered", *before)
    expect(page.locator("[data-held] .cm-held-name")).to_have_text(["Acme Deliveries"])


def test_the_user_answers_rejects_or_lets_it_ring(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page = tabs.handset(number)
    demo.push(number, caller_number=UNLISTED, dynamic_call_reason=REASON)
    expect(page.locator("[data-held] li")).to_have_count(1)
    ring(page, UNLISTED)
    shows(page, "Acme Deliveries", REASON)
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("[data-call-state=answered]")).to_be_visible()
    page.get_by_role("button", name="End call").click()
    expect(page.locator("[data-home]")).to_be_visible()
    ring(page, UNLISTED)
    page.get_by_role("button", name="Reject").click()
    outcomes(page, "rejected", "answered")
    expect(page.locator("[data-home]")).to_be_visible()
    calls = 0

    def is_seen_to_be_missed() -> bool:
        nonlocal calls
        calls += 1
        watch_call(page)
        answer = demo.http.post("/emulator/v1/calls", json={"caller": UNLISTED, "receiver": number})
        assert answer.json()["outcome"] == "missed"
        outcomes(page, *["missed"] * calls, "rejected", "answered")
        states = [state for state, *_ in has_shown(page)]
        return "ringing" in states and "missed" in states[states.index("ringing") :]

    until(is_seen_to_be_missed)


def test_a_user_is_quicker_than_the_script(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page = tabs.handset(number)

    def is_quicker() -> bool:
        with ThreadPoolExecutor(1) as other:
            called = other.submit(demo.call, number, "missed")
            with suppress(NotInTime):
                page.get_by_role("button", name="Reject").click(timeout=MAY_TRY_MS)
            return called.result()["outcome"] == "rejected"

    until(is_quicker)
    expect(page.locator("[data-history] .cm-outcome").first).to_have_text("rejected")


def test_offline_it_misses_a_push_and_gets_it_late(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page = tabs.handset(number)
    page.get_by_role("switch", name="Online").click()
    expect(state_of(page)).to_have_text("offline")
    assert demo.push(number, dynamic_call_reason=REASON)["status_info"]["status"] != "success"
    ring(page)
    shows_nothing(page, "the handset is offline and has no record of this caller")
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("switch", name="Online").click()
    expect(state_of(page)).to_have_text("connected")
    expect(page.locator("[data-held] li")).to_have_count(1)
    ring(page)
    shows(page, "Acme Deliveries", REASON)


def test_after_its_window_and_for_strangers_nothing_shows_and_it_says_why(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page = tabs.handset(number)
    demo.push(number, caller_number=UNLISTED, minutes=10, dynamic_call_reason=REASON)
    expect(page.locator("[data-held] .cm-window")).to_contain_text("open, ")
    ring(page, UNLISTED)
    shows(page, "Acme Deliveries", REASON)
    page.get_by_role("button", name="Reject").click()
    ring(page, STRANGER)
    shows_nothing(page, "this handset has no call record of this caller")
    page.get_by_role("button", name="Reject").click()
    before = page.locator("[data-clock]").inner_text()
    demo.advance(700)
    expect(page.locator("[data-held] .cm-window")).to_have_text("ended")
    assert page.locator("[data-clock]").inner_text() > before
    ring(page, UNLISTED)
    shows_nothing(page, "ended at")


def at_each_width(page: Page) -> Generator[None]:
    """Makes the page wide, and then as narrow as a phone; nothing may stick out of either."""
    for width in (1200, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflowing(page) == [], width
        yield


def test_long_foreign_and_odd_texts_fit(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page = tabs.handset(number, width=390, dark=True)
    for name, reason in TEXTS:
        demo.push(number, caller_number=UNLISTED, dynamic_label_name=name, dynamic_call_reason=reason)
        expect(page.locator("[data-held] .cm-held-name")).to_have_text([name])  # in place of the one before
        ring(page, UNLISTED)
        shows(page, name, reason)
        for _ in at_each_width(page):
            expect(page.get_by_role("button", name="Answer")).to_be_in_viewport()
        page.get_by_role("button", name="Reject").click()
        for _ in at_each_width(page):
            expect(page.locator("[data-home]")).to_be_visible()
    arabic = page.locator("[data-history] .cm-who").filter(has_text=TEXTS[1][0])
    assert arabic.evaluate("one => getComputedStyle(one).direction") == "rtl"


TEXTS = (
    ("W" * 40, "M" * 100),
    (
        "توصيل الشرق السريع للطرود والمستندات",
        "سيصل طردك اليوم بين الساعة الثانية والرابعة مساءً، يرجى تجهيز رمز الاستلام",
    ),
    ("राष्ट्रीय कूरियर एवं पार्सल सेवा", "आपका पार्सल आज दोपहर 2 से 4 बजे के बीच पहुँचेगा"),
    ("🚚📦 Zoë's Łódź 快递", "👩‍👩‍👧‍👦 Family parcel 🎁 — 5 o clock"),
)


def test_it_comes_back_by_itself_after_the_process_of_its_handset_and_gateway_was_killed(
    demo: Demo, tabs: Tabs
) -> None:
    number = demo.handset()
    page = tabs.handset(number)
    tabs.away = True
    with demo.killed():
        expect(state_of(page)).to_have_text("reconnecting…")
    expect(state_of(page)).to_have_text("connected")
    tabs.away = False
    demo.push_in_time(number)
    expect(page.locator("[data-held] li")).to_have_count(1)
    assert demo.call(number, "missed")["outcome"] == "missed"
    outcomes(page, "missed")


def test_a_tab_that_nobody_sees_lets_its_stream_go_and_shows_all_when_it_is_seen_again(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page, wall = tabs.handset(number), tabs.open("/emulator/handsets")
    about = (
        wall.locator(".cm-wall-phone")
        .filter(has=wall.get_by_label(f"Open the handset {number}"))
        .locator("[data-about]")
    )
    expect(about).to_contain_text("open in a tab")
    page.evaluate(BECOMES, "hidden")
    expect(about).not_to_contain_text("open in a tab")
    demo.push(number)
    assert demo.call(number, "rejected")["outcome"] == "rejected"
    expect(page.locator("[data-history] li")).to_have_count(0)
    page.evaluate(BECOMES, "visible")
    outcomes(page, "rejected")
    expect(page.locator("[data-held] li")).to_have_count(1)


BECOMES = """state => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => state === "hidden" });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_handset_registered_on_another_device_is_signed_out_with_the_reason(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page = tabs.handset(number)
    credential = (demo.data / "virtual-handsets-credential").read_text()
    app = {"Authorization": f"Bearer {credential}"}
    body = {"phone_number": number, "os": "android", "app_version": "4.2.0"}
    elsewhere = demo.http.post("/handset/v1/registrations", json=body, headers=app)
    assert elsewhere.status_code == 201
    expect(state_of(page)).to_have_text("signed out")
    expect(page.locator("[data-state-why]")).to_contain_text("registered on another device")
    page.get_by_role("button", name="Sign in again").click()
    expect(state_of(page)).to_have_text("connected")
    token = elsewhere.json()["token"]
    refused = demo.http.post("/handset/v1/sync", json={"held": []}, headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401


def test_a_handset_that_is_changed_installed_anew_or_removed_by_others_follows(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page = tabs.handset(number)
    demo.push(number)
    expect(page.locator("[data-held] li")).to_have_count(1)
    path = f"/emulator/v1/handsets/{number}"
    assert demo.http.patch(path, json={"online": False}).json()["connected"] is False
    expect(state_of(page)).to_have_text("offline")
    back = demo.http.patch(path, json={"online": True, "script": {"drop_every": 1}})
    assert back.json()["connected"] is True
    assert demo.push(number)["status_info"]["status"] != "success"
    expect(page.locator("[data-kind]")).to_contain_text("drop_every 1")
    assert demo.http.patch(path, json={"app_version": "0.9.0", "script": {}}).status_code == 200
    expect(page.locator("[data-kind]")).to_contain_text("app 0.9.0")
    expect(state_of(page)).to_have_text("connected")
    expect(page.locator("[data-held] li")).to_have_count(0)
    assert demo.http.delete(path).status_code == 204
    expect(page.locator("[data-state-why]")).to_contain_text("removed")


def test_a_number_without_an_app_shows_nothing_and_a_number_without_a_handset_says_so(demo: Demo, tabs: Tabs) -> None:
    page = tabs.handset("919900000011")
    expect(state_of(page)).to_have_text("no app")
    ring(page)
    shows_nothing(page, "is not registered")
    assert demo.http.get("/emulator/handsets/12x").status_code == 400
    nobody = tabs.open("/emulator/handsets/919911999999")
    expect(nobody.locator("[data-state-why]")).to_contain_text("no virtual handset has the number")


def test_the_wall_shows_all_handsets_live_and_opens_each_large(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    demo.push(number, dynamic_call_reason=REASON)
    page = tabs.open("/emulator/handsets", width=390)
    card = page.locator(".cm-wall-phone").filter(has=page.get_by_label(f"Open the handset {number}"))
    expect(card.locator("[data-about]")).to_contain_text("holds 1 record")
    demo.call(number, "missed")
    expect(card.locator("[data-name]")).to_have_text("Acme Deliveries")
    expect(card.locator("[data-number]")).to_have_text("+91 80 4000 1234")
    expect(card.locator("[data-reason]")).to_have_text(REASON)
    assert overflowing(page) == []
    demo.http.patch(f"/emulator/v1/handsets/{number}", json={"online": False})
    expect(card.locator("[data-status]").last).to_have_text("offline")
    card.get_by_role("link").click()
    expect(state_of(page)).to_have_text("offline")


def test_the_example_client_registers_syncs_holds_and_shows(demo: Demo, tabs: Tabs) -> None:
    number = demo.handset()
    page = tabs.open("/emulator/client")
    page.get_by_label("App credential").fill(demo.credentials["handset_app_key"])
    page.get_by_label("Number").fill(number)
    page.get_by_role("button", name="Register and connect").click()
    expect(page.locator("[data-state]")).to_have_text(f"connected as {number}")
    demo.push_in_time(number, dynamic_call_reason=REASON)
    expect(page.locator("[data-held]")).to_have_text("1")
    page.get_by_label("Caller").fill(CALLER)
    page.get_by_role("button", name="Ring").click()
    expect(page.locator("[data-name]")).to_have_text("Acme Deliveries")
    expect(page.locator("[data-reason]")).to_have_text(REASON)
    page.get_by_label("Caller").fill(STRANGER)
    page.get_by_role("button", name="Ring").click()
    expect(page.locator("[data-name]")).to_contain_text("this handset has no call record of this caller")
    page.get_by_label("Number").fill(demo.handset())
    page.get_by_role("button", name="Register and connect").click()
    expect(page.locator("[data-held]")).to_have_text("0")
    page.get_by_label("Number").fill(number)
    page.get_by_role("button", name="Register and connect").click()
    expect(page.locator("[data-held]")).to_have_text("1")
    page.get_by_label("App credential").fill("cmapp_wrong")
    page.get_by_role("button", name="Register and connect").click()
    expect(page.locator("[data-state]")).not_to_contain_text("connected as")
    tabs.complaints.remove("error: Failed to load resource: the server responded with a status of 401 (Unauthorized)")
    app = {"Authorization": f"Bearer {demo.credentials['handset_app_key']}"}
    body = {"phone_number": number, "os": "android", "app_version": "4.2.0"}
    assert demo.http.post("/handset/v1/registrations", json=body, headers=app).status_code == 201
    expect(page.locator("[data-state]")).to_contain_text("closed with 4410")
    expect(page.locator("[data-held]")).to_have_text("0")

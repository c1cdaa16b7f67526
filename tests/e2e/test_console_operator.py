"""The operator's console in Debian's Chromium, and the two pages of a business about its use of the API."""

import json
import re
import subprocess

from playwright.sync_api import Locator, Page, Request, Route, expect
from tests.e2e.browsing import stop_time
from tests.e2e.console_browsing import ConsoleTabs, check_page, fits, looked_at_in_both_themes, turn


def test_an_account_is_created_its_admin_invited_acted_for_and_suspended(console: ConsoleTabs) -> None:
    page = console.signed_in("operator")
    page.get_by_role("link", name="Create account").click()
    page.get_by_label("Account name").fill("Zenith Travel")
    page.get_by_label("User Feedback").uncheck()
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("No members yet")).to_be_visible()
    page.get_by_role("link", name="Invite admin").click()
    page.get_by_label("Email").fill("zoe@zenith.example")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("An invitation to zoe@zenith.example is written.")).to_be_visible()
    check_page(console.tabs.open(newest_link(console, "zoe@zenith.example")))
    page.get_by_role("link", name="Act for account").click()
    page.get_by_role("dialog").get_by_role("button", name="Act for this account").click()
    expect(page.get_by_text("as an operator")).to_contain_text("Zenith Travel")
    page.get_by_role("button", name="Stop acting").click()
    expect(page.get_by_text("as an operator")).to_be_hidden()
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()
    page.wait_for_load_state()
    page.get_by_role("searchbox").fill("zenith")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Zenith Travel").click()
    page.get_by_role("link", name="Suspend").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Its members cannot use the console (1 member).")
    check_page(page)
    dialog.get_by_role("button", name="Suspend account").click()
    expect(page.get_by_text("This account is suspended")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("Zenith Travel is active again.")).to_be_visible()
    page.get_by_role("link", name="Audit log").last.click()
    expect(page.locator("#results")).to_contain_text("Operator acts")


def test_a_tab_stays_with_its_account_while_another_tab_acts_for_another_one(console: ConsoleTabs) -> None:
    page = console.signed_in("operator")
    ids = [account["client_account_id"] for account in console.demo.credentials["accounts"][:2]]
    names: list[str] = []

    def act_for(tab: Page, account_id: str) -> None:
        tab.goto(f"/console/operator/accounts/{account_id}/act")
        if not names:
            check_page(tab)
        tab.get_by_role("button", name="Act for this account").click()
        names.append(tab.locator("#acting strong").inner_text())

    act_for(page, ids[0])
    page.goto("/console/call-reasons")
    other = page.context.new_page()
    act_for(other, ids[1])
    page.get_by_label("Call reason").fill("Your parcel is here")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text(f"This form is for {names[0]}")).to_contain_text(f"You now act for {names[1]}")
    check_page(page)
    page.get_by_role("button", name=f"Act for {names[0]} again").click()
    page.get_by_role("button", name="Submit now").click()
    expect(page.get_by_text("was added to the library")).to_be_visible()
    expect(page.locator("#acting")).to_contain_text(names[0])
    page.goto("/console/usage")
    act_for(other, ids[1])
    expect(page.locator("#acting")).to_contain_text(f"while you acted for {names[0]}. You now act for {names[1]}")
    check_page(page)
    page.locator("#acting").get_by_role("link", name="Reload").click()
    expect(page.locator("#acting")).to_contain_text(f"You are acting for {names[1]}")
    page.goto("/console/campaigns/new?type=questions")
    act_for(other, ids[0])
    page.get_by_label("Campaign name").fill("x" * 300_000)  # too much to be kept elsewhere
    expect(page.locator("#acting")).to_contain_text(f"while you acted for {names[1]}. You now act for {names[0]}")
    expect(page.get_by_label("Campaign name")).to_have_value("x" * 300_000)
    page.get_by_role("link", name="Reload").click()
    page.get_by_role("button", name="Stop acting").click()
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()


def test_a_page_that_follows_a_stream_says_that_another_tab_acts_for_another_account(console: ConsoleTabs) -> None:
    page = console.signed_in("operator")
    ids = [account["client_account_id"] for account in console.demo.credentials["accounts"][:2]]

    def act_for(tab: Page, account_id: str) -> None:
        tab.goto(f"/console/operator/accounts/{account_id}/act")
        tab.get_by_role("button", name="Act for this account").click()
        expect(tab.locator("#acting")).to_contain_text("You are acting for")

    def with_stream(route: Route) -> None:
        """The page as of a job that runs for long. Its stream is not found, as those of another account."""
        answer = route.fetch()
        box = '<progress data-progress="/console/numbers/jobs/none/progress" aria-label="Progress"></progress>'
        route.fulfill(response=answer, body=re.sub(r'(id="jobs"[^>]*>)', rf"\1{box}", answer.text()))

    act_for(page, ids[0])
    page.route("**/console/numbers/jobs", with_stream, times=1)
    with page.expect_response("**/numbers/jobs/none/progress"):
        page.goto("/console/numbers/jobs")
    other = page.context.new_page()
    act_for(other, ids[1])
    expect(page.locator("#acting")).to_contain_text("so it no longer updates")
    check_page(page)
    page.locator("#acting").get_by_role("link", name="Reload").click()
    page.get_by_role("button", name="Stop acting").click()
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()


def test_a_page_says_since_when_its_stream_is_lost(console: ConsoleTabs) -> None:
    def with_stream(route: Route) -> None:
        answer = route.fetch()
        box = '<progress data-progress="/console/numbers/jobs/none/progress" aria-label="Progress"></progress>'
        route.fulfill(response=answer, body=re.sub(r'(id="jobs"[^>]*>)', rf"\1{box}", answer.text()))

    def lose(page: Page) -> None:
        page.route("**/console/numbers/jobs", with_stream, times=1)
        page.route("**/numbers/jobs/none/progress", lambda route: route.abort())

    page = console.signed_in("admin", "/console/numbers/jobs", before=lose)
    expect(page.locator("#jobs > .cs-outdated")).to_contain_text("Not updated since")
    console.tabs.complaints.clear()


_HIDES = "is => Object.defineProperty(document, 'hidden', {configurable: true, get: () => is})"


def _with_fold(route: Route) -> None:
    """The page with a part that opens, as a delivery has them."""
    answer = route.fetch()
    fold = "<details id=fold><summary>Fold</summary></details>"
    route.fulfill(response=answer, body=re.sub('(<div id="live"[^>]*>)', rf"\1{fold}", answer.text()))


def _stop_with_fold(page: Page) -> None:
    stop_time(page)
    page.route("**/console/usage", _with_fold)


def test_usage_follows_requests_unless_nobody_looks_or_it_is_used(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/usage", before=_stop_with_fold)
    page.get_by_text("Fold").click()
    tokens = page.locator(".card", has_text="Tokens created").locator(".cs-figure")
    before = int(tokens.inner_text())
    link = page.locator("#live").get_by_role("link", name="Manage Webhooks")
    link.focus()
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    page.clock.run_for(10_000)
    expect(link).to_be_focused()
    page.evaluate(_HIDES, arg=True)
    link.blur()
    page.clock.run_for(10_000)
    assert asked == []
    page.evaluate(_HIDES, arg=False)
    page.evaluate("getSelection().selectAllChildren(document.getElementById('live'))")
    page.clock.run_for(10_000)
    assert asked == []
    page.evaluate("getSelection().removeAllRanges()")
    new_token(console)
    page.clock.run_for(2_000)
    expect(tokens).to_have_text(str(before + 1))
    expect(page.locator("#fold")).to_have_attribute("open", "")
    assert asked[0].headers["x-callmark-poll"] == "yes"


def test_a_copied_command_works_in_a_shell(console: ConsoleTabs) -> None:
    page = console.signed_in("admin")
    page.get_by_role("link", name="API reference").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    key = {"KEY_ID": console.demo.account["key_id"], "API_KEY": console.demo.account["api_key"]}
    token = run(copied(page, *ROUTES[0]), key)["token"]
    answer = run(copied(page, *ROUTES[1]), {"TOKEN": token})
    assert "status_info" in answer
    assert run(copied(page, *ROUTES[2]), {"TOKEN": token})


def test_pages_are_accessible_and_fit_in_light_and_dark_and_on_a_phone(console: ConsoleTabs) -> None:
    account = f"accounts/{console.demo.account['client_account_id']}"
    page = console.signed_in("operator", "/console/operator/accounts")
    looked_at_in_both_themes(page)
    listed = (account, "handset-apps", "handsets", "edges", "certificates")
    for path in (*listed, "reviews", "queues", "health", "operators", "tokens", "audit"):
        page.goto(f"/console/operator/{path}")
        looked_at_in_both_themes(page)
    for path in (
        "accounts/new",
        f"{account}/invite",
        f"{account}/suspend",
        "handset-apps/new",
        "edges/new",
        "operators/new",
        "tokens/new",
    ):
        page.goto(f"/console/operator/{path}")
        check_page(page)
        turn(page)
        fits(page)  # forms are made of the same parts at every width
    page = console.signed_in("admin", "/console/usage")
    looked_at_in_both_themes(page)
    page.goto("/console/reference")
    for section, number in ROUTES:
        opened(page, section, number)
    looked_at_in_both_themes(page)
    assert not page.locator("a[href*='/operator/']").count()


ROUTES = ("Access tokens", 0), ("Call personalisation, v3", 2), ("Labels", 0)
"""By their section of the reference, and their place in it."""


def opened(page: Page, section: str, number: int) -> Locator:
    """A section's route, opened."""
    routes = page.locator("section", has=page.get_by_role("heading", name=section, exact=True)).locator("details")
    route = routes.nth(number)
    route.locator("summary").click()
    return route


def copied(page: Page, section: str, number: int) -> str:
    """The command of a section's route, opened and copied as a person does."""
    opened(page, section, number).get_by_role("button", name="Copy as curl").click()
    return page.evaluate("navigator.clipboard.readText()")


def run(command: str, variables: dict[str, str]) -> dict[str, str]:
    """What a shell prints for a command, as JSON."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=variables | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def new_token(console: ConsoleTabs) -> None:
    """Exchanges the demo's key once more."""
    made = console.demo.account
    path = f"/clients/{made['client_account_id']}/token"
    answer = console.demo.http.post(path, json={"key_id": made["key_id"], "api_key": made["api_key"]})
    assert answer.status_code == 200, answer.text


def newest_link(console: ConsoleTabs, to: str) -> str:
    """The link of the newest caught mail to that address."""
    mails = [mail for mail in console.demo.http.get("/emulator/v1/mails").json() if mail["to"] == to]
    return re.findall(r"https?://\S+/console/\S+", mails[-1]["text"])[0]

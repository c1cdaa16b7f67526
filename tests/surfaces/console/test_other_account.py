"""An operator with two tabs: a page of one account does nothing for another that the session acts for meanwhile."""

import re
from datetime import timedelta
from html import unescape

import httpx
import pytest
from msgspec import Struct
from tests.domain.numbers.staging import phones
from tests.support.audit_log import log_of
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import BASE, PASSWORD, Browser, Business, Visitors, make_operator, text_of
from tests.surfaces.console.listing import list_in, make_set

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.operators.model import Operator
from callmark.domain.policy.model import SYSTEM
from callmark.domain.sessions.throttle import service as throttle

INVITE = "/console/members/invite"
NINA = {"email": "nina@acme.example", "name": "Nina", "role": "admin:"}
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
_FILE = re.compile(r'href="(/console/numbers/export[^"]*)"')


class Tabs(Struct):
    """An operator's browser, and two accounts."""

    operator: Operator
    browser: Browser
    acme: Account
    beta: Account

    async def act_for(self, account: Account) -> None:
        """In whichever tab."""
        begun = await self.browser.post(f"/console/operator/accounts/{account.id}/act")
        assert begun.status_code == 303

    async def send(self, page: httpx.Response, path: str, form: dict[str, str]) -> httpx.Response:
        """A form of a page that is open."""
        token = _TOKEN.findall(page.text)[-1]
        return await self.browser.http.post(path, data={"csrf": token, **form}, headers={"Referer": f"{page.url}"})

    async def poll(self, page: httpx.Response, path: str, **more: str) -> httpx.Response:
        """What a script of a page that is open asks for."""
        (headers,) = re.findall(r"hx-headers='{\"X-CSRF-Token\": \"([^\"]+)\"}'", page.text)
        return await self.browser.http.get(path, headers={"X-CSRF-Token": headers, **more})


HTMX = {"HX-Request": "true", "HX-Current-URL": f"{BASE}/console/usage"}


@pytest.fixture
async def tabs(deps: Deps, browse: Visitors) -> Tabs:
    operator = await make_operator(deps)
    made = [await accounts.create_account(deps, name, by=SYSTEM) for name in ("Acme", "Beta")]
    return Tabs(operator, await browse.as_operator(operator), *made)


async def test_a_form_of_one_account_is_not_taken_for_another_and_can_be_sent_for_its_own(
    deps: Deps, tabs: Tabs
) -> None:
    await tabs.act_for(tabs.acme)
    page = await tabs.browser.get(INVITE)
    await tabs.act_for(tabs.beta)
    refused = await tabs.browser.follow(await tabs.send(page, INVITE, NINA))
    assert "This form is for Acme . You now act for Beta" in text_of(refused)
    assert "nina@acme.example" in text_of(refused)
    assert "Submit now" not in text_of(refused)
    for account in (tabs.acme, tabs.beta):
        assert await members.list_members(deps, account.id) == []
    onward = unescape(re.findall(r'name="next" value="([^"]+)"', refused.text)[-1])
    again = await tabs.browser.post(f"/console/operator/accounts/{tabs.acme.id}/act", {"next": onward})
    kept = await tabs.browser.follow(again)
    assert "It was not saved because you were acting for another account." in text_of(kept)
    assert "Submit now" in text_of(kept)
    assert (await tabs.send(kept, INVITE, NINA)).status_code == 303
    (nina,) = await members.list_members(deps, tabs.acme.id)
    assert nina.email == "nina@acme.example"


async def test_a_button_of_one_account_does_nothing_for_another_and_leads_back_to_its_page(tabs: Tabs) -> None:
    await tabs.act_for(tabs.acme)
    page = await tabs.browser.get("/console/first-steps")
    await tabs.act_for(tabs.beta)
    refused = await tabs.send(page, "/console/first-steps/hide", {})
    assert refused.status_code == 409
    assert "Act for Acme again" in text_of(refused)
    assert 'name="next" value="/console/first-steps"' in refused.text
    await tabs.browser.post("/console/operator/stop-acting")
    idle = await tabs.send(page, "/console/first-steps/hide", {})
    assert "You act for no account now" in text_of(idle)


@pytest.mark.parametrize(("length", "kept_before"), [(300_000, 0), (9, throttle.KEPT_FORM.most)])
async def test_a_page_keeps_what_is_typed_there_where_its_preview_can_be_kept_nowhere_else(
    tabs: Tabs, length: int, kept_before: int
) -> None:
    """It is too long, or too many forms were kept for that network."""
    name = "x" * length
    await tabs.act_for(tabs.acme)
    page = await tabs.browser.get(INVITE)
    await tabs.act_for(tabs.beta)
    for _ in range(kept_before):
        assert (await tabs.send(page, INVITE, NINA)).status_code == 303
    sent = {"csrf": _TOKEN.findall(page.text)[-1], "name": name}
    preview = await tabs.browser.http.post("/console/campaigns/new", data=sent | {"do": "preview"}, headers=HTMX)
    assert preview.status_code == 200
    assert "hx-redirect" not in preview.headers
    assert (preview.headers["hx-retarget"], preview.headers["hx-reselect"]) == ("#acting", "#acting")
    assert preview.headers["hx-reswap"] == "outerHTML"
    assert text_of(preview).startswith(
        "This page was opened while you acted for Acme . You now act for Beta , so it no longer updates."
    )
    assert "What you typed is still here" in text_of(preview)
    saved = await tabs.send(page, "/console/campaigns/new", {"name": name})
    assert saved.status_code == 409
    assert "What you entered could not be kept." in text_of(saved)
    assert name in saved.text


async def test_operators_own_forms_do_not_mind_which_account_the_session_acts_for(deps: Deps, tabs: Tabs) -> None:
    """Neither do those of the person, and the one that ends the acting."""
    at = f"/console/operator/accounts/{tabs.beta.id}"
    page = await tabs.browser.get(at)
    await tabs.act_for(tabs.acme)
    assert (await tabs.send(page, at, {"name": "Beta Ltd"})).status_code == 303
    assert (await accounts.get_account(deps, tabs.beta.id)).name == "Beta Ltd"
    page = await tabs.browser.get("/console/me")
    await tabs.act_for(tabs.beta)
    assert (await tabs.send(page, "/console/me/zone", {"zone": "Asia/Kolkata"})).status_code == 303
    assert (await tabs.send(page, "/console/operator/stop-acting", {})).headers["location"].endswith("/accounts")
    assert (await tabs.send(page, "/console/sign-out", {})).status_code == 303


async def test_a_form_without_an_account_is_refused_where_one_is_needed(deps: Deps, tabs: Tabs) -> None:
    """As of a page that was opened before an upgrade."""
    await tabs.act_for(tabs.beta)
    tabs.browser.acting_for = None
    refused = await tabs.browser.follow(await tabs.browser.post("/console/keys/new", {"name": "k", "features": "x"}))
    assert "This form does not say for which account it is. You now act for Beta" in text_of(refused)
    assert "Act for" not in text_of(refused)
    assert await credentials.list_keys(deps, tabs.beta.id) == []


async def test_a_form_that_is_kept_for_a_sign_in_waits_for_its_own_account(
    deps: Deps, tabs: Tabs, clock: FakeClock
) -> None:
    await tabs.act_for(tabs.acme)
    page, at = await tabs.browser.get(INVITE), f"/console/operator/accounts/{tabs.beta.id}"
    clock.advance(timedelta(hours=12))
    found: list[str] = []
    who = {"email": tabs.operator.email, "password": PASSWORD}
    for path, form in ((INVITE, NINA), (at, {"name": "Beta Ltd"})):
        late = await tabs.send(page, path, form)
        door = await tabs.browser.get(late.headers["location"])
        entered = await tabs.send(door, "/console/sign-in", who | _next_of(door))
        found.append(entered.headers["location"])
        kept = await tabs.browser.follow(entered)
        assert ("Submit now" in text_of(kept)) == (path == at)
        await tabs.browser.http.post("/console/sign-out", data={"csrf": _TOKEN.findall(kept.text)[-1]})
    door = await tabs.browser.get("/console/sign-in")
    await tabs.send(door, "/console/sign-in", who)
    await tabs.act_for(tabs.beta)
    assert "This form is for Acme . You now act for Beta" in text_of(await tabs.browser.get(found[0]))
    await tabs.act_for(tabs.acme)
    assert "Submit now" in text_of(await tabs.browser.get(found[0]))
    assert await members.list_members(deps, tabs.beta.id) == []


def _next_of(door: httpx.Response) -> dict[str, str]:
    return {"next": unescape(re.findall(r'name="next" value="([^"]+)"', door.text)[0])}


async def test_a_page_that_updates_says_so_instead_of_showing_another_account(tabs: Tabs) -> None:
    await tabs.act_for(tabs.acme)
    page = await tabs.browser.get("/console/usage")
    same = await tabs.poll(page, "/console/usage", **HTMX, **{"X-Callmark-Poll": "yes"})
    assert same.status_code == 200
    await tabs.act_for(tabs.beta)
    other = await tabs.poll(page, "/console/usage", **HTMX, **{"X-Callmark-Poll": "yes"})
    assert other.status_code == 286  # htmx polls no more
    assert (other.headers["hx-retarget"], other.headers["hx-reselect"]) == ("#acting", "#acting")
    assert text_of(other).startswith(
        "This page was opened while you acted for Acme . You now act for Beta , so it no longer updates."
    )
    assert "What you typed" not in text_of(other)
    assert 'id="acting"' in page.text
    assert 'name="next" value="/console/usage"' in other.text
    searched = await tabs.poll(page, "/console/records?q=12", **HTMX)
    assert searched.headers["hx-redirect"] == "/console/records?q=12"
    asked = await tabs.poll(page, "/console/records?q=12")
    assert asked.status_code == 409
    assert "Reload it" in text_of(asked)
    followed = await tabs.poll(page, "/console/numbers/jobs?after=x", **{"X-Callmark-Poll": "yes"})  # progress.js
    assert followed.status_code == 409
    assert text_of(followed).startswith(
        "This page was opened while you acted for Acme . You now act for Beta , so it no longer updates."
    )
    assert 'name="next" value="/console/numbers/jobs?after=x"' in followed.text
    health = await tabs.poll(page, "/console/operator/health", **HTMX, **{"X-Callmark-Poll": "yes"})
    assert health.status_code == 286  # its banner is Acme's, too
    assert "opened while you acted for Acme . You now act for Beta" in text_of(health)
    own = await tabs.browser.get("/console/operator/health")
    assert (await tabs.poll(own, "/console/operator/health", **HTMX, **{"X-Callmark-Poll": "yes"})).status_code == 200


async def test_a_link_to_a_file_works_for_the_account_of_its_page_alone(
    deps: Deps, business: Business, tabs: Tabs
) -> None:
    (number,) = listed = phones(1)
    await list_in(deps, business, await make_set(deps, business), *listed)
    await tabs.act_for(business.account)
    (link,) = _FILE.findall((await tabs.browser.get("/console/numbers?state=listed")).text)
    link = unescape(link)
    file = await tabs.browser.get(link)
    assert number in file.text
    assert file.headers["content-disposition"] == 'attachment; filename="callmark-numbers-Acme.csv"'
    await tabs.act_for(tabs.beta)
    refused = await tabs.browser.get(link)
    assert refused.status_code == 409
    assert "This link is for another account than you use now." in text_of(refused)
    for opener, leads in (("/console/numbers?state=listed", True), ("", False), ("https://a.example/console", False)):
        sent = {"referer": f"http://callmark.test{opener}" if opener.startswith("/") else opener}
        refused = await tabs.browser.http.get(link, headers=sent)
        assert (f'href="{opener}"' in refused.text) is leads
        assert ("Open the page again" in refused.text) is leads
    await tabs.browser.post("/console/operator/stop-acting")
    idle = await tabs.browser.get(link)
    assert idle.status_code == 403
    assert "Choose an account and act for it first." in text_of(idle)
    await tabs.act_for(tabs.beta)
    for unnamed in ("", "?account=x"):
        refused = await tabs.browser.get(f"/console/numbers/export{unnamed}")
        assert refused.status_code == 409
        assert "This link does not say for which account it is." in text_of(refused)


async def test_the_log_of_an_account_says_when_an_operator_went_to_another_or_signed_out(
    deps: Deps, tabs: Tabs
) -> None:
    await tabs.act_for(tabs.acme)
    await tabs.act_for(tabs.beta)
    await tabs.browser.post("/console/sign-out")
    for account in (tabs.acme, tabs.beta):
        log = [(one.action, one.actor_email) for one in await log_of(deps, account.id)]
        assert log == [("operator.stopped", tabs.operator.email), ("operator.acts", tabs.operator.email)]

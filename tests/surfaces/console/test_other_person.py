"""Two people in one browser, one after the other: a page of the first does nothing for the second, whoever they are."""

import re
from html import unescape
from uuid import UUID

import httpx
import pytest
from msgspec import Struct
from tests.domain.numbers.staging import phones
from tests.surfaces.console.browser import (
    BASE,
    PASSWORD,
    Browser,
    Business,
    Visitors,
    links_of,
    make_business,
    make_operator,
    text_of,
)
from tests.surfaces.console.listing import list_in, make_set

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.members import service as members
from callmark.domain.operators.model import Operator
from callmark.domain.sessions.model import Person
from callmark.domain.sessions.throttle import service as throttle
from callmark.surfaces.console import cookies

INVITE = "/console/members/invite"
NINA = {"email": "nina@acme.example", "name": "Nina", "role": "admin:"}
POLL = {"X-Callmark-Poll": "yes"}
HTMX = {"HX-Request": "true", "HX-Current-URL": f"{BASE}/console/usage"}
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
_OF_SCRIPTS = re.compile(r"hx-headers='{\"X-CSRF-Token\": \"([^\"]+)\"}'")


class Desk(Struct):
    """A browser that people share, two businesses and an operator."""

    browser: Browser
    acme: Business
    beta: Business
    operator: Operator

    async def sign_in(self, who: str) -> None:
        """In whichever tab; who was signed in before signs out."""
        await self.browser.post("/console/sign-out")
        self.browser.acting_for = None
        await self.browser.get("/console/sign-in")
        known = {"alice": self.acme.admin, "dora": self.acme.department_owner, "bob": self.beta.admin}
        email = self.operator.email if who.startswith("operator") else known[who].email
        entered = await self.browser.post("/console/sign-in", {"email": email, "password": PASSWORD})
        assert entered.status_code == 303
        if who.startswith("operator for "):
            business = {"acme": self.acme, "beta": self.beta}[who.removeprefix("operator for ")]
            await self.browser.post(f"/console/operator/accounts/{business.account.id}/act")

    async def send(self, page: httpx.Response, path: str, form: dict[str, str], **headers: str) -> httpx.Response:
        """A form of a page that is open."""
        data = {"csrf": _TOKEN.findall(page.text)[-1], **form}
        return await self.browser.http.post(path, data=data, headers={"Referer": f"{page.url}", **headers})

    async def ask(self, page: httpx.Response, path: str, **headers: str) -> httpx.Response:
        """What a script of a page that is open asks for."""
        (token,) = _OF_SCRIPTS.findall(page.text)
        return await self.browser.http.get(path, headers={"X-CSRF-Token": token, **headers})


@pytest.fixture
async def desk(deps: Deps, business: Business, browse: Visitors) -> Desk:
    return Desk(browse(), business, await make_business(deps, "Beta"), await make_operator(deps))


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        ("alice", "bob", "Alice of Beta"),
        ("alice", "dora", "Dora of Acme"),
        ("alice", "operator for beta", "Opal of Beta"),
        ("operator for acme", "bob", "Alice of Beta"),
        ("operator for acme", "alice", "Alice of Acme"),
        ("operator", "alice", "Alice of Acme"),
    ],
)
async def test_a_page_gets_nothing_of_who_signed_in_since(desk: Desk, before: str, now: str, named: str) -> None:
    """Neither by itself, nor when someone searches there, asks a question or follows long work."""
    await desk.sign_in(before)
    page = await desk.browser.get("/console/operator/health" if before == "operator" else "/console/usage")
    assert 'id="acting"' in page.text
    same = await desk.ask(page, f"{page.url}", **HTMX, **POLL)
    assert (same.status_code, "no longer updates" in same.text) == (200, False)
    await desk.sign_in(now)
    said = f"This page was opened before you signed in as {named} , so it no longer updates. Reload"
    for path in ("/console/usage", "/console/operator/health", "/console/numbers", "/console/numbers/jobs"):
        polled = await desk.ask(page, path, **HTMX, **POLL)
        assert (polled.status_code, text_of(polled)) == (286, said)
        assert polled.headers["hx-retarget"] == "#acting"
        followed = await desk.ask(page, path, **POLL)
        assert (followed.status_code, text_of(followed)) == (409, said)
        assert (await desk.ask(page, f"{path}?q=91", **HTMX)).headers["hx-redirect"] == f"{path}?q=91"
        asked = await desk.ask(page, path)
        assert asked.status_code == 409
        assert "This page was opened before you signed in. Reload it." in text_of(asked)


async def test_a_page_updates_in_a_new_session_of_its_own_person(desk: Desk) -> None:
    await desk.sign_in("alice")
    page = await desk.browser.get("/console/usage")
    await desk.sign_in("alice")
    assert (await desk.ask(page, "/console/usage", **HTMX, **POLL)).status_code == 200


@pytest.mark.parametrize("now", ["bob", "dora", "operator", "operator for acme"])
async def test_a_form_waits_for_who_opened_its_page_and_is_of_no_use_to_anybody_else(
    deps: Deps, desk: Desk, now: str
) -> None:
    await desk.sign_in("alice")
    page = await desk.browser.get(INVITE)
    await desk.sign_in(now)
    told = await desk.browser.follow(await desk.send(page, INVITE, NINA))
    assert "so the form was not accepted. It is kept for 30 minutes for the person who opened" in text_of(told)
    assert "nina" not in told.text
    assert "Submit now" not in told.text
    onward = _next_of(told)
    left = await desk.send(told, "/console/sign-out", {"next": onward})
    door = await desk.browser.follow(left)
    who = {"email": desk.acme.admin.email, "password": PASSWORD, "next": _next_of(door)}
    kept = await desk.browser.follow(await desk.send(door, "/console/sign-in", who))
    assert "nina@acme.example" in text_of(kept)
    assert (await desk.send(kept, INVITE, NINA)).status_code == 303
    for account, invited in ((desk.acme, 1), (desk.beta, 0)):
        assert await _ninas(deps, account.account.id) == invited


async def test_a_form_of_a_page_is_its_persons_after_the_next_ones_session_has_ended_too(desk: Desk) -> None:
    await desk.sign_in("alice")
    page = await desk.browser.get(INVITE)
    await desk.sign_in("bob")
    await desk.browser.post("/console/sign-out")
    onward = httpx.URL((await desk.send(page, INVITE, NINA)).headers["location"]).params["next"]
    await desk.sign_in("bob")
    assert "nina" not in (await desk.browser.get(onward)).text
    await desk.sign_in("alice")
    assert "nina@acme.example" in text_of(await desk.browser.get(onward))


@pytest.mark.parametrize("length", [300_000, 9])
async def test_what_cannot_be_kept_for_another_person_is_shown_to_nobody_else(desk: Desk, length: int) -> None:
    """It is too long, or too many forms were kept for that network."""
    await desk.sign_in("alice")
    page = await desk.browser.get(INVITE)
    await desk.sign_in("bob")
    for _ in range(throttle.KEPT_FORM.most if length == 9 else 0):
        assert (await desk.send(page, INVITE, NINA)).status_code == 303
    preview = await desk.send(page, "/console/campaigns/new", {"name": "x" * length, "do": "preview"}, **HTMX)
    assert (preview.status_code, preview.headers["hx-retarget"]) == (200, "#acting")
    assert "What you typed is still here" in text_of(preview)
    saved = await desk.send(page, "/console/campaigns/new", {"name": "x" * length})
    assert saved.status_code == 409
    assert "What was entered could not be kept." in text_of(saved)
    assert "x" * 9 not in saved.text


async def test_a_form_of_nobody_or_of_somebody_who_is_gone_is_taken_for_nobody(deps: Deps, desk: Desk) -> None:
    await desk.sign_in("alice")
    page = await desk.browser.get(INVITE)
    gone = cookies.Viewer(Person(MemberId(UUID(int=7))), desk.acme.account.id)
    for viewer in (cookies.NOBODY, gone):
        refused = await desk.send(page, INVITE, NINA | {"csrf": cookies.csrf_token("another", viewer)})
        assert refused.status_code == 409
        assert "What was entered could not be kept." in text_of(refused)
        assert "nina" not in refused.text
        assert "Submit now" not in refused.text
    assert await _ninas(deps, desk.acme.account.id) == 0


async def test_a_members_link_to_a_file_works_for_the_account_of_its_page_alone(deps: Deps, desk: Desk) -> None:
    (number,) = listed = phones(1)
    await list_in(deps, desk.acme, await make_set(deps, desk.acme), *listed)
    await desk.sign_in("alice")
    page = await desk.browser.get("/console/numbers?state=listed")
    (link,) = [one for one in links_of(page) if one.startswith("/console/numbers/export")]
    for works in (link, "/console/numbers/export"):
        assert number in (await desk.browser.get(works)).text
    await desk.sign_in("bob")
    refused = await desk.browser.get(link)
    assert refused.status_code == 409
    assert "This link is for another account than you use now." in text_of(refused)


def _next_of(page: httpx.Response) -> str:
    return unescape(re.findall(r'name="next" value="([^"]+)"', page.text)[-1])


async def _ninas(deps: Deps, account_id: AccountId) -> int:
    return sum(one.email == NINA["email"] for one in await members.list_members(deps, account_id))

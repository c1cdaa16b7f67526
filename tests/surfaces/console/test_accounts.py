"""Accounts as operators see them: found, created, changed, suspended; the first admin invited."""

import asyncio
import re

import pytest
from tests.support.audit_log import log_of
from tests.support.listed_number import make_listed, offer_everything
from tests.support.waiting import until_locked
from tests.surfaces.console.browser import (
    Business,
    Visitors,
    errors_of,
    links_of,
    mailed_token,
    make_business,
    make_operator,
    text_of,
)

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.policy.plan import ALL_FEATURES, Feature
from callmark.domain.sessions.model import MemberState
from callmark.kit.errors import Forbidden
from callmark.kit.ids import parse_uuid, random_text

LIST = "/console/operator/accounts"


def url_of(business: Business) -> str:
    return f"{LIST}/{business.account.id}"


async def actions_of(deps: Deps, account_id: AccountId) -> list[str]:
    return [entry.action for entry in await log_of(deps, account_id)]


async def test_an_account_is_created_with_its_features_and_its_first_admin_comes_in(
    deps: Deps, browse: Visitors
) -> None:
    olive = await browse.as_operator(await make_operator(deps))
    created = await olive.post(f"{LIST}/new", {"name": " Zenith ", "features": ["call_me_back", "user_feedback"]})
    page = await olive.follow(created)
    assert "Zenith was created. Next: invite its first admin." in text_of(page)
    assert "No members yet" in text_of(page)
    at = created.headers["location"]
    account_id = AccountId(parse_uuid(at.rpartition("/")[2]) or pytest.fail(at))
    account = await accounts.get_account(deps, account_id)
    assert (account.name, account.features) == ("Zenith", {Feature.CALL_ME_BACK, Feature.USER_FEEDBACK})
    email = f"zoe-{random_text(8).lower()}@zenith.example"
    invited = await olive.follow(await olive.post(f"{at}/invite", {"email": email, "name": "Zoe"}))
    assert f"An invitation is on its way to {email}." in text_of(invited)
    again = [link for link in links_of(invited) if link.endswith("/invite-again")]
    await olive.follow(await olive.post(again[0]))
    guest = browse()
    password = {"name": "Zoe", "password": "four unrelated words", "again": "four unrelated words"}
    await guest.get("/console/sign-in")
    home = await guest.follow(await guest.post(f"/console/invitations/{await mailed_token(deps, email)}", password))
    assert "Zenith" in text_of(home)
    (zoe,) = await members.list_members(deps, account_id)
    assert (zoe.role, zoe.state) == (Role.ADMIN, MemberState.ACTIVE)
    assert (await actions_of(deps, account_id))[-3:] == ["member.invited_again", "member.invited", "account.created"]


async def test_a_refused_account_and_invitation_keep_what_was_typed(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    olive = await browse.as_operator(await make_operator(deps))
    refused = await olive.post(f"{LIST}/new", {"name": "x" * 101, "features": "call_me_back"})
    assert "Call Me Back offer callbacks after missed calls" in text_of(refused)
    assert "download" not in text_of(refused), "that is what a key gives"
    assert refused.status_code == 422
    assert "at most 100" in errors_of(refused)["name"]
    assert 'value="call_me_back" checked' in refused.text
    assert 'value="user_feedback" checked' not in refused.text
    taken = await olive.post(f"{url_of(business)}/invite", {"email": business.admin.email.upper(), "name": "Ann"})
    assert taken.status_code == 422
    assert "already exists" in errors_of(taken)[""]
    assert 'value="Ann"' in taken.text
    nameless = await olive.post(url_of(business), {"name": " "})
    assert nameless.status_code == 422
    assert "name" in errors_of(nameless)


async def test_a_suspended_account_is_refused_until_it_is_restored(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    account_id = business.account.id
    key = await credentials.create_key(deps, account_id, name="dialer", features=[Feature.CALL_ME_BACK], by=SYSTEM)
    alice, olive = await browse.as_member(business.admin), await browse.as_operator(await make_operator(deps))
    asked = text_of(await olive.get(f"{url_of(business)}/suspend"))
    assert "The API refuses all its requests (1 key)." in asked
    assert "Its members cannot use the console (4 members)." in asked
    assert "Its open call records are removed from handsets. Its batches, uploads and webhook deliveries stop." in asked
    assert "What is still valid then continues. Records whose window has ended by then have failed." in asked
    page = await olive.follow(await olive.post(f"{url_of(business)}/suspend"))
    assert "Acme was suspended." in text_of(page)
    assert (await accounts.get_account(deps, account_id)).state is AccountState.SUSPENDED
    assert (await alice.get("/console/keys")).status_code == 403
    with pytest.raises(Forbidden):
        await credentials.create_token(deps, str(account_id), str(key.key_id), key.api_key)
    await olive.follow(await olive.post(f"{url_of(business)}/restore"))
    assert (await alice.get("/console/keys")).status_code == 200
    assert (await credentials.create_token(deps, str(account_id), str(key.key_id), key.api_key)).token
    assert await actions_of(deps, account_id) == ["account.restored", "account.suspended"]


async def test_name_and_features_are_changed_and_noted(deps: Deps, business: Business, browse: Visitors) -> None:
    operator = await make_operator(deps)
    olive = await browse.as_operator(operator)
    asked = await olive.follow(
        await olive.post(url_of(business), {"name": "Acme & Sons", "features": "number_management"})
    )
    assert "The other changes were saved." in text_of(asked)
    removing = ("call_personalisation", "call_me_back", "user_feedback")
    path = f"{url_of(business)}/without/{','.join(removing)}"
    assert (await olive.post(path)).status_code == 303
    again = await olive.post(path)
    assert "The account does not have these features." in text_of(again)
    assert url_of(business) in links_of(again)
    account = await accounts.get_account(deps, business.account.id)
    assert (account.name, account.features) == ("Acme & Sons", {Feature.NUMBER_MANAGEMENT})
    entry, renamed = await log_of(deps, account.id)
    assert (entry.action, entry.actor_email, entry.by_operator) == ("account.changed", operator.email, True)
    assert entry.details == {"features": ["number_management"]}
    assert renamed.details == {}


async def test_operators_who_change_the_features_at_once_undo_nothing_of_each_other(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    account_id, at = business.account.id, url_of(business)
    await accounts.update_account(deps, account_id, features=ALL_FEATURES - {Feature.CALL_PERSONALISATION}, by=SYSTEM)
    olive, oscar, otto = [await browse.as_operator(await make_operator(deps)) for _ in range(3)]
    form = {"name": "Acme & Sons", "features": [*Feature]}
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        changing = [
            asyncio.ensure_future(olive.post(f"{at}/without/call_me_back")),
            asyncio.ensure_future(oscar.post(f"{at}/without/user_feedback")),
            asyncio.ensure_future(otto.post(at, form)),
        ]
        await until_locked(deps.db, len(changing))
    assert [one.status_code for one in await asyncio.gather(*changing)] == [303, 303, 303]
    account = await accounts.get_account(deps, account_id)
    assert account.name == "Acme & Sons"
    assert account.features == {Feature.CALL_PERSONALISATION, Feature.NUMBER_MANAGEMENT}


async def test_features_are_taken_from_an_account_once_it_is_said_what_stops(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    account_id = business.account.id
    await offer_everything(deps, await make_listed(deps, account_id=account_id))
    await credentials.create_key(deps, account_id, name="dialer", features=[Feature.USER_FEEDBACK], by=SYSTEM)
    olive = await browse.as_operator(await make_operator(deps))
    asked = await olive.post(url_of(business), {"name": "Acme", "features": ["call_personalisation"]})
    assert asked.headers["location"] == f"{url_of(business)}/without/number_management,call_me_back,user_feedback"
    said = text_of(await olive.follow(asked))
    for line in (
        "Remove Number Management, Call Me Back, User Feedback from Acme?",
        "Number Management: 1 number shows nothing when it calls and offers nothing afterwards. No API key uses it.",
        "Call Me Back: 1 feature set no longer offers callbacks.",
        "User Feedback: 1 live campaign stops asking. 1 API key is refused for it.",
        "Members cannot open their pages.",
    ):
        assert line in said
    assert (await accounts.get_account(deps, account_id)).features == set(Feature)
    assert "account.changed" not in await actions_of(deps, account_id)
    done = await olive.follow(await olive.post(asked.headers["location"]))
    assert "Number Management, Call Me Back, User Feedback were removed from Acme." in text_of(done)
    assert (await accounts.get_account(deps, account_id)).features == {Feature.CALL_PERSONALISATION}
    assert (await olive.get(asked.headers["location"])).status_code == 404


async def test_accounts_are_found_by_name_id_and_state_and_paged(deps: Deps, browse: Visitors) -> None:
    olive = await browse.as_operator(await make_operator(deps))
    tag = random_text(8)
    made = [await accounts.create_account(deps, f"{tag} {number:02}", by=SYSTEM) for number in range(52)]
    await accounts.update_account(deps, made[7].id, state=AccountState.SUSPENDED, by=SYSTEM)
    first = await olive.get(LIST, q=tag.lower())
    assert text_of(first).count(tag) == 50
    (next_page,) = [link for link in links_of(first) if "after=" in link]
    second = text_of(await olive.get(next_page))
    assert (f"{tag} 01" in second, f"{tag} 00" in second, f"{tag} 02" in second) == (True, True, False)
    suspended = text_of(await olive.get(LIST, q=tag, state="suspended"))
    assert (f"{tag} 07" in suspended, f"{tag} 08" in suspended) == (True, False)
    assert f"{tag} 33" in text_of(await olive.get(LIST, q=str(made[33].id)))
    assert "No matches" in text_of(await olive.get(LIST, q=f"{tag}%"))
    assert (await olive.get(LIST, after="nonsense", state="nonsense")).status_code == 200


async def test_an_accounts_name_is_text_and_nothing_else(deps: Deps, browse: Visitors) -> None:
    charlies = await make_business(deps, "<script>alert(1)</script>")
    olive = await browse.as_operator(await make_operator(deps))
    for path in ("", f"/{charlies.account.id}", f"/{charlies.account.id}/suspend", f"/{charlies.account.id}/invite"):
        page = await olive.get(f"{LIST}{path}", **({} if path else {"q": "alert(1)"}))
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


async def test_an_operator_sees_counts_of_a_business_and_none_of_its_things(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    await credentials.create_key(deps, business.account.id, name="dialer of Acme", features=[], by=SYSTEM)
    olive = await browse.as_operator(await make_operator(deps))
    page = text_of(await olive.get(url_of(business)))
    assert "API keys 1 of 5" in page
    assert "dialer of Acme" not in page
    assert (await olive.get("/console/keys")).status_code == 403


_PEOPLE = """
INSERT INTO member (id, account_id, email, name, role, state, created_at)
SELECT gen_random_uuid(), $1::uuid, 'clerk' || n || '@' || $1::uuid::text || '.example',
  'Clerk ' || lpad(n::text, 3, '0'), 'admin', 'revoked', $2::timestamptz + n * interval '1 second'
FROM generate_series(1, 101) AS s (n)
"""


async def test_an_accounts_many_members_come_in_pages_and_are_found(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    async with deps.db.connection() as tx:
        await tx.execute(_PEOPLE, business.account.id, deps.clock.now())
    olive, alice = await browse.as_operator(await make_operator(deps)), await browse.as_member(business.admin)
    for visitor, path, anchor in ((olive, url_of(business), "#members"), (alice, "/console/members", "")):
        first = await visitor.get(path)
        (further,) = re.findall(r'href="([^"]*after=[^"]*)"', first.text)
        second = await visitor.get(further)
        pages = [re.findall(r"Clerk \d+", text_of(one)) for one in (first, second)]
        assert [name for names in pages for name in dict.fromkeys(names)] == [f"Clerk {n:03}" for n in range(1, 102)]
        assert further.endswith(anchor)
        assert f'href="{path}{anchor}"' in second.text
    for text, names in (("CLERK 05", 10), ("clerk101@", 1), ("nobody", 0)):
        found = await alice.get("/console/members", q=text)
        assert len({*re.findall(r"Clerk \d+", text_of(found))}) == names
        assert ("No matches" in text_of(found)) == (not names)
    for visitor, path, name in (
        (olive, f"{url_of(business)}/invite", "Nina"),
        (alice, "/console/members/invite", "Ned"),
    ):
        form = {"email": f"{name.lower()}@acme.example", "name": f"{name} Newcomer", "role": "admin:"}
        assert f"{name} Newcomer" in text_of(await visitor.follow(await visitor.post(path, form)))


async def test_an_unknown_account_is_not_found(deps: Deps, business: Business, browse: Visitors) -> None:
    olive = await browse.as_operator(await make_operator(deps))
    nobody = "0190b0aa-0000-7000-8000-000000000000"
    for path in (nobody, f"{nobody}/suspend", f"{nobody}/invite", f"{nobody}/act", "not-an-id"):
        assert (await olive.get(f"{LIST}/{path}")).status_code == 404, path
    for path in ("", "/suspend", "/restore", "/act", f"/members/{business.admin.id}/invite-again"):
        assert (await olive.post(f"{LIST}/{nobody}{path}", {"name": "x"})).status_code == 404, path
    strangers = await make_business(deps, "Charlie")
    foreign = f"{url_of(business)}/members/{strangers.admin.id}/invite-again"
    gone = await olive.post(foreign)
    assert gone.status_code == 404
    assert "This member is no longer there. Nothing was sent." in text_of(gone)
    assert url_of(business) in links_of(gone)


async def test_the_log_of_one_account_is_shown_from_its_page(deps: Deps, business: Business, browse: Visitors) -> None:
    charlies = await make_business(deps, "Charlie")
    for one in (business, charlies):
        member = await browse.as_member(one.admin)
        await member.post("/console/settings", {"name": one.account.name})
    olive = await browse.as_operator(await make_operator(deps))
    link = f"/console/operator/audit?account={business.account.id}"
    assert link in links_of(await olive.get(url_of(business)))
    log = text_of(await olive.get(link))
    assert business.admin.email in log
    assert charlies.admin.email not in log
    assert url_of(charlies) in links_of(await olive.get("/console/operator/audit", q=charlies.admin.email))


async def test_limits_are_set_in_a_form_that_shows_the_defaults(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    olive = await browse.as_operator(await make_operator(deps))
    assert "The limits are the defaults." in text_of(await olive.get(url_of(business)))
    form = await olive.get(f"{url_of(business)}/limits")
    assert "Default 60, at most 600." in text_of(form)
    saved = await olive.follow(await olive.post(f"{url_of(business)}/limits", {"batch": " 30 ", "api-keys": "7"}))
    assert "This account has limits of its own." in text_of(saved)
    assert "Batches (v2 and v3), per token 30 per minute" in text_of(saved)
    assert (await accounts.get_account(deps, business.account.id)).limits.own == {"batch": 30, "api-keys": 7}
    assert 'value="30"' in (await olive.get(f"{url_of(business)}/limits")).text
    for wrong in ("0", "601", "-1", "many", "1" * 5000):
        refused = await olive.post(f"{url_of(business)}/limits", {"batch": wrong, "lint": "5"})
        assert refused.status_code == 422
        assert errors_of(refused) == {"batch": "Enter a whole number from 1 to 600."}
        assert 'value="5"' in refused.text
    assert (await actions_of(deps, business.account.id)).count("account.limits_changed") == 1
    alice = await browse.as_member(business.admin)
    usage = await alice.get("/console/usage")
    assert "Batches (v2 and v3), per minute: 30" in text_of(usage)
    assert "of 7" in text_of(usage)
    await olive.post(f"{url_of(business)}/limits", {"batch": ""})
    assert (await accounts.get_account(deps, business.account.id)).limits.own == {}

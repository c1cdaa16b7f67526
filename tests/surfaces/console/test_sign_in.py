"""The door: who gets in, for how long, and who does not."""

from datetime import timedelta

import pytest
from tests.support.audit_log import log_of
from tests.support.fake_clock import FakeClock
from tests.support.other_digits import other_digits
from tests.surfaces.console.browser import (
    PASSWORD,
    Browser,
    Business,
    Visitors,
    errors_of,
    invite_token,
    links_of,
    mailed_token,
    make_operator,
    newest_mail,
    text_of,
)

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions import links
from callmark.domain.sessions.model import MemberState, Origin
from callmark.kit.ids import random_text
from callmark.surfaces.console import cookies

NEW = "quite another four words"


async def enter(browser: Browser, email: str, password: str = PASSWORD, **more: str) -> int:
    """Signs in by the form; the answer's status."""
    await browser.get("/console/sign-in")
    return (await browser.post("/console/sign-in", {"email": email, "password": password, **more})).status_code


async def test_a_member_signs_in_with_any_case_and_goes_where_it_wanted(business: Business, browse: Visitors) -> None:
    alice = browse()
    first = await alice.get("/console/keys")
    assert first.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fkeys"
    await alice.follow(first)
    answer = await alice.post(
        "/console/sign-in",
        {"email": f" {business.admin.email.upper()} ", "password": PASSWORD, "next": "/console/keys"},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/keys")
    assert (await alice.get("/console/keys")).status_code == 200


async def test_nobody_is_sent_to_another_site_after_signing_in(business: Business, browse: Visitors) -> None:
    found: dict[str, str] = {}
    for evil in ("https://evil.example", "//evil.example", "/console//evil", "/console/\\evil", "/other"):
        alice, form = browse(), {"email": business.admin.email, "password": PASSWORD, "next": evil}
        await alice.get("/console/sign-in")
        found[evil] = (await alice.post("/console/sign-in", form)).headers["location"]
    assert found == dict.fromkeys(found, "/console")


async def test_the_session_is_a_new_one_at_every_sign_in(business: Business, browse: Visitors) -> None:
    alice = browse()
    planted = random_text(43)
    alice.http.cookies.set(cookies.SESSION, planted, domain="callmark.test", path="/")
    await alice.get("/console/sign-in")
    alice.http.cookies.delete(cookies.SESSION)
    assert await enter(alice, business.admin.email) == 303
    assert alice.http.cookies[cookies.SESSION] != planted
    thief = browse()
    thief.http.cookies.set(cookies.SESSION, planted, domain="callmark.test", path="/")
    assert (await thief.get("/console")).status_code == 303


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(business: Business, browse: Visitors) -> None:
    alice = browse()
    await alice.get("/console/sign-in")
    answer = await alice.post("/console/sign-in", {"email": business.admin.email, "password": PASSWORD})
    (set_cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(cookies.SESSION)]
    assert "HttpOnly" in set_cookie
    assert "SameSite=lax" in set_cookie


async def test_unknown_wrong_invited_and_revoked_are_answered_alike(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    await members.update_without_rules(
        deps, business.account.id, business.process_owner.id, state=MemberState.REVOKED, by=SYSTEM
    )
    invited = await members.create_without_rules(
        deps, business.account.id, email=f"new-{random_text(6)}@acme.example", name="New", role=Role.ADMIN, by=SYSTEM
    )
    said: set[str] = set()
    for email, password in (
        (business.admin.email, "wrong wrong wrong"),
        ("nobody@nowhere.example", PASSWORD),
        (business.process_owner.email, PASSWORD),
        (invited.email, ""),
    ):
        stranger = browse()
        await stranger.get("/console/sign-in")
        answer = await stranger.post("/console/sign-in", {"email": email, "password": password})
        assert answer.status_code == 401
        assert f'value="{email}"' in answer.text
        said.add(errors_of(answer)[""])
    assert len(said) == 1


async def test_ten_wrong_passwords_close_the_door_for_a_quarter_of_an_hour(
    business: Business, browse: Visitors, clock: FakeClock
) -> None:
    for _ in range(10):
        assert await enter(browse(), business.admin.email, "wrong wrong wrong") == 401
    stranger = browse("198.51.100.1")
    await stranger.get("/console/sign-in")
    answer = await stranger.post("/console/sign-in", {"email": business.admin.email, "password": PASSWORD})
    assert answer.status_code == 429
    assert "15 minutes" in errors_of(answer)[""]
    assert answer.headers["retry-after"] == "900"
    assert await enter(browse(), business.process_owner.email) == 303  # others are not shut out
    clock.advance(timedelta(minutes=15))
    assert await enter(stranger, business.admin.email) == 303


async def test_a_session_ends_when_idle_and_in_any_case_after_a_week(
    business: Business, browse: Visitors, clock: FakeClock
) -> None:
    idle, open_page, busy = [await browse.as_member(business.admin) for _ in range(3)]
    for _ in range(13):
        clock.advance(timedelta(hours=11, minutes=59))
        if _ == 0:
            assert (await idle.get("/console")).status_code == 200
            for poll in ({"X-Callmark-Poll": "yes"}, {"Accept": "text/event-stream"}):
                assert (await open_page.http.get("/console", headers=poll)).status_code == 200
        else:
            assert (await open_page.get("/console")).status_code == 303
        assert (await busy.get("/console")).status_code == 200
    assert (await idle.get("/console")).status_code == 303
    clock.advance(timedelta(hours=13))
    assert (await busy.get("/console")).status_code == 303


async def test_sessions_are_listed_and_ended_and_all_others_end_with_a_new_password(
    business: Business, browse: Visitors
) -> None:
    here, there, third = [await browse.as_member(business.admin) for _ in range(3)]
    page = await here.get("/console/me")
    assert page.text.count("/end") >= 2
    import re

    one = re.findall(r"/console/me/sessions/([\w-]+)/end\"", page.text)
    await here.post(f"/console/me/sessions/{one[0]}/end")
    alive = [(await browser.get("/console")).status_code for browser in (there, third)]
    assert sorted(alive) == [200, 303]
    refused = await here.post("/console/me/password", {"old_password": "not it at all", "password": NEW, "again": NEW})
    assert refused.status_code == 422
    assert "old_password" in errors_of(refused)
    differ = await here.post("/console/me/password", {"old_password": PASSWORD, "password": NEW, "again": "x"})
    assert "again" in errors_of(differ)
    short = await here.post("/console/me/password", {"old_password": PASSWORD, "password": "short", "again": "short"})
    assert "12 characters" in errors_of(short)["password"]
    done = await here.post("/console/me/password", {"old_password": PASSWORD, "password": NEW, "again": NEW})
    assert (await here.follow(done)).status_code == 200
    assert [(await browser.get("/console")).status_code for browser in (there, third)] == [303, 303]
    assert await enter(browse(), business.admin.email) == 401
    assert await enter(browse(), business.admin.email, NEW) == 303


async def test_a_foreign_session_cannot_be_ended(business: Business, browse: Visitors) -> None:
    import re

    alice, paul = await browse.as_member(business.admin), await browse.as_member(business.process_owner)
    await browse.as_member(business.process_owner)
    (his,) = re.findall(r"/console/me/sessions/([\w-]+)/end\"", (await paul.get("/console/me")).text)
    gone = await alice.post(f"/console/me/sessions/{his}/end")
    assert gone.status_code == 404
    assert "Go to your account" in text_of(gone)


async def test_signing_out_ends_the_session(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    token = alice.http.cookies[cookies.SESSION]
    assert "signed out" in text_of(await alice.follow(await alice.post("/console/sign-out")))
    thief = browse()
    thief.http.cookies.set(cookies.SESSION, token, domain="callmark.test", path="/")
    assert (await thief.get("/console")).status_code == 303


async def test_a_revoked_or_deleted_member_and_a_suspended_account_are_out_at_once(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    paul, oscar, alice = [
        await browse.as_member(who) for who in (business.process_owner, business.operation_owner, business.admin)
    ]
    await members.update_without_rules(
        deps, business.account.id, business.process_owner.id, state=MemberState.REVOKED, by=SYSTEM
    )
    await members.delete_without_rules(deps, business.account.id, business.operation_owner.id, by=SYSTEM)
    assert (await paul.get("/console")).status_code == 303
    assert (await oscar.get("/console")).status_code == 303
    await accounts.update_account(deps, business.account.id, state=AccountState.SUSPENDED, by=SYSTEM)
    for path in ("", "/", "/keys", "/me", "/kept-forms/x"):
        refused = await alice.get(f"/console{path}")
        assert refused.status_code == 403, path
        assert "This account is suspended." in text_of(refused)
    assert (await alice.post("/console/me/zone", {"zone": "Asia/Kolkata"})).status_code == 403
    assert await enter(browse(), business.admin.email) == 403


async def test_who_is_shut_out_with_the_account_can_sign_out_and_sees_no_menu(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, opal = await browse.as_member(business.admin), await browse.as_operator(await make_operator(deps))
    await opal.post(f"/console/operator/accounts/{business.account.id}/act")
    await accounts.update_account(deps, business.account.id, state=AccountState.SUSPENDED, by=SYSTEM)
    for path in ("/console", "/console/nothing-here"):
        refused = await alice.get(path)
        assert "home page" not in text_of(refused)
        assert {link for link in links_of(refused) if link.startswith("/console/")} == {"/console/sign-out"}
    assert "signed out" in text_of(await alice.follow(await alice.post("/console/sign-out")))
    assert (await opal.get("/console")).status_code == 200  # operators act for it all the same


async def test_an_invitation_is_used_once_and_signs_in(deps: Deps, business: Business, browse: Visitors) -> None:
    invited = await members.create_without_rules(
        deps, business.account.id, email=f"nina-{random_text(6)}@acme.example", name="Nina", role=Role.ADMIN, by=SYSTEM
    )
    token = await invite_token(deps, invited)
    nina = browse()
    greeted = await nina.get(f"/console/invitations/{token}")
    assert "Welcome to Acme" in text_of(greeted)
    weak = await nina.post(
        f"/console/invitations/{token}", {"name": "Nina", "password": "password1234", "again": "password1234"}
    )
    assert "too easy" in errors_of(weak)["password"]
    done = await nina.post(f"/console/invitations/{token}", {"name": "Nina N.", "password": NEW, "again": NEW})
    assert "Nina N." in text_of(await nina.follow(done))
    again = await browse().get(f"/console/invitations/{token}")
    assert again.status_code == 404
    assert await enter(browse(), invited.email, NEW) == 303


async def test_an_invitation_ends_after_seven_days_and_with_a_newer_one(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    invited = await members.create_without_rules(
        deps, business.account.id, email=f"nina-{random_text(6)}@acme.example", name="Nina", role=Role.ADMIN, by=SYSTEM
    )
    old, new = await invite_token(deps, invited), ""
    clock.advance(timedelta(minutes=1))
    new = await invite_token(deps, invited)
    assert (await browse().get(f"/console/invitations/{old}")).status_code == 404
    assert (await browse().get(f"/console/invitations/{new}")).status_code == 200
    clock.advance(timedelta(days=7))
    assert (await browse().get(f"/console/invitations/{new}")).status_code == 404


async def test_a_forgotten_password_is_replaced_by_a_link_that_works_once_for_an_hour(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    email = business.admin.email
    signed_in = await browse.as_member(business.admin)
    told: list[str] = []
    for asked in (email, "nobody@nowhere.example"):
        stranger = browse()
        await stranger.get("/console/forgot")
        told.append(text_of(await stranger.post("/console/forgot", {"email": asked})).replace(asked, ""))
    assert told[0] == told[1]
    token = await mailed_token(deps, email)
    stranger = browse()
    assert (await stranger.get(f"/console/reset/{token}")).status_code == 200
    await stranger.follow(await stranger.post(f"/console/reset/{token}", {"password": NEW, "again": NEW}))
    assert (await signed_in.get("/console")).status_code == 303
    assert (await stranger.get(f"/console/reset/{token}")).status_code == 404
    assert await enter(stranger, email, NEW) == 303
    late = browse()
    await late.get("/console/forgot")
    assert "was changed on" in await newest_mail(deps, email)
    await late.post("/console/forgot", {"email": email})
    link = f"/console/reset/{await mailed_token(deps, email)}"
    assert (await late.get(link)).status_code == 200
    clock.advance(timedelta(hours=1))
    assert (await late.get(link)).status_code == 404


async def test_where_the_account_asks_for_it_a_code_by_mail_completes_the_sign_in(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    email = business.admin.email
    alice = browse()
    assert await enter(alice, email) == 303
    assert (await alice.get("/console")).status_code == 303
    code = (await newest_mail(deps, email)).partition("sign in is ")[2][:6]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(4):
        assert (await alice.post("/console/sign-in/code", {"code": wrong})).status_code == 401
    done = await alice.post("/console/sign-in/code", {"code": other_digits(f"{code[:3]} {code[3:]}"), "remember": "on"})
    assert (await alice.follow(done)).status_code == 200
    await alice.post("/console/sign-out")
    assert await enter(alice, email) == 303  # this browser is remembered
    other = browse()
    assert await enter(other, email) == 303
    clock.advance(timedelta(minutes=10))
    code = (await newest_mail(deps, email)).partition("sign in is ")[2][:6]
    assert (await other.post("/console/sign-in/code", {"code": code})).status_code == 401


async def test_five_wrong_codes_spend_the_right_one(deps: Deps, business: Business, browse: Visitors) -> None:
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    alice = browse()
    await enter(alice, business.admin.email)
    code = (await newest_mail(deps, business.admin.email)).partition("sign in is ")[2][:6]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(5):
        await alice.post("/console/sign-in/code", {"code": wrong})
    assert (await alice.post("/console/sign-in/code", {"code": code})).status_code == 401


async def test_new_passwords_are_noted(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    await alice.post("/console/me/password", {"old_password": PASSWORD, "password": NEW, "again": NEW})
    stranger = browse("198.51.100.9")
    await stranger.get("/console/forgot")
    await stranger.post("/console/forgot", {"email": business.admin.email})
    token = await mailed_token(deps, business.admin.email)
    await stranger.post(f"/console/reset/{token}", {"password": PASSWORD, "again": PASSWORD})
    log = await log_of(deps, business.account.id)
    assert [(entry.action, entry.address) for entry in log] == [
        ("password.reset", "198.51.100.9"),
        ("password.changed", "203.0.113.7"),
    ]


async def test_an_operator_signs_in_on_the_same_page(deps: Deps, browse: Visitors) -> None:
    operator = await make_operator(deps)
    olive = browse()
    assert await enter(olive, operator.email) == 303
    home = await olive.follow(await olive.get("/console"))
    assert "Accounts" in text_of(home)


@pytest.mark.parametrize(
    ("addresses", "elsewhere"),
    [
        ([f"2001:db8:0:7::{number:x}" for number in range(100)], "2001:db8:0:8::1"),
        (["198.51.100.77"] * 100, "198.51.100.78"),
        (["192.0.2.77", "::ffff:192.0.2.77", "::ffff:c000:24d"] * 34, "::ffff:192.0.2.78"),
    ],
)
async def test_tries_are_counted_by_line_and_not_by_address(
    deps: Deps, business: Business, browse: Visitors, addresses: list[str], elsewhere: str
) -> None:
    for number, address in enumerate(addresses[:99]):
        await links.ask_for_reset(deps, f"nobody-{number}@nowhere.example", Origin(address, "test"))
    assert await enter(browse(addresses[-1]), "nobody@nowhere.example", "wrong wrong wrong") == 401
    for address in addresses[:3]:
        last = browse(address)
        assert await enter(last, business.admin.email) == 429
        assert (await last.post("/console/forgot", {"email": business.admin.email})).status_code == 429
    assert await enter(browse(elsewhere), business.admin.email) == 303

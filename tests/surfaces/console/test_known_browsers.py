"""The cookie of a known browser: its owner may try a password, whatever others have tried. It does nothing else."""

from http.cookies import SimpleCookie

from tests.surfaces.console.browser import (
    PASSWORD,
    Browser,
    Business,
    Visitors,
    answer_reset_requests,
    errors_of,
    mailed_token,
)

from callmark.domain.deps import Deps
from callmark.domain.sessions.known_browsers.service import LIFETIME
from callmark.kit.ids import random_text
from callmark.surfaces.console import cookies

WRONG, NEW = "wrong wrong wrong", "quite another four words"


async def enter(browser: Browser, email: str, password: str = PASSWORD) -> int:
    """Signs in by the form; the answer's status."""
    await browser.get("/console/sign-in")
    return (await browser.post("/console/sign-in", {"email": email, "password": password})).status_code


async def block(browse: Visitors, email: str) -> None:
    """What someone does who wants to keep the owner of the address out."""
    eve = browse("198.51.100.66")
    assert [await enter(eve, email, WRONG) for _ in range(11)] == [401] * 10 + [429]


async def test_who_has_signed_in_here_before_can_do_so_while_others_try_wrong_passwords(
    business: Business, browse: Visitors
) -> None:
    alice, email = browse(), business.admin.email
    assert await enter(alice, email) == 303
    await alice.post("/console/sign-out")
    await block(browse, email)
    assert await enter(browse(), email) == 429
    assert await enter(alice, email, WRONG) == 401
    assert await enter(alice, email) == 303


async def test_in_a_new_browser_a_new_password_lets_its_owner_in(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, email = browse(), business.admin.email
    await block(browse, email)
    await alice.get("/console/sign-in")
    refused = await alice.post("/console/sign-in", {"email": email, "password": PASSWORD})
    assert "reset your password" in errors_of(refused)[""]
    await alice.post("/console/forgot", {"email": email})
    link = f"/console/reset/{await mailed_token(deps, email)}"
    await alice.follow(await alice.post(link, {"password": NEW, "again": NEW}))
    assert await enter(alice, email, NEW) == 303
    assert await enter(browse(), email, NEW) == 429


async def test_who_chooses_a_new_password_stays_known_here_and_nowhere_else(
    business: Business, browse: Visitors
) -> None:
    here, there, email = browse(), browse(), business.admin.email
    assert [await enter(browser, email) for browser in (here, there)] == [303, 303]
    await there.post("/console/sign-out")
    await here.post("/console/me/password", {"old_password": PASSWORD, "password": NEW, "again": NEW})
    await here.post("/console/sign-out")
    await block(browse, email)
    assert [await enter(browser, email, NEW) for browser in (here, there)] == [303, 429]


async def test_an_invited_member_is_known_where_the_invitation_was_accepted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, nina, email = await browse.as_member(business.admin), browse(), f"nina-{random_text(6)}@acme.example"
    await alice.post("/console/members/invite", {"email": email, "name": "Nina", "role": "admin"})
    link = f"/console/invitations/{await mailed_token(deps, email)}"
    await nina.get(link)
    await nina.post(link, {"name": "Nina", "password": NEW, "again": NEW})
    await nina.post("/console/sign-out")
    await block(browse, email)
    assert await enter(nina, email, NEW) == 303


async def test_the_cookie_is_out_of_reach_of_scripts_and_opens_nothing(business: Business, browse: Visitors) -> None:
    alice, thief = browse(), browse()
    await alice.get("/console/sign-in")
    answer = await alice.post("/console/sign-in", {"email": business.admin.email, "password": PASSWORD})
    (written,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(cookies.BROWSER)]
    cookie = SimpleCookie(written)[cookies.BROWSER]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/")
    assert cookie["max-age"] == str(int(LIFETIME.total_seconds()))
    thief.http.cookies.set(cookies.BROWSER, cookie.value, domain="callmark.test", path="/")
    assert (await thief.get("/console")).headers["location"] == "/console/sign-in"
    assert await enter(thief, business.admin.email, WRONG) == 401


async def test_whatever_a_browser_sends_as_the_cookie_makes_it_no_known_browser(
    business: Business, browse: Visitors
) -> None:
    await block(browse, business.admin.email)
    for kept in ("x", "é" * 43, ".".join([random_text(43)] * 50), "." * 100, '"', random_text(43)):
        browser = browse()
        await browser.get("/console/sign-in")
        sent = f"{cookies.BROWSER}={kept}; {cookies.VISITOR}={browser.http.cookies[cookies.VISITOR]}".encode("latin-1")
        for email, status in ((business.admin.email, 429), (business.process_owner.email, 303)):
            form = {"csrf": browser.csrf, "email": email, "password": PASSWORD}
            answer = await browser.http.post("/console/sign-in", data=form, headers=[(b"Cookie", sent)])
            assert answer.status_code == status


async def test_forgot_password_answers_before_it_is_looked_up_whether_someone_has_the_address(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    for email, mails in (("nobody@nowhere.example", 0), (business.admin.email, 1)):
        browser = browse()
        await browser.get("/console/forgot")
        assert (await browser.post("/console/forgot", {"email": email})).status_code == 303
        async with deps.db.connection() as tx:
            assert await tx.fetchval("SELECT count(*) FROM mail WHERE recipient = $1", email) == 0
        await answer_reset_requests(deps)
        async with deps.db.connection() as tx:
            assert await tx.fetchval("SELECT count(*) FROM mail WHERE recipient = $1", email) == mails

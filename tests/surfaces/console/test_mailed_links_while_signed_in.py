"""A mailed link that is opened in a browser in which someone else is signed in: that session ends."""

from tests.support.audit_log import log_of
from tests.surfaces.console.browser import Browser, Business, Visitors, invite_token, mailed_token, text_of

from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.surfaces.console import cookies

NEW = "quite another four words"
FORM = {"name": "Nina", "password": NEW, "again": NEW}


async def _is_alive(browse: Visitors, token: str) -> bool:
    thief = browse()
    thief.http.cookies.set(cookies.SESSION, token, domain="callmark.test", path="/")
    return (await thief.get("/console/me")).status_code == 200


async def test_after_a_new_password_its_owner_is_asked_to_sign_in(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, dora = await browse.as_member(business.admin), business.department_owner
    before = alice.http.cookies[cookies.SESSION]
    await alice.post("/console/forgot", {"email": dora.email})
    path = f"/console/reset/{await mailed_token(deps, dora.email)}"
    assert f"You are signed in as {business.admin.email}. You will be signed out." in text_of(await alice.get(path))
    weak = await alice.post(path, {"password": "short", "again": "short"})
    assert (weak.status_code, await _is_alive(browse, before)) == (422, True)
    signed_out = await alice.follow(await alice.post(path, {"password": NEW, "again": NEW}))
    assert signed_out.status_code == 200
    assert "Your password was changed. Sign in with the new one." in text_of(signed_out)
    assert not await _is_alive(browse, before)


async def test_ones_own_new_password_leads_to_the_sign_in_too(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    await alice.post("/console/forgot", {"email": business.admin.email})
    path = f"/console/reset/{await mailed_token(deps, business.admin.email)}"
    answer = await alice.follow(await alice.post(path, {"password": NEW, "again": NEW}))
    assert "Sign in with the new one." in text_of(answer)


async def test_who_accepts_an_invitation_leaves_no_session_behind(
    deps: Deps, business: Business, browse: Visitors, olive: Browser
) -> None:
    await olive.post(f"/console/operator/accounts/{business.account.id}/act")
    before = olive.http.cookies[cookies.SESSION]
    invited = await members.create_without_rules(
        deps, business.account.id, email="nina@acme.example", name="Nina", role=Role.ADMIN, by=SYSTEM
    )
    path = f"/console/invitations/{await invite_token(deps, invited)}"
    assert "You will be signed out." in text_of(await olive.get(path))
    olive.acting_for = business.account.id
    assert "Nina" in text_of(await olive.follow(await olive.post(path, FORM)))
    assert not await _is_alive(browse, before)
    noted = [entry.action for entry in await log_of(deps, business.account.id)]
    assert noted.count("operator.stopped") == 1


async def test_a_page_without_a_menu_loads_no_script_of_one(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    assert "drawer.js" in (await alice.get("/console")).text
    assert "drawer.js" not in (await alice.get("/console/reset/gone")).text

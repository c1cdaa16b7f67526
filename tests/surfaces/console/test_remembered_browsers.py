"""Browsers in which a code is not asked for: each member who says so is remembered there."""

from tests.surfaces.console.browser import PASSWORD, Browser, Business, Visitors, newest_mail, set_password

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions.model import MemberState
from callmark.kit.ids import random_text
from callmark.surfaces.console import cookies


async def _another(deps: Deps, business: Business) -> str:
    made = await members.create_without_rules(
        deps,
        business.account.id,
        email=f"erin-{random_text(6)}@acme.example",
        name="Erin",
        role=Role.ADMIN,
        state=MemberState.ACTIVE,
        by=SYSTEM,
    )
    await set_password(deps, made)
    return made.email


async def _needs_code(deps: Deps, browser: Browser, email: str) -> bool:
    """Signs in, with the code where one is asked for, and out; whether it was."""
    await browser.get("/console/sign-in")
    answer = await browser.post("/console/sign-in", {"email": email, "password": PASSWORD})
    is_asked = answer.headers["location"].endswith("/code")
    if is_asked:
        code = (await newest_mail(deps, email)).partition("sign in is ")[2][:6]
        await browser.post("/console/sign-in/code", {"code": code, "remember": "on"})
    await browser.post("/console/sign-out")
    return is_asked


async def test_a_browser_remembers_five_members_and_each_of_them_alone(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    shared, other = browse(), browse()
    first, last = [await _another(deps, business) for _ in range(2)]
    emails = [first, *(member.email for member in business.members.values())]
    assert [await _needs_code(deps, shared, email) for email in emails] == [True] * 5
    assert [await _needs_code(deps, shared, email) for email in emails] == [False] * 5
    assert await _needs_code(deps, other, first)
    assert await _needs_code(deps, shared, last)
    assert await _needs_code(deps, shared, first)  # the sixth
    assert len(shared.http.cookies[cookies.DEVICE].split(".")) == 5

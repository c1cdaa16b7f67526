"""Known browsers: wrong passwords that others type for someone's address keep nobody out of a browser of their own."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.support.fake_clock import FakeClock
from tests.support.mail_settings import with_mail_server
from tests.surfaces.console.browser import (
    PASSWORD,
    Business,
    mailed_token,
    make_business,
    make_operator,
    newest_mail,
)
from tests.surfaces.tenancy.watching import WatchedDatabase, watched

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.operators import service as operators
from callmark.domain.policy.model import SYSTEM
from callmark.domain.sessions import links, service as sessions
from callmark.domain.sessions.known_browsers import service as known_browsers
from callmark.domain.sessions.known_browsers.service import LIFETIME, MOST_IN_BROWSER, MOST_OF_PERSON
from callmark.domain.sessions.model import CodeSent, MemberState, Origin, Session, SignedIn
from callmark.domain.sessions.throttle import service as throttle
from callmark.kit.errors import AppError, InvalidInput, NotFound, TooManyRequests, Unauthenticated

WRONG, NEW = "wrong wrong wrong", "quite another four words"
OUTSIDE, OFFICE = Origin("198.51.100.7", ""), Origin("203.0.113.9", "")
TRIES = throttle.SIGN_IN_EMAIL.most


@pytest.fixture
async def business(deps: Deps) -> Business:
    return await make_business(deps)


async def known_of(deps: Deps, email: str, origin: Origin = OFFICE) -> Origin:
    """The same browser, after that person has signed in there."""
    done = await sessions.sign_in(deps, email, PASSWORD, origin)
    assert isinstance(done, SignedIn)
    return replace(origin, browser=done.browser)


async def session_in(deps: Deps, email: str, origin: Origin) -> Session:
    done = await sessions.sign_in(deps, email, PASSWORD, origin)
    assert isinstance(done, SignedIn)
    found = await sessions.find_session(deps, done.token)
    assert found
    return found


async def refusal(deps: Deps, email: str, password: str, origin: Origin) -> type[AppError] | None:
    """How a sign-in is refused, None when it is not."""
    try:
        await sessions.sign_in(deps, email, password, origin)
    except (Unauthenticated, TooManyRequests) as refused:
        return type(refused)
    return None


async def try_often(deps: Deps, email: str, origin: Origin, times: int = TRIES) -> None:
    for _ in range(times):
        assert await refusal(deps, email, WRONG, origin) is Unauthenticated


async def test_wrong_passwords_of_others_keep_nobody_out_of_a_known_browser(deps: Deps, business: Business) -> None:
    opal = await make_operator(deps)
    for email in (business.admin.email, opal.email):
        known = await known_of(deps, email)
        await try_often(deps, email, OUTSIDE)
        assert await refusal(deps, email, PASSWORD, OFFICE) is TooManyRequests
        assert await refusal(deps, email, PASSWORD, replace(OFFICE, browser="made up")) is TooManyRequests
        assert await refusal(deps, email, PASSWORD, known) is None


async def test_a_known_browser_has_its_own_tries_and_no_more_than_all_others_have(
    deps: Deps, business: Business, clock: FakeClock
) -> None:
    email = business.admin.email
    known = await known_of(deps, email)
    await try_often(deps, email, known)
    assert await refusal(deps, email, PASSWORD, known) is TooManyRequests
    assert await refusal(deps, email, PASSWORD, replace(known, address=OUTSIDE.address)) is TooManyRequests
    assert await refusal(deps, email, PASSWORD, OUTSIDE) is None
    clock.advance(throttle.SIGN_IN_BROWSER.window)
    assert await refusal(deps, email, PASSWORD, known) is None


async def test_a_network_that_others_have_used_up_does_not_concern_a_known_browser(
    deps: Deps, business: Business
) -> None:
    known = await known_of(deps, business.admin.email)
    for number in range(throttle.SIGN_IN_ADDRESS.most):
        await links.ask_for_reset(deps, f"nobody-{number}@nowhere.example", OFFICE)
    assert await refusal(deps, business.admin.email, PASSWORD, OFFICE) is TooManyRequests
    assert await refusal(deps, business.admin.email, PASSWORD, known) is None


async def test_a_browser_is_known_for_those_who_have_signed_in_there_and_for_nobody_else(
    deps: Deps, business: Business
) -> None:
    alice, paul, dora = (one.email for one in (business.admin, business.process_owner, business.department_owner))
    shared = await known_of(deps, paul, await known_of(deps, alice))
    for email in (alice, paul, dora):
        await try_often(deps, email, OUTSIDE)
    assert [await refusal(deps, email, PASSWORD, shared) for email in (alice, paul, dora)] == [
        None,
        None,
        TooManyRequests,
    ]


async def test_of_many_people_in_one_browser_the_last_ones_are_known(deps: Deps, business: Business) -> None:
    here, made = OFFICE, [await make_operator(deps) for _ in range(MOST_IN_BROWSER)]
    first = business.admin.email
    for email in (first, *(one.email for one in made)):
        here = await known_of(deps, email, here)
    await try_often(deps, first, here)
    assert await refusal(deps, first, PASSWORD, here) is TooManyRequests
    assert await refusal(deps, first, PASSWORD, OUTSIDE) is TooManyRequests  # they were counted with all others
    await try_often(deps, made[0].email, here)
    assert await refusal(deps, made[0].email, PASSWORD, OUTSIDE) is None


async def test_a_right_password_shows_nobody_that_someone_has_the_address(deps: Deps, business: Business) -> None:
    for email in (business.admin.email, "nobody@nowhere.example"):
        known = await known_of(deps, email) if email == business.admin.email else OFFICE
        await try_often(deps, email, OUTSIDE, TRIES - 1)
        for origin in (OFFICE, known) if known != OFFICE else ():
            assert await refusal(deps, email, PASSWORD, origin) is None
        await try_often(deps, email, OUTSIDE, 1)
        assert await refusal(deps, email, WRONG, OUTSIDE) is TooManyRequests


async def test_a_new_password_makes_no_browser_known_but_the_one_it_was_chosen_in(
    deps: Deps, business: Business
) -> None:
    email = business.admin.email
    old, here = await known_of(deps, email), await known_of(deps, email, OUTSIDE)
    session = await session_in(deps, email, here)
    here = replace(here, browser=await sessions.change_password(deps, session, PASSWORD, NEW, here))
    await try_often(deps, email, old)
    assert await refusal(deps, email, NEW, replace(old, browser="")) is TooManyRequests  # counted with all others
    assert await refusal(deps, email, NEW, here) is None


async def test_a_password_that_an_operator_sets_makes_every_browser_unknown(deps: Deps, business: Business) -> None:
    opal = await make_operator(deps)
    known = await known_of(deps, opal.email), await known_of(deps, business.admin.email)
    await operators.set_password(deps, opal.id, NEW, by=SYSTEM)
    await members.set_password(deps, business.account.id, business.admin.id, NEW, by=SYSTEM)
    for email, browser in zip((opal.email, business.admin.email), known, strict=True):
        await try_often(deps, email, OUTSIDE)
        assert await refusal(deps, email, NEW, browser) is TooManyRequests


async def test_a_revocation_makes_every_browser_unknown_and_links_useless(deps: Deps, business: Business) -> None:
    account, admin = business.account.id, business.admin
    known = await known_of(deps, admin.email)
    await links.ask_for_reset(deps, admin.email, OFFICE)
    old = await mailed_token(deps, admin.email)
    for state in (MemberState.REVOKED, MemberState.ACTIVE):
        await members.update_without_rules(deps, account, admin.id, by=SYSTEM, state=state)
    with pytest.raises(NotFound):
        await links.reset_password(deps, old, NEW, OFFICE)
    await try_often(deps, admin.email, OUTSIDE)
    assert await refusal(deps, admin.email, PASSWORD, known) is TooManyRequests


async def test_who_is_kept_out_of_an_unknown_browser_gets_in_by_a_new_password_and_others_see_nothing(
    deps: Deps, business: Business
) -> None:
    email = business.admin.email
    await try_often(deps, email, OUTSIDE)
    assert await refusal(deps, email, PASSWORD, OFFICE) is TooManyRequests
    await links.ask_for_reset(deps, email, OFFICE)
    kept = await links.reset_password(deps, await mailed_token(deps, email), NEW, OFFICE)
    assert await refusal(deps, email, NEW, OUTSIDE) is TooManyRequests
    assert await refusal(deps, email, NEW, replace(OFFICE, browser=kept)) is None


async def test_nobody_elses_wrong_passwords_keep_a_session_from_choosing_a_new_one(
    deps: Deps, business: Business
) -> None:
    email = business.admin.email
    session, other = await session_in(deps, email, OFFICE), await session_in(deps, email, OUTSIDE)
    await try_often(deps, email, OUTSIDE)
    for _ in range(throttle.OLD_PASSWORD.most):
        with pytest.raises(InvalidInput):
            await sessions.change_password(deps, session, WRONG, NEW, OFFICE)
    with pytest.raises(TooManyRequests):
        await sessions.change_password(deps, session, PASSWORD, NEW, OFFICE)
    await sessions.change_password(deps, other, PASSWORD, NEW, OUTSIDE)


async def test_a_known_browser_is_still_asked_for_a_code_and_is_not_known_before_it_was_right(
    deps: Deps, business: Business
) -> None:
    await accounts.update_account(with_mail_server(deps), business.account.id, requires_code=True, by=SYSTEM)
    email = business.admin.email
    known = await known_of_code(deps, email)
    await try_often(deps, email, OUTSIDE)
    assert isinstance(await sessions.sign_in(deps, email, PASSWORD, known), CodeSent)


async def known_of_code(deps: Deps, email: str) -> Origin:
    """As `known_of`, where a code completes the sign-in."""
    sent = await sessions.sign_in(deps, email, PASSWORD, OFFICE)
    assert isinstance(sent, CodeSent)
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM known_browser") == 0
    code = (await newest_mail(deps, email)).partition("sign in is ")[2][:6]
    done = await sessions.confirm_code(deps, sent.token, code, OFFICE, remember=False)
    return replace(OFFICE, browser=done.browser)


async def test_a_browser_is_forgotten_after_half_a_year_without_a_sign_in(
    deps: Deps, business: Business, clock: FakeClock
) -> None:
    email = business.admin.email
    known = await known_of(deps, email)
    for _ in range(2):
        clock.advance(LIFETIME - timedelta(days=1))
        await sessions.forget_dead(deps)
        await try_often(deps, email, OUTSIDE)
        known = await known_of(deps, email, known)
    clock.advance(LIFETIME)
    await try_often(deps, email, OUTSIDE)
    assert await refusal(deps, email, PASSWORD, known) is TooManyRequests
    await sessions.forget_dead(deps)
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM known_browser") == 0


async def test_of_a_person_s_browsers_the_last_ones_are_known(deps: Deps, business: Business, clock: FakeClock) -> None:
    person, now = business.admin.person, clock.now()
    async with deps.db.transaction() as tx:
        first = await known_browsers.remember(deps, tx, person, "")
        other = await known_browsers.remember(deps, tx, business.process_owner.person, "")
        clock.advance(timedelta(days=1))
        kept = [await known_browsers.remember(deps, tx, person, "") for _ in range(MOST_OF_PERSON)]
        assert await known_browsers.find_known(tx, first, person, now) is None
        assert all([await known_browsers.find_known(tx, one, person, now) for one in kept])
        assert await known_browsers.find_known(tx, other, business.process_owner.person, now)


async def test_codes_that_someone_had_sent_by_the_old_password_do_not_keep_its_owner_out(
    deps: Deps, business: Business
) -> None:
    await accounts.update_account(with_mail_server(deps), business.account.id, requires_code=True, by=SYSTEM)
    email = business.admin.email
    for _ in range(throttle.SIGN_IN_CODE.most):
        assert isinstance(await sessions.sign_in(deps, email, PASSWORD, OUTSIDE), CodeSent)
    assert await refusal(deps, email, PASSWORD, OFFICE) is TooManyRequests
    await links.ask_for_reset(deps, email, OFFICE)
    await links.reset_password(deps, await mailed_token(deps, email), NEW, OFFICE)
    assert isinstance(await sessions.sign_in(deps, email, NEW, OFFICE), CodeSent)


@pytest.fixture
async def watching(deps: Deps) -> AsyncGenerator[tuple[Deps, WatchedDatabase]]:
    async with watched(deps) as made:
        yield made


async def test_an_unknown_address_is_refused_by_the_same_work_as_a_wrong_password(
    watching: tuple[Deps, WatchedDatabase], business: Business
) -> None:
    deps, db = watching
    someone_else = await known_of(deps, business.process_owner.email)
    for origin in (OUTSIDE, someone_else):
        did: list[list[str]] = []
        for email in ("first@nowhere.example", business.admin.email, "nobody@nowhere.example"):
            with db.noting() as statements:
                await try_often(deps, email, origin, 1)
            did.append(statements)
        assert did[1] == did[2]

"""Forgot password: the request does the same for every address; a worker finds out whether someone has it."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import Business, answer_reset_requests, make_business, make_operator
from tests.surfaces.tenancy.watching import WatchedDatabase, state_of, watched

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions import jobs, links
from callmark.domain.sessions.model import RESET_LIFETIME, MemberState, Origin
from callmark.kit.worker import Worker

ORIGIN = Origin("203.0.113.9", "")
NOBODY, SOMEONE, INVITED = "nobody@nowhere.example", "someone@nowhere.example", "new@acme.example"


@pytest.fixture
async def watching(deps: Deps) -> AsyncGenerator[tuple[Deps, WatchedDatabase]]:
    async with watched(deps) as made:
        yield made


async def addresses(deps: Deps) -> dict[str, str]:
    """An address of each kind of person, and whether it is sent a new password or its invitation."""
    acme: Business = await make_business(deps)
    revoked = acme.process_owner
    await members.update_without_rules(deps, acme.account.id, revoked.id, state=MemberState.REVOKED, by=SYSTEM)
    await members.create_without_rules(deps, acme.account.id, email=INVITED, name="New", role=Role.ADMIN, by=SYSTEM)
    operator = await make_operator(deps)
    return {
        acme.admin.email: "Choose a new password for Callmark",
        operator.email: "Choose a new password for Callmark",
        INVITED: "Your invitation to Acme on Callmark",
        revoked.email: "",
        NOBODY: "",
    }


async def mailed(deps: Deps) -> dict[str, str]:
    """The subjects of the mails there are, by recipient."""
    async with deps.db.connection() as tx:
        return {one.to: one.subject for one in await mail.list_mails(tx, 100)}


async def test_who_asks_causes_the_same_work_whether_or_not_someone_has_the_address(
    watching: tuple[Deps, WatchedDatabase],
) -> None:
    deps, db = watching
    asked = await addresses(deps)
    await links.ask_for_reset(deps, SOMEONE, ORIGIN)  # the connections know every type from now on
    before, did = await state_of(deps, but=()), dict[str, list[str]]()
    for email in asked:
        with db.noting() as statements:
            await links.ask_for_reset(deps, email, ORIGIN)
        did[email] = statements
    assert did == dict.fromkeys(asked, did[NOBODY])
    after = await state_of(deps, but=())
    assert {table for table in after if after[table] != before[table]} == {"throttle", "reset_request"}


async def test_a_worker_mails_a_link_to_who_has_the_address_and_to_nobody_else(deps: Deps) -> None:
    asked = await addresses(deps)
    for email in asked:
        await links.ask_for_reset(deps, f" {email.upper()} ", ORIGIN)
    assert await answer_reset_requests(deps) == len(asked)
    assert await mailed(deps) == {email: subject for email, subject in asked.items() if subject}
    assert await answer_reset_requests(deps) == 0


async def test_what_is_longer_than_an_address_is_the_address_of_nobody(deps: Deps) -> None:
    asked = await addresses(deps)
    for email in asked:
        await links.ask_for_reset(deps, email + "e" * 300, ORIGIN)
    assert await answer_reset_requests(deps) == len(asked)
    assert await mailed(deps) == {}


async def test_a_request_that_nobody_waits_for_any_longer_is_dropped(deps: Deps, clock: FakeClock) -> None:
    asked = await addresses(deps)
    for email in asked:
        await links.ask_for_reset(deps, email, ORIGIN)
    clock.advance(RESET_LIFETIME)
    assert await answer_reset_requests(deps) == len(asked)
    assert await mailed(deps) == {}


async def test_a_request_that_another_worker_has_taken_over_is_answered_once(deps: Deps) -> None:
    (email, *_) = await addresses(deps)
    work = jobs.reset_requests(deps)
    worker = Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock)
    await links.ask_for_reset(deps, email, ORIGIN)
    (stuck,) = await worker.claim(work, 1)
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE reset_request SET leased_until = leased_until - $1::interval", timedelta(minutes=1))
    (taken_over,) = await worker.claim(work, 1)
    await work.run(stuck)
    assert await mailed(deps) == {}
    await work.run(taken_over)
    await work.run(taken_over)
    assert list(await mailed(deps)) == [email]
    async with deps.db.connection() as tx:
        assert len(await mail.list_mails(tx, 100)) == 1

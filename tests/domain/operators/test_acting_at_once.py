"""An operator begins to act while another request changes or ends the session: the accounts' logs miss nothing."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.support.fake_clock import FakeClock
from tests.support.waiting import until_locked
from tests.surfaces.console.browser import mailed_token

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.ids import OperatorId
from callmark.domain.operators import service as operators
from callmark.domain.operators.model import Operator
from callmark.domain.policy.model import SYSTEM
from callmark.domain.sessions import links, service as sessions
from callmark.domain.sessions.acting import service as acting
from callmark.domain.sessions.model import Origin, Person, Session
from callmark.kit.errors import InvalidInput, NotFound
from callmark.kit.postgres.database import Database

PASSWORD, NEW, OTHER = "four unrelated words here", "quite another four words", "and a third set of words"
ORIGIN = Origin("192.0.2.7", "")
ACTS, STOPPED = "operator.acts", "operator.stopped"


@pytest.fixture
async def olive(deps: Deps) -> Operator:
    return await operators.create_operator(deps, by=SYSTEM, email="olive@operator.example", name="", password=PASSWORD)


@pytest.fixture
async def acme(deps: Deps) -> Account:
    return await accounts.create_account(deps, "Acme", by=SYSTEM)


async def signed_in(deps: Deps, operator: Operator) -> Session:
    """A session of the operator."""
    async with deps.db.transaction() as tx:
        token = await sessions.begin_session(deps, tx, Person(operator_id=operator.id), ORIGIN)
    session = await sessions.find_session(deps, token)
    assert session
    return session


async def actions(deps: Deps, account: Account) -> list[str]:
    """What the account's log says of its operators, newest first."""
    found = await audit.list_entries(deps, account.id, AuditFilter())
    return [one.action for one in found if one.action in {ACTS, STOPPED}]


@asynccontextmanager
async def locked(db: Database, session: Session, waiting: int) -> AsyncGenerator[None]:
    """A session that nobody can change before so many wait for a lock."""
    async with db.transaction() as tx:
        await tx.execute("SELECT FROM console_session WHERE id = $1 FOR UPDATE", session.id)
        yield
        await until_locked(db, waiting)


async def test_of_two_tabs_that_act_at_once_the_first_one_stops(deps: Deps, olive: Operator, acme: Account) -> None:
    beta = await accounts.create_account(deps, "Beta", by=SYSTEM)
    session = await signed_in(deps, olive)
    by = session.actor("192.0.2.7")
    async with locked(deps.db, session, 2):
        begun = [asyncio.ensure_future(operators.act_for(deps, session, one.id, by=by)) for one in (acme, beta)]
    await asyncio.gather(*begun)
    (now,) = await sessions.list_sessions(deps, session.person)
    first, last = (beta, acme) if now.account_id == acme.id else (acme, beta)
    assert (await actions(deps, first), await actions(deps, last)) == ([STOPPED, ACTS], [ACTS])


End = Callable[[Deps, Session, Session], Awaitable[object]]
"""What ends an operator's session, or is done in the other one."""


async def reset_password(deps: Deps, session: Session, _: Session) -> None:
    """By the link that was mailed."""
    await links.ask_for_reset(deps, session.email, ORIGIN)
    await links.reset_password(deps, await mailed_token(deps, session.email), NEW, ORIGIN)


ENDS: dict[str, End] = {
    "end_session": lambda deps, one, _: sessions.end_session(deps, one.person, one.id, by=SYSTEM),
    "end_other_sessions": lambda deps, _, other: sessions.end_other_sessions(deps, other, by=SYSTEM),
    "change_password": lambda deps, _, other: sessions.change_password(deps, other, PASSWORD, NEW, ORIGIN),
    "set_password": lambda deps, one, _: operators.set_password(deps, id_of(one), NEW, by=SYSTEM),
    "reset_password": reset_password,
    "delete_operator": lambda deps, one, _: operators.delete_operator(deps, id_of(one), by=SYSTEM),
}


@pytest.mark.parametrize("end", ENDS)
async def test_acting_that_begins_while_the_session_ends_is_noted_to_stop(
    deps: Deps, olive: Operator, acme: Account, end: str
) -> None:
    session, other = await signed_in(deps, olive), await signed_in(deps, olive)
    async with deps.db.transaction() as tx:
        await acting.act_for(deps, tx, session.id, acme.id, by=SYSTEM)
        ending = asyncio.ensure_future(ENDS[end](deps, session, other))
        await until_locked(deps.db, 1)
    await ending
    assert await actions(deps, acme) == [STOPPED]


async def test_acting_that_begins_while_old_sessions_are_forgotten_is_noted_to_stop(
    deps: Deps, olive: Operator, acme: Account, clock: FakeClock
) -> None:
    session = await signed_in(deps, olive)
    clock.advance(timedelta(hours=12))
    async with deps.db.transaction() as tx:
        await acting.act_for(deps, tx, session.id, acme.id, by=SYSTEM)
        await sessions.forget_dead(deps)
    await sessions.forget_dead(deps)  # the next time
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM console_session") == 0
    assert await actions(deps, acme) == [STOPPED]


async def test_a_session_that_has_ended_acts_for_nobody(deps: Deps, olive: Operator, acme: Account) -> None:
    session = await signed_in(deps, olive)
    await sessions.end_session(deps, session.person, session.id, by=SYSTEM)
    with pytest.raises(NotFound):
        await operators.act_for(deps, session, acme.id, by=session.actor("192.0.2.7"))
    assert await actions(deps, acme) == []


async def test_two_new_passwords_at_once_do_not_wait_for_each_other(deps: Deps, olive: Operator, acme: Account) -> None:
    session, other = await signed_in(deps, olive), await signed_in(deps, olive)
    await operators.act_for(deps, session, acme.id, by=SYSTEM)
    async with locked(deps.db, session, 2):
        setting = asyncio.ensure_future(operators.set_password(deps, olive.id, NEW, by=SYSTEM))
        await until_locked(deps.db, 1)
        changing = asyncio.ensure_future(sessions.change_password(deps, other, PASSWORD, OTHER, ORIGIN))
    await setting
    with pytest.raises(InvalidInput, match="not your current password"):
        await changing
    assert await actions(deps, acme) == [STOPPED, ACTS]


def id_of(session: Session) -> OperatorId:
    """The operator whose session it is."""
    assert session.person.operator_id
    return session.person.operator_id

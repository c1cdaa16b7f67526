"""Operators: made, removed and acting for a business, each with its line in the log."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.audit_log import log_of
from tests.support.fake_clock import FakeClock
from tests.support.waiting import one_after_the_other, until_locked

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.operators import service as operators
from callmark.domain.operators.model import Operator
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind, Role
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.model import MemberState, Origin, Person, Session
from callmark.kit.errors import Conflict, Forbidden, NotFound

PASSWORD = "four unrelated words here"
ORIGIN = Origin("192.0.2.8", "")


async def make(deps: Deps, email: str = "olive@operator.example", by: Actor = SYSTEM) -> Operator:
    return await operators.create_operator(deps, by=by, email=email, name="", password=PASSWORD)


async def signed_in(deps: Deps, operator: Operator) -> Session:
    """A session of the operator."""
    async with deps.db.transaction() as tx:
        token = await sessions.begin_session(deps, tx, Person(operator_id=operator.id), Origin("192.0.2.7", ""))
    session = await sessions.find_session(deps, token)
    assert session
    return session


async def test_an_operator_makes_and_removes_another_but_not_itself(deps: Deps) -> None:
    olive = await make(deps)
    by = (await signed_in(deps, olive)).actor("192.0.2.7")
    other = await make(deps, "oscar@operator.example", by)
    assert other.name == "oscar@operator.example"
    with pytest.raises(Conflict, match="yourself"):
        await operators.delete_operator(deps, olive.id, by=by)
    await operators.delete_operator(deps, other.id, by=by)
    with pytest.raises(NotFound):
        await operators.delete_operator(deps, other.id, by=by)
    log = await audit.list_entries(deps, None, AuditFilter(text=other.email))
    assert [(one.action, one.actor_email, one.account_id) for one in log] == [
        ("operator.deleted", olive.email, None),
        ("operator.created", olive.email, None),
    ]


async def test_of_two_operators_who_remove_each_other_at_once_one_stays(deps: Deps) -> None:
    olive, oscar = await make(deps), await make(deps, "oscar@operator.example")
    acting = [(await signed_in(deps, one)).actor("192.0.2.7") for one in (olive, oscar)]
    async with deps.db.transaction() as tx:
        await tx.execute("SELECT FROM operator_user FOR UPDATE")
        removing = [
            asyncio.ensure_future(operators.delete_operator(deps, whom.id, by=by))
            for whom, by in ((oscar, acting[0]), (olive, acting[1]))
        ]
        await until_locked(deps.db, 2)
    ended = await asyncio.gather(*removing, return_exceptions=True)
    (left,) = await operators.list_operators(deps)
    assert sorted(type(one).__name__ for one in ended) == ["Forbidden", "Operator"]
    with pytest.raises(Conflict, match="yourself"):
        await operators.delete_operator(deps, left.id, by=acting[[olive, oscar].index(left)])
    other = next(one for one in acting if one.email != left.email)
    with pytest.raises(Forbidden, match="no longer an operator"):
        await operators.delete_operator(deps, left.id, by=other)


async def make_another(deps: Deps, _: Operator, by: Actor) -> None:
    await make(deps, "mallory@operator.example", by)


async def set_a_password(deps: Deps, one: Operator, by: Actor) -> None:
    await operators.set_password(deps, one.id, "quite another four words", by=by)


@pytest.mark.parametrize("let_in", [make_another, set_a_password])
async def test_who_has_just_been_removed_lets_nobody_in(
    deps: Deps, let_in: Callable[[Deps, Operator, Actor], Coroutine[None, None, None]]
) -> None:
    olive, oscar = await make(deps), await make(deps, "oscar@operator.example")
    by = (await signed_in(deps, oscar)).actor("192.0.2.7")
    held = ("SELECT FROM operator_user FOR UPDATE", "LOCK TABLE audit_entry IN SHARE MODE")
    removed = operators.delete_operator(deps, oscar.id, by=SYSTEM)
    second = await one_after_the_other(deps.db, held, removed, let_in(deps, olive, by))
    assert isinstance(second.exception(), Forbidden)
    assert await operators.list_operators(deps) == [olive]


async def test_a_members_address_is_no_operators(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    email = f"alice-{uuid4().hex}@acme.example"
    alice = await members.create_without_rules(
        deps, acme.id, by=SYSTEM, email=email, name="Alice", role=Role.ADMIN, state=MemberState.ACTIVE
    )
    for state in (MemberState.ACTIVE, MemberState.REVOKED):
        await members.update_without_rules(deps, acme.id, alice.id, by=SYSTEM, state=MemberState.ACTIVE)
        await members.set_password(deps, acme.id, alice.id, PASSWORD, by=SYSTEM)
        await members.update_without_rules(deps, acme.id, alice.id, by=SYSTEM, state=state)
        with pytest.raises(Conflict, match="use another address"):
            await make(deps, email.upper())
    olive = await make(deps)
    with pytest.raises(Conflict, match="an operator with this email"):
        await make(deps, olive.email.upper())


async def test_an_address_that_a_business_has_merely_invited_is_free_for_an_operator(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    email = "olive@operator.example"
    invited = await members.create_without_rules(deps, acme.id, by=SYSTEM, email=email, name="Olive", role=Role.ADMIN)
    await make(deps, email.upper())
    with pytest.raises(Conflict, match="already exists"):
        await members.set_password(deps, acme.id, invited.id, PASSWORD, by=SYSTEM)
    with pytest.raises(Conflict, match="already exists"):
        await members.update_without_rules(deps, acme.id, invited.id, by=SYSTEM, state=MemberState.ACTIVE)


async def test_a_new_password_signs_out_and_is_audited(deps: Deps) -> None:
    olive = await make(deps)
    await signed_in(deps, olive)
    by = Actor(ActorKind.COMMAND_LINE, "root@host")
    await operators.set_password(deps, olive.id, "quite another four words", by=by)
    assert await sessions.list_sessions(deps, Person(operator_id=olive.id)) == []
    (line, *_) = await audit.list_entries(deps, None, AuditFilter(text=olive.email))
    assert (line.action, line.actor_email, line.by_operator) == ("operator.password_set", "root@host", True)


async def test_an_operator_who_is_gone_gets_no_password(deps: Deps) -> None:
    olive = await make(deps)
    await operators.delete_operator(deps, olive.id, by=SYSTEM)
    with pytest.raises(NotFound, match="removed meanwhile"):
        async with deps.db.transaction() as tx:
            await sessions.replace_password(deps, tx, Person(operator_id=olive.id), "hash", by=SYSTEM)


async def test_acting_begins_and_ends_in_the_log_of_the_business(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    session = await signed_in(deps, await make(deps))
    by = session.actor("192.0.2.7")
    await operators.act_for(deps, session, acme.id, by=by)
    (acting,) = await sessions.list_sessions(deps, session.person)
    assert acting.account_id == acme.id
    await operators.stop_acting(deps, acting, by=by)
    (stopped,) = await sessions.list_sessions(deps, session.person)
    await operators.stop_acting(deps, stopped, by=by)
    assert stopped.account_id is None
    log = [(one.action, one.subject, one.address) for one in await log_of(deps, acme.id)]
    assert log == [("operator.stopped", "Acme", "192.0.2.7"), ("operator.acts", "Acme", "192.0.2.7")]


async def test_acting_ends_in_the_log_whichever_way_the_session_ends(deps: Deps, clock: FakeClock) -> None:
    olive, opal = await make(deps), await make(deps, "opal@operator.example")
    by = (await signed_in(deps, opal)).actor("192.0.2.7")
    root = Actor(ActorKind.COMMAND_LINE, "root@host")
    other = await signed_in(deps, olive)
    own = other.actor("192.0.2.8")

    async def expires(_: Session) -> None:
        clock.advance(timedelta(hours=12))
        await sessions.forget_dead(deps)

    ends: list[tuple[Callable[[Session], Awaitable[object]], str, dict[str, object]]] = [
        (lambda one: sessions.end_session(deps, one.person, one.id, by=own), olive.email, {}),
        (lambda _: sessions.end_other_sessions(deps, other, by=own), olive.email, {}),
        (
            lambda _: sessions.change_password(deps, other, PASSWORD, "quite another four words", ORIGIN),
            olive.email,
            {},
        ),
        (
            lambda _: operators.set_password(deps, olive.id, "quite another four words", by=root),
            "root@host",
            {"operator": olive.email},
        ),
        (expires, "system", {"operator": olive.email}),
        (lambda _: operators.delete_operator(deps, olive.id, by=by), opal.email, {"operator": olive.email}),
    ]
    for end, who, details in ends:
        acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
        session = await signed_in(deps, olive)
        await operators.act_for(deps, session, acme.id, by=session.actor("192.0.2.8"))
        await end(session)
        last = (await audit.list_entries(deps, acme.id, AuditFilter()))[0]
        assert (last.action, last.actor_email, last.details) == ("operator.stopped", who, details)


async def test_another_account_and_the_first_again_are_each_in_their_log(deps: Deps) -> None:
    acme, beta = [await accounts.create_account(deps, name, by=SYSTEM) for name in ("Acme", "Beta")]
    session = await signed_in(deps, await make(deps))
    by = session.actor("192.0.2.7")
    for account in (acme, beta, acme):
        await operators.act_for(deps, session, account.id, by=by)  # as a tab does that knows nothing of the others
    acts, stopped = "operator.acts", "operator.stopped"
    assert [one.action for one in await log_of(deps, acme.id)] == [acts, stopped, acts]
    assert [one.action for one in await log_of(deps, beta.id)] == [stopped, acts]

"""Links by mail while others change or remove the person: who comes second waits, and is served or refused.

Where a row is held, the one who waits for it first gets it first.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest
from msgspec import Struct
from tests.support.audit_log import log_of
from tests.support.waiting import begin_in_turn
from tests.surfaces.console.browser import PASSWORD, invite_token, mailed_token

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.members.model import Member
from callmark.domain.operators import service as operators
from callmark.domain.operators.model import Operator
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions import links, service as sessions
from callmark.domain.sessions.model import LinkKind, MemberState, Origin, Person, Session, SignedIn
from callmark.kit.errors import NotFound

ORIGIN = Origin("203.0.113.9", "")
NEW, OTHER = "quite another four words", "and a third set of words"


class People(Struct):
    """An account's members and an operator, none of whom has a link."""

    deps: Deps
    account: Account
    nina: Member
    """Is invited."""
    mark: Member
    """Is active, with `PASSWORD`, as is the operator."""
    olive: Operator
    session: dict[Person, Session]
    """Of those who have a password."""


Use = Callable[[People], Coroutine[None, None, object]]


async def session_of(deps: Deps, person: Person) -> Session:
    async with deps.db.transaction() as tx:
        token = await sessions.begin_session(deps, tx, person, ORIGIN)
    session = await sessions.find_session(deps, token)
    assert session
    return session


@pytest.fixture
async def people(deps: Deps) -> People:
    account = await accounts.create_account(deps, "Acme", by=SYSTEM)

    async def made(name: str, state: MemberState) -> Member:
        email = f"{name}@acme.example"
        return await members.create_without_rules(
            deps, account.id, email=email, name=name, role=Role.ADMIN, state=state, by=SYSTEM
        )

    nina, mark, _ = [
        await made("nina", MemberState.INVITED),
        await made("mark", MemberState.ACTIVE),
        await made("alice", MemberState.ACTIVE),
    ]
    await members.set_password(deps, account.id, mark.id, PASSWORD, by=SYSTEM)
    olive = await operators.create_operator(deps, by=SYSTEM, email="olive@operator.example", name="", password=PASSWORD)
    signed_in = {person: await session_of(deps, person) for person in (mark.person, Person(operator_id=olive.id))}
    return People(deps, account, nina, mark, olive, signed_in)


# what is done ---------------------------------------------------------------------------------------------------------


async def change_password(people: People, person: Person) -> None:
    await sessions.change_password(people.deps, people.session[person], PASSWORD, OTHER, ORIGIN)


async def send_reset(people: People, email: str) -> None:
    """What a worker does for who asked for a new password."""
    async with people.deps.db.transaction() as tx:
        await links.send_reset(people.deps, tx, email)


def of_member(change: Callable[..., Coroutine[None, None, object]], **more: object) -> Callable[[Member], Use]:
    """A use case of members that is done to one."""
    return lambda member: lambda people: change(people.deps, member.account_id, member.id, by=SYSTEM, **more)


invite_without_rules = of_member(members.invite_without_rules)
invite_again = of_member(members.invite_again, inviter="Alice")
restore_access = of_member(members.restore_access, inviter="Alice")
revoke_access = of_member(members.revoke_access)
remove_member = of_member(members.remove_member)
delete_without_rules = of_member(members.delete_without_rules)
set_password = of_member(members.set_password, password=OTHER)


# beside each other ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def held(people: People, person: Person) -> AsyncGenerator[None]:
    """A person whom nobody can change meanwhile."""
    async with people.deps.db.transaction() as tx:
        await tx.execute("SELECT FROM member WHERE id = $1 FOR UPDATE", person.member_id)
        await tx.execute("SELECT FROM operator_user WHERE id = $1 FOR UPDATE", person.operator_id)
        yield


@asynccontextmanager
async def links_held(people: People) -> AsyncGenerator[None]:
    """No link can be used, replaced or deleted meanwhile."""
    async with people.deps.db.transaction() as tx:
        await tx.execute("SELECT FROM mailed_link FOR UPDATE")
        yield


async def reset_link(people: People, email: str) -> str:
    await send_reset(people, email)
    return await mailed_token(people.deps, email)


INVITED: dict[str, Callable[[Member], Use]] = {
    "invite_without_rules": invite_without_rules,
    "invite_again": invite_again,
    "remove_member": remove_member,
    "delete_without_rules": delete_without_rules,
}


@pytest.mark.parametrize("change", INVITED)
async def test_an_invitation_that_was_just_replaced_or_retracted_is_dead(people: People, change: str) -> None:
    deps, nina = people.deps, people.nina
    token = await invite_token(deps, nina)
    async with held(people, nina.person):
        changing, accepting = await begin_in_turn(
            deps.db, INVITED[change](nina)(people), links.accept_invitation(deps, token, "Nina", NEW, ORIGIN)
        )
    await changing
    with pytest.raises(NotFound, match="no longer valid"):
        await accepting


RESET: dict[str, Use] = {
    "change_password": lambda people: change_password(people, people.mark.person),
    "set_password": lambda people: set_password(people.mark)(people),
    "remove_member": lambda people: remove_member(people.mark)(people),
    "delete_without_rules": lambda people: delete_without_rules(people.mark)(people),
    "change_password of an operator": lambda people: change_password(people, Person(operator_id=people.olive.id)),
    "set_password of an operator": lambda people: operators.set_password(
        people.deps, people.olive.id, OTHER, by=SYSTEM
    ),
    "delete_operator": lambda people: operators.delete_operator(people.deps, people.olive.id, by=SYSTEM),
}


@pytest.mark.parametrize("change", RESET)
async def test_a_link_to_a_new_password_is_dead_once_another_was_chosen_or_the_person_is_gone(
    people: People, change: str
) -> None:
    is_operators = "operator" in change
    person = Person(operator_id=people.olive.id) if is_operators else people.mark.person
    token = await reset_link(people, people.olive.email if is_operators else people.mark.email)
    async with held(people, person):
        changing, resetting = await begin_in_turn(
            people.deps.db, RESET[change](people), links.reset_password(people.deps, token, NEW, ORIGIN)
        )
    await changing
    with pytest.raises(NotFound, match="no longer valid"):
        await resetting


SENT: dict[str, tuple[Use, Use]] = {
    "an invitation": (
        lambda people: invite_again(people.nina)(people),
        lambda people: remove_member(people.nina)(people),
    ),
    "a reset of an invited member": (
        lambda people: send_reset(people, people.nina.email),
        lambda people: delete_without_rules(people.nina)(people),
    ),
    "a reset of a member": (
        lambda people: send_reset(people, people.mark.email),
        lambda people: delete_without_rules(people.mark)(people),
    ),
    "a reset of an operator": (
        lambda people: send_reset(people, people.olive.email),
        lambda people: operators.delete_operator(people.deps, people.olive.id, by=SYSTEM),
    ),
}


@pytest.mark.parametrize("what", SENT)
async def test_a_link_that_was_just_sent_goes_with_the_person(people: People, what: str) -> None:
    send, remove = SENT[what]
    await send(people)
    async with links_held(people):
        begun = await begin_in_turn(people.deps.db, send(people), remove(people))
    await asyncio.gather(*begun)
    async with people.deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM mailed_link") == 0


async def test_nothing_is_sent_to_who_is_removed_just_before(people: People) -> None:
    async with held(people, people.mark.person):
        begun = await begin_in_turn(
            people.deps.db, delete_without_rules(people.mark)(people), send_reset(people, people.mark.email)
        )
    await asyncio.gather(*begun)
    async with people.deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM mail") == 0


async def test_an_invitation_gives_no_password_to_who_is_revoked_at_that_moment(people: People) -> None:
    deps, nina = people.deps, people.nina
    token = await invite_token(deps, nina)
    async with held(people, nina.person):
        revoking, accepting = await begin_in_turn(
            deps.db, revoke_access(nina)(people), links.accept_invitation(deps, token, "Nina", NEW, ORIGIN)
        )
    await revoking
    with pytest.raises(NotFound, match="no longer valid"):
        await accepting
    restored = await members.restore_access(deps, people.account.id, nina.id, by=SYSTEM, inviter="Alice")
    assert restored.state is MemberState.INVITED
    assert "member.accepted" not in [one.action for one in await log_of(deps, people.account.id)]


async def test_who_has_access_loses_nothing_when_it_is_restored(people: People) -> None:
    """An old page has the button, or two people press it: an invitation that was sent is still good."""
    deps, nina = people.deps, people.nina
    token = await invite_token(deps, nina)
    await restore_access(nina)(people)
    assert isinstance(await links.accept_invitation(deps, token, "Nina", NEW, ORIGIN), SignedIn)
    await restore_access(nina)(people)
    assert (await members.get_member(deps, people.account.id, nina.id)).state is MemberState.ACTIVE
    assert len(await sessions.list_sessions(deps, nina.person)) == 1


async def test_of_two_who_restore_access_at_once_one_invites(people: People) -> None:
    deps, nina = people.deps, people.nina
    await revoke_access(nina)(people)
    async with held(people, nina.person):
        first, second = await begin_in_turn(deps.db, restore_access(nina)(people), restore_access(nina)(people))
    await first
    await second
    assert (await members.get_member(deps, people.account.id, nina.id)).state is MemberState.INVITED
    log = [one.action for one in await audit.list_entries(deps, people.account.id, AuditFilter(text=nina.email))]
    assert log == ["member.restored", "member.revoked", "member.created"]


async def test_of_two_who_use_a_link_at_once_the_second_finds_it_used(people: People) -> None:
    deps, mark = people.deps, people.mark
    token = await reset_link(people, mark.email)
    async with held(people, mark.person):
        first, second = await begin_in_turn(
            deps.db, *(links.reset_password(deps, token, password, ORIGIN) for password in (NEW, OTHER))
        )
    await first
    with pytest.raises(NotFound, match="no longer valid"):
        await second
    assert isinstance(await sessions.sign_in(deps, mark.email, NEW, ORIGIN), SignedIn)


async def test_the_page_of_a_link_waits_for_nobody(people: People) -> None:
    token = await reset_link(people, people.mark.email)
    async with held(people, people.mark.person), links_held(people), asyncio.timeout(30):
        found = await links.look_at_link(people.deps, LinkKind.PASSWORD_RESET, token)
    assert found.email == people.mark.email

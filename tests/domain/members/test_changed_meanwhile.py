"""Members and places that change while an owner acts: what counts is how they are when it has its turn."""

from collections.abc import Callable, Coroutine
from itertools import product
from uuid import UUID

import pytest
from tests.support.actors import ALICE, BOB, owner_of
from tests.support.cases import each
from tests.support.factories import Branch, make_branch
from tests.support.waiting import one_after_the_other

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.members.model import Member
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind, Role, Scope
from callmark.domain.sessions.model import MemberState
from callmark.domain.structure import service as structure
from callmark.kit.errors import Forbidden, InvalidInput, NotFound
from callmark.kit.ids import new_id

EMAIL = "mia@acme.example"
HELD = ("SELECT FROM client_account FOR UPDATE", "SELECT FROM member FOR UPDATE")

Use = Callable[[Deps, Member, Branch], Coroutine[None, None, object]]
Change = Callable[[Deps, Member, Actor, Branch], Coroutine[None, None, None]]


async def make_member(
    deps: Deps,
    acme: Account,
    email: str,
    role: Role = Role.ADMIN,
    place: UUID | None = None,
    state: MemberState = MemberState.ACTIVE,
) -> Member:
    return await members.create_without_rules(
        deps, acme.id, by=SYSTEM, email=email, name="Mia", role=role, state=state, node_id=place
    )


@pytest.fixture
async def acme(deps: Deps) -> Account:
    return await accounts.create_account(deps, "Acme", by=SYSTEM)


@pytest.fixture
async def branch(deps: Deps, acme: Account) -> Branch:
    """Where Olivia is the owner of the process."""
    return await make_branch(deps, acme.id)


async def edit(deps: Deps, mia: Member, branch: Branch) -> None:
    place = branch.process.id
    await members.edit_member(
        deps, mia.account_id, mia.id, by=owner_of(place), name="M.", role=Role.PROCESS_OWNER, node_id=place
    )


async def revoke(deps: Deps, mia: Member, branch: Branch) -> None:
    await members.revoke_access(deps, mia.account_id, mia.id, by=owner_of(branch.process.id))


async def remove(deps: Deps, mia: Member, branch: Branch) -> None:
    await members.remove_member(deps, mia.account_id, mia.id, by=owner_of(branch.process.id))


async def restore(deps: Deps, mia: Member, branch: Branch) -> None:
    await members.restore_access(deps, mia.account_id, mia.id, by=owner_of(branch.process.id), inviter="Olivia")


async def invite_again(deps: Deps, mia: Member, branch: Branch) -> None:
    await members.invite_again(deps, mia.account_id, mia.id, by=owner_of(branch.process.id), inviter="Olivia")


CHANGES: dict[str, tuple[Use, MemberState]] = {
    "edit": (edit, MemberState.ACTIVE),
    "revoke": (revoke, MemberState.ACTIVE),
    "remove": (remove, MemberState.ACTIVE),
    "restore": (restore, MemberState.REVOKED),
    "invite again": (invite_again, MemberState.INVITED),
}


async def test_an_owner_does_not_change_who_has_just_become_someone_it_may_not_change(
    deps: Deps, acme: Account, branch: Branch
) -> None:
    elsewhere = await make_branch(deps, acme.id, department="Wholesale")
    await make_member(deps, acme, ALICE.email)
    await make_member(deps, acme, owner_of(None).email, Role.PROCESS_OWNER, branch.process.id)

    async def stays(case: tuple[str, tuple[Role, UUID | None]]) -> None:
        change, (role, place) = case
        use, state = CHANGES[change]
        mia = await make_member(deps, acme, f"{new_id()}@acme.example", Role.PROCESS_OWNER, branch.process.id, state)
        first = members.edit_member(deps, acme.id, mia.id, by=ALICE, name="Mia", role=role, node_id=place)
        second = await one_after_the_other(deps.db, HELD, first, use(deps, mia, branch))
        assert isinstance(second.exception(), NotFound)
        now = await members.get_member(deps, acme.id, mia.id)
        assert (now.name, now.role, now.node_id, now.state) == ("Mia", role, place, state)

    promoted, moved = (Role.ADMIN, None), (Role.PROCESS_OWNER, elsewhere.process.id)
    await each(product(CHANGES, (promoted, moved)), stays)


async def test_nobody_is_invited_to_a_place_that_has_just_left_the_owners(
    deps: Deps, acme: Account, branch: Branch
) -> None:
    elsewhere = await make_branch(deps, acme.id, department="Wholesale", process="First mile")
    owner = Actor(ActorKind.MEMBER, "olivia@acme.example", Role.DEPARTMENT_OWNER, Scope(branch.department.id))
    olivia = await make_member(deps, acme, owner.email, owner.role, branch.department.id)
    moved = structure.move_process(deps, acme.id, branch.process.id, operation_id=elsewhere.operation.id, by=ALICE)
    invited = members.invite_member(
        deps,
        acme.id,
        by=owner,
        inviter="Olivia",
        email=EMAIL,
        name="Mia",
        role=Role.PROCESS_OWNER,
        node_id=branch.process.id,
    )
    second = await one_after_the_other(deps.db, HELD, moved, invited)
    assert isinstance(second.exception(), InvalidInput)
    assert await members.list_members(deps, acme.id) == [olivia]


async def remove_it(deps: Deps, member: Member, by: Actor, _: Branch) -> None:
    await members.remove_member(deps, member.account_id, member.id, by=by)


async def revoke_it(deps: Deps, member: Member, by: Actor, _: Branch) -> None:
    await members.revoke_access(deps, member.account_id, member.id, by=by)


async def demote_it(deps: Deps, member: Member, by: Actor, branch: Branch) -> None:
    role, place = Role.PROCESS_OWNER, branch.process.id
    await members.edit_member(deps, member.account_id, member.id, by=by, name="Bob", role=role, node_id=place)


async def invite_another(deps: Deps, member: Member, by: Actor, _: Branch) -> None:
    of = member.account_id
    await members.invite_member(deps, of, by=by, inviter="Bob", email=EMAIL, name="Mia", role=Role.ADMIN)


@pytest.mark.parametrize(
    ("loses_access", "acts"),
    [(remove_it, remove_it), (revoke_it, demote_it), (demote_it, revoke_it), (remove_it, invite_another)],
)
async def test_who_has_just_lost_its_access_takes_nobody_elses_and_gives_none(
    deps: Deps, acme: Account, branch: Branch, loses_access: Change, acts: Change
) -> None:
    alice, bob, _ = [await make_member(deps, acme, f"{name}@acme.example") for name in ("alice", "bob", "carol")]
    first, then = loses_access(deps, bob, ALICE, branch), acts(deps, alice, BOB, branch)
    second = await one_after_the_other(deps.db, HELD, first, then)
    assert isinstance(second.exception(), Forbidden)
    assert await members.get_member(deps, acme.id, alice.id) == alice
    assert EMAIL not in {one.email for one in await members.list_members(deps, acme.id)}

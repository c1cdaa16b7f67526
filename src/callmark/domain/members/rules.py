"""Who may change whom among the members, and to which role and place (contract, section 12.1)."""

from uuid import UUID

from callmark.domain.accounts import service as accounts
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.members import addresses, queries
from callmark.domain.members.model import Member, OwnedPlace, Places, VisibleMember, places_of, visible_to
from callmark.domain.policy.model import Actor, ActorKind, Role, may_give
from callmark.domain.sessions.model import MemberState
from callmark.domain.structure import service as structure
from callmark.kit.errors import Conflict, Forbidden, InvalidInput, NotFound, found
from callmark.kit.postgres.database import Tx

UNKNOWN = "no member with this id in this account"
_ELSEWHERE = "choose a role and a place that you are allowed to assign"


async def places_in(tx: Tx, account_id: AccountId) -> Places:
    """Every place of the account that a member can own."""
    return places_of(await structure.tree_in(tx, account_id))


async def check_place(tx: Tx, account_id: AccountId, node_id: UUID | None) -> None:
    """Raises NotFound for a place of another account, as for one that nobody has."""
    if node_id and node_id not in await places_in(tx, account_id):
        raise NotFound(queries.UNKNOWN_PLACE)


async def lock_account_of(tx: Tx, account_id: AccountId, by: Actor) -> None:
    """Keeps structure and members as they are, and orders two who change members at once.

    Raises Forbidden for a member who lost its access, its role or its place since the request began: of two who remove
    each other at once one stays. NotFound for an unknown account.
    """
    await accounts.lock_account(tx, account_id)
    if by.kind is not ActorKind.MEMBER:
        return
    one = await queries.select_by_email(tx, account_id, by.email)
    as_admitted = (MemberState.ACTIVE, by.role, by.scope.node_id)
    if one is None or (one.state, one.role, one.node_id) != as_admitted:
        raise Forbidden("your own access was changed meanwhile; nothing was done")


async def lock_changeable(tx: Tx, account_id: AccountId, member_id: MemberId, by: Actor) -> Member:
    """A member that the actor may change: of its own role or one below, inside its place; locked.

    Raises NotFound, Forbidden.
    """
    await lock_account_of(tx, account_id, by)
    member = found(await queries.lock_member(tx, account_id, member_id), UNKNOWN)
    return may_change(found(visible_to(by, member, await places_in(tx, account_id))))


async def lock_to_leave(tx: Tx, account_id: AccountId, member_id: MemberId, by: Actor) -> Member:
    """As `lock_changeable`, to take access away. Raises Conflict for oneself and for the last active admin."""
    member = await lock_changeable(tx, account_id, member_id, by)
    refuse_oneself(by, member)
    await refuse_last_admin(tx, member)
    return member


async def granted(tx: Tx, account_id: AccountId, by: Actor, role: Role, node_id: UUID | None) -> OwnedPlace | None:
    """The place of a role as it may be given by the actor; None for an admin. Raises InvalidInput about `role`."""
    place = (await places_in(tx, account_id)).get(node_id) if node_id and role is not Role.ADMIN else None
    fits = role is Role.ADMIN or (place is not None and place.role is role)
    if not fits or not may_give(by, role, place.path if place else ()):
        raise InvalidInput(_ELSEWHERE, field="role")
    return place


async def other_place(tx: Tx, old: Member, by: Actor, role: Role, node_id: UUID | None) -> OwnedPlace | None:
    """As `granted`, for a member who has another role already. Raises Conflict (oneself, the last admin)."""
    if by.email == old.email and role is not old.role:
        raise Conflict("you cannot change your own role")
    place = await granted(tx, old.account_id, by, role, node_id)
    if role is not Role.ADMIN:
        await refuse_last_admin(tx, old)
    return place


async def refuse_last_admin(tx: Tx, member: Member) -> None:
    """Raises Conflict where the account would be left without an active admin."""
    is_admin = member.role is Role.ADMIN and member.state is MemberState.ACTIVE
    if is_admin and await addresses.admin_emails(tx, member.account_id) == [member.email]:
        raise Conflict("this is the account's only active admin; make someone else an admin first")


def may_change(seen: VisibleMember) -> Member:
    """The member, if the actor who sees it may change it. Raises NotFound."""
    return found(seen.member if seen.may_change else None)


def refuse_oneself(by: Actor, member: Member) -> None:
    """Raises Conflict where the actor is the member."""
    if by.email == member.email:
        raise Conflict("you cannot do this to yourself")

"""Members: who is in the account, and who may invite and change whom (contract, section 12.1)."""

from dataclasses import dataclass
from uuid import UUID

from callmark.domain.access.changes import Change, changing
from callmark.domain.access.model import Actor, check, may_give, roles_to_give, visible
from callmark.domain.access.places import OwnedPlace, own_places, places
from callmark.domain.accounts import links
from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Member, MemberState
from callmark.domain.deps import Deps
from callmark.domain.ids import MemberId
from callmark.domain.policy.model import Action, Path, Role
from callmark.kit.errors import Conflict, InvalidInput, NotFound

_ELSEWHERE = "choose a role and a place that you are allowed to assign"


@dataclass(frozen=True)
class Seen:
    """A member as an actor sees it: where it belongs, and whether the actor may change it."""

    member: Member
    trail: str
    may_change: bool


@dataclass(frozen=True)
class Gift:
    """What the actor may give: a role, at a place (None for an admin, who needs none)."""

    role: Role
    place: OwnedPlace | None


async def list_members(deps: Deps, actor: Actor) -> list[Seen]:
    """Those inside the actor's place, oldest first. Raises Forbidden."""
    check(actor, Action.MEMBERS_VIEW)
    every = await places(deps, actor.account_id)
    found = await accounts.list_members(deps, actor.account_id)
    seen = [_seen(actor, member, every) for member in found]
    return [one for one in seen if one is not None]


async def get_member(deps: Deps, actor: Actor, member_id: MemberId) -> Seen:
    """One inside the actor's place. Raises Forbidden, NotFound."""
    check(actor, Action.MEMBERS_VIEW)
    member = await accounts.get_member(deps, actor.account_id, member_id)
    return _found(_seen(actor, member, await places(deps, actor.account_id)))


async def gifts(deps: Deps, actor: Actor) -> list[Gift]:
    """Every role and place that the actor may give, from the highest role down."""
    found = await own_places(deps, actor)
    admin = [Gift(Role.ADMIN, None)] if actor.role is Role.ADMIN else []
    return admin + [
        Gift(role, place)
        for role in roles_to_give(actor)
        for place in found.values()
        if place.role is role and may_give(actor, role, place.path)
    ]


async def invite_member(deps: Deps, actor: Actor, *, email: str, name: str, role: Role, node_id: UUID | None) -> Member:
    """A new member, to whom the invitation is on its way.

    Who is a member elsewhere is answered like anybody: only its own mail says so. Operators are told. Raises Forbidden,
    InvalidInput, Conflict.
    """
    check(actor, Action.MEMBERS_MANAGE)
    place = await _given(deps, actor, role, node_id)
    create = accounts.create_member if actor.is_operator else accounts.create_invited_member
    async with changing(deps, actor) as change:
        member = await create(
            change.deps,
            actor.account_id,
            email=email,
            name=name.strip() or email.strip().partition("@")[0],
            role=role,
            node_id=place.id if place else None,
        )
        await links.invite(change.deps, member, actor.account_name, actor.name)
        await change.note("member.invited", member.email, role=role, place=place.trail if place else "")
    return member


async def invite_again(deps: Deps, actor: Actor, member_id: MemberId) -> Member:
    """Sends a new link; the old one works no more. Raises Forbidden, NotFound, Conflict (no longer invited)."""
    member = await _changeable(deps, actor, member_id)
    if member.state is not MemberState.INVITED:
        raise Conflict("this member has already accepted the invitation")
    async with changing(deps, actor) as change:
        await links.invite(change.deps, member, actor.account_name, actor.name)
        await change.note("member.invited_again", member.email)
    return member


async def update_member(
    deps: Deps, actor: Actor, member_id: MemberId, *, name: str, role: Role, node_id: UUID | None
) -> Member:
    """The member after the change. Raises Forbidden, NotFound, InvalidInput, Conflict (the last admin)."""
    old = await _changeable(deps, actor, member_id)
    if actor.email == old.email and role is not old.role:
        raise Conflict("you cannot change your own role")
    place = await _given(deps, actor, role, node_id)
    async with changing(deps, actor) as change:
        await _keep_an_admin(change, old, stays=role is Role.ADMIN)
        member = await accounts.update_member(
            change.deps, actor.account_id, member_id, name=name, role=role, node_id=place.id if place else None
        )
        await change.note("member.changed", member.email, role=role, place=place.trail if place else "")
    return member


async def revoke_access(deps: Deps, actor: Actor, member_id: MemberId) -> Member:
    """Signs the member out for as long as access is revoked. Raises Forbidden, NotFound, Conflict."""
    member = await _changeable(deps, actor, member_id)
    _refuse_oneself(actor, member)
    async with changing(deps, actor) as change:
        await _keep_an_admin(change, member, stays=False)
        changed = await accounts.update_member(change.deps, actor.account_id, member_id, state=MemberState.REVOKED)
        await change.note("member.revoked", member.email)
    return changed


async def restore_access(deps: Deps, actor: Actor, member_id: MemberId) -> Member:
    """The member may sign in again; one that never has is invited anew. Raises Forbidden, NotFound."""
    member = await _changeable(deps, actor, member_id)
    state = MemberState.ACTIVE if await links.has_password(deps, member) else MemberState.INVITED
    async with changing(deps, actor) as change:
        changed = await accounts.update_member(change.deps, actor.account_id, member_id, state=state)
        if state is MemberState.INVITED:
            await links.invite(change.deps, changed, actor.account_name, actor.name)
        await change.note("member.restored", member.email)
    return changed


async def delete_member(deps: Deps, actor: Actor, member_id: MemberId) -> Member:
    """Removes the member for good; its login is lost at once. Raises Forbidden, NotFound, Conflict."""
    member = await _changeable(deps, actor, member_id)
    _refuse_oneself(actor, member)
    async with changing(deps, actor) as change:
        await _keep_an_admin(change, member, stays=False)
        await accounts.delete_member(change.deps, actor.account_id, member_id)
        await change.note("member.deleted", member.email, role=member.role)
    return member


async def _changeable(deps: Deps, actor: Actor, member_id: MemberId) -> Member:
    """A member that the actor may change: of its own role or one below, inside its place."""
    check(actor, Action.MEMBERS_MANAGE)
    return _found(one if (one := await get_member(deps, actor, member_id)).may_change else None).member


async def _given(deps: Deps, actor: Actor, role: Role, node_id: UUID | None) -> OwnedPlace | None:
    """The place of a role as it may be given by the actor; None for an admin. Raises InvalidInput about `gift`."""
    if role is Role.ADMIN:
        if not may_give(actor, role, ()):
            raise InvalidInput(_ELSEWHERE, field="gift")
        return None
    place = (await places(deps, actor.account_id)).get(node_id) if node_id else None
    if place is None or place.role is not role or not may_give(actor, role, place.path):
        raise InvalidInput(_ELSEWHERE, field="gift")
    return place


async def _keep_an_admin(change: Change, member: Member, *, stays: bool) -> None:
    """Refuses to take the last active admin away. The account's lock orders two who try at once."""
    account = await accounts.lock_account(change.tx, member.account_id)
    if stays or member.role is not Role.ADMIN or member.state is not MemberState.ACTIVE:
        return
    if await accounts.admin_emails(change.tx, account.id) == [member.email]:
        raise Conflict("this is the account's only active admin. make someone else an admin first.")


def _refuse_oneself(actor: Actor, member: Member) -> None:
    if actor.email == member.email:
        raise Conflict("you cannot do this to yourself")


def _seen(actor: Actor, member: Member, every: dict[UUID, OwnedPlace]) -> Seen | None:
    """The member as the actor sees it; None outside the actor's place."""
    place = every.get(member.node_id) if member.node_id else None
    path: Path = place.path if place else ()
    is_me = member.email == actor.email
    if not is_me and not visible(actor, path):
        return None
    trail = place.trail if place else "" if member.role is Role.ADMIN else "no place yet"
    return Seen(member, trail, may_give(actor, member.role, path))


def _found(seen: Seen | None) -> Seen:
    if seen is None:
        raise NotFound
    return seen

"""Members: who is in an account, and who may invite and change whom (contract, section 12.1)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.members import queries, rules, taken_requests
from callmark.domain.members.model import (
    GrantableRole,
    Member,
    VisibleMember,
    grantable_roles,
    place_after,
    visible_to,
)
from callmark.domain.policy.model import Actor, Role
from callmark.domain.sessions import links, service as sessions
from callmark.domain.sessions.model import EMAIL_TAKEN, MemberState, email_address, person_name
from callmark.domain.sessions.throttle import service as throttle
from callmark.kit.changes import carried_out
from callmark.kit.errors import Conflict, found
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Transaction, Tx
from callmark.kit.text import kept_or

# what everyone may do ------------------------------------------------------------------------------------------------


async def get_member(deps: Deps, account_id: AccountId, member_id: MemberId) -> Member:
    """The member; NotFound when the account has none of this id."""
    async with deps.db.connection() as tx:
        return found(await queries.select_member(tx, account_id, member_id), rules.UNKNOWN)


async def list_members(
    deps: Deps, account_id: AccountId, *, after: tuple[datetime, UUID] | None = None, limit: int | None = None
) -> list[Member]:
    """Up to `limit` (None: all) of the account's members, oldest first, after the one at `after`.

    Raises NotFound for an unknown account.
    """
    async with deps.db.transaction() as tx:
        await accounts.get_account_in(tx, account_id)
        return await queries.select_members(tx, account_id, after, limit)


async def count_members(deps: Deps, account_id: AccountId) -> int:
    """How many members the account has."""
    async with deps.db.connection() as tx:
        return await queries.count_members(tx, account_id)


# what operators do at the command line, and the demo: without the rules of the console -------------------------------


async def create_without_rules(
    deps: Deps,
    account_id: AccountId,
    *,
    by: Actor,
    email: str,
    name: str,
    role: Role,
    state: MemberState = MemberState.INVITED,
    node_id: UUID | None = None,
) -> Member:
    """The new member. As in each `…_without_rules`, the actor's rank and place do not count, nor who is the last admin.

    Raises NotFound for an unknown account, or a place that is not the account's; InvalidInput for a name or an address
    that cannot be used; Conflict when an operator, a member of the account or one who can sign in has the address.
    """
    member = _new_member(deps, account_id, email, name, role, state, node_id)
    async with deps.db.transaction() as tx:
        await accounts.get_account_in(tx, account_id)
        await rules.check_place(tx, account_id, node_id)
        if await sessions.is_in_use(tx, member.email):
            raise Conflict(EMAIL_TAKEN)
        await queries.insert_member(tx, member)
        await _note(deps, tx, by, AuditAction.MEMBER_CREATED, member, role=role, state=state)
    return member


async def update_without_rules(
    deps: Deps,
    account_id: AccountId,
    member_id: MemberId,
    *,
    by: Actor,
    name: str | None = None,
    role: Role | None = None,
    state: MemberState | None = None,
    node_id: UUID | None = None,
) -> Member:
    """The member after the change (None leaves a part as it is); a new role without a new place owns nothing yet.

    A member who is no longer active is signed out at once. Raises NotFound, InvalidInput.
    """
    async with deps.db.transaction() as tx:
        old = found(await queries.lock_member(tx, account_id, member_id), rules.UNKNOWN)
        await rules.check_place(tx, account_id, node_id)
        new = _changed(old, name=name, role=role, state=state, node_id=node_id)
        facts = {"role": new.role, "state": new.state}
        return await _carried_out(deps, tx, by, AuditAction.MEMBER_CHANGED, old, new, facts)


async def invite_without_rules(deps: Deps, account_id: AccountId, member_id: MemberId, *, by: Actor) -> Member:
    """Sends an invited member its link, or sends it again. Raises NotFound, Conflict."""
    async with deps.db.transaction() as tx:
        member = found(await queries.lock_member(tx, account_id, member_id), rules.UNKNOWN)
        if member.state is not MemberState.INVITED:
            raise Conflict(f"{member.email} is {member.state}; only an invited member can be sent an invitation")
        await _invite(deps, tx, member, "")
        await _note(deps, tx, by, AuditAction.MEMBER_INVITED_AGAIN, member)
        return member


async def set_password(deps: Deps, account_id: AccountId, member_id: MemberId, password: str, *, by: Actor) -> Member:
    """Gives the member a password; every session ends. Who was only invited is active then.

    Raises NotFound, InvalidInput; Conflict when an invited member's address is in use elsewhere.
    """
    member = await get_member(deps, account_id, member_id)
    hashed = await sessions.hash_new_password(password, member.email, member.name)
    async with deps.db.transaction() as tx:
        old = found(await queries.lock_member(tx, account_id, member_id), rules.UNKNOWN)
        if old.state is not MemberState.INVITED:
            new, facts = old, {}
        else:
            new, facts = replace(old, state=MemberState.ACTIVE), {"state": MemberState.ACTIVE}
            await _write(tx, old, new)
        await sessions.replace_password(deps, tx, new.person, hashed, by=by)
        await _note(deps, tx, by, AuditAction.MEMBER_PASSWORD_SET, new, **facts)
    return new


async def delete_without_rules(deps: Deps, account_id: AccountId, member_id: MemberId, *, by: Actor) -> Member:
    """Removes the member permanently, also the last admin; the address is free at once. Raises NotFound."""
    async with deps.db.transaction() as tx:
        return await _delete(deps, tx, account_id, member_id, by)


# what members do in the console, and operators for them ---------------------------------------------------------------


async def list_visible(deps: Deps, account_id: AccountId, *, by: Actor) -> list[VisibleMember]:
    """The members inside the actor's place, oldest first."""
    async with deps.db.connection() as tx:
        places = await rules.places_in(tx, account_id)
        members = await queries.select_members(tx, account_id)
    return [seen for member in members if (seen := visible_to(by, member, places))]


async def get_visible(deps: Deps, account_id: AccountId, member_id: MemberId, *, by: Actor) -> VisibleMember:
    """One inside the actor's place. Raises NotFound."""
    async with deps.db.connection() as tx:
        member = found(await queries.select_member(tx, account_id, member_id), rules.UNKNOWN)
        return found(visible_to(by, member, await rules.places_in(tx, account_id)))


async def roles_to_grant(deps: Deps, account_id: AccountId, *, by: Actor) -> list[GrantableRole]:
    """Every role and place that the actor may give, from the highest role down."""
    async with deps.db.connection() as tx:
        return grantable_roles(by, await rules.places_in(tx, account_id))


async def invite_member(
    deps: Deps,
    account_id: AccountId,
    *,
    by: Actor,
    inviter: str,
    email: str,
    name: str,
    role: Role,
    node_id: UUID | None = None,
) -> Member:
    """A new member, to whom the invitation is on its way; it names `inviter`.

    Who is a member elsewhere is answered like anyone: only its own mail says so, and of several invitations to one
    address, the first that is accepted gets it. Operators are notified. Raises NotFound, InvalidInput, Conflict,
    TooManyRequests.
    """
    async with deps.db.connection() as tx:
        await rules.granted(tx, account_id, by, role, node_id)  # first: what is refused is no invitation
    shown = name.strip() or email.strip().partition("@")[0]
    member = _new_member(deps, account_id, email, shown, role, MemberState.INVITED, node_id)
    await _take_invitation(deps, member, by)
    async with deps.db.transaction() as tx:
        await rules.lock_account_of(tx, account_id, by)
        place = await rules.granted(tx, account_id, by, role, node_id)
        if by.is_operator and await sessions.is_in_use(tx, member.email):
            raise Conflict(EMAIL_TAKEN)
        await queries.insert_member(tx, member)
        await _invite(deps, tx, member, inviter)
        await _note(deps, tx, by, AuditAction.MEMBER_INVITED, member, role=role, place=place.trail if place else "")
    return member


async def invite_again(deps: Deps, account_id: AccountId, member_id: MemberId, *, by: Actor, inviter: str) -> Member:
    """Sends a new link; the old one works no more. Raises NotFound, Conflict (no longer invited), TooManyRequests."""
    await _take_invitation(deps, _still_invited(await _changeable(deps, account_id, member_id, by)), by)
    async with deps.db.transaction() as tx:
        member = _still_invited(await rules.lock_changeable(tx, account_id, member_id, by))  # may just have accepted
        await _invite(deps, tx, member, inviter)
        await _note(deps, tx, by, AuditAction.MEMBER_INVITED_AGAIN, member)
    return member


async def edit_member(
    deps: Deps,
    account_id: AccountId,
    member_id: MemberId,
    *,
    by: Actor,
    name: str | None = None,
    role: Role | None = None,
    node_id: UUID | None = None,
) -> Member:
    """The member after the change: of the name, of the role with its place, or of both (None leaves it as it is).

    Raises NotFound, InvalidInput, Conflict (oneself, the last admin).
    """
    async with deps.db.transaction() as tx:
        old = await rules.lock_changeable(tx, account_id, member_id, by)
        place = await rules.other_place(tx, old, by, role, node_id) if role else None
        new = _changed(old, name=name, role=role, node_id=place.id if place else None)
        renamed = {"name": new.name} if new.name != old.name else {}
        moved = {"role": role, "place": place.trail if place else ""} if role else {}
        return await _carried_out(deps, tx, by, AuditAction.MEMBER_CHANGED, old, new, renamed | moved)


async def revoke_access(deps: Deps, account_id: AccountId, member_id: MemberId, *, by: Actor) -> Member:
    """Signs the member out for as long as access is revoked. Raises NotFound, Conflict."""
    async with deps.db.transaction() as tx:
        member = await rules.lock_to_leave(tx, account_id, member_id, by)
        new = _changed(member, state=MemberState.REVOKED)
        return await _carried_out(deps, tx, by, AuditAction.MEMBER_REVOKED, member, new, {})


async def restore_access(deps: Deps, account_id: AccountId, member_id: MemberId, *, by: Actor, inviter: str) -> Member:
    """The member may sign in again; one that never has is invited again. Raises NotFound, TooManyRequests."""
    member = await _changeable(deps, account_id, member_id, by)
    if member.state is not MemberState.REVOKED:  # an old page, or a second press of the button
        return member
    async with deps.db.connection() as tx:
        is_invited_again = not await sessions.has_password(tx, member.person)
    if is_invited_again:
        await _take_invitation(deps, member, by)
    async with deps.db.transaction() as tx:
        locked = await rules.lock_changeable(tx, account_id, member_id, by)
        state = MemberState.ACTIVE if await sessions.has_password(tx, locked.person) else MemberState.INVITED
        if locked.state is state:  # someone else was quicker
            return locked
        new = _changed(locked, state=state)
        restored = await _carried_out(deps, tx, by, AuditAction.MEMBER_RESTORED, locked, new, {})
        if state is MemberState.INVITED:
            await _invite(deps, tx, restored, inviter)
    return restored


async def remove_member(deps: Deps, account_id: AccountId, member_id: MemberId, *, by: Actor) -> Member:
    """Removes a member whom the actor may change; its login is lost at once. Raises NotFound, Conflict."""
    async with deps.db.transaction() as tx:
        await rules.lock_to_leave(tx, account_id, member_id, by)
        return await _delete(deps, tx, account_id, member_id, by)


# parts of them --------------------------------------------------------------------------------------------------------


async def _changeable(deps: Deps, account_id: AccountId, member_id: MemberId, by: Actor) -> Member:
    """A member that the actor may change: of its own role or one below, inside its place. Raises NotFound."""
    return rules.may_change(await get_visible(deps, account_id, member_id, by=by))


async def _carried_out(
    deps: Deps, tx: Tx, by: Actor, action: AuditAction, old: Member, new: Member, facts: Mapping[str, object]
) -> Member:
    """The locked member as it is then: a change takes away what it no longer lets the member do, and is noted."""
    return await carried_out(
        old,
        new,
        lambda: _write(tx, old, new),
        lambda: _take_away(deps, tx, old, new, by),
        lambda: _note(deps, tx, by, action, new, **facts),
    )


async def _write(tx: Tx, old: Member, new: Member) -> None:
    """Raises Conflict for who would be let in by an address that is another's by now, a member's or an operator's."""
    is_let_in = new.state is MemberState.ACTIVE is not old.state
    if is_let_in and await sessions.is_in_use(tx, new.email, new.id):
        raise Conflict(EMAIL_TAKEN)
    await queries.update_member(tx, new)


async def _take_away(deps: Deps, tx: Tx, old: Member, new: Member, by: Actor) -> None:
    """What let a member without access in is over; requests outside a new place are new again."""
    if new.state is not MemberState.ACTIVE:
        await sessions.end_all(tx, new.id, is_trusted=new.state is not MemberState.REVOKED)
    if (new.state, new.role, new.node_id) != (old.state, old.role, old.node_id):
        await taken_requests.release_lost(deps, tx, new, by=by)


async def _delete(deps: Deps, tx: Transaction, account_id: AccountId, member_id: MemberId, by: Actor) -> Member:
    member = found(await queries.lock_member(tx, account_id, member_id), rules.UNKNOWN)
    await queries.delete_member(tx, account_id, member_id)
    await taken_requests.release(deps, tx, member, by=by)
    await _note(deps, tx, by, AuditAction.MEMBER_DELETED, member, role=member.role)
    return member


async def _take_invitation(deps: Deps, member: Member, by: Actor) -> None:
    """Counts a mail to someone who may never have heard of the account. Operators send as many as are needed."""
    if not by.is_operator:
        await throttle.take_each(deps, (throttle.INVITATIONS, str(member.account_id)), (throttle.INVITED, member.email))


async def _invite(deps: Deps, tx: Tx, member: Member, inviter: str) -> None:
    account = await accounts.get_account_in(tx, member.account_id)
    await links.invite(deps, tx, member.id, member.email, account.name, inviter)


async def _note(deps: Deps, tx: Tx, by: Actor, action: AuditAction, member: Member, **details: object) -> None:
    await audit.note(tx, by, action, member.email, account_id=member.account_id, at=deps.clock.now(), **details)


def _changed(
    old: Member,
    *,
    name: str | None = None,
    role: Role | None = None,
    state: MemberState | None = None,
    node_id: UUID | None = None,
) -> Member:
    return replace(
        old,
        name=kept_or(old.name, name, person_name),
        role=role or old.role,
        state=state or old.state,
        node_id=place_after(old, role or old.role, node_id),
    )


def _new_member(
    deps: Deps, account_id: AccountId, email: str, name: str, role: Role, state: MemberState, node_id: UUID | None
) -> Member:
    return Member(
        id=MemberId(new_id()),
        account_id=account_id,
        email=email_address(email),
        name=person_name(name),
        role=role,
        state=state,
        created_at=deps.clock.now(),
        node_id=None if role is Role.ADMIN else node_id,
    )


def _still_invited(member: Member) -> Member:
    if member.state is not MemberState.INVITED:
        raise Conflict("this member has already accepted the invitation")
    return member

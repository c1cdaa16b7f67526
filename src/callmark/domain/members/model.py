"""Members, the places that they can own, and what one member sees of another (contract, section 12.1)."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from callmark.domain.ids import AccountId, MemberId
from callmark.domain.policy.model import Actor, Path, Role, may_give, roles_to_give
from callmark.domain.sessions.model import MemberState, Person
from callmark.domain.structure.model import Node, NodeKind, flat

_OWNERS = {
    NodeKind.DEPARTMENT: Role.DEPARTMENT_OWNER,
    NodeKind.OPERATION: Role.OPERATION_OWNER,
    NodeKind.PROCESS: Role.PROCESS_OWNER,
}


class Member(Struct, frozen=True):
    """A person of an account."""

    id: MemberId
    account_id: AccountId
    email: str
    name: str
    role: Role
    state: MemberState
    created_at: datetime
    node_id: UUID | None = None
    """The department, operation or process that an owner owns; None for an admin, and for an owner of nothing yet."""

    @property
    def person(self) -> Person:
        """Who signs in as this member."""
        return Person(member_id=self.id)


class OwnedPlace(Struct, frozen=True):
    """A department, operation or process; `role` is that of its owners, `trail` the names from the top."""

    id: UUID
    role: Role
    path: Path
    trail: str


Places = dict[UUID, OwnedPlace]
"""Every place of an account by its id, in the order of the tree."""


class VisibleMember(Struct, frozen=True):
    """A member as an actor sees it: where it belongs, and whether the actor may change it."""

    member: Member
    trail: str
    may_change: bool


class GrantableRole(Struct, frozen=True):
    """What an actor may give: a role, at a place (None for an admin, who needs none)."""

    role: Role
    place: OwnedPlace | None


def place_after(member: Member, role: Role, node_id: UUID | None) -> UUID | None:
    """What the member owns once it has `role` and was given `node_id` (None: nothing new)."""
    if role is Role.ADMIN:
        return None
    return node_id or (member.node_id if role is member.role else None)


def places_of(tree: Iterable[Node]) -> Places:
    """What of an account's structure someone can own."""
    nodes = flat(tree).values()
    return {one.id: OwnedPlace(one.id, _OWNERS[one.kind], one.path, one.where) for one in nodes if one.kind in _OWNERS}


def visible_to(by: Actor, member: Member, places: Places) -> VisibleMember | None:
    """The member as the actor sees it; None outside the actor's place."""
    place = places.get(member.node_id) if member.node_id else None
    path: Path = place.path if place else ()
    if member.email != by.email and not by.scope.includes(path):
        return None
    trail = place.trail if place else "" if member.role is Role.ADMIN else "no place"
    return VisibleMember(member, trail, may_give(by, member.role, path))


def grantable_roles(by: Actor, places: Places) -> list[GrantableRole]:
    """Every role and place that the actor may give, from the highest role down."""
    admin = [GrantableRole(Role.ADMIN, None)] if by.role is Role.ADMIN else []
    return admin + [
        GrantableRole(role, place)
        for role in roles_to_give(by.role)
        for place in places.values()
        if place.role is role and may_give(by, role, place.path)
    ]

"""The actor of a session, and the checks of the functions in this package."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from callmark.domain.ids import AccountId
from callmark.domain.policy import model as policy
from callmark.domain.policy.model import OF_PLACE, PLAN, RANK, Action, Path, Role, allows
from callmark.domain.policy.plan import check_plan
from callmark.domain.sessions.model import Session
from callmark.kit.errors import Forbidden, NotFound


@dataclass(frozen=True)
class Actor:
    """A person acting for an account: a member, or an operator who acts as an admin."""

    account_id: AccountId
    account_name: str
    email: str
    name: str
    role: Role
    node_id: UUID | None
    is_operator: bool
    address: str
    session: Session

    @property
    def by(self) -> policy.Actor:
        """The same person as use cases take it."""
        return self.session.actor(self.address)


def offers(actor: Actor, action: Action) -> bool:
    """Whether the actor may do that somewhere: its role allows it, and it is part of the account's plan."""
    feature = PLAN.get(action)
    return allows(actor.role, action) and (feature is None or feature in actor.session.features)


def may(actor: Actor, action: Action, path: Path = ()) -> bool:
    """Whether the actor may do that at this place. What is not bound to a place ignores it."""
    if not offers(actor, action):
        return False
    return actor.role is Role.ADMIN or action not in OF_PLACE or actor.node_id in path


def check(actor: Actor, action: Action) -> None:
    """Raises Forbidden when the actor's role may not do that anywhere, or it is not part of the account's plan."""
    if not allows(actor.role, action):
        raise Forbidden("Your role does not allow this. Please ask an admin of your account.")
    if feature := PLAN.get(action):
        check_plan(actor.session.features, feature)


def check_at(actor: Actor, action: Action, path: Path) -> None:
    """Raises Forbidden by role; NotFound outside the actor's own place, where it may know of nothing."""
    check(actor, action)
    if not may(actor, action, path):
        raise NotFound


def may_give(actor: Actor, role: Role, path: Path) -> bool:
    """Whether the actor may make or change a member of that role at that place: its own role or one below, inside."""
    return RANK.index(role) >= RANK.index(actor.role) and may(actor, Action.MEMBERS_MANAGE, path)


def roles_to_give(actor: Actor) -> Collection[Role]:
    """The roles the actor may give: its own and those below."""
    return RANK[RANK.index(actor.role) :]


def visible(actor: Actor, path: Path) -> bool:
    """Whether a thing at that place is inside the actor's: lists show only what is."""
    return actor.role is Role.ADMIN or actor.node_id in path

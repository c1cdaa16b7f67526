"""Actors, actions and the policy: which role may do what, and where (contract, section 12.1).

What belongs to the whole account (keys, webhooks, labels, call personalisation, settings) is for admins to change; what
hangs on a place in the structure is for admins and for the owners of that place or of one above it. Everybody sees the
library of labels and call reasons, because feature sets choose from it. Nobody may give another more than it has.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from callmark.domain.accounts.model import Feature, Role, check_plan
from callmark.domain.accounts.session_model import Session
from callmark.domain.ids import AccountId
from callmark.kit.errors import Forbidden, NotFound


class Action(StrEnum):
    """What a page or a button does. Those of `_OF_PLACE` are bound to a place in the structure."""

    OWN_ACCOUNT = "own_account"  # one's own sessions and password
    HOME = "home"
    KEYS_VIEW = "keys_view"
    KEYS_MANAGE = "keys_manage"
    WEBHOOKS_VIEW = "webhooks_view"
    WEBHOOKS_MANAGE = "webhooks_manage"
    LABELS_VIEW = "labels_view"
    LABELS_MANAGE = "labels_manage"
    REASONS_VIEW = "reasons_view"
    REASONS_MANAGE = "reasons_manage"
    RECORDS_VIEW = "records_view"
    RECORDS_PUSH = "records_push"
    USAGE_VIEW = "usage_view"
    REFERENCE = "reference"
    AUDIT_VIEW = "audit_view"
    ACCOUNT_MANAGE = "account_manage"
    DEPARTMENTS_MANAGE = "departments_manage"  # the account's top level
    STRUCTURE_VIEW = "structure_view"
    STRUCTURE_MANAGE = "structure_manage"
    FEATURE_SETS_VIEW = "feature_sets_view"
    FEATURE_SETS_MANAGE = "feature_sets_manage"
    NUMBERS_VIEW = "numbers_view"
    NUMBERS_MANAGE = "numbers_manage"
    CALLBACKS_VIEW = "callbacks_view"
    CALLBACKS_WORK = "callbacks_work"  # take and finish requests
    CALLBACKS_MANAGE = "callbacks_manage"  # configurations
    CALLBACKS_EXPORT = "callbacks_export"  # the whole account's requests in one file
    FEEDBACK_VIEW = "feedback_view"
    FEEDBACK_MANAGE = "feedback_manage"
    MEMBERS_VIEW = "members_view"
    MEMBERS_MANAGE = "members_manage"
    OPERATE = "operate"  # the installation: operators only


_OF_PLACE = frozenset(
    {
        Action.STRUCTURE_VIEW,
        Action.STRUCTURE_MANAGE,
        Action.FEATURE_SETS_VIEW,
        Action.FEATURE_SETS_MANAGE,
        Action.NUMBERS_VIEW,
        Action.NUMBERS_MANAGE,
        Action.CALLBACKS_VIEW,
        Action.CALLBACKS_WORK,
        Action.CALLBACKS_MANAGE,
        Action.FEEDBACK_VIEW,
        Action.FEEDBACK_MANAGE,
        Action.MEMBERS_VIEW,
        Action.MEMBERS_MANAGE,
    }
)
_EVERYBODY = frozenset({Action.OWN_ACCOUNT, Action.HOME, Action.LABELS_VIEW, Action.REASONS_VIEW, Action.REFERENCE})
_OWNER = _EVERYBODY | _OF_PLACE

POLICY: dict[Role, frozenset[Action]] = {
    Role.ADMIN: frozenset(Action) - {Action.OPERATE},
    Role.DEPARTMENT_OWNER: _OWNER,
    Role.OPERATION_OWNER: _OWNER,
    Role.PROCESS_OWNER: _OWNER,
}
"""What each role may do at all; owners what is bound to a place only at theirs and below it."""

PLAN: dict[Action, Feature] = {
    Action.RECORDS_VIEW: Feature.CALL_PERSONALISATION,
    Action.RECORDS_PUSH: Feature.CALL_PERSONALISATION,
    Action.FEATURE_SETS_VIEW: Feature.NUMBER_MANAGEMENT,
    Action.FEATURE_SETS_MANAGE: Feature.NUMBER_MANAGEMENT,
    Action.NUMBERS_VIEW: Feature.NUMBER_MANAGEMENT,
    Action.NUMBERS_MANAGE: Feature.NUMBER_MANAGEMENT,
    Action.CALLBACKS_VIEW: Feature.CALL_ME_BACK,
    Action.CALLBACKS_WORK: Feature.CALL_ME_BACK,
    Action.CALLBACKS_MANAGE: Feature.CALL_ME_BACK,
    Action.CALLBACKS_EXPORT: Feature.CALL_ME_BACK,
    Action.FEEDBACK_VIEW: Feature.USER_FEEDBACK,
    Action.FEEDBACK_MANAGE: Feature.USER_FEEDBACK,
}
"""Which feature an action is part of; the account must have it, whoever acts for it (contract D49)."""

RANK = (Role.ADMIN, Role.DEPARTMENT_OWNER, Role.OPERATION_OWNER, Role.PROCESS_OWNER)
"""From the highest role down."""

Path = tuple[UUID, ...]
"""Where a thing hangs: department, operation, process, sub-process, as deep as it goes. Empty: the account itself."""


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


@dataclass(frozen=True)
class Operating:
    """An operator at work on the installation."""

    email: str
    name: str
    address: str
    session: Session


def allows(role: Role, action: Action) -> bool:
    """Whether the role may do that at all, somewhere."""
    return action in POLICY[role]


def offers(actor: Actor, action: Action) -> bool:
    """Whether the actor may do that somewhere: its role allows it, and it is part of the account's plan."""
    feature = PLAN.get(action)
    return allows(actor.role, action) and (feature is None or feature in actor.session.features)


def may(actor: Actor, action: Action, path: Path = ()) -> bool:
    """Whether the actor may do that at this place. What is not bound to a place ignores it."""
    if not offers(actor, action):
        return False
    return actor.role is Role.ADMIN or action not in _OF_PLACE or actor.node_id in path


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
    """Whether a thing that hangs at that place is inside the actor's: lists show only what is."""
    return actor.role is Role.ADMIN or actor.node_id in path

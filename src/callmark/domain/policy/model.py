"""Roles, actions and the policy: which role may do what, and where (contract, section 12.1).

What belongs to the whole account (keys, webhooks, labels, call personalisation, settings) is for admins to change; what
belongs to a place in the structure is for admins and for the owners of that place or of one above it. Everyone sees the
library of labels and call reasons, because feature sets choose from it. Nobody may give another more than it has.

The route says which action it needs (`needs=Action.LABELS_MANAGE`) and is admitted by `check`. A use case that is bound
to a place checks the place with the actor's `Scope`.
"""

from collections.abc import Collection
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from callmark.domain.policy.plan import MANAGEMENT, Feature, KeyAccess, check_plan
from callmark.kit.errors import Forbidden, NotFound


class Role(StrEnum):
    """What a person may do in the console."""

    ADMIN = "admin"
    DEPARTMENT_OWNER = "department_owner"
    OPERATION_OWNER = "operation_owner"
    PROCESS_OWNER = "process_owner"


class Action(StrEnum):
    """What a page or a button does. Those of `OF_PLACE` are bound to a place in the structure."""

    OWN_ACCOUNT = "own_account"  # one's own sessions and password
    HOME = "home"
    KEYS_VIEW = "keys_view"
    KEYS_MANAGE = "keys_manage"
    WEBHOOKS_VIEW = "webhooks_view"
    WEBHOOKS_MANAGE = "webhooks_manage"
    LABELS_VIEW = "labels_view"
    LABELS_MANAGE = "labels_manage"
    CALL_REASONS_VIEW = "call_reasons_view"
    CALL_REASONS_MANAGE = "call_reasons_manage"
    RECORDS_VIEW = "records_view"
    RECORDS_PUSH = "records_push"
    SIGNED_CALLS_VIEW = "signed_calls_view"  # calls on the telephone network, and who signs them
    USAGE_VIEW = "usage_view"
    REFERENCE = "reference"
    AUDIT_VIEW = "audit_view"
    ACCOUNT_MANAGE = "account_manage"
    ALERTS_MANAGE = "alerts_manage"  # who gets which alerts
    DEPARTMENTS_MANAGE = "departments_manage"  # the account's top level
    STRUCTURE_VIEW = "structure_view"
    STRUCTURE_MANAGE = "structure_manage"
    FEATURE_SETS_VIEW = "feature_sets_view"
    FEATURE_SETS_MANAGE = "feature_sets_manage"
    NUMBERS_VIEW = "numbers_view"
    NUMBERS_MANAGE = "numbers_manage"
    SPOOF_PROTECTION = "spoof_protection"  # whether identities show in announced calls only
    CALLBACKS_VIEW = "callbacks_view"
    CALLBACKS_WORK = "callbacks_work"  # take and finish requests
    CALLBACKS_MANAGE = "callbacks_manage"  # configurations
    CALLBACKS_EXPORT = "callbacks_export"  # the whole account's requests in one file
    FEEDBACK_VIEW = "feedback_view"
    FEEDBACK_MANAGE = "feedback_manage"
    MEMBERS_VIEW = "members_view"
    MEMBERS_MANAGE = "members_manage"
    OPERATE = "operate"  # the installation: operators only


OF_PLACE = frozenset(
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
"""Actions that are bound to a place in the structure: an owner may do them at its own place and below."""
_EVERYBODY = frozenset(
    {Action.OWN_ACCOUNT, Action.HOME, Action.LABELS_VIEW, Action.CALL_REASONS_VIEW, Action.REFERENCE}
)
_OWNER = _EVERYBODY | OF_PLACE

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
    Action.SPOOF_PROTECTION: Feature.NUMBER_MANAGEMENT,
    Action.CALLBACKS_VIEW: Feature.CALL_ME_BACK,
    Action.CALLBACKS_WORK: Feature.CALL_ME_BACK,
    Action.CALLBACKS_MANAGE: Feature.CALL_ME_BACK,
    Action.CALLBACKS_EXPORT: Feature.CALL_ME_BACK,
    Action.FEEDBACK_VIEW: Feature.USER_FEEDBACK,
    Action.FEEDBACK_MANAGE: Feature.USER_FEEDBACK,
}
"""Which feature an action is part of; the account must have it, for every actor (contract D49)."""

_FOR_PEOPLE = frozenset(
    {
        Action.OWN_ACCOUNT,
        Action.HOME,
        Action.REFERENCE,
        Action.KEYS_VIEW,
        Action.KEYS_MANAGE,
        Action.MEMBERS_VIEW,
        Action.MEMBERS_MANAGE,
        Action.ACCOUNT_MANAGE,
        Action.SIGNED_CALLS_VIEW,
    }
)
"""What admins do and no key does: their own sessions and pages, and everything that lets someone in."""

KEY_POLICY: dict[KeyAccess, frozenset[Action]] = {
    MANAGEMENT: POLICY[Role.ADMIN] - _FOR_PEOPLE - {Action.RECORDS_VIEW, Action.RECORDS_PUSH},
    Feature.CALL_PERSONALISATION: frozenset(),
    Feature.NUMBER_MANAGEMENT: frozenset(),
    Feature.CALL_ME_BACK: frozenset(),
    Feature.USER_FEEDBACK: frozenset(),
}
"""What each access of a key allows by the management API: only `management` allows anything, and in the whole account.

Call records are pushed and read by routes of their own, which need `call_personalisation`.
"""

RANK = (Role.ADMIN, Role.DEPARTMENT_OWNER, Role.OPERATION_OWNER, Role.PROCESS_OWNER)
"""From the highest role down."""

Path = tuple[UUID, ...]
"""Where a thing is: department, operation, process, sub-process, as deep as it goes. Empty: the account itself."""


class Scope(Struct, frozen=True):
    """The part of an account's structure that an actor sees and works in: all of it, or one place and what is below."""

    node_id: UUID | None = None
    """The place. None is the whole account, unless `is_nowhere`."""
    is_nowhere: bool = False
    """An owner whose place was deleted, or who has not been given one yet."""

    @property
    def is_whole_account(self) -> bool:
        """Whether nothing of the account is outside."""
        return self.node_id is None and not self.is_nowhere

    def includes(self, path: Path) -> bool:
        """Whether a thing at that place is inside."""
        return self.is_whole_account or (self.node_id is not None and self.node_id in path)

    def check(self, path: Path) -> None:
        """Raises NotFound for what is outside: an actor does not learn that it exists."""
        if not self.includes(path):
            raise NotFound


WHOLE_ACCOUNT = Scope()


class ActorKind(StrEnum):
    """What kind of actor it is."""

    MEMBER = "member"
    OPERATOR = "operator"  # in the console, perhaps for an account, as an admin of it
    API_KEY = "api_key"
    OPERATOR_API = "operator_api"  # a program of an operator, by its token
    COMMAND_LINE = "command_line"  # an operator at the terminal of the installation
    SYSTEM = "system"


class Actor(Struct, frozen=True):
    """Who does something: use cases that change anything take one as `by` and write it into the audit log."""

    kind: ActorKind
    email: str
    """Who is named as maker (`created_by_email`): a person's address; for the command line `user@host`."""
    role: Role = Role.ADMIN
    scope: Scope = WHOLE_ACCOUNT
    address: str = ""
    """The network address that the request came from; empty at the command line."""
    key_name: str = ""
    """Which API key or operator token acts."""

    @property
    def name(self) -> str:
        """How the audit log names the actor."""
        match self.kind:
            case ActorKind.API_KEY:
                return f"API key {self.key_name}"
            case ActorKind.OPERATOR_API:
                return f"operator token {self.key_name}"
            case _:
                return self.email

    @property
    def is_operator(self) -> bool:
        """Whether someone who runs the installation acts."""
        return self.kind in {ActorKind.OPERATOR, ActorKind.OPERATOR_API, ActorKind.COMMAND_LINE}


SYSTEM = Actor(ActorKind.SYSTEM, "system")
"""The platform itself: the demo's seed, jobs that nobody asked for."""


def allows(role: Role, action: Action) -> bool:
    """Whether the role may do that at all, somewhere."""
    return action in POLICY[role]


def offers(role: Role, plan: Collection[Feature], action: Action) -> bool:
    """Whether the role may do that somewhere, in an account of that plan."""
    feature = PLAN.get(action)
    return allows(role, action) and (feature is None or feature in plan)


def may(by: Actor, plan: Collection[Feature], action: Action, path: Path = ()) -> bool:
    """Whether the actor may do that at this place. What is not bound to a place ignores it."""
    return offers(by.role, plan, action) and (action not in OF_PLACE or by.scope.includes(path))


def check(role: Role, plan: Collection[Feature], action: Action) -> None:
    """Raises Forbidden when the role may not do that anywhere, or it is not part of the account's plan."""
    if not allows(role, action):
        raise Forbidden("Your role does not allow this. Please ask an admin of your account.")
    if feature := PLAN.get(action):
        check_plan(plan, feature)


def check_key(access: Collection[KeyAccess], plan: Collection[Feature], action: Action) -> None:
    """Raises Forbidden when no access of the key allows that, or it is not part of the account's plan."""
    if not any(action in KEY_POLICY[one] for one in access):
        raise Forbidden("This API key does not allow this.")
    if feature := PLAN.get(action):
        check_plan(plan, feature)


def may_give(by: Actor, role: Role, path: Path) -> bool:
    """Whether the actor may make or change a member of that role at that place: its own role or one below, inside."""
    return (
        RANK.index(role) >= RANK.index(by.role) and allows(by.role, Action.MEMBERS_MANAGE) and by.scope.includes(path)
    )


def roles_to_give(role: Role) -> Collection[Role]:
    """The roles that someone of this role may give: its own and those below."""
    return RANK[RANK.index(role) :]

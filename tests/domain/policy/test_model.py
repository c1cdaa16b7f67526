"""The policy: every role and action, at one's own place, below, above and beside it."""

from itertools import product

import pytest
from tests.support.cases import for_each

from callmark.domain.policy.model import (
    KEY_POLICY,
    OF_PLACE,
    PLAN,
    POLICY,
    Action,
    Actor,
    ActorKind,
    Path,
    Role,
    Scope,
    allows,
    check,
    check_key,
    may,
    may_give,
)
from callmark.domain.policy.plan import ALL_ACCESS, ALL_FEATURES, MANAGEMENT, KeyAccess
from callmark.kit.errors import Forbidden, NotFound
from callmark.kit.ids import new_id

DEPARTMENT, OPERATION, PROCESS, OTHER = new_id(), new_id(), new_id(), new_id()
ROLES_AND_ACTIONS = list(product(Role, Action))
INSIDE = (DEPARTMENT, OPERATION, PROCESS)
SCOPES = {
    Role.ADMIN: Scope(),
    Role.DEPARTMENT_OWNER: Scope(DEPARTMENT),
    Role.OPERATION_OWNER: Scope(OPERATION),
    Role.PROCESS_OWNER: Scope(PROCESS),
}


def actor(role: Role) -> Actor:
    """Somebody of that role, at its place."""
    return Actor(ActorKind.MEMBER, "x@acme.example", role, SCOPES[role])


def may_at(role: Role, action: Action, path: Path = ()) -> bool:
    return may(actor(role), ALL_FEATURES, action, path)


@for_each(ROLES_AND_ACTIONS)
def test_a_role_may_at_its_place_what_it_may_and_nothing_beside_it(case: tuple[Role, Action]) -> None:
    role, action = case
    allowed = action in POLICY[role]
    assert may_at(role, action, INSIDE) == allowed
    everywhere = role is Role.ADMIN or action not in OF_PLACE
    assert may_at(role, action, (OTHER,)) == (allowed and everywhere)
    assert may_at(role, action) == (allowed and everywhere)


@for_each(ROLES_AND_ACTIONS)
def test_a_route_lets_in_who_may_and_says_forbidden_to_others(case: tuple[Role, Action]) -> None:
    role, action = case
    if allows(role, action):
        check(role, ALL_FEATURES, action)
    else:
        with pytest.raises(Forbidden):
            check(role, ALL_FEATURES, action)


def test_what_the_account_does_not_subscribe_to_nobody_may() -> None:
    with pytest.raises(Forbidden, match="not part of your plan"):
        check(Role.ADMIN, frozenset(), Action.NUMBERS_VIEW)
    assert not may(actor(Role.ADMIN), frozenset(), Action.NUMBERS_VIEW)
    check(Role.ADMIN, frozenset(), Action.LABELS_MANAGE)


def test_owners_may_nothing_that_belongs_to_the_whole_account() -> None:
    for role in (Role.DEPARTMENT_OWNER, Role.OPERATION_OWNER, Role.PROCESS_OWNER):
        for action in (Action.KEYS_VIEW, Action.WEBHOOKS_VIEW, Action.LABELS_MANAGE, Action.RECORDS_PUSH):
            assert not may_at(role, action, INSIDE)
        assert not may_at(role, Action.AUDIT_VIEW)
        assert not may_at(role, Action.OPERATE)


def test_no_role_of_a_business_operates_the_installation() -> None:
    assert all(Action.OPERATE not in allowed for allowed in POLICY.values())


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gives_its_own_or_a_lower_one_inside_its_place(role: Role) -> None:
    ranked = list(SCOPES)
    for given in ranked:
        path = INSIDE[: ranked.index(given)]
        assert may_give(actor(role), given, path) == (ranked.index(given) >= ranked.index(role)), given
    if role is not Role.ADMIN:
        assert not may_give(actor(role), Role.PROCESS_OWNER, (OTHER, new_id(), new_id()))


def test_an_owner_without_a_place_owns_nothing() -> None:
    nobody = Actor(ActorKind.MEMBER, "x@acme.example", Role.PROCESS_OWNER, Scope(is_nowhere=True))
    assert not may(nobody, ALL_FEATURES, Action.NUMBERS_VIEW, INSIDE)
    assert not may(nobody, ALL_FEATURES, Action.NUMBERS_VIEW)


def test_what_is_outside_a_scope_is_unknown() -> None:
    SCOPES[Role.OPERATION_OWNER].check(INSIDE)
    with pytest.raises(NotFound):
        SCOPES[Role.OPERATION_OWNER].check((DEPARTMENT, OTHER))
    SCOPES[Role.ADMIN].check(())


def test_the_audit_log_names_a_key_by_its_name_and_a_person_by_its_address() -> None:
    key = Actor(ActorKind.API_KEY, "ops@acme.example", key_name="Dialer")
    assert (key.name, key.is_operator) == ("API key Dialer", False)
    terminal = Actor(ActorKind.COMMAND_LINE, "root@host")
    assert (terminal.name, terminal.is_operator) == ("root@host", True)


MANAGED = {
    "webhooks_view",
    "webhooks_manage",
    "alerts_manage",
    "labels_view",
    "labels_manage",
    "call_reasons_view",
    "call_reasons_manage",
    "usage_view",
    "audit_view",
    "departments_manage",
    "structure_view",
    "structure_manage",
    "spoof_protection",
    "feature_sets_view",
    "feature_sets_manage",
    "numbers_view",
    "numbers_manage",
    "callbacks_view",
    "callbacks_work",
    "callbacks_manage",
    "callbacks_export",
    "feedback_view",
    "feedback_manage",
}
"""What a key may manage, written down once more."""


@for_each(list(product(ALL_ACCESS, Action)))
def test_a_key_manages_with_that_access_alone_and_never_what_lets_people_or_keys_in(
    case: tuple[KeyAccess, Action],
) -> None:
    access, action = case
    if access is MANAGEMENT and action.value in MANAGED:
        check_key((access,), ALL_FEATURES, action)
        check_key(ALL_ACCESS, ALL_FEATURES, action)
    else:
        with pytest.raises(Forbidden):
            check_key((access,), ALL_FEATURES, action)


@for_each(sorted(KEY_POLICY[MANAGEMENT]))
def test_a_key_manages_nothing_that_its_account_does_not_subscribe_to(action: Action) -> None:
    if action in PLAN:
        with pytest.raises(Forbidden, match="not part of your plan"):
            check_key((MANAGEMENT,), ALL_FEATURES - {PLAN[action]}, action)
    check_key((MANAGEMENT,), ALL_FEATURES if action in PLAN else (), action)


def test_a_key_may_nothing_that_an_admin_may_not() -> None:
    assert KEY_POLICY[MANAGEMENT] < POLICY[Role.ADMIN]
    assert KEY_POLICY.keys() == set(ALL_ACCESS)
